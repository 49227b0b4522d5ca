"""In any n consecutive calls at most B + c·n are recorded, even for one who cheats.

The operator here knows the secret key and gives every call the luckiest of 50,000 tags:
it is drawn as soon as its threshold allows any draw at all. The bound must hold all the
same (I3).
"""

from datetime import date
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.budget import MICRO, Budget
from sampling.decision import Candidate, decide
from sampling.draw import draw_value
from sampling.policy import (
    HARD_CEILING_PPM,
    SOFT_CEILING_PPM,
    Purpose,
    SamplingPolicy,
    faults,
)

KEY = b"k" * 32
LUCKIEST = min(
    (number.to_bytes(16, "big") for number in range(50_000)),
    key=lambda tag: draw_value(KEY, tag),
)

strata = st.sampled_from(["cardio_in", "cardio_out", "other_in"])
gates = st.sampled_from([None, None, None, None, "line_excluded"])
# A coverage boost may raise one call's rate above the ceiling; the bucket holds anyway.
rates = st.integers(1, SOFT_CEILING_PPM)
calls = st.lists(st.tuples(strata, gates, rates), min_size=1, max_size=250)


@st.composite
def lawful_policies(draw: st.DrawFn) -> SamplingPolicy:
    """Any policy that the product allows, the extreme ones included."""
    ceiling = draw(st.integers(1_000, HARD_CEILING_PPM - 1_000))
    burst = draw(st.integers(1, 100 - -(-ceiling // 1000)))
    policy = SamplingPolicy(
        version=1,
        purpose=Purpose.TRAINING,
        rate_ppm=draw(st.integers(ceiling // 2, ceiling)),
        budget=Budget(ceiling, burst, draw(st.integers(1, burst))),
        starts_on=date(2026, 11, 1),
        ends_on=date(2026, 12, 1),
        max_seconds=600,
        kept_days=30,
        announcement="",
        opt_out_key="9",
    )
    assert faults(policy) == []
    return policy


def largest_excess(is_records: list[bool], ceiling_ppm: int) -> int:
    """The most micro-tokens any window of calls took beyond c·n."""
    gains = (MICRO * is_record - ceiling_ppm for is_record in is_records)
    return max(accumulate(gains, lambda best, gain: max(best, 0) + gain))


@given(lawful_policies(), calls)
@settings(max_examples=60, deadline=None)
def test_no_window_of_calls_exceeds_burst_plus_ceiling(policy, calls):
    tokens: dict[str, int] = {}
    decisions = []
    for stratum, gate, rate in calls:
        decision, tokens = decide(
            Candidate(LUCKIEST, stratum, gate, rate), policy, KEY, tokens
        )
        decisions.append((stratum, decision.is_record))

    budget = policy.budget
    everything = [is_record for _, is_record in decisions]
    assert largest_excess(everything, budget.ceiling_ppm) <= budget.burst * MICRO
    for stratum in {stratum for stratum, _ in decisions}:
        of_stratum = [is_record for name, is_record in decisions if name == stratum]
        assert largest_excess(of_stratum, budget.ceiling_ppm) <= budget.burst * MICRO


@given(lawful_policies())
@settings(max_examples=20, deadline=None)
def test_the_most_that_is_lawful_is_a_hundred_in_a_thousand_calls(policy):
    tokens: dict[str, int] = {}
    recorded = 0
    for _ in range(1000):
        decision, tokens = decide(
            Candidate(LUCKIEST, "cardio_in", None, policy.rate_ppm),
            policy,
            KEY,
            tokens,
        )
        recorded += decision.is_record

    assert 0 < recorded <= policy.budget.bound(1000) <= 100


@given(lawful_policies(), st.binary(min_size=16, max_size=16))
def test_a_closed_gate_records_nobody_whatever_the_draw(policy, tag):
    candidate = Candidate(tag, "cardio_in", "no_basis", policy.rate_ppm)

    decision, _ = decide(candidate, policy, KEY, {})

    assert (decision.is_record, decision.threshold) == (False, 0)
    assert decision.code == "no_basis"
