"""Who looked at which day, and how many recordings nobody drew each was first to find.

A run is written down before anything is done about what it finds, and each find with
what is done about it: a run that is killed keeps its name and its count.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

import asyncpg

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.reconciliation.reports import ListSource

QUERIES = queries_beside(__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A connection's day, whose list it is compared with, and who asked for that.

    Without an `actor` the service does it by itself.
    """

    connection: str
    day: date
    source: ListSource
    actor: str | None

    @property
    def key(self) -> tuple[str, str, date]:
        """What its result is kept under."""
        return self.connection, self.source.value, self.day


@dataclass(frozen=True, slots=True)
class Run:
    """One look at a day, under way."""

    site: str
    place: int

    async def count(self, connection: Connection) -> None:
        """It is the first to find a recording that nobody drew.

        In the transaction that settles it, so that it counts once, whatever happens.
        """
        await connection.execute(QUERIES["count_unsolicited"], self.site, self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run as it stands: `place` is its place among all of the site's."""

    place: int
    connection: str
    day: date
    source: ListSource
    actor: str | None
    begun_at: datetime
    unsolicited: int

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        return cls(**dict(row) | {"source": ListSource(row["source"])})


class Runs:
    """One site's runs."""

    def __init__(self, database: SiteDatabase) -> None:
        self._database = database
        self._site = database.site

    async def begin(self, look: Look, now: datetime) -> Run:
        """Durable on return."""
        async with self._database.connection() as connection:
            place: int = await connection.fetchval(
                QUERIES["begin_run"], self._site, *look.key, look.actor, now
            )
        return Run(self._site, place)

    async def page(self, after: int, limit: int) -> list[PastRun]:
        """At most `limit` of those behind a place, oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_runs"], self._site, after, limit
            )
        return [PastRun.read(row) for row in rows]
