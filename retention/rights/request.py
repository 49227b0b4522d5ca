"""A request by which somebody exercises a right: its states, and the moves it may make.

One table for the moves; what is not in it is refused. Three rules go through all of it:

- Nothing is granted, nor is anybody told that nothing is held, before it is proved who
  asks: otherwise a stranger learns from the answer whether a number has ever called.
- Nothing is answered as done before whoever does it says that it is done.
- What is closed stays closed; whoever asks again makes a new request.

GDPR Art. 11, 12, 15 to 18 and 21; Art. 28(3)(e) for the controller's part.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from retention.rights.deadlines import Deadlines, Kind, deadlines

LONGEST_REASON = 2000
# Then the clock runs again by itself: with a doubt no request is parked for good.
LONGEST_SUSPENSION = timedelta(days=31)


class State(StrEnum):
    """How far a request has come."""

    RECEIVED = "received"
    IDENTITY_ASKED = "identity-asked"
    IDENTIFIED = "identified"
    ESCALATED = "escalated"  # with the practice that is controller; its word is awaited
    ANSWERED = "answered"  # the clock has stopped; what was granted is being delivered
    CLOSED = "closed"


class Event(StrEnum):
    """What can happen to a request."""

    ASK_IDENTITY = "ask-identity"
    IDENTIFY = "identify"
    ESCALATE = "escalate"
    CONTROLLER_ANSWERED = "controller-answered"
    EXTEND = "extend"
    SUSPEND = "suspend"  # doubt is recorded and a document asked for: the clock stops
    RESUME = "resume"
    ANSWER = "answer"
    CLOSE = "close"


class Outcome(StrEnum):
    """How a request is answered."""

    GRANTED = "granted"
    PARTLY = "partly"
    REFUSED = "refused"
    NOTHING_HELD = "nothing-held"
    NOT_IDENTIFIED = "not-identified"
    WITHDRAWN = "withdrawn"


class Identity(StrEnum):
    """How it was proved who asks (GDPR Art. 12(6))."""

    CODE = "code"  # a one-time code sent to the number that called
    DOCUMENT = "document"  # looked at on recorded doubt, and not kept
    ACCOUNT = "account"  # signed in, as an agent is
    PRACTICE = "practice"  # the practice that knows them said so


class MoveError(Exception):
    """This move is not allowed now; says why, which field is at fault, and the fix."""

    def __init__(self, detail: str, *, field: str, fix: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a request stands. `received_at` is aware and in the site's own time zone.

    `suspended_for` is what is over of the time in which its clock stood still;
    `suspended_since` is set while a doubt is recorded, whether it stands still or not.
    """

    kind: Kind
    received_at: datetime
    is_older_than_five_years: bool = False
    state: State = State.RECEIVED
    identity: Identity | None = None
    extended_at: datetime | None = None
    suspended_for: timedelta = timedelta(0)
    suspended_since: datetime | None = None
    outcome: Outcome | None = None
    answered_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still waits for an answer."""
        return self.state not in {State.ANSWERED, State.CLOSED}

    def suspended_days(self, now: datetime) -> int:
        """Whole days of 24 hours its clock has stood still; a part of one is not."""
        return self.suspended(now) // timedelta(days=1)

    def deadlines(self, now: datetime) -> Deadlines:
        """Its legal dates, as far as they are known now."""
        return deadlines(
            self.kind,
            self.received_at,
            is_older_than_five_years=self.is_older_than_five_years,
            suspended_days=self.suspended_days(now),
        )

    def due_on(self, now: datetime) -> date:
        """The legal date that holds, extended or not; of one answered: that held then.

        It moves while the clock stands still.
        """
        dates = self.deadlines(self.answered_at or now)
        extended = dates.extended_due if self.extended_at else None
        return extended or dates.due

    def days_left(self, now: datetime) -> int:
        """Until the legal date that holds; negative once it is over.

        Of one that was answered: how many were left then.
        """
        at = self.answered_at or now
        today = at.astimezone(self.received_at.tzinfo).date()
        return (self.due_on(at) - today).days

    def is_overdue(self, now: datetime) -> bool:
        return self.days_left(now) < 0

    def suspended(self, now: datetime) -> timedelta:
        """For how long its clock has stood still, at most LONGEST_SUSPENSION.

        That of a medical file never does (CSP R.1111-1).
        """
        if self.kind is Kind.MEDICAL_FILE:
            return timedelta(0)
        gone = self.suspended_for
        if self.suspended_since is not None:
            gone += max(now - self.suspended_since, timedelta(0))
        return min(gone, LONGEST_SUSPENSION)

    def suspendable_days(self, now: datetime) -> int:
        """For how many days at most its clock may stand still yet; a part is one."""
        if self.kind is Kind.MEDICAL_FILE:
            return 0
        left = LONGEST_SUSPENSION - self.suspended(now)
        return -(-left // timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Told:
    """What comes with an event. Which of it is needed, the event says."""

    reason: str = ""
    identity: Identity | None = None
    outcome: Outcome | None = None
    is_fulfilled: bool = False  # by whoever destroys, restricts or packs: it is done


NOTHING_TOLD = Told()

_ASKING = frozenset({State.RECEIVED, State.IDENTITY_ASKED})
_OPEN = _ASKING | {State.IDENTIFIED, State.ESCALATED}

SOURCES: Mapping[Event, frozenset[State]] = {
    Event.ASK_IDENTITY: _ASKING,
    # What is learnt later may make it doubtful who was identified: then nobody is.
    Event.SUSPEND: _ASKING | {State.IDENTIFIED},
    Event.RESUME: _OPEN,
    # The practice may be asked before or after it is proved who asks.
    Event.IDENTIFY: _ASKING | {State.ESCALATED},
    Event.ESCALATE: _ASKING | {State.IDENTIFIED},
    Event.CONTROLLER_ANSWERED: frozenset({State.ESCALATED}),
    Event.EXTEND: _OPEN,
    Event.ANSWER: _OPEN,
    Event.CLOSE: frozenset({State.ANSWERED}),
}

ANSWERABLE: Mapping[Outcome, frozenset[State]] = {
    Outcome.GRANTED: frozenset({State.IDENTIFIED}),
    Outcome.PARTLY: frozenset({State.IDENTIFIED}),
    Outcome.NOTHING_HELD: frozenset({State.IDENTIFIED}),
    # Manifestly unfounded or excessive (Art. 12(5)): that needs no proof of identity.
    Outcome.REFUSED: _ASKING | {State.IDENTIFIED},
    # Nobody is turned away for a proof they were never asked for (Art. 11(2), 12(2)).
    Outcome.NOT_IDENTIFIED: frozenset({State.IDENTITY_ASKED}),
    Outcome.WITHDRAWN: _OPEN,
}

_DONE_FIRST = frozenset({Outcome.GRANTED, Outcome.PARTLY})
# Art. 12(4): whoever does not get what they asked for is told why.
_WITH_REASONS = frozenset({Outcome.PARTLY, Outcome.REFUSED, Outcome.NOT_IDENTIFIED})


def move(
    standing: Standing, event: Event, now: datetime, told: Told = NOTHING_TOLD
) -> Standing:
    """Where an event leads. Raises MoveError, and then nothing has happened."""
    if standing.state not in SOURCES[event]:
        raise MoveError(
            f"it is {standing.state}",
            field="state",
            fix=f"{event} is possible while it is {_either(SOURCES[event])}",
        )
    return _MOVES[event](standing, now, told)


def _ask_identity(standing: Standing, _now: datetime, _told: Told) -> Standing:
    return replace(standing, state=State.IDENTITY_ASKED)


def _identify(standing: Standing, _now: datetime, told: Told) -> Standing:
    if standing.suspended_since is not None:
        raise MoveError(
            "a doubt about who asks is recorded and not yet lifted",
            field="doubt",
            fix="look at the document, and say so first",
        )
    if standing.identity is not None:
        raise MoveError(
            "it is already proved who asks", field="identity", fix="go on to the answer"
        )
    if told.identity is None:
        raise MoveError(
            "how was it proved?", field="identity", fix=f"say {_either(Identity)}"
        )
    is_away = standing.state is State.ESCALATED
    state = State.ESCALATED if is_away else State.IDENTIFIED
    return replace(standing, state=state, identity=told.identity)


def _escalate(standing: Standing, _now: datetime, _told: Told) -> Standing:
    return replace(standing, state=State.ESCALATED)


def _controller_answered(standing: Standing, _now: datetime, told: Told) -> Standing:
    _check_reason(told.reason, "instruction")
    proved = standing.identity is not None
    return replace(standing, state=State.IDENTIFIED if proved else State.RECEIVED)


def _extend(standing: Standing, now: datetime, told: Told) -> Standing:
    _check_reason(told.reason, "reason")
    if standing.extended_at is not None:
        raise MoveError(
            "it was extended once", field="state", fix="answer it by its date"
        )
    last = standing.deadlines(now).extendable_until
    if last is None:
        raise MoveError(
            f"the law extends no {standing.kind} request",
            field="kind",
            fix="answer it by its date",
        )
    if now.astimezone(standing.received_at.tzinfo).date() > last:
        raise MoveError(
            f"it could be extended until {last}", field="state", fix="answer it now"
        )
    return replace(standing, extended_at=now)


def _suspend(standing: Standing, now: datetime, told: Told) -> Standing:
    _check_reason(told.reason, "reason")
    if standing.suspended_since is not None:
        raise MoveError(
            "a doubt is recorded already", field="state", fix="wait for the document"
        )
    return replace(
        standing, state=State.IDENTITY_ASKED, identity=None, suspended_since=now
    )


def _resume(standing: Standing, now: datetime, _told: Told) -> Standing:
    if standing.suspended_since is None:
        raise MoveError(
            "no doubt is recorded", field="state", fix="record one first, with why"
        )
    return _running(standing, now)


def _answer(standing: Standing, now: datetime, told: Told) -> Standing:
    outcome = told.outcome
    if outcome is None:
        raise MoveError(
            "how is it answered?", field="outcome", fix=f"say {_either(Outcome)}"
        )
    if standing.state not in ANSWERABLE[outcome]:
        raise MoveError(
            f"it is {standing.state}",
            field="outcome",
            fix=f"{outcome} is possible while it is {_either(ANSWERABLE[outcome])}",
        )
    if outcome in _WITH_REASONS:
        _check_reason(told.reason, "grounds")
    if outcome in _DONE_FIRST:
        _check_done(standing, now, told)
    return replace(
        _running(standing, now),
        state=State.ANSWERED,
        outcome=outcome,
        answered_at=now,
    )


def _check_done(standing: Standing, now: datetime, told: Told) -> None:
    """The table let only the identified come here."""
    if not told.is_fulfilled:
        raise MoveError(
            "what is to be answered as done is not done",
            field="outcome",
            fix="wait until it is, and answer then",
        )
    earliest = standing.deadlines(now).earliest
    if earliest is not None and now < earliest:
        raise MoveError(
            "48 hours to think it over are not gone (CSP L.1111-7)",
            field="outcome",
            fix=f"answer from {earliest:%Y-%m-%d %H:%M} on",
        )


def _close(standing: Standing, now: datetime, _told: Told) -> Standing:
    return replace(standing, state=State.CLOSED, closed_at=now)


def _running(standing: Standing, now: datetime) -> Standing:
    """With its clock running again, if it stood still."""
    gone = standing.suspended(now)
    return replace(standing, suspended_for=gone, suspended_since=None)


def _check_reason(reason: str, field: str) -> None:
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise MoveError(
            "this takes a reason",
            field=field,
            fix=f"say it in 1 to {LONGEST_REASON} characters",
        )


def _either(words: frozenset[State] | type[StrEnum]) -> str:
    return " or ".join(sorted(words))


_MOVES: Mapping[Event, Callable[[Standing, datetime, Told], Standing]] = {
    Event.ASK_IDENTITY: _ask_identity,
    Event.IDENTIFY: _identify,
    Event.ESCALATE: _escalate,
    Event.CONTROLLER_ANSWERED: _controller_answered,
    Event.EXTEND: _extend,
    Event.SUSPEND: _suspend,
    Event.RESUME: _resume,
    Event.ANSWER: _answer,
    Event.CLOSE: _close,
}
