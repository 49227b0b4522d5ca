"""A doubt about who asks: for how long it stops a clock, and whose, and what it undoes.

GDPR Art. 12(6) and EDPB guidelines 01/2022; CSP R.1111-1 for the medical file.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from retention.rights.deadlines import Kind
from retention.rights.request import (
    LONGEST_SUSPENSION,
    Event,
    Identity,
    MoveError,
    Outcome,
    Standing,
    State,
    Told,
    move,
)

RECEIVED = datetime(2026, 3, 10, 14, 0, tzinfo=ZoneInfo("Europe/Paris"))
DAY = timedelta(days=1)
WHY = "two people wrote with one number"
NEW = Standing(Kind.ACCESS, RECEIVED)
KNOWN = replace(NEW, state=State.IDENTIFIED, identity=Identity.CODE)
BY_CODE = Told(identity=Identity.CODE)
GRANT = Told(outcome=Outcome.GRANTED, is_fulfilled=True)


def doubted():
    return move(NEW, Event.SUSPEND, RECEIVED + DAY, Told(WHY))


def refused(standing, event, told):
    with pytest.raises(MoveError) as refusal:
        move(standing, event, RECEIVED + DAY, told)
    return refusal.value


def test_a_doubt_about_somebody_identified_takes_that_back():
    asked = move(KNOWN, Event.SUSPEND, RECEIVED + DAY, Told(WHY))

    assert asked.identity is None
    assert refused(asked, Event.ANSWER, GRANT).field == "outcome"
    lifted = move(asked, Event.RESUME, RECEIVED + 2 * DAY)
    known = move(lifted, Event.IDENTIFY, RECEIVED + 2 * DAY, BY_CODE)
    assert (known.state, known.identity) == (State.IDENTIFIED, Identity.CODE)


def test_a_second_doubt_stops_the_clock_for_what_is_left_of_the_31_days():
    assert NEW.suspendable_days(RECEIVED) == LONGEST_SUSPENSION.days
    once = move(doubted(), Event.RESUME, RECEIVED + 11 * DAY + timedelta(hours=1))
    assert once.suspendable_days(RECEIVED + 12 * DAY) == 21  # 20 days and 23 hours
    over = move(doubted(), Event.RESUME, RECEIVED + 40 * DAY)
    again = move(over, Event.SUSPEND, RECEIVED + 41 * DAY, Told(WHY))

    assert again.suspendable_days(RECEIVED + 41 * DAY) == 0
    dates = {again.due_on(RECEIVED + gone * DAY) for gone in (41, 51, 61)}
    assert dates == {over.due_on(RECEIVED + 40 * DAY)}


def test_a_doubt_stops_no_clock_of_a_medical_file():
    file = Standing(Kind.MEDICAL_FILE, RECEIVED)
    asked = move(file, Event.SUSPEND, RECEIVED + DAY, Told(WHY))
    later = RECEIVED + 9 * DAY

    assert asked.suspendable_days(RECEIVED + DAY) == 0
    assert asked.due_on(later) == file.due_on(RECEIVED)
    assert asked.suspended_days(later) == 0
    assert asked.is_overdue(later)
    assert refused(asked, Event.IDENTIFY, BY_CODE).field == "doubt"


def test_the_date_that_holds_moves_while_the_clock_stands_still():
    assert doubted().due_on(RECEIVED + 6 * DAY) == KNOWN.due_on(RECEIVED) + 5 * DAY
    extended = replace(doubted(), extended_at=RECEIVED)
    dates = extended.deadlines(RECEIVED + 6 * DAY)
    assert extended.due_on(RECEIVED + 6 * DAY) == dates.extended_due
