"""What is written down of requests: the records, and the closed words in them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, get_args
from uuid import UUID, uuid4

from proxy.letters.speech import Language
from proxy.rights.faults import UnknownRequestError
from proxy.rights.particulars import Particulars, Window
from retention.rights.deadlines import Kind
from retention.rights.request import Standing

Place = tuple[date, UUID]
"""In the worklist: the day it is due, and which it is."""
SPOKEN = frozenset(get_args(Language))


class Document(StrEnum):
    """What there is of an identity document; a file never is."""

    ASKED = "asked"
    SEEN = "seen"  # the desk still has it
    DESTROYED = "destroyed"


class ItemState(StrEnum):
    """How it stands with one recording of a request."""

    TO_FREEZE = "to-freeze"
    FROZEN = "frozen"
    HELD = "held"  # by another right; frozen when that ends
    LET_GO = "let-go"  # decided, and not yet done
    RELEASED = "released"
    GONE = "gone"

    @property
    def is_wanted(self) -> bool:
        return self in {ItemState.TO_FREEZE, ItemState.FROZEN, ItemState.HELD}


class Because(StrEnum):
    """Why a recording is no longer part of a request."""

    NOT_THEIRS = "not-theirs"
    ANOTHER_PERSONS = "another-persons"
    NOT_ASKED_FOR = "not-asked-for"


class FoundItem(Protocol):
    """What the desk needs of a recording that was found."""

    @property
    def recording_id(self) -> UUID: ...
    @property
    def draw_seq(self) -> int: ...
    @property
    def practice(self) -> str: ...
    @property
    def matched_by(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewRequest:
    """What somebody asks for, as the desk hears it.

    By one of `number`, `agent` or `windows` their recordings are looked for. Received
    twice with one `request_id` it is one request.
    """

    kind: Kind
    number: str = ""
    agent: str = ""
    windows: tuple[Window, ...] = ()
    name: str = ""
    contact: str = ""
    words: str = ""
    language: Language = "fr"
    is_shared: bool = False
    is_older_than_five_years: bool = False
    received_on: date | None = None
    """The day it came, by the site's calendar; None: now."""
    request_id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it stands. `particulars` is None in lists, and once it is closed.

    `due_on` is the date that held at its last move.
    """

    request_id: UUID
    reference: str
    standing: Standing
    is_agents: bool
    language: Language
    received_by: str
    due_on: date
    is_shared: bool = False
    code_at: datetime | None = None
    details_at: datetime | None = None
    details_tries: int = 0
    document: Document | None = None
    escalated_to: str | None = None
    particulars: Particulars | None = None

    @property
    def kind(self) -> Kind:
        return self.standing.kind

    @property
    def told(self) -> Particulars:
        """Raises UnknownRequestError once they are gone."""
        if self.particulars is None:
            raise UnknownRequestError("it is closed; what named the person is gone")
        return self.particulars


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestItem:
    """A recording matched to a request. `captured_at` is None once it is gone."""

    recording_id: UUID
    draw_seq: int
    practice: str
    matched_by: str
    state: ItemState
    dropped_because: Because | None = None
    captured_at: datetime | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of a request's history."""

    at: datetime
    event: str
    actor: str
    about: str
