"""A request's life: nothing granted before somebody is known, and an end is an end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from retention.rights.deadlines import Kind, months_after
from retention.rights.request import (
    ANSWERABLE,
    LONGEST_SUSPENSION,
    SOURCES,
    Event,
    Identity,
    MoveError,
    Outcome,
    Standing,
    State,
    Told,
    move,
)

PARIS = ZoneInfo("Europe/Paris")
RECEIVED = datetime(2026, 3, 10, 14, 0, tzinfo=PARIS)
DAY = timedelta(days=1)
WHY = "forty recordings, each with a third person's words"
KNOWN = Standing(Kind.ACCESS, RECEIVED, state=State.IDENTIFIED, identity=Identity.CODE)
GRANT = Told(outcome=Outcome.GRANTED, is_fulfilled=True)
FULL = Told(WHY, Identity.CODE, Outcome.REFUSED, is_fulfilled=True)

# event               from                                            to
ALLOWED = """
ask-identity          received identity-asked                         identity-asked
suspend               received identity-asked identified              identity-asked
identify              received identity-asked                         identified
identify              escalated                                       escalated
escalate              received identity-asked identified              escalated
controller-answered   escalated                                       received
extend                received                                        received
extend                identity-asked                                  identity-asked
extend                identified                                      identified
extend                escalated                                       escalated
answer                received identity-asked identified              answered
close                 answered                                        closed
"""
TABLE = {
    (Event(event), State(source)): State(target)
    for event, *sources, target in map(str.split, ALLOWED.strip().splitlines())
    for source in sources
}
# What each answer may come from, for people to compare with the law.
ANSWERS = {
    "granted": "identified",
    "partly": "identified",
    "nothing-held": "identified",
    "refused": "identified identity-asked received",
    "not-identified": "identity-asked",
    "withdrawn": "escalated identified identity-asked received",
}


def standing_in(state):
    known = state is State.IDENTIFIED
    return Standing(
        Kind.ACCESS,
        RECEIVED,
        state=state,
        identity=Identity.CODE if known else None,
    )


@pytest.mark.parametrize(("event", "state"), list(product(Event, State)), ids=str)
def test_a_move_leads_where_the_table_says_and_every_other_is_refused(event, state):
    if (event, state) in TABLE:
        moved = move(standing_in(state), event, RECEIVED + DAY, FULL)
        assert moved.state is TABLE[event, state]
    else:
        with pytest.raises(MoveError) as refusal:
            move(standing_in(state), event, RECEIVED + DAY, FULL)
        assert refusal.value.field
        assert refusal.value.fix


@pytest.mark.parametrize(("outcome", "states"), ANSWERS.items())
def test_each_answer_is_given_in_its_own_states(outcome, states):
    assert sorted(ANSWERABLE[Outcome(outcome)]) == sorted(states.split())


def test_every_event_has_its_states():
    assert set(SOURCES) == set(Event)
    assert set(ANSWERABLE) == set(Outcome)


def refused(standing, event, told=FULL, at=RECEIVED + DAY):
    with pytest.raises(MoveError) as refusal:
        move(standing, event, at, told)
    return refusal.value


@pytest.mark.parametrize("outcome", ["granted", "partly"])
def test_nothing_is_answered_as_done_that_is_not_done(outcome):
    told = Told(WHY, outcome=Outcome(outcome))

    assert "not done" in refused(KNOWN, Event.ANSWER, told).detail


@pytest.mark.parametrize("outcome", ["partly", "refused"])
def test_who_does_not_get_what_they_asked_for_is_told_why(outcome):
    told = Told("  ", outcome=Outcome(outcome), is_fulfilled=True)

    assert refused(KNOWN, Event.ANSWER, told).field == "grounds"


def test_an_answer_says_how_it_answers():
    assert refused(KNOWN, Event.ANSWER, Told()).field == "outcome"


def test_it_is_said_how_it_was_proved_who_asks():
    asked = standing_in(State.IDENTITY_ASKED)

    assert refused(asked, Event.IDENTIFY, Told()).field == "identity"


def test_who_asks_is_proved_once():
    away = replace(KNOWN, state=State.ESCALATED)

    assert "already" in refused(away, Event.IDENTIFY).detail


def test_a_practice_that_answers_says_what_is_to_be_done():
    away = replace(KNOWN, state=State.ESCALATED)

    assert refused(away, Event.CONTROLLER_ANSWERED, Told()).field == "instruction"
    back = move(away, Event.CONTROLLER_ANSWERED, RECEIVED + DAY, Told(WHY))
    assert back.state is State.IDENTIFIED


def test_who_asks_may_be_proved_while_the_practice_has_it():
    away = standing_in(State.ESCALATED)
    known = move(away, Event.IDENTIFY, RECEIVED + DAY, FULL)
    back = move(known, Event.CONTROLLER_ANSWERED, RECEIVED + DAY, Told(WHY))

    assert (back.state, back.identity) == (State.IDENTIFIED, Identity.CODE)


# --- The extension ------------------------------------------------------------


@given(st.timedeltas(timedelta(0), timedelta(days=200)))
def test_an_extension_is_told_within_the_first_month_or_never(gone):
    now = RECEIVED + gone
    if now.date() <= months_after(RECEIVED.date(), 1):
        assert move(KNOWN, Event.EXTEND, now, Told(WHY)).extended_at == now
    else:
        assert "2026-04-10" in refused(KNOWN, Event.EXTEND, Told(WHY), now).detail


def test_the_last_day_of_the_first_month_ends_at_midnight_of_the_place():
    late = datetime(2026, 4, 10, 21, 59, tzinfo=UTC)  # 23:59 in Paris

    assert move(KNOWN, Event.EXTEND, late, Told(WHY)).extended_at == late
    refused(KNOWN, Event.EXTEND, Told(WHY), late + timedelta(minutes=1))


def test_an_extension_has_a_reason_and_is_given_once():
    extended = move(KNOWN, Event.EXTEND, RECEIVED + DAY, Told(WHY))

    assert refused(KNOWN, Event.EXTEND, Told()).field == "reason"
    assert "once" in refused(extended, Event.EXTEND).detail


def test_a_medical_file_is_never_extended():
    file = replace(KNOWN, kind=Kind.MEDICAL_FILE)

    assert refused(file, Event.EXTEND).field == "kind"


def test_an_extension_moves_the_date_that_holds():
    extended = move(KNOWN, Event.EXTEND, RECEIVED + DAY, Told(WHY))
    in_may = RECEIVED + timedelta(days=60)

    assert KNOWN.is_overdue(in_may)
    assert not extended.is_overdue(in_may)
    assert extended.days_left(in_may) == 32


# --- The medical file ---------------------------------------------------------


@given(st.timedeltas(timedelta(0), timedelta(days=4)))
def test_no_medical_file_is_granted_within_48_hours(gone):
    file = replace(KNOWN, kind=Kind.MEDICAL_FILE)
    now = (RECEIVED.astimezone(UTC) + gone).astimezone(PARIS)
    if gone < timedelta(hours=48):
        assert "48 hours" in refused(file, Event.ANSWER, GRANT, now).detail
    else:
        assert move(file, Event.ANSWER, now, GRANT).outcome is Outcome.GRANTED


def test_to_be_told_no_takes_no_48_hours():
    file = replace(KNOWN, kind=Kind.MEDICAL_FILE)
    told = Told(outcome=Outcome.NOTHING_HELD)

    assert move(file, Event.ANSWER, RECEIVED + DAY, told).answered_at


# --- Doubt, and the clock that stands still -----------------------------------


def doubted(at=RECEIVED + DAY):
    return move(standing_in(State.RECEIVED), Event.SUSPEND, at, Told(WHY))


def test_a_document_is_asked_for_on_recorded_doubt_only():
    assert refused(standing_in(State.RECEIVED), Event.SUSPEND, Told()).field == "reason"
    assert "recorded already" in refused(doubted(), Event.SUSPEND).detail


def test_a_doubt_is_not_passed_over_by_another_proof():
    assert refused(doubted(), Event.IDENTIFY).field == "doubt"


def test_a_doubt_is_lifted_only_where_there_is_one():
    assert "no doubt" in refused(KNOWN, Event.RESUME).detail


@given(st.timedeltas(timedelta(0), timedelta(days=31)))
def test_only_whole_days_of_doubt_move_the_date(gone):
    resumed = move(doubted(), Event.RESUME, RECEIVED + DAY + gone)

    assert resumed.suspended_since is None
    assert resumed.suspended_days(RECEIVED + timedelta(days=90)) == gone.days
    plain = standing_in(State.RECEIVED).deadlines(RECEIVED)
    assert resumed.deadlines(RECEIVED).due == plain.due + timedelta(days=gone.days)


def test_no_request_is_parked_behind_a_doubt_for_good():
    forever = RECEIVED + timedelta(days=365)

    assert doubted().suspended(forever) == LONGEST_SUSPENSION
    assert doubted().is_overdue(forever)


def test_a_doubt_that_was_there_twice_counts_both_times():
    once = move(doubted(), Event.RESUME, RECEIVED + 3 * DAY)
    twice = move(once, Event.SUSPEND, RECEIVED + 5 * DAY, Told(WHY))
    lifted = move(twice, Event.RESUME, RECEIVED + 8 * DAY)

    assert lifted.suspended_days(RECEIVED + 9 * DAY) == 5


def test_a_clock_set_back_gives_no_days():
    assert doubted().suspended_days(RECEIVED - DAY) == 0


def test_an_answer_ends_the_doubt_with_it():
    told = Told(WHY, outcome=Outcome.NOT_IDENTIFIED)
    answered = move(doubted(), Event.ANSWER, RECEIVED + 4 * DAY, told)

    assert answered.suspended_since is None
    assert answered.suspended_days(RECEIVED + timedelta(days=300)) == 3


# --- What is late -------------------------------------------------------------


def test_what_was_answered_in_time_does_not_become_late():
    answered = move(KNOWN, Event.ANSWER, RECEIVED + DAY, GRANT)

    assert answered.days_left(RECEIVED + timedelta(days=500)) == 30
    assert not answered.is_overdue(RECEIVED + timedelta(days=500))


def test_what_is_late_can_still_be_answered_and_stays_late():
    late = RECEIVED + timedelta(days=40)
    answered = move(KNOWN, Event.ANSWER, late, GRANT)

    assert answered.is_overdue(late)


def test_what_is_answered_or_closed_is_no_longer_open():
    assert [state for state in State if not standing_in(state).is_open] == [
        State.ANSWERED,
        State.CLOSED,
    ]


# --- Whatever is tried --------------------------------------------------------


class Desk(RuleBasedStateMachine):
    """Anybody tries anything in any order, at any time that comes."""

    @initialize(kind=st.sampled_from(Kind), is_old=st.booleans())
    def receive(self, kind, is_old):
        self.now = RECEIVED
        self.standing = Standing(kind, RECEIVED, is_older_than_five_years=is_old)
        self.events = []

    @rule(gone=st.timedeltas(timedelta(0), timedelta(days=20)))
    def wait(self, gone):
        self.now += gone

    @rule(
        event=st.sampled_from(Event),
        told=st.builds(
            Told,
            st.sampled_from(["", " ", WHY, WHY]),
            st.none() | st.sampled_from(Identity),
            st.none() | st.sampled_from(Outcome),
            st.booleans(),
        ),
    )
    def attempt(self, event, told):
        before = self.standing
        try:
            after = move(before, event, self.now, told)
        except MoveError:
            return
        self.hold_the_law(before, event, told, after)
        self.events.append(event)
        self.standing = after

    def hold_the_law(self, before, event, told, after):
        assert before.state is not State.CLOSED
        if before.state is State.ANSWERED:
            assert event is Event.CLOSE
        if event is Event.EXTEND:
            month = before.deadlines(self.now).extendable_until
            assert before.kind is not Kind.MEDICAL_FILE
            assert before.extended_at is None
            assert self.now.date() <= month
            assert told.reason.strip()
        if after.outcome in {Outcome.GRANTED, Outcome.PARTLY} and not before.outcome:
            assert told.is_fulfilled
            earliest = before.deadlines(self.now).earliest
            assert earliest is None or self.now >= earliest

    @invariant()
    def nobody_unknown_is_told_what_is_held(self):
        telling = {Outcome.GRANTED, Outcome.PARTLY, Outcome.NOTHING_HELD}
        if self.standing.outcome in telling:
            assert Event.IDENTIFY in self.events
            assert self.standing.identity is not None

    @invariant()
    def nobody_is_turned_away_for_a_proof_they_were_not_asked_for(self):
        if self.standing.outcome is Outcome.NOT_IDENTIFIED:
            assert {Event.ASK_IDENTITY, Event.SUSPEND} & set(self.events)
            assert self.standing.identity is None

    @invariant()
    def an_answer_and_only_an_answer_ends_the_clock(self):
        assert (self.standing.outcome is None) == self.standing.is_open
        assert (self.standing.answered_at is None) == self.standing.is_open

    @invariant()
    def closed_is_final(self):
        if self.standing.state is State.CLOSED:
            for event in Event:
                refused(self.standing, event, at=self.now)

    @invariant()
    def a_date_is_put_off_only_by_doubt_or_by_an_extension(self):
        shift = self.standing.suspended_days(self.now)
        assert 0 <= shift <= LONGEST_SUSPENSION.days
        is_file = self.standing.kind is Kind.MEDICAL_FILE
        if is_file or Event.SUSPEND not in self.events:
            assert shift == 0

    @invariant()
    def whose_identity_is_doubted_is_not_identified(self):
        if self.standing.suspended_since is not None and self.standing.is_open:
            assert self.standing.identity is None


Desk.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None
)
TestWhateverIsTried = Desk.TestCase
