"""What a policy would do to traffic: the draw's own rules over many imaginary months.

Pure: no I/O, no clock, and no randomness but that of the seed it is given.
"""
