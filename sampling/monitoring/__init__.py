"""Detectors that watch what happens to calls, and notice when it is not random."""
