"""What is asked about requests of persons over the API, and what is read of them.

A body may name somebody; it is neither logged nor kept but in what is sealed.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from proxy.api.paging import PageQuestion
from proxy.api.route import Model
from proxy.rights.desk import Shown
from proxy.rights.particulars import Particulars, Window
from proxy.rights.records import (
    Because,
    Document,
    Happened,
    NewRequest,
    Place,
    Request,
    RequestItem,
)
from retention.rights.deadlines import Kind
from retention.rights.report import Promptness
from retention.rights.request import LONGEST_REASON, Identity, Outcome, State

_FIRST_DAY = date(2000, 1, 1)

Line = Annotated[str, StringConstraints(max_length=64)]
Text = Annotated[str, StringConstraints(max_length=LONGEST_REASON)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_REASON)]
Short = Annotated[str, StringConstraints(max_length=200)]
Day = Annotated[date, Field(ge=_FIRST_DAY)]


class AskedWindow(Model):
    """When they say they called, by the site's clock; a line's number or practice."""

    day: Day
    from_hour: Annotated[int, Field(ge=0, le=23)]
    to_hour: Annotated[int, Field(ge=1, le=24)]
    line: Line = ""

    @model_validator(mode="after")
    def lasts(self) -> Self:
        if self.from_hour >= self.to_hour:
            raise ValueError("`to_hour` is not after `from_hour`; say a later hour")
        return self

    @property
    def window(self) -> Window:
        return Window(self.day, self.from_hour, self.to_hour, self.line)


class ReceivedRequest(Model):
    """What somebody asks for. Sent twice with one `request_id`, it is one request."""

    kind: Kind
    number: Short = ""
    agent: Short = ""
    windows: Annotated[tuple[AskedWindow, ...], Field(max_length=20)] = ()
    name: Short = ""
    contact: Short = ""
    words: Text = ""
    language: Literal["fr", "en"] = "fr"
    is_shared: bool = False
    is_older_than_five_years: bool = False
    received_on: Day | None = None
    request_id: UUID | None = None

    @model_validator(mode="after")
    def age_matters(self) -> Self:
        if self.is_older_than_five_years and self.kind is not Kind.MEDICAL_FILE:
            raise ValueError(
                f"`is_older_than_five_years` moves no date of {self.kind}; leave it out"
            )
        return self

    def new(self) -> NewRequest:
        given = self.model_dump(exclude={"windows"}, exclude_none=True)
        return NewRequest(**given, windows=tuple(each.window for each in self.windows))


class CodeTo(Model):
    """The number a code goes to; only where call times led to the request."""

    number: Short = ""


class ShownCode(Model):
    """The code that the person read from their telephone."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=32)]


class ShownDetails(Model):
    """One of their calls: its day, its hour by the site's clock, and the line."""

    day: Day
    hour: Annotated[int, Field(ge=0, le=23)]
    line: Line


class Doubt(Model):
    """Why it is doubted who asks."""

    why: Said


class CheckedDocument(Model):
    """Whether it proves who asks, and whether it and every copy are destroyed."""

    proves: bool
    is_destroyed: bool


class IdentifiedBy(Model):
    """How else it was proved who asks."""

    how: Literal[Identity.ACCOUNT, Identity.PRACTICE]


class Escalation(Model):
    """The practice that is controller."""

    practice: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Instruction(Model):
    """What the practice says is to be done."""

    instruction: Said


class Extension(Model):
    """Why it takes longer; the person is told."""

    reason: Said


class DroppedItem(Model):
    """Why a recording is no part of this request."""

    recording: UUID
    why: Because


class NewAnswer(Model):
    """How it is answered; grounds, and articles, of whatever is not granted whole."""

    outcome: Outcome
    grounds: Text = ""
    articles: Annotated[tuple[Short, ...], Field(max_length=10)] = ()


class RequestsQuestion(PageQuestion):
    """Which requests to list; `after` is the `next` of the page before."""

    # The date it is due, and the request: all of them exist.
    after: Annotated[
        str,
        StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9a-f]{32})?$"),
        AfterValidator(lambda text: text and _place(text) and text),
    ] = ""
    closed_too: bool = False

    @property
    def behind(self) -> Place | None:
        """None is before all."""
        return _place(self.after) if self.after else None


def _place(text: str) -> Place:
    day, _, request = text.partition("_")
    return date.fromisoformat(day), UUID(request)


def place_of(request: Request) -> str:
    """What the page behind a request is asked by."""
    return f"{request.due_on}_{request.request_id.hex}"


class RequestStanding(Model):
    """One request. `due_on` is the legal date that holds; nobody is named here."""

    request_id: UUID
    reference: str
    kind: Kind
    state: State
    received_at: datetime
    received_by: str
    due_on: date
    days_left: int
    earliest_answer: datetime | None
    extendable_until: date | None
    is_extended: bool
    suspended_days: int
    is_doubted: bool
    identity: Identity | None
    document: Document | None
    escalated_to: str | None
    is_shared: bool
    is_agents: bool
    language: str
    outcome: Outcome | None
    answered_at: datetime | None
    closed_at: datetime | None

    @classmethod
    def of(cls, request: Request, now: datetime) -> Self:
        standing = request.standing
        dates = standing.deadlines(standing.answered_at or now)
        return cls(
            request_id=request.request_id,
            reference=request.reference,
            kind=standing.kind,
            state=standing.state,
            received_at=standing.received_at,
            received_by=request.received_by,
            due_on=standing.due_on(now),
            days_left=standing.days_left(now),
            earliest_answer=dates.earliest,
            extendable_until=dates.extendable_until,
            is_extended=standing.extended_at is not None,
            suspended_days=standing.suspended_days(standing.answered_at or now),
            is_doubted=standing.suspended_since is not None,
            identity=standing.identity,
            document=request.document,
            escalated_to=request.escalated_to,
            is_shared=request.is_shared,
            is_agents=request.is_agents,
            language=request.language,
            outcome=standing.outcome,
            answered_at=standing.answered_at,
            closed_at=standing.closed_at,
        )


class RequestPage(Model):
    """Requests, what is due first first."""

    items: list[RequestStanding]
    next: str | None


class WholeRequest(Model):
    """One request with its recordings, its history and, until it closes, whose."""

    request: RequestStanding
    particulars: Particulars | None
    items: Sequence[RequestItem]
    history: Sequence[Happened]

    @classmethod
    def of(cls, shown: Shown, now: datetime) -> Self:
        return cls(
            request=RequestStanding.of(shown.request, now),
            particulars=shown.request.particulars,
            items=shown.items,
            history=shown.history,
        )


class SentCode(Model):
    """Until when the code is good."""

    good_until: datetime


class Letter(Model):
    """What the desk sends to the person."""

    letter: str


class Letters(Model):
    """What the desk sends when a practice decides: the person once they are known."""

    to_practice: str
    to_person: str | None


class StatisticsQuestion(Model):
    """Of which year."""

    year: Annotated[int, Field(ge=2018, le=2199)]


class Statistics(Model):
    """A year's answers: "<5" is one to four, and "12-18" a sum with such."""

    year: int
    total: str
    kinds: dict[Kind, str]
    outcomes: dict[Kind, dict[Outcome, str]]
    promptness: dict[Promptness, str]
