"""At most ten strata have series of their own; nobody's calls are lost for it."""

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.publication.limits import budgets, limits
from proxy.publication.strata import folded, named_strata
from sampling.budget import MICRO, Budget
from sampling.policy import NO_POLICY, Purpose, SamplingPolicy, Stratum

POLICY = SamplingPolicy(
    version=1,
    purpose=Purpose.TRAINING,
    rate_ppm=18_000,
    budget=Budget(20_000, 50, 20),
    starts_on=date(2026, 11, 1),
    ends_on=date(2026, 11, 29),
    max_seconds=600,
    kept_days=30,
    announcement="a",
    opt_out_key="9",
)
TODAY = date(2026, 11, 18)
TEN = [f"g{number}_in" for number in range(10)]


def stratum(name, rate_ppm=18_000, **changes):
    own = {
        field: getattr(POLICY, field)
        for field in ("purpose", "budget", "starts_on", "ends_on", "max_seconds")
    }
    return Stratum(name=name, rate_ppm=rate_ppm, kept_days=30, **(own | changes))


def with_strata(*strata):
    return replace(POLICY, strata=strata)


def test_the_sites_own_strata_and_the_policys_are_named():
    policy = with_strata(stratum("tests_out"))

    assert named_strata(["cardio_in"], policy, {}) == ("cardio_in", "tests_out")


def test_an_earlier_policys_stratum_keeps_its_series_while_there_is_room():
    counts = {("calls", "gone_in"): 7, ("failed", "hangup"): 1}

    assert named_strata(["cardio_in"], POLICY, counts) == ("cardio_in", "gone_in")
    assert named_strata(TEN, POLICY, counts) == tuple(TEN)


def test_what_has_no_name_counts_as_other_of_its_direction():
    counts = {
        ("calls", "cardio_in"): 5,
        ("calls", "gone_in"): 7,
        ("calls", "gone_out"): 2,
        ("calls", "other_in"): 1,
        ("failed", "hangup"): 3,
    }

    assert folded(counts, ["cardio_in"]) == {
        ("calls", "cardio_in"): 5,
        ("calls", "other_in"): 8,
        ("calls", "other_out"): 2,
        ("failed", "hangup"): 3,
    }


names = st.from_regex(r"[a-z]{1,3}_(in|out)", fullmatch=True)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["calls", "selected"]), names), st.integers(0, 99)
    ),
    st.lists(names, max_size=6),
)
def test_no_call_is_lost_or_counted_twice(counts, of_lines):
    named = named_strata(of_lines, POLICY, counts)

    told = folded(counts, named)

    def sums(counted):
        total = Counter()
        for (name, label), number in counted.items():
            total[name, label.rpartition("_")[2]] += number
        return +total

    assert len(named) <= 10
    assert sums(told) == sums(counts)
    assert {label for _, label in told} <= {*named, "other_in", "other_out"}


def test_the_rate_shown_is_the_largest_of_the_policys_rules():
    shown = limits(with_strata(stratum("vip_in", 50_000)))

    assert shown["policy_rate",] == 0.05
    assert shown["rate_ceiling",] == 0.02
    assert shown["hard_ceiling",] == 0.1


def test_no_window_can_hold_more_than_all_of_its_calls():
    shown = limits(replace(POLICY, budget=Budget(20_000, 500, 1)))

    assert shown["window_bound_ratio", "100"] == 1
    assert shown["window_bound_ratio", "10000"] == pytest.approx(0.07)


def test_without_a_policy_nothing_is_likely_and_nothing_exceeds_a_limit():
    shown = limits(NO_POLICY) | budgets(NO_POLICY, {}, ["cardio_in"], TODAY)

    assert shown["policy_rate",] == 0
    assert shown["probability_ppm", "cardio_in"] == 0
    # An empty budget would raise an alarm about calls that nobody asked for.
    assert shown["tokens", "all"] >= 1


def test_the_chance_is_that_of_the_emptier_bucket():
    policy = with_strata(stratum("vip_in", 50_000))
    tokens = {"all": 30 * MICRO, "cardio_in": 10 * MICRO, "vip_in": 30 * MICRO}

    shown = budgets(policy, tokens, ["cardio_in", "vip_in"], TODAY)

    assert shown["probability_ppm", "cardio_in"] == 9_000
    assert shown["probability_ppm", "vip_in"] == 50_000
    assert shown["tokens", "cardio_in"] == 10


def test_the_chance_is_none_once_a_stratums_campaign_is_over():
    policy = with_strata(stratum("vip_in", ends_on=TODAY))

    shown = budgets(policy, {}, ["cardio_in", "vip_in"], TODAY)

    assert shown["probability_ppm", "vip_in"] == 0
    assert shown["probability_ppm", "cardio_in"] == 18_000
