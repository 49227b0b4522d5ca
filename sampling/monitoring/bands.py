"""A band around the recorded rate that holds at all times at once.

The beta mixture: against any rate m the calls so far are weighed with the average over
Beta(1, 49), whose mean is 2 %. The ratio is an e-process, so the true rate is
never outside the band with probability 95 %, however often one looks (Howard, Ramdas,
McAuliffe & Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic confidence
sequences").
"""

import math

PRIOR = (1.0, 49.0)
LEVEL = 0.95
_STEPS = 60  # halvings: far finer than any rate that is shown


def rate_band(recorded: int, calls: int) -> tuple[float, float]:
    """The lowest and highest rate that `recorded` of `calls` are compatible with."""
    if not calls:
        return 0.0, 1.0
    share = recorded / calls
    return (
        _edge(recorded, calls, outside=0.0, inside=share),
        _edge(recorded, calls, outside=1.0, inside=share),
    )


def _edge(recorded: int, calls: int, outside: float, inside: float) -> float:
    for _ in range(_STEPS):
        middle = (outside + inside) / 2
        if _log_evidence(recorded, calls, middle) < -math.log(1 - LEVEL):
            inside = middle
        else:
            outside = middle
    return inside


def _log_evidence(recorded: int, calls: int, rate: float) -> float:
    """How much better the mixture explains what was seen than `rate` does."""
    a, b = PRIOR
    missed = calls - recorded
    mixture = _log_beta(a + recorded, b + missed) - _log_beta(a, b)
    return mixture - _times_log(recorded, rate) - _times_log(missed, 1 - rate)


def _times_log(count: int, chance: float) -> float:
    if not count:
        return 0.0
    return count * math.log(chance) if chance else -math.inf


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
