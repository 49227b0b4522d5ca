"""Distributions told in a few figures, as JSON can hold them."""

import math

import numpy as np
from numpy.typing import NDArray

from sampling.simulation.traffic import Integers

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
Spread = dict[str, float]


def spread_of_counts(times: Integers) -> Spread:
    """Quantiles and mean of numbers, `times[n]` of which are n."""
    below = np.cumsum(times)
    ranks = [max(1, math.ceil(share * int(below[-1]))) for share in QUANTILES]
    values = [float(np.searchsorted(below, rank)) for rank in ranks]
    mean = float(np.arange(len(times)) @ times / below[-1])
    return _named(values, mean)


def spread(values: NDArray[np.float64] | Integers) -> Spread:
    """Quantiles and mean.

    A quantile is one of the values: the lowest that has at least that share of all
    values at or below it.
    """
    found = np.quantile(values, QUANTILES, method="inverted_cdf")
    return _named(found.tolist(), float(values.mean()))


def _named(values: list[float], mean: float) -> Spread:
    named = {
        f"p{round(100 * share)}": value
        for share, value in zip(QUANTILES, values, strict=True)
    }
    return {**named, "mean": mean}
