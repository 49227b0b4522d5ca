"""Coverage raises an unheard agent's probability in a few steps, and never to 1.

How many agents it reaches is measured in
`test_a_million_simulated_calls_look_random.py`.
"""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.budget import Budget
from sampling.coverage import AgentCalls, ladder, rate_for
from sampling.policy import Coverage, Purpose, SamplingPolicy, faults

WISH = Coverage(at_least=1, expected_calls=150, min_ppm=5_000, max_ppm=50_000)
POLICY = SamplingPolicy(
    version=1,
    purpose=Purpose.TRAINING,
    rate_ppm=12_000,
    budget=Budget(ceiling_ppm=20_000, burst=50, smooth=20),
    starts_on=date(2026, 11, 1),
    ends_on=date(2026, 11, 29),
    max_seconds=600,
    kept_days=30,
    announcement="",
    opt_out_key="9",
    coverage=WISH,
)

wishes = st.builds(
    Coverage,
    at_least=st.integers(1, 10),
    expected_calls=st.integers(1, 100_000),
    min_ppm=st.integers(1, 12_000),
    max_ppm=st.integers(12_000, 50_000),
)
histories = st.builds(AgentCalls, seen=st.integers(0, 200_000), drawn=st.integers(0, 9))


def test_the_steps_double_from_the_lowest_to_the_highest():
    assert ladder(WISH) == [5_000, 10_000, 20_000, 40_000, 50_000]
    assert ladder(replace(WISH, max_ppm=40_000)) == [5_000, 10_000, 20_000, 40_000]


@pytest.mark.parametrize(
    ("seen", "drawn", "rate"),
    [
        (0, 0, 10_000),  # 1.6 / 150 = 1.07 %
        (43, 0, 10_000),  # 1.495 %
        (44, 0, 20_000),  # 1.51 %
        (110, 0, 40_000),  # 4 %
        (140, 0, 50_000),  # 16 %, far above the highest
        (150, 0, 50_000),  # more calls than forecast
        (9_999, 0, 50_000),
        (0, 1, 5_000),  # heard: from now on the lowest
        (149, 1, 5_000),
        (149, 3, 5_000),
    ],
)
def test_the_rate_grows_as_an_unheard_agents_calls_run_out(seen, drawn, rate):
    assert rate_for(POLICY, AgentCalls(seen, drawn)) == rate


def test_a_call_whose_agent_is_not_known_gets_the_policys_rate():
    assert rate_for(POLICY, None) == 12_000


def test_without_coverage_every_call_gets_the_policys_rate():
    plain = replace(POLICY, coverage=None)

    assert rate_for(plain, AgentCalls(140, 0)) == 12_000


@given(wishes, histories)
def test_the_rate_is_the_step_nearest_to_the_formula(wish, heard):
    policy = replace(POLICY, coverage=wish)
    assert faults(policy) == []
    left = max(1, wish.expected_calls - heard.seen)
    aim = Fraction(16, 10) * (wish.at_least - heard.drawn) / left * 1_000_000
    clipped = min(max(aim, wish.min_ppm), wish.max_ppm)

    rate = rate_for(policy, heard)

    assert rate in ladder(wish)
    assert all(abs(rate - clipped) <= abs(step - clipped) for step in ladder(wish))


@given(wishes, histories)
def test_an_unheard_agents_rate_never_falls_from_one_call_to_the_next(wish, heard):
    heard = replace(heard, drawn=heard.drawn % wish.at_least)
    policy = replace(POLICY, coverage=wish)

    later = replace(heard, seen=heard.seen + 1)

    assert rate_for(policy, heard) <= rate_for(policy, later) <= 50_000


@given(wishes)
def test_the_steps_are_few_so_that_no_rate_names_an_agent(wish):
    steps = ladder(wish)

    assert steps[0] == wish.min_ppm
    assert steps[-1] == wish.max_ppm
    assert steps == sorted(steps)
    assert len(steps) <= 17


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"at_least": 0}, "coverage.at_least"),
        ({"at_least": 11}, "coverage.at_least"),
        ({"expected_calls": 0}, "coverage.calls_per_agent"),
        ({"expected_calls": 100_001}, "coverage.calls_per_agent"),
        ({"min_ppm": 0}, "coverage.lowest"),
        ({"min_ppm": 12_001}, "coverage.lowest"),
        ({"max_ppm": 11_999}, "coverage.highest"),
        ({"max_ppm": 50_001}, "coverage.highest"),
    ],
)
def test_a_wish_beyond_its_limits_is_refused_naming_the_setting(change, field):
    found = faults(replace(POLICY, coverage=replace(WISH, **change)))

    assert [fault.field for fault in found] == [field]


def test_a_wish_within_its_limits_is_lawful():
    assert faults(POLICY) == []
