"""How soon a fault shows, in simulated calls: the figures of docs/monitors.md.

Always: 20,000 good calls at 2 %, then the fault; A = 10^6 unless it says otherwise.
Every test prints what it measured (pytest -s).
"""

import numpy as np
import pytest

from sampling.binomial import RollingTable
from sampling.monitoring.engine import MULTIPLES, UPWARD, Detector
from sampling.monitoring.settled import FAILURE_RATE

RATE = 0.02
GOOD = 20_000
A = 1e6


def first_alarm(path, at=A):
    found = np.flatnonzero(path >= at)
    return int(found[0]) + 1 if len(found) else len(path)


def after_good_calls(random, groups, multiples=MULTIPLES, p=RATE):
    """A detector that has had nothing but honest calls."""
    detector = Detector(multiples)
    names = random.integers(0, groups, GOOD).astype(str)
    detector.run(names, random.random(GOOD) < p, np.full(GOOD, p))
    return detector


def alarms_after(runs, groups, rates, *, calls, multiples=MULTIPLES):
    """For each run: calls until the alarm, those of group 0 among them, the guilty."""
    rows = []
    for seed in range(runs):
        random = np.random.default_rng(seed)
        detector = after_good_calls(random, groups, multiples)
        group = random.integers(0, groups, calls)
        hits = random.random(calls) < np.asarray(rates)[group]
        names = group.astype(str)
        path = detector.run(names, hits, np.full(calls, RATE))
        when = first_alarm(path)
        early = after_good_calls(np.random.default_rng(seed), groups, multiples)
        early.run(names[:when], hits[:when], np.full(when, RATE))
        guilty = max(early.groups, key=early.of_group)
        rows.append((when, int((group[:when] == 0).sum()), int(guilty)))
    return np.array(rows)


def tell(what, when):
    median, late = np.median(when), np.percentile(when, 95)
    print(f"{what}: median {median:.0f}, p95 {late:.0f}")  # noqa: T201 - a figure
    return median, late


@pytest.mark.parametrize(
    ("alarm_at", "calls"), [(1e6, 5), (1e7, 5), (1e8, 6), (1e9, 6)]
)
def test_every_call_recorded_shows_after_five_or_six(alarm_at, calls):
    path = Detector(UPWARD).run(["all"] * 20, [True] * 20, np.full(20, RATE))

    assert first_alarm(path, alarm_at) == calls


def test_every_call_recorded_exceeds_the_breaker_table_at_the_eighth():
    assert RollingTable().add([True] * 20) == 8 - 1


@pytest.mark.parametrize("alarm_at", [1e6, 1e7, 1e8, 1e9])
def test_half_of_all_calls_recorded_shows_within_some_dozen_calls(alarm_at):
    when = []
    for seed in range(400):
        hits = np.random.default_rng(seed).random(200) < 1 / 2
        path = Detector(UPWARD).run(["all"] * 200, hits, np.full(200, RATE))
        when.append(first_alarm(path, alarm_at))

    median, late = tell(f"half recorded, A={alarm_at:g}", when)
    assert 12 <= median <= 18
    assert 21 <= late <= 30


def test_one_of_fifty_agents_always_recorded_is_found_after_five_own_calls():
    rates = [1.0] + [RATE] * 49

    when, own, guilty = alarms_after(60, 50, rates, calls=1_500).T

    median, _ = tell("one of 50 agents always recorded", when)
    assert median <= 300
    assert np.median(own) == 5
    assert set(guilty) == {0}


def test_one_of_fifty_agents_recorded_ten_times_as_often_is_found():
    when, own, _ = alarms_after(40, 50, [0.2] + [RATE] * 49, calls=8_000).T

    assert tell("one of 50 agents at ten times the rate", when)[0] <= 3_000
    assert np.median(own) <= 60


def test_an_agent_who_is_never_recorded_is_found_too():
    when, _, guilty = alarms_after(5, 50, [0.0] + [RATE] * 49, calls=60_000).T

    assert tell("one of 50 agents never recorded", when)[0] <= 40_000
    assert set(guilty) == {0}


def test_a_rate_that_rises_by_half_is_found_within_some_thousand_calls():
    when = alarms_after(80, 1, [0.03], calls=25_000, multiples=UPWARD).T[0]

    median, late = tell("2 % becomes 3 %", when)
    assert 2_300 <= median <= 3_900
    assert late <= 11_000


def test_only_calls_one_way_are_recorded():
    when = alarms_after(40, 2, [0.04, 0.0], calls=8_000).T[0]

    assert tell("inbound 4 %, outbound none", when)[0] <= 1_500


def test_only_the_longest_tenth_of_calls_is_recorded():
    when = alarms_after(40, 10, [0.2] + [0.0] * 9, calls=4_000).T[0]

    assert tell("only the longest tenth", when)[0] <= 600


def test_a_call_is_recorded_more_often_after_one_that_was():
    when = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        hits, groups, was = [], [], False
        for n, number in enumerate(random.random(GOOD + 15_000)):
            groups.append("after" if was else "other")
            was = bool(number < (0.2 if was and n >= GOOD else RATE))
            hits.append(was)
        detector = Detector()
        ps = np.full(len(hits), RATE)
        detector.run(groups[:GOOD], hits[:GOOD], ps[:GOOD])
        when.append(first_alarm(detector.run(groups[GOOD:], hits[GOOD:], ps[GOOD:])))

    assert tell("20 % after a recorded call", when)[0] <= 2_500


def test_half_of_one_agents_drawn_calls_lost_to_faults_is_found():
    """Among drawn calls; 1 % is lost to honest faults, the limit is 2 %."""
    when, own = [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        detector = Detector(UPWARD)
        ps = np.full(2_000, FAILURE_RATE)
        names = random.integers(0, 50, 2_000).astype(str)
        detector.run(names, random.random(2_000) < 0.01, ps)
        group = random.integers(0, 50, 4_000)
        hits = random.random(4_000) < np.where(group == 0, 0.5, 0.01)
        path = detector.run(group.astype(str), hits, np.full(4_000, FAILURE_RATE))
        when.append(first_alarm(path, 1e5))
        own.append((group[: when[-1]] == 0).sum())

    assert tell("half of one agent's drawn calls fail", when)[0] <= 700
    assert np.median(own) <= 14


@pytest.mark.parametrize("groups", [1, 50])
def test_a_million_honest_calls_trip_nothing(groups):
    """P(a false alarm within n calls) is n/A at most: here one in a hundred."""
    random = np.random.default_rng(2026)
    calls = 1_000_000
    multiples, null = (UPWARD, RATE) if groups == 1 else (MULTIPLES, 0.018)
    detector = Detector(multiples)
    names = random.integers(0, groups, calls).astype(str)

    path = detector.run(names, random.random(calls) < 0.018, np.full(calls, null))

    print(f"{groups} groups: largest R {path.max():.3g}")  # noqa: T201 - a figure
    assert path.max() < 1e8


@pytest.mark.parametrize("rate", [0.02, 0.05])
def test_a_million_honest_calls_never_exceed_the_breaker_table(rate):
    recorded = np.random.default_rng(5).random(1_000_000) < rate

    assert RollingTable().add(recorded) is None
