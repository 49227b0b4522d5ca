"""The yardsticks of the statistical tests, against values known exactly."""

import itertools
import math

import numpy as np
import pytest

from tests.unit.exact_statistics import (
    band,
    chi_square_p_value,
    count_p_value,
    normal_p_value,
    poisson_binomial,
)


def test_unequal_chances_are_added_up_as_by_counting_every_case():
    chances = [0.02, 0.25, 0.1, 0.25, 0.01]
    counted = np.zeros(6)
    for case in itertools.product([0, 1], repeat=5):
        happens = [p if one else 1 - p for one, p in zip(case, chances, strict=True)]
        counted[sum(case)] += math.prod(happens)

    assert poisson_binomial(chances)[:6] == pytest.approx(counted, abs=1e-14)


def test_equal_chances_give_the_binomial_distribution():
    exact = [math.comb(900, k) * 0.02**k * 0.98 ** (900 - k) for k in range(60)]

    assert poisson_binomial([0.02] * 900)[:60] == pytest.approx(exact, abs=1e-14)


def test_the_band_leaves_out_no_more_than_it_says():
    low, high = band([0.25] * 40, level=0.95)
    chances = [math.comb(40, k) * 0.25**k * 0.75 ** (40 - k) for k in range(41)]

    assert sum(chances[low : high + 1]) >= 0.95
    assert sum(chances[:low]) <= 0.025 < sum(chances[: low + 1])
    assert sum(chances[high + 1 :]) <= 0.025 < sum(chances[high:])


def test_a_count_in_the_middle_is_no_surprise_and_one_far_out_is():
    assert count_p_value(2, [0.2] * 10) == 1
    assert count_p_value(10, [0.2] * 10) == pytest.approx(2 * 0.2**10, abs=1e-14)


@pytest.mark.parametrize(("z", "p"), [(0, 1), (1.959964, 0.05), (-3.290527, 0.001)])
def test_the_normal_tails_are_the_tabled_ones(z, p):
    assert normal_p_value(z) == pytest.approx(p, rel=1e-5)


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"),
    [
        (3.841459, 1, 0.05),
        (2 * math.log(1000), 2, 0.001),
        (29.58830, 10, 0.001),
        (1143.917, 1000, 0.001),
    ],
)
def test_the_chi_square_tails_are_the_tabled_ones(statistic, degrees, p):
    assert chi_square_p_value(statistic, degrees) == pytest.approx(p, rel=1e-3)
