"""The draw is a function of a committed seed and a call's tag, and of nothing else."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.budget import MICRO, Budget
from sampling.decision import Candidate, decide
from sampling.draw import (
    call_tag,
    draw_value,
    epoch_key,
    hex64,
    seed_commitment,
    tag_key_commitment,
)
from sampling.policy import NO_POLICY, Purpose, SamplingPolicy

SEED = bytes(range(32))


def policy(rate_ppm: int, budget: Budget) -> SamplingPolicy:
    return SamplingPolicy(
        version=1,
        purpose=Purpose.TRAINING,
        rate_ppm=rate_ppm,
        budget=budget,
        starts_on=NO_POLICY.starts_on,
        ends_on=NO_POLICY.ends_on,
        max_seconds=600,
        kept_days=30,
        announcement="",
        opt_out_key="9",
    )


def test_the_published_formulas_give_the_same_values_written_out_by_hand() -> None:
    epoch, week = 495_000, 2_968
    u64 = epoch.to_bytes(8, "big")

    tag = hmac.digest(SEED, b"ponctuel/tag/v1\0pbx\0call-1", "sha256")[:16]
    key = hmac.digest(SEED, b"ponctuel/epoch/v1" + u64 + b"", "sha256")
    value = hmac.digest(key, b"ponctuel/draw/v1" + tag, "sha256")[:8]

    assert call_tag(SEED, "pbx", "call-1") == tag
    assert epoch_key(epoch, SEED) == key
    assert draw_value(key, tag) == int.from_bytes(value, "big")
    assert (
        seed_commitment(epoch, SEED)
        == hashlib.sha256(b"ponctuel/seed/v1" + u64 + SEED).digest()
    )
    assert (
        tag_key_commitment(week, SEED)
        == hashlib.sha256(b"ponctuel/tagkey/v12968" + SEED).digest()
    )


@given(st.text(max_size=40), st.text(max_size=40), st.binary(min_size=32, max_size=32))
def test_the_same_call_always_gets_the_same_tag_and_draw(
    connection: str, call_id: str, key: bytes
) -> None:
    tag = call_tag(key, connection, call_id)

    assert tag == call_tag(key, connection, call_id)
    assert draw_value(key, tag) == draw_value(key, tag)
    assert len(tag) == 16
    assert 0 <= draw_value(key, tag) < 2**64


@given(st.integers(0, 2**64 - 1))
def test_64_bit_values_are_sixteen_hex_digits(number: int) -> None:
    text = hex64(number)

    assert len(text) == 16
    assert int(text, 16) == number


def test_a_seed_of_another_epoch_does_not_open_the_commitment() -> None:
    assert seed_commitment(7, SEED) != seed_commitment(8, SEED)


@given(
    st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=300),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_in_every_window_of_calls_no_more_is_recorded_than_the_budget_allows(
    tags: list[bytes], rate_ppm: int, ceiling_ppm: int, burst: int, smooth: int
) -> None:
    rules = policy(rate_ppm, Budget(ceiling_ppm, burst, min(smooth, burst)))
    tokens: dict[str, int] = {}
    recorded = []
    for tag in tags:
        candidate = Candidate(tag, "a_in", None, rate_ppm)
        decision, tokens = decide(candidate, rules, SEED, tokens)
        recorded.append(int(decision.is_record))
        assert decision.is_record == (decision.value < decision.threshold)
        assert decision.threshold < 2**64
        assert min(tokens.values()) >= 0

    _assert_bounded(recorded, burst, ceiling_ppm)


@given(st.lists(st.sampled_from(["a_in", "a_out", "b_in"]), min_size=1, max_size=400))
def test_even_if_every_number_drawn_meant_record_the_ceiling_holds(
    strata: list[str],
) -> None:
    """u is replaced by 0, the value that always records when anything may be."""
    rules = policy(100_000, Budget(ceiling_ppm=20_000, burst=5, smooth=5))
    tokens: dict[str, int] = {}
    recorded = []
    for stratum in strata:
        candidate = Candidate(bytes(16), stratum, None, rules.rate_ppm)
        decision, after = decide(candidate, rules, SEED, tokens)
        forced = decision.threshold > 0
        recorded.append(int(forced))
        spent = int(forced) - int(decision.is_record)
        tokens = {
            name: left - spent * MICRO if name in ("all", stratum) else left
            for name, left in after.items()
        }

    _assert_bounded(recorded, 5, 20_000)


def _assert_bounded(recorded: list[int], burst: int, ceiling_ppm: int) -> None:
    total = [0]
    for one in recorded:
        total.append(total[-1] + one)
    for first in range(len(recorded)):
        for last in range(first + 1, len(recorded) + 1):
            calls = last - first
            allowed = burst * MICRO + ceiling_ppm * calls
            assert (total[last] - total[first]) * MICRO <= allowed


@pytest.mark.parametrize("code", ["no_basis", "line_excluded", "campaign_ended"])
def test_a_closed_gate_makes_the_probability_zero_and_says_why(code: str) -> None:
    rules = policy(100_000, Budget(100_000, 50, 20))

    candidate = Candidate(bytes(16), "a_in", code, rules.rate_ppm)
    decision, tokens = decide(candidate, rules, SEED, {})

    assert (decision.threshold, decision.is_record, decision.code) == (0, False, code)
    assert tokens == {"all": 50 * MICRO, "a_in": 50 * MICRO}


def test_an_empty_bucket_stops_recording_and_says_so() -> None:
    rules = policy(100_000, Budget(ceiling_ppm=1, burst=1, smooth=1))

    candidate = Candidate(bytes(16), "a_in", None, rules.rate_ppm)
    decision, _ = decide(candidate, rules, SEED, {"all": 0, "a_in": 0})

    assert (decision.is_record, decision.code) == (False, "budget")


def test_a_calls_own_rate_sets_its_threshold_whatever_the_policys_rate() -> None:
    rules = policy(18_000, Budget(ceiling_ppm=20_000, burst=50, smooth=20))

    decision, _ = decide(Candidate(bytes(16), "a_in", None, 5_000), rules, SEED, {})

    assert decision.threshold == 2**64 * 5_000 // MICRO


def test_a_rate_of_zero_is_no_lack_of_budget() -> None:
    rules = policy(0, Budget(ceiling_ppm=1, burst=1, smooth=1))

    decision, _ = decide(Candidate(bytes(16), "a_in", None, 0), rules, SEED, {})

    assert (decision.threshold, decision.code) == (0, None)


def test_the_probability_falls_smoothly_as_the_bucket_empties() -> None:
    budget = Budget(ceiling_ppm=20_000, burst=50, smooth=20)

    thresholds = [budget.threshold(tokens * MICRO, 18_000) for tokens in range(51)]

    assert thresholds[0] == 0
    assert thresholds[1:21] == sorted(thresholds[1:21])
    assert len(set(thresholds[20:])) == 1
    assert thresholds[50] == 2**64 * 18_000 // MICRO
