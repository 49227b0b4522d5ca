"""Every possible sample of a small site is drawn: no luck, no tolerance to choose."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.estimate import (
    Observation,
    mean,
    probability,
    total,
    weighted_mean,
)

CALLS = [(3.0, 0.5), (7.5, 0.02), (-1.0, 0.9), (240.0, 0.1), (12.0, 0.25), (0.0, 0.3)]


def every_sample():
    """All samples there can be, the empty one too, each with its probability."""
    for chosen in itertools.product([False, True], repeat=len(CALLS)):
        chances = [
            p if is_in else 1 - p for is_in, (_, p) in zip(chosen, CALLS, strict=True)
        ]
        sample = [
            Observation(y, p)
            for is_in, (y, p) in zip(chosen, CALLS, strict=True)
            if is_in
        ]
        yield math.prod(chances), sample


def expected(figure):
    """The mean of a figure over all samples; of the empty one it is 0 by definition."""
    return math.fsum(
        chance * (figure(sample) if sample else 0) for chance, sample in every_sample()
    )


def test_the_estimated_total_is_right_on_average():
    assert expected(lambda sample: total(sample).value) == pytest.approx(
        sum(y for y, _ in CALLS)
    )


def test_the_estimated_mean_is_right_on_average():
    assert expected(lambda sample: mean(sample, len(CALLS)).value) == pytest.approx(
        sum(y for y, _ in CALLS) / len(CALLS)
    )


def test_the_squared_standard_error_is_the_true_variance_on_average():
    truth = sum(y for y, _ in CALLS)
    spread = expected(lambda sample: (total(sample).value - truth) ** 2)
    of_the_empty = math.prod(1 - p for _, p in CALLS) * truth**2

    assert expected(lambda sample: total(sample).standard_error ** 2) == pytest.approx(
        spread + of_the_empty
    )


def test_it_stays_right_where_a_probability_follows_from_the_draw_before():
    """Two calls: the second has 80 % after a recording, 10 % otherwise."""
    values, first = (5.0, 11.0), 0.3
    average = 0.0
    for one, two in itertools.product([False, True], repeat=2):
        second = 0.8 if one else 0.1
        chance = (first if one else 1 - first) * (second if two else 1 - second)
        sample = [Observation(values[0], first)] * one
        sample += [Observation(values[1], second)] * two
        average += chance * (total(sample).value if sample else 0)

    assert average == pytest.approx(sum(values))


@given(
    st.lists(st.floats(0.001, 1), min_size=1, max_size=50),
    st.floats(-1e6, 1e6),
)
def test_where_all_values_are_equal_the_weighted_mean_is_that_value(chances, value):
    estimate = weighted_mean(Observation(value, chance) for chance in chances)

    assert estimate.value == pytest.approx(value)
    assert estimate.standard_error == pytest.approx(0, abs=1e-3)


def test_the_weighted_mean_of_equal_probabilities_is_the_plain_mean():
    sample = [Observation(value, 0.02) for value in (1.0, 2.0, 6.0)]

    assert weighted_mean(sample).value == pytest.approx(3.0)


def test_a_full_count_has_no_error():
    sample = [Observation(value, 1) for value in (1.0, 2.0, 6.0)]

    assert (total(sample).value, total(sample).standard_error) == (9.0, 0.0)


def test_a_leafs_threshold_gives_the_probability_the_budget_left():
    assert probability(2**64 * 18_000 // 10**6) == pytest.approx(0.018)
    assert probability(2**63) == 0.5


@pytest.mark.parametrize("estimate", [total, weighted_mean, lambda s: mean(s, 1000)])
@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ([], "nothing was recorded"),
        ([Observation(1, 0.5), Observation(1, 0)], "observation 1 has probability 0"),
        ([Observation(1, -0.1)], "probability -0.1"),
        ([Observation(1, 1.01)], "probability 1.01"),
        ([Observation(1, math.nan)], "probability nan"),
        ([Observation(math.nan, 0.5)], "is nan, not a number"),
        ([Observation(math.inf, 0.5)], "is inf, not a number"),
    ],
)
def test_what_cannot_be_estimated_is_said_clearly(estimate, sample, said):
    with pytest.raises(ValueError, match=said):
        estimate(sample)


def test_more_recordings_than_calls_are_refused():
    with pytest.raises(ValueError, match="2 recorded of 1 calls"):
        mean([Observation(1, 0.5)] * 2, calls=1)
