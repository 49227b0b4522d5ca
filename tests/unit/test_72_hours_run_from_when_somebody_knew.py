"""The clock of GDPR Art. 33(1): when it begins, reminds, stops and runs out."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.incidents.cases import About, Case, Decision, Description, about
from proxy.incidents.deadline import alerts_due, hours_left

KNOWN = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
CASE = Case(
    incident_id=UUID(int=1),
    kind="by-hand",
    reference="1",
    opened_at=KNOWN + timedelta(hours=5),
    opened_by="op1",
    aware_at=KNOWN,
    description=Description(),
    decision=None,
    decision_reason="",
    decided_at=None,
    notified_at=None,
    closed_at=None,
    closed_by=None,
    outcome="",
)
moments = st.timedeltas(timedelta(0), timedelta(days=9)).map(lambda gone: KNOWN + gone)


@given(moments)
def test_the_hours_gone_and_the_hours_left_are_always_72(now):
    gone = (now - KNOWN) / timedelta(hours=1)

    assert hours_left(KNOWN, now) == pytest.approx(72 - gone)
    assert CASE.hours_left(now) == hours_left(CASE.aware_at, now)
    assert CASE.is_late(now) == (gone > 72)


@given(moments, moments)
def test_no_reminder_is_taken_back_and_each_comes_at_its_hour(earlier, later):
    earlier, later = sorted((earlier, later))

    assert set(alerts_due(KNOWN, earlier)) <= set(alerts_due(KNOWN, later))
    for hours in (24, 48, 66):
        is_due = later >= KNOWN + timedelta(hours=hours)
        assert (hours in alerts_due(KNOWN, later)) == is_due


@given(moments)
def test_the_clock_stops_once_notified_decided_against_or_closed(now):
    for stopped in (
        replace(CASE, decision=Decision.NOTIFY, notified_at=KNOWN),
        replace(CASE, decision=Decision.NOT_NOTIFY),
        replace(CASE, closed_at=KNOWN),
    ):
        assert stopped.hours_left(now) == math.inf
        assert stopped.alerts_due(now) == ()


@given(moments)
def test_a_mere_decision_to_notify_does_not_stop_it(now):
    decided = replace(CASE, decision=Decision.NOTIFY)

    assert decided.hours_left(now) == CASE.hours_left(now)
    assert decided.alerts_due(now) == CASE.alerts_due(now)


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_number_becomes_one_of_five_sizes_and_more_never_less(one, other):
    sizes = [About.NONE, About.BELOW_10, About.BELOW_100, About.BELOW_1000, About.MORE]
    one, other = sorted((one, other))

    assert sizes.index(about(one)) <= sizes.index(about(other))


@pytest.mark.parametrize(
    ("number", "size"),
    [
        (0, "none"),
        (1, "1-9"),
        (9, "1-9"),
        (10, "10-99"),
        (100, "100-999"),
        (999, "100-999"),
        (1000, "1000-or-more"),
    ],
)
def test_sizes_begin_where_their_names_say(number, size):
    assert about(number) == size
