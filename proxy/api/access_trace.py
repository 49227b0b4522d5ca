"""The trace: who did what, to which item, when and what for. Codes and ids only."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from proxy.access.permissions import Permission
from proxy.access.trace.acts import Act
from proxy.access.trace.reading import Filter, Noted
from proxy.api.paging import PageQuestion, page_of
from proxy.api.route import Asked, Model, Route

_Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
# What any zone's clock and the database can say.
_Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2100, 1, 1, tzinfo=UTC)),
]


class TraceQuestion(PageQuestion):
    """Which entries; what is left out is not looked at."""

    item: UUID | None = None
    actor: _Code | None = None
    act: Act | None = None
    since: _Moment | None = None
    until: _Moment | None = None

    @property
    def wanted(self) -> Filter:
        return Filter(
            item=self.item,
            actor=self.actor,
            act=self.act,
            since=self.since,
            until=self.until,
        )


class TraceEntry(Model):
    """One entry; `first` and `last` are the bytes of a range that was heard."""

    place: int
    at: datetime
    act: Act
    actor: str
    role: str
    item: UUID | None
    purpose: str
    first: int | None
    last: int | None
    about: str

    @classmethod
    def of(cls, noted: Noted) -> "TraceEntry":
        entry = noted.entry
        return cls(
            place=noted.place,
            at=noted.at,
            act=entry.act,
            actor=entry.actor,
            role=str(entry.role),
            item=entry.item,
            purpose=entry.purpose,
            first=entry.first,
            last=entry.last,
            about=entry.about,
        )


class TracePage(Model):
    """A page of the trace, the oldest entry first."""

    items: Sequence[TraceEntry]
    next: str | None


async def read(asked: Asked[TraceQuestion]) -> TracePage:
    """Places begin at 0, and `after` is 0 where nothing was asked before."""
    question = asked.question
    found = await asked.site.access.oversight.reading.page(
        asked.actor, question.wanted, question.place - 1, question.reach
    )
    page = page_of(found, question, lambda noted: str(noted.place + 1))
    items = [TraceEntry.of(noted) for noted in page.items]
    return TracePage(items=items, next=page.next)


ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        "/sites/{site}/access/trace",
        Permission.TRACE_READ,
        read,
        summary="Who did what; a page at a time. That you looked is an entry, too.",
        asks=TraceQuestion,
        answers=TracePage,
    ),
)
