"""Who heard what: for the data protection officer, and without names for the caller."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import NamedTuple, Self
from uuid import UUID

import asyncpg

from proxy.access.permissions import Actor
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import QUERIES, Trace
from proxy.database.pool import SiteDatabase

_WHAT = "trace"
_HEARINGS = "hearings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries are asked for: what is None is not looked at."""

    item: UUID | None = None
    actor: str | None = None
    act: Act | None = None
    since: datetime | None = None
    until: datetime | None = None


class Noted(NamedTuple):
    """An entry as it stands in the trace."""

    place: int
    at: datetime
    entry: Entry

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        """Raises NotCanonicalError or NotOpaqueError for what was written over."""
        return cls(row["seq"], *Entry.read(row["body"].encode()))


class Hearing(NamedTuple):
    """That a recording was heard or handed out, when, what for and as what.

    Not by whom; `role` may be empty.
    """

    at: datetime
    act: Act
    purpose: str
    role: str

    @property
    def on(self) -> date:
        """The day in UTC; letters tell the site's own."""
        return self.at.date()


class TraceReading:
    """One site's trace, read."""

    def __init__(self, database: SiteDatabase, trace: Trace) -> None:
        self._database = database
        self._site = database.site
        self._trace = trace

    async def page(
        self, by: Actor, wanted: Filter, after: int, limit: int
    ) -> list[Noted]:
        """Entries behind that place, the oldest first; that somebody looks is noted.

        Raises DatabaseUnavailableError, also if the looking could not be noted.
        """
        looked = Entry(Act.VIEWED, by.code, by.role, wanted.item, about=_WHAT)
        asked = [getattr(wanted, field.name) for field in fields(wanted)]
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                QUERIES["list_entries"], self._site, after, limit, *asked
            )
            await self._trace.note_in(connection, looked)
        return [Noted.read(row) for row in rows]

    async def of_recording(self, by: Actor, item: UUID) -> Sequence[Hearing]:
        """When, what for and as what it was heard, for the caller (GDPR Art. 15(1)(a)).

        That somebody looks it up for them is noted.

        Without names: those who acted under the controller are no recipients (CJEU
        C-579/21, Pankki S).
        """
        looked = Entry(Act.VIEWED, by.code, by.role, item, about=_HEARINGS)
        async with self._database.transaction() as connection:
            rows = await connection.fetch(QUERIES["list_hearings"], self._site, item)
            await self._trace.note_in(connection, looked)
        noted = [Noted.read(row) for row in rows]
        return [
            Hearing(each.at, each.entry.act, each.entry.purpose, str(each.entry.role))
            for each in noted
        ]
