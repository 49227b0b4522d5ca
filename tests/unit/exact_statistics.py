"""The few distributions the tests need, from their definitions; NumPy has none."""

import math

import numpy as np


def poisson_binomial(probabilities):
    """The distribution of how many of independent events happen, each its own chance.

    The inverse Fourier transform of its characteristic function (Hong 2013), whose
    logarithm Σ log(1 + p·z) is summed as the series in z over the power sums of p:
    |p·z| <= 1/2 for chances up to 1/4, so 60 terms are as exact as the numbers.
    Counts wrap round at a power of two so far above the mean that nothing is there.
    """
    chances = np.asarray(probabilities, dtype=float)
    assert chances.max() <= 1 / 4
    furthest = min(len(chances), 2 * chances.sum() + 1000)
    size = 1 << math.ceil(math.log2(furthest + 2))
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size) - 1
    logs, p_to_k, z_to_k = np.zeros(len(z), dtype=complex), chances, z
    for k in range(1, 61):
        logs -= (-1) ** k * p_to_k.sum() * z_to_k / k
        p_to_k, z_to_k = p_to_k * chances, z_to_k * z
    return np.fft.irfft(np.exp(logs), size)


def count_p_value(count, probabilities):
    """Two-sided: how often such a count, or one further out on its side, comes up."""
    chances = poisson_binomial(probabilities)
    return min(1.0, 2 * min(chances[: count + 1].sum(), chances[count:].sum()))


def band(probabilities, level):
    """The lowest and highest count that are not among the rarest (1 - level)/2."""
    below = np.cumsum(poisson_binomial(probabilities))
    tail = (1 - level) / 2
    return int(np.searchsorted(below, tail)), int(np.searchsorted(below, 1 - tail))


def normal_p_value(z):
    """Two-sided."""
    return math.erfc(abs(z) / math.sqrt(2))


def chi_square_p_value(statistic, degrees):
    """P(chi-square >= statistic): 1 - P(a, x) by the series of the incomplete gamma.

    Σ x^k / (a·(a+1)…(a+k)) times e^-x·x^a/Γ(a), as long as a term still counts.
    """
    a, x = degrees / 2, statistic / 2
    term = total = 1 / a
    k = a
    while term > total * 1e-17:
        k += 1
        term *= x / k
        total += term
    return 1 - total * math.exp(-x + a * math.log(x) - math.lgamma(a))
