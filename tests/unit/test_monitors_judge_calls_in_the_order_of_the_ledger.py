"""A site's monitors as plain data: what they count, and what makes them begin anew."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.monitoring.engine import log10_shown
from sampling.monitoring.lengths import CALLS_BETWEEN_EDGES, CLASSES, Lengths
from sampling.monitoring.live import BINOMIAL, SR, Live
from sampling.monitoring.monitors import Monitors
from sampling.monitoring.observations import BreakerClosed, Decided, End, Monitor
from sampling.monitoring.threshold import LEAST_ALARM, Traffic
from tests.unit.watched_calls import START, call, honest_calls, policy, recorded

MONITORS = {monitor.value for monitor in Monitor}


def fed(*items):
    live = Live()
    live.feed([policy(), *items])
    return live


def test_a_recorder_that_records_everything_trips_both_checks():
    live = fed(*[recorded(seq) for seq in range(1, 9)])

    assert live.tripped == {SR: 5, BINOMIAL: 8}


def test_a_call_taken_in_too_early_makes_a_statistic_too_low_never_too_high():
    later = [call(seq, is_seen=seq % 2 == 0) for seq in range(1, 30)]
    early = [replace(each, is_seen=each.is_seen and each.seq < 9) for each in later]

    known, guessed = fed(*later), fed(*early)

    assert guessed.statistic < known.statistic
    assert known.tripped
    assert not guessed.tripped


def test_a_call_that_could_not_be_drawn_counts_only_if_it_was_recorded():
    live = fed(recorded(1), recorded(2))
    before = live.statistic

    live.feed([call(seq, probability=0.0) for seq in range(3, 50)])

    assert live.statistic == before
    assert live.calls == 49
    assert live.impossible is None


def test_a_recording_whose_probability_was_nought_is_an_alarm_at_once():
    live = fed(call(1), call(2, probability=0.0, is_seen=True))
    monitors = Monitors()

    assert live.impossible == 2
    assert monitors.alarms(live) == {Monitor.DIRECTION: 2}
    shown = monitors.figures(live)
    assert shown["sr_log10", "direction"] >= shown[("sr_alarm_log10",)]


def test_a_recording_of_a_call_nobody_bound_counts_for_the_ceiling_alone():
    stray = recorded(1, stratum="", probability=0.0, is_drawn=False, is_bound=False)

    live = fed(*[replace(stray, seq=seq) for seq in range(1, 9)])

    assert live.impossible is None
    assert live.tripped == {SR: 5, BINOMIAL: 8}


def test_without_a_policy_the_breaker_table_still_holds():
    live = Live()

    live.feed([recorded(seq, probability=0.0) for seq in range(1, 9)])

    assert live.tripped == {BINOMIAL: 8}
    assert live.statistic == 0.0


def test_the_breaker_that_people_closed_begins_with_no_evidence():
    live = fed(*[recorded(seq) for seq in range(1, 9)])

    live.feed([BreakerClosed(9), recorded(10), recorded(11)])

    assert not live.tripped
    assert max(live.table.excess().values()) < 0
    assert live.statistic == fed(recorded(1), recorded(2)).statistic


def test_each_stratum_is_held_to_its_own_ceiling():
    strict = policy(strata={"cardio_in": 1_000})

    calls = [call(seq, probability=5e-4, is_seen=seq % 40 == 0) for seq in range(1, 90)]

    lenient, held = Live(), Live()
    lenient.feed([policy(), *calls])
    held.feed([strict, *calls])

    assert held.strata.statistic > lenient.strata.statistic
    assert held.site.statistic == lenient.site.statistic


def test_a_call_that_was_allowed_more_than_the_ceiling_is_judged_by_that():
    usual = fed(*[recorded(seq) for seq in range(1, 4)])
    covered = fed(*[recorded(seq, probability=0.05) for seq in range(1, 4)])

    assert covered.statistic < usual.statistic


def test_shares_and_rate_begin_anew_with_the_policy_and_the_campaign():
    live = fed(*[recorded(seq) for seq in range(1, 4)])
    renewed = policy(4, version=2, from_epoch=7)

    live.feed([renewed, call(5)])
    assert (live.calls, live.recorded) == (4, 3)
    assert live.shares.most()[100] == 0.03  # version 2 holds from epoch 7 only

    live.feed([call(6, epoch=7)])
    assert live.shares.most()[100] == 0.0
    assert live.calls == 5

    other = policy(7, version=3, from_epoch=8, campaign="quality")
    live.feed([other, call(8, epoch=8)])
    assert (live.calls, live.recorded) == (1, 0)


def test_missing_calls_count_as_skipped_so_a_first_recording_is_no_full_share():
    assert fed(recorded(1)).shares.now() == {100: 0.01, 1_000: 0.001, 10_000: 0.0001}


def judged(*items, **state):
    monitors = Monitors(**state)
    monitors.feed([policy(), *items])
    return monitors


@pytest.mark.parametrize(
    ("drawn", "seen", "end", "is_hit"),
    [
        (True, True, End.RECORDED, True),
        (True, False, End.EXCUSED, True),  # the caller refused: chance did its part
        (True, False, End.FAILED, False),
        (True, False, End.OPEN, False),
        (False, True, End.OPEN, True),
        (False, False, End.OPEN, False),
    ],
)
def test_what_counts_as_recorded_is_what_the_platform_did(drawn, seen, end, is_hit):
    one = judged(call(1, is_drawn=drawn, is_seen=seen, end=end, agent="blue"))
    other = judged(call(1, is_seen=is_hit, agent="blue"))

    agents = [m.settled.detectors[Monitor.AGENT].statistic for m in (one, other)]
    assert agents[0] == agents[1]


@pytest.mark.parametrize(
    ("end", "counts"),
    [
        (End.RECORDED, False),
        (End.FAILED, True),
        (End.OPEN, True),
        (End.EXCUSED, None),
    ],
)
def test_a_drawn_call_fails_unless_it_was_recorded_or_the_people_ended_it(end, counts):
    detector = judged(recorded(1, end=end)).settled.detectors[Monitor.FAILURE]

    if counts is None:
        assert detector.groups == []
    else:
        assert (detector.statistic > 1) == counts


def test_a_call_that_could_not_be_waited_for_is_judged_by_the_ceiling_alone():
    monitors = judged(recorded(1, is_judged=False))

    assert monitors.live.recorded == 1
    assert all(not each.groups for each in monitors.settled.detectors.values())


def test_what_a_monitor_is_not_told_it_does_not_judge():
    detectors = judged(call(1)).settled.detectors

    unseen = {monitor for monitor, each in detectors.items() if not each.groups}
    assert unseen == {Monitor.AGENT, Monitor.DURATION, Monitor.FAILURE}


def test_an_agent_who_is_always_recorded_alarms_and_the_decision_begins_anew():
    calls = [recorded(seq, agent="blue") for seq in range(1, 9)]
    monitors = judged(*calls)
    assert monitors.settled.alarms[Monitor.AGENT] == 5

    monitors.feed([Decided(9, Monitor.AGENT)])

    assert Monitor.AGENT not in monitors.settled.alarms
    assert monitors.settled.detectors[Monitor.AGENT].statistic == 0.0
    assert Monitor.HOUR in monitors.settled.alarms  # nobody decided about that one


def test_an_alarm_shows_until_it_is_decided_even_if_the_drift_has_ended():
    monitors = judged(*[recorded(seq, agent="blue") for seq in range(1, 8)])
    monitors.feed([call(seq, agent="blue") for seq in range(8, 160)])

    figures = monitors.figures(monitors.ahead())

    own = monitors.settled.detectors[Monitor.AGENT].statistic
    assert log10_shown(own) < figures[("sr_alarm_log10",)]
    assert figures["sr_log10", "agent"] >= figures[("sr_alarm_log10",)]


def test_a_decision_about_direction_also_answers_for_impossible_recordings():
    live = fed(call(1, probability=0.0, is_seen=True))

    live.feed([Decided(5, Monitor.DIRECTION), call(4, probability=0.0, is_seen=True)])
    assert live.impossible is None

    live.feed([call(6, probability=0.0, is_seen=True)])
    assert live.impossible == 6


def test_every_figure_of_the_contract_is_there_from_the_start():
    figures = Monitors().figures(Live())

    assert {key[1] for key in figures if key[0] == "sr_log10"} == MONITORS
    evidence = {key[1:] for key in figures if key[0] == "eprocess_log10"}
    assert evidence == {(m, p) for m in MONITORS for p in ("current", "previous")}
    assert {key[1] for key in figures if key[0] == "window_max_ratio"} == {
        "100",
        "1000",
        "10000",
    }
    assert len([key for key in figures if key[0] == "binomial_excess"]) == 9
    assert figures[("rate_lower",)] == 0.0
    assert figures[("rate_upper",)] == 1.0


def test_a_months_evidence_is_shown_as_the_previous_one_in_the_next():
    monitors = judged(*[recorded(seq) for seq in range(1, 5)])
    before = monitors.figures(monitors.ahead())

    monitors.feed([call(5, at=START + timedelta(days=40))])

    after = monitors.figures(monitors.ahead())
    for monitor in ("ceiling", "hour", "serial", "failure"):
        ended = before["eprocess_log10", monitor, "current"]
        assert after["eprocess_log10", monitor, "previous"] == pytest.approx(ended)
        assert abs(after["eprocess_log10", monitor, "current"]) < 0.5


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 400), st.integers(0, 400))
def test_put_away_at_any_two_calls_nothing_changes(first, second):
    items = [policy(), *honest_calls(400, seed=3)]
    whole, pieces = Monitors(), Monitors()
    whole.feed(items)

    edges = [0, *sorted((first, second)), len(items)]
    for begin, end in pairwise(edges):
        pieces.feed(items[begin:end])
        pieces = Monitors.from_dict(json.loads(json.dumps(pieces.to_dict())))

    assert pieces.settled.alarms == whole.settled.alarms
    ours, theirs = (m.figures(m.ahead()) for m in (pieces, whole))
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def test_going_ahead_leaves_what_is_settled_alone():
    monitors = judged(*honest_calls(300, seed=4))
    before = json.dumps(monitors.to_dict())

    monitors.ahead().feed([recorded(seq) for seq in range(400, 420)])

    assert json.dumps(monitors.to_dict()) == before


def test_twenty_thousand_honest_calls_alarm_nobody():
    monitors = judged()
    calls = honest_calls(20_000, seed=5)
    for begin in range(0, len(calls), 500):
        monitors.feed(calls[begin : begin + 500])

    assert not monitors.live.tripped
    assert not monitors.alarms(monitors.live)


# --- The threshold and the lengths ----------------------------------------------------


def test_the_threshold_is_two_years_calls_for_each_monitor_and_never_below_a_million():
    traffic = Traffic()
    assert traffic.alarm_at == LEAST_ALARM

    for days in range(60):
        traffic.add(START.date() + timedelta(days=days), 5_000)

    month = 30 * 5_000
    assert 1 <= traffic.alarm_at / (2 * 7 * 12.2 * month) < 1.26
    assert traffic.alarm_at >= 2 * 7 * 12 * month  # what the alert rule asks for


def test_the_threshold_does_not_move_with_a_single_call():
    traffic = Traffic()
    shown = set()
    for _ in range(2_000):
        traffic.add(START.date(), 10)
        shown.add(traffic.alarm_at)

    assert len(shown) < 8


def test_lengths_are_sorted_into_tenths_by_earlier_calls_only():
    lengths = Lengths()
    early = {lengths.class_of(1_000.0) for _ in range(CALLS_BETWEEN_EDGES)}
    assert early == {str(CLASSES - 1)}  # by the first edges

    for n in range(CALLS_BETWEEN_EDGES * 20):
        lengths.class_of(2.0 ** (n % 40 / 4))

    seen = [int(lengths.class_of(2.0 ** (n / 4))) for n in range(40)]
    assert seen == sorted(seen)
    assert len(set(seen)) >= CLASSES - 2
