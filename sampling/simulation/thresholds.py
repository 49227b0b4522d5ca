"""T for many replications at once, exact to the last of its 64 bits.

`Budget.threshold` is floor(2^64 · ppm · min(tok, smooth) / (10^6 · smooth)), tokens and
smooth in micro-tokens: up to 108 bits, which NumPy's integers do not have. Long
division gives the quotient 16 bits at a time. The dividend's ppm · min(tok, smooth) is
below the divisor, because a rate is below 1; the divisor is smooth · 10^12 with smooth
in whole tokens, so below 2^47 up to a smooth of 140, and a lawful burst is at most 100.
So what is carried from one step to the next is below 2^47 too, and times 2^16 below
2^63: nothing overflows, and nothing is rounded.
"""

import numpy as np
from numpy.typing import NDArray

from sampling.budget import MICRO

LARGEST_SMOOTH = 140

Numbers = NDArray[np.uint64]
_DIGIT_BITS = np.uint64(16)
_DIGITS = 4


def thresholds(ppm: Numbers, micro_tokens: Numbers, smooth: Numbers) -> Numbers:
    """`Budget.threshold` of each place. `smooth` is in tokens, at most LARGEST_SMOOTH.

    Rates are below 10^6 ppm, numbers unsigned.
    """
    scale = smooth * np.uint64(MICRO)
    divisor = scale * np.uint64(MICRO)
    rest: Numbers = ppm * np.minimum(micro_tokens, scale)
    quotient: Numbers = np.zeros_like(rest)
    for _ in range(_DIGITS):
        digit, rest = np.divmod(rest << _DIGIT_BITS, divisor)
        quotient = (quotient << _DIGIT_BITS) | digit
    quotient[micro_tokens < MICRO] = 0
    return quotient
