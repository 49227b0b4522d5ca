"""What a sample says about all calls, whatever probability each of them had.

Whoever was twice as likely to be drawn stands for half as many calls: each recorded
value is divided by its call's probability. That is unbiased even when probabilities
follow from earlier draws, because each is fixed before its own draw.

Horvitz & Thompson (1952), "A generalization of sampling without replacement from a
finite universe", JASA 47; Särndal, Swensson & Wretman (1992), "Model Assisted Survey
Sampling", sections 2.8 and 3.2 (calls drawn one by one are their Poisson sampling) and
5.7 (the ratio of two totals).

Nothing here speaks for calls whose probability was 0: count them beside the estimate.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Observation:
    """One recorded call: what was measured, in any unit, and its probability."""

    value: float
    probability: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate and its standard error, in the unit of the values.

    In large samples the true figure is within two standard errors 19 times of 20.
    """

    value: float
    standard_error: float


def probability(threshold: int) -> float:
    """The probability of a call, from the T of its leaf: T / 2^64, budget included."""
    return threshold / 2**64


def total(sample: Iterable[Observation]) -> Estimate:
    """The sum of the value over all calls: Σ y/p, variance Σ (1-p)·y²/p².

    Raises ValueError for an empty sample, for a probability outside (0, 1] and for a
    value that is no finite number.
    """
    observed = _checked(sample)
    return Estimate(
        math.fsum(each.value / each.probability for each in observed),
        math.sqrt(_variance(observed, centre=0)),
    )


def mean(sample: Iterable[Observation], calls: int) -> Estimate:
    """The mean value of `calls` calls, of which the sample was drawn: total / calls.

    Raises ValueError as `total` does, and for fewer calls than were recorded.
    """
    observed = _checked(sample)
    if calls < len(observed):
        raise ValueError(f"{len(observed)} recorded of {calls} calls")
    whole = total(observed)
    return Estimate(whole.value / calls, whole.standard_error / calls)


def weighted_mean(sample: Iterable[Observation]) -> Estimate:
    """The mean value without knowing the number of calls: Σ y/p over Σ 1/p (Hájek).

    Slightly biased in small samples, but steadier than `mean` where values vary little
    around their mean; its error is the usual linear approximation. Raises as `total`.
    """
    observed = _checked(sample)
    calls = math.fsum(1 / each.probability for each in observed)
    centre = math.fsum(each.value / each.probability for each in observed) / calls
    return Estimate(centre, math.sqrt(_variance(observed, centre)) / calls)


def _variance(observed: Iterable[Observation], centre: float) -> float:
    return math.fsum(
        (1 - each.probability) * ((each.value - centre) / each.probability) ** 2
        for each in observed
    )


def _checked(sample: Iterable[Observation]) -> list[Observation]:
    observed = list(sample)
    if not observed:
        raise ValueError("nothing was recorded, so nothing can be estimated")
    for place, each in enumerate(observed):
        if not 0 < each.probability <= 1:
            raise ValueError(
                f"observation {place} has probability {each.probability}; "
                "it must be above 0 and at most 1"
            )
        if not math.isfinite(each.value):
            raise ValueError(f"observation {place} is {each.value}, not a number")
    return observed
