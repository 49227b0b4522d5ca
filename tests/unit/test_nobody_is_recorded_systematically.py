"""Caps on agents: a lower probability first, a stop only as a last resort (R4)."""

import random  # noqa: TID251  # simulated chance, with fixed seeds
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.budget import Budget
from sampling.caps import (
    AGENT_CODE,
    CALLER_STOPPED,
    DAY_SECONDS,
    NO_CAP,
    AgentDays,
    Cap,
    cap_of_agent,
    halvings_of,
)
from sampling.decision import BUDGET_CODE, Candidate, decide
from sampling.estimate import Observation, probability, total
from sampling.policy import Purpose, SamplingPolicy

RATE = 18_000  # 1.8 %
POLICY = SamplingPolicy(
    version=1,
    purpose=Purpose.TRAINING,
    rate_ppm=RATE,
    budget=Budget(20_000, 50, 20),
    starts_on=date(2026, 11, 1),
    ends_on=date(2026, 11, 29),
    max_seconds=600,
    kept_days=30,
    announcement="",
    opt_out_key="9",
)
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
MONTH, WEEK = timedelta(days=30), timedelta(days=7)
FULL = 2**64
CHANCE = random.Random


def day_of(moment):
    return int(moment.timestamp()) // DAY_SECONDS


def most_in(moments, span):
    """The most of these ascending moments that lie within any `span`."""
    most = first = 0
    for place, moment in enumerate(moments):
        while moment - moments[first] >= span:
            first += 1
        most = max(most, place - first + 1)
    return most


def days_of(seen=(), drawn=(), day=100):
    return AgentDays(day, tuple(seen), tuple(drawn))


class Agent:
    """One agent's calls, drawn at a rate, and what became of each.

    `stopped`: how many had no chance because of the budget.
    """

    def __init__(self, rate_ppm, chance):
        self.rate_ppm = rate_ppm
        self.chance = chance
        self.days = AgentDays(day_of(BEGIN))
        self.calls = []
        self.drawn = []
        self.stopped = 0

    def call(self, moment):
        self.days = self.days.at(day_of(moment))
        cap = cap_of_agent(self.days, self.rate_ppm)
        this_week = sum(day > self.days.day - 8 for day in self.days.drawn)
        had_its_week = this_week >= max(2, sum(self.days.seen[:7]) // 10)
        threshold = (FULL * self.rate_ppm // 1_000_000) >> cap.halvings
        is_record = self.chance.getrandbits(64) < threshold
        self.days = self.days.and_call(is_record=is_record)
        self.calls.append(moment)
        self.stopped += cap.is_stop and not had_its_week
        if is_record:
            self.drawn.append(moment)

    def live(self, days, calls_a_day):
        for day in range(days):
            begin = BEGIN + timedelta(days=day)
            seconds = sorted(self.chance.randrange(86_400) for _ in range(calls_a_day))
            for second in seconds:
                self.call(begin + timedelta(seconds=second))


# --- What is never exceeded -----------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 4 * 86_400), st.integers(1, 40)), max_size=60),
    st.sampled_from([1_000, RATE, 100_000, 1_000_000]),
    st.randoms(use_true_random=False),
)
def test_no_agent_is_drawn_more_than_ten_times_in_any_thirty_days(gaps, rate, chance):
    agent, moment = Agent(rate, chance), BEGIN
    for gap, calls in gaps:
        moment += timedelta(seconds=gap)
        for _ in range(calls):
            agent.call(moment)

    assert most_in(agent.drawn, MONTH) <= 10


@given(
    st.lists(st.tuples(st.integers(0, 2 * 86_400), st.integers(1, 60)), max_size=60),
    st.randoms(use_true_random=False),
)
def test_no_agents_week_has_more_than_two_or_a_tenth_of_its_calls(gaps, chance):
    agent, moment = Agent(500_000, chance), BEGIN
    for gap, calls in gaps:
        moment += timedelta(seconds=gap)
        for _ in range(calls):
            agent.call(moment)

    for drawn in agent.drawn:
        own = [call for call in agent.calls if drawn - WEEK < call <= drawn]
        recorded = [each for each in agent.drawn if drawn - WEEK < each <= drawn]
        # Calls of the very moment of a draw may follow it.
        assert len(recorded) <= max(2, len(own) / 10)


@pytest.mark.parametrize("rate", [RATE, 100_000, 1_000_000])
def test_an_agent_who_takes_every_call_stays_below_the_cap_in_every_month(rate):
    agent = Agent(rate, CHANCE(4))
    agent.live(days=200, calls_a_day=300)

    assert 0 < most_in(agent.drawn, MONTH) <= 10


# --- The probability goes down first --------------------------------------------------


@pytest.mark.parametrize("calls_a_day", [5, 15, 30, 100])
def test_the_budget_leaves_hardly_a_call_without_a_chance(calls_a_day):
    agents = [Agent(RATE, CHANCE(seed)) for seed in range(30)]
    for agent in agents:
        agent.live(days=120, calls_a_day=calls_a_day)

    stopped = sum(agent.stopped for agent in agents)
    assert stopped <= 0.01 * sum(len(agent.calls) for agent in agents)
    monthly = sum(len(agent.drawn) for agent in agents) / len(agents) / 4
    assert 2 < monthly < 4
    assert max(most_in(agent.drawn, MONTH) for agent in agents) <= 10


@given(st.integers(0, 1_000_000), st.integers(0, 100_000))
def test_the_halvings_are_the_fewest_that_leave_four_recordings_to_expect(rate, calls):
    halvings = halvings_of(rate, calls)

    assert rate * calls <= 4 * 10**6 << halvings
    assert halvings == 0 or rate * calls > 4 * 10**6 << halvings - 1


def test_an_agent_without_a_past_and_one_with_few_calls_are_not_capped():
    assert cap_of_agent(days_of(), RATE) == NO_CAP
    assert cap_of_agent(days_of([7] * 31), RATE) == NO_CAP
    assert cap_of_agent(days_of([8] * 31), RATE) == Cap(AGENT_CODE, 1)


def test_a_new_agent_is_taken_to_go_on_as_begun():
    assert cap_of_agent(days_of([7]), RATE) == NO_CAP
    assert cap_of_agent(days_of([100]), RATE) == Cap(AGENT_CODE, 4)
    assert cap_of_agent(days_of([100, 100]), RATE) == Cap(AGENT_CODE, 4)
    assert cap_of_agent(days_of([100] * 31), RATE) == Cap(AGENT_CODE, 4)
    assert cap_of_agent(days_of([0] * 27 + [100]), RATE) == NO_CAP


@pytest.mark.parametrize(
    ("drawn", "is_stopped"),
    [
        ([100, 100], True),  # two this week
        ([92, 100], False),
        ([93, 100], True),
        ([70, 70, 70, 70], False),  # an empty budget has six tokens a month later
        ([88, 88, 88, 88], False),
        ([92, 92, 92, 92], False),
        ([91, 92, 92, 92, 92], True),  # four at once, then one each five days
    ],
)
def test_a_stop_is_for_two_in_a_week_or_an_empty_budget(drawn, is_stopped):
    assert cap_of_agent(days_of([0], drawn), RATE).is_stop == is_stopped


def test_days_too_old_to_count_are_forgotten():
    agent = days_of([1, 2, 3], [70, 99], day=100)

    assert agent.at(100) == agent == agent.at(99)
    assert agent.at(101) == days_of([0, 1, 2, 3], [99], day=101)
    assert agent.at(129).seen == (0,) * 29 + (1, 2)
    assert agent.at(131) == days_of([0] * 31, (), day=131)


# --- What a cap does to a draw --------------------------------------------------------

caps = st.one_of(
    st.just(CALLER_STOPPED), st.integers(1, 64).map(lambda k: Cap(AGENT_CODE, k))
)


@given(
    caps,
    st.binary(min_size=16, max_size=16),
    st.integers(0, 3_000_000),
    st.sampled_from([None, "line_excluded"]),
    st.sampled_from([0, RATE, 100_000]),
)
def test_a_cap_only_ever_lowers_a_chance(cap, tag, left, gate, rate):
    tokens = {"all": left, "a_in": left}
    free = Candidate(tag, "a_in", gate, rate)
    capped = Candidate(tag, "a_in", gate, rate, cap)
    without, _ = decide(free, POLICY, bytes(32), tokens)
    made, _ = decide(capped, POLICY, bytes(32), tokens)

    assert made.threshold == without.threshold >> cap.halvings
    assert made.value == without.value
    assert made.is_record == (made.value < made.threshold)
    assert made.is_record <= without.is_record
    # Gates first, then the budget, then the cap.
    is_capped = without.code is None and rate
    assert made.code == (cap.code if is_capped else without.code)
    assert (made.code == BUDGET_CODE) == (without.code == BUDGET_CODE)


def test_estimates_stay_unbiased_because_the_lowered_chance_is_written_down():
    """A busy agent's long calls are drawn less often, and count for more when drawn."""
    chance = CHANCE(7)
    errors = []
    for _ in range(300):
        sample, truth = [], 0.0
        for calls_a_day, seconds in ((60, 400.0), (4, 100.0)):
            days = AgentDays(0)
            for day in range(28):
                days = days.at(day)
                for _ in range(calls_a_day):
                    cap = cap_of_agent(days, RATE)
                    threshold = (FULL * RATE // 1_000_000) >> cap.halvings
                    is_record = chance.getrandbits(64) < threshold
                    days = days.and_call(is_record=is_record)
                    if threshold:  # a call without a chance is in no estimate
                        truth += seconds
                    if is_record:
                        sample.append(Observation(seconds, probability(threshold)))
        estimate = total(sample).value if sample else 0.0
        errors.append(estimate - truth)

    mean = sum(errors) / len(errors)
    spread = (sum((e - mean) ** 2 for e in errors) / len(errors)) ** 0.5
    assert abs(mean) < 3 * spread / len(errors) ** 0.5
    assert abs(mean) < 0.1 * truth
