"""Given the same calls and the same numbers u, it records the very same calls.

`decide` is told its number by a key that is the number: what stands in for it is the
hash, not the rule. Rates and ceilings are far above the lawful ones, so that buckets
run empty within a few calls.
"""

from dataclasses import replace
from datetime import date, timedelta
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sampling.budget import MICRO, Budget
from sampling.caps import COUNTED_DAYS, AgentDays, cap_of_agent
from sampling.coverage import AgentCalls, rate_for
from sampling.decision import BUDGET_CODE, Candidate, decide
from sampling.gates import closed_policy_gate
from sampling.policy import MAX_CAMPAIGN, Coverage, Purpose, SamplingPolicy, Stratum
from sampling.simulation.course import earlier_in_group, lay_course
from sampling.simulation.draws import Draws
from sampling.simulation.faults import SimulationInputError
from sampling.simulation.rates import rate_tables
from sampling.simulation.thresholds import LARGEST_SMOOTH, thresholds
from sampling.simulation.traffic import Calls
from sampling.simulation.windows import calls_without_tokens, most_recorded

FIRST_DAY = date(2026, 11, 1)
POLICY = SamplingPolicy(
    version=1,
    purpose=Purpose.TRAINING,
    rate_ppm=18_000,
    budget=Budget(20_000, 50, 20),
    starts_on=FIRST_DAY,
    ends_on=date(2026, 11, 29),
    max_seconds=600,
    kept_days=30,
    announcement="",
    opt_out_key="9",
)
STRATA = ("cardiology_in", "cardiology_out", "others_in")
AGENTS = 3
DAYS = 4
HIGHEST = 2**64 - 1

rates = st.sampled_from([0, 1, 18_000, 500_000, 999_999])


@st.composite
def budgets(draw):
    burst = draw(st.integers(1, 6))
    ceiling = draw(st.integers(0, 900_000) | st.sampled_from([100_000, 250_000]))
    return Budget(ceiling, burst, draw(st.integers(1, burst)))


@st.composite
def coverages(draw):
    lowest = draw(st.sampled_from([1, 1_000, 20_000, 300_000]))
    highest = draw(st.integers(lowest, 999_999) | st.just(999_999))
    return Coverage(draw(st.integers(1, 3)), draw(st.integers(1, 12)), lowest, highest)


@st.composite
def conditions(draw):
    starts = draw(st.integers(0, 1))
    return {
        "rate_ppm": draw(rates),
        "budget": draw(budgets()),
        "starts_on": FIRST_DAY + timedelta(starts),
        "ends_on": FIRST_DAY + timedelta(draw(st.integers(starts + 1, DAYS))),
        "coverage": draw(st.none() | coverages()),
    }


@st.composite
def policies(draw):
    terms = {"purpose": Purpose.TRAINING, "max_seconds": 600, "kept_days": 30}
    own = draw(st.lists(st.sampled_from(STRATA), unique=True, max_size=2))
    return replace(
        POLICY,
        **draw(conditions()),
        strata=tuple(Stratum(name=n, **terms, **draw(conditions())) for n in own),
    )


@st.composite
def traffic(draw):
    """Calls in order, and the number of each in a few replications."""
    size = draw(st.integers(1, 40))
    per_call = st.tuples(
        st.integers(0, AGENTS - 1),
        st.integers(0, len(STRATA) - 1),
        st.integers(0, DAYS - 1),
    )
    rows = draw(st.lists(per_call, min_size=size, max_size=size))
    agent, stratum, day = np.array(rows, dtype=np.int64).T
    low = st.integers(0, 2**62)
    number = st.integers(0, HIGHEST) | low | st.sampled_from([0, 2**63, HIGHEST])
    numbers = draw(
        st.lists(st.lists(number, min_size=size, max_size=size), min_size=1, max_size=3)
    )
    return Calls(agent, stratum, np.sort(day)), np.array(numbers, dtype=np.uint64)


def one_by_one(policy, calls, numbers, *, are_edges=False):
    """The service's way: call by call, through `decide`.

    Numbers may be told as what each call's number is below its T: 0 or 1.
    """
    tokens, heard, past, made = {}, {}, {}, []
    rows = zip(calls.agent, calls.stratum, calls.day, numbers, strict=True)
    for agent, place, day, told_number in rows:
        stratum = STRATA[place]
        own = policy.conditions(stratum)
        campaign = own.starts_on, policy.has_own_coverage(stratum) and stratum
        listener = (campaign, agent) if own.coverage else None
        before = heard.get(listener, AgentCalls(0, 0)) if listener else None
        gate = closed_policy_gate(own, policy.starts_on + timedelta(int(day)))
        rate, days = rate_for(own, before), days_of(past, agent, int(day))
        cap = cap_of_agent(days, rate)
        candidate = Candidate(b"", stratum, gate, rate, cap)
        number = int(told_number)
        if are_edges:
            any_number, _ = decide(candidate, policy, told(0), tokens)
            number = max(0, any_number.threshold - number)
        decision, tokens = decide(candidate, policy, told(number), tokens)
        made.append(decision)
        if listener and not gate:
            drawn = before.drawn + decision.is_record
            heard[listener] = AgentCalls(before.seen + 1, drawn)
        if not gate:
            past[agent] = days.and_call(is_record=decision.is_record)
    return made


def days_of(past, agent, day):
    """As the service knows them, which forgets who was idle for a month."""
    known = past.get(agent)
    if known is None or known.day <= day - COUNTED_DAYS:
        return AgentDays(day)
    return known.at(day)


def told(number):
    return number.to_bytes(8, "big")


@pytest.fixture(autouse=True, scope="module")
def _numbers_are_told():
    with patch("sampling.decision.draw_value", lambda key, _: int.from_bytes(key)):
        yield


def simulated(policy, calls, numbers, at_once):
    """All replications together, so many calls at a time."""
    course = lay_course(policy, STRATA, calls, AGENTS)
    draws = Draws(course, len(numbers))
    for first in range(0, numbers.shape[1], at_once):
        draws.draw(first, numbers[:, first : first + at_once])
    return course, draws.recordings()


def as_table(recordings, shape):
    table = np.zeros(shape, dtype=bool)
    table[recordings.replication, recordings.call] = True
    assert table.sum() == len(recordings.call), "a call was recorded twice"
    return table


@given(policies(), traffic(), st.integers(1, 40))
@settings(max_examples=300, deadline=None)
def test_the_same_calls_are_recorded_under_any_policy(policy, traffic, at_once):
    calls, numbers = traffic

    _, found = simulated(policy, calls, numbers, at_once)

    expected = [
        [made.is_record for made in one_by_one(policy, calls, row)] for row in numbers
    ]
    assert as_table(found, numbers.shape).tolist() == expected


@st.composite
def long_traffic(draw):
    """Agents' calls over a campaign, some many at once, with pauses."""
    agent = st.integers(0, AGENTS - 1)
    pause = st.sampled_from([0, 0, 0, 1, 2, 5, 8, 30, 31])
    at_once = st.sampled_from([1, 1, 1, 2, 30])
    rows = draw(st.lists(st.tuples(agent, pause, at_once), min_size=1, max_size=40))
    agents, pauses, times = np.array(rows, dtype=np.int64).T
    days = np.minimum(np.cumsum(pauses), MAX_CAMPAIGN.days - 1)
    calls = np.repeat(agents, times), np.repeat(days, times)
    chance = draw(st.sampled_from([0.05, 0.5, 0.95]))
    generator = np.random.default_rng(draw(st.integers(0, 999)))
    is_drawn = generator.random(times.sum()) < chance
    return Calls(calls[0], np.zeros_like(calls[0]), calls[1]), is_drawn


@given(long_traffic(), st.sampled_from([1, 1_000, 18_000, 999_999]))
@settings(max_examples=200, deadline=None)
def test_agents_are_capped_as_in_the_service(traffic, rate):
    calls, is_drawn = traffic
    ends_on = FIRST_DAY + MAX_CAMPAIGN
    budget = Budget(999_999, 6, 1)
    policy = replace(POLICY, rate_ppm=rate, budget=budget, ends_on=ends_on)
    expected = one_by_one(policy, calls, is_drawn, are_edges=True)
    numbers = np.array([[made.value for made in expected]], dtype=np.uint64)

    _, found = simulated(policy, calls, numbers, 7)

    assert as_table(found, numbers.shape)[0].tolist() == [
        made.is_record for made in expected
    ]


@given(policies(), traffic())
@settings(max_examples=200, deadline=None)
def test_numbers_at_the_very_edge_of_their_thresholds_are_told_apart(policy, traffic):
    """Each call's number is its own T, or one less: whatever happened before it."""
    calls, numbers = traffic
    made = one_by_one(policy, calls, numbers[0] % 2, are_edges=True)
    edge = np.array([[each.value for each in made]], dtype=np.uint64)

    _, found = simulated(policy, calls, edge, len(made))

    expected = [each.is_record for each in made]
    assert as_table(found, edge.shape)[0].tolist() == expected


@given(policies(), traffic())
@settings(max_examples=300, deadline=None)
def test_the_calls_that_met_an_empty_bucket_are_counted(policy, traffic):
    """A call without tokens is one whose leaf says "budget"; a rate of 0 is not."""
    calls, numbers = traffic

    course, found = simulated(policy, calls, numbers, len(numbers[0]))

    expected = [
        sum(made.code == BUDGET_CODE for made in one_by_one(policy, calls, row))
        for row in numbers
    ]
    counted = calls_without_tokens(found, course, len(numbers))
    assert counted.tolist() == expected


@given(traffic(), st.lists(st.integers(1, 40), min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_the_fullest_window_is_found(traffic, lengths):
    calls, numbers = traffic
    policy = replace(POLICY, rate_ppm=500_000, budget=Budget(900_000, 6, 1))
    size = numbers.shape[1]
    lengths = [min(length, size) for length in lengths]

    _, found = simulated(policy, calls, numbers, size)

    table = as_table(found, numbers.shape)
    expected = [
        [
            max(row[start : start + n].sum() for start in range(size - n + 1))
            for n in lengths
        ]
        for row in table
    ]
    assert most_recorded(found, len(numbers), size, lengths).tolist() == expected


@given(
    st.integers(0, MICRO - 1),
    st.integers(0, LARGEST_SMOOTH * MICRO * 2),
    st.integers(1, LARGEST_SMOOTH),
)
@example(MICRO - 1, LARGEST_SMOOTH * MICRO - 1, LARGEST_SMOOTH)
@example(MICRO - 1, MICRO, LARGEST_SMOOTH)
@example(1, MICRO - 1, 1)
@settings(max_examples=2000, deadline=None)
def test_thresholds_are_exact_to_the_last_bit(ppm, tokens, smooth):
    unsigned = (np.array([value], dtype=np.uint64) for value in (ppm, tokens, smooth))

    exact = Budget(0, smooth, smooth).threshold(tokens, ppm)

    assert int(thresholds(*unsigned)[0]) == exact


def test_smoothing_beyond_exact_arithmetic_is_refused():
    size = LARGEST_SMOOTH + 1
    policy = replace(POLICY, budget=Budget(1, size, size))
    calls = Calls(*np.zeros((3, 1), dtype=np.int64))

    with pytest.raises(SimulationInputError, match="smooth"):
        lay_course(policy, STRATA, calls, AGENTS)


@given(conditions(), st.integers(1, 20))
@settings(deadline=None)
def test_the_tables_hold_the_rate_of_every_agent(terms, most_calls):
    policy = replace(POLICY, **terms)

    tables = rate_tables([POLICY, policy], most_calls)

    for seen in range(most_calls + 1):
        for drawn in range(5):
            row = min(seen, tables.most_seen[1])
            column = min(drawn, tables.most_drawn[1])
            place = tables.start[1] + row * (tables.most_drawn[1] + 1) + column
            expected = rate_for(policy, AgentCalls(seen, drawn))
            if seen < most_calls:
                assert tables.ppm[place] == expected
            assert expected <= tables.highest[1] or seen == most_calls


@given(st.lists(st.integers(-1, 3), max_size=20))
def test_calls_know_how_many_of_theirs_came_before(groups):
    found = earlier_in_group(np.array(groups, dtype=np.int64))

    assert found.tolist() == [groups[:n].count(g) for n, g in enumerate(groups)]


def test_calls_before_a_campaign_do_not_count_as_chances_to_be_heard():
    wish = Coverage(1, expected_calls=4, min_ppm=1_000, max_ppm=999_999)
    later = FIRST_DAY + timedelta(1)
    own = Stratum(
        name=STRATA[0],
        purpose=Purpose.TRAINING,
        rate_ppm=18_000,
        budget=POLICY.budget,
        starts_on=later,
        ends_on=POLICY.ends_on,
        max_seconds=600,
        kept_days=30,
        coverage=wish,
    )
    nobody_else = np.zeros(4, dtype=np.int64)
    calls = Calls(nobody_else, nobody_else, np.array([0, 0, 0, 1]))

    course = lay_course(replace(POLICY, strata=(own,)), STRATA, calls, AGENTS)

    assert course.bound[:3].tolist() == [0, 0, 0]
    assert course.ppm[course.rate_at[3]] == rate_for(own, AgentCalls(0, 0))
