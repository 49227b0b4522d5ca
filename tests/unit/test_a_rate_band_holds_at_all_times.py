"""The band around the recorded rate may be looked at after every call."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.monitoring.bands import rate_band


@pytest.mark.parametrize(
    ("calls", "band"),
    [
        (300, (0.0048, 0.0521)),
        (1_000, (0.0094, 0.0365)),
        (5_000, (0.0142, 0.0272)),
        (20_000, (0.0167, 0.0236)),
    ],
)
def test_at_two_per_cent_it_is_as_wide_as_published(calls, band):
    assert rate_band(calls // 50, calls) == pytest.approx(band, abs=5e-5)


def test_before_the_first_call_every_rate_is_possible():
    assert rate_band(0, 0) == (0.0, 1.0)


@given(st.integers(1, 5_000), st.floats(0, 1))
def test_it_holds_the_share_that_was_seen(calls, share):
    recorded = round(share * calls)

    lower, upper = rate_band(recorded, calls)

    assert 0 <= lower <= recorded / calls <= upper <= 1


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.1])
def test_the_true_rate_is_seldom_ever_outside(rate):
    """Looked at after each of 2,000 calls, in 200 sites."""
    random = np.random.default_rng(11)
    looks = [*range(1, 50), *range(50, 2_001, 25)]
    missed = 0
    for _ in range(200):
        recorded = np.cumsum(random.random(2_000) < rate)
        bands = [rate_band(int(recorded[n - 1]), n) for n in looks]
        missed += any(not lower <= rate <= upper for lower, upper in bands)

    assert missed <= 200 * 0.05
