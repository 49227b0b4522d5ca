"""Our side of a day: which listed calls were bound, and which bound ones are unlisted.

The platform's ids are not kept, so each listed one is named again, with the tag keys of
the weeks around its start: it may have been bound by a clock that was ahead or behind,
or have begun in one week and been asked about in the next.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

from proxy.database.pool import SiteDatabase
from proxy.intake.store import DrawnCall, find_drawn
from proxy.reconciliation.results import QUERIES
from sampling.draw import call_tag
from sampling.seed import TAG_OVERLAP, week_at

_AT_ONCE = 1000


class Names:
    """The names a connection's calls may be bound under."""

    def __init__(self, keys: Mapping[int, bytes], connection: str) -> None:
        self._keys = keys
        self.connection = connection

    def of(self, call_id: str, started_at: datetime) -> list[bytes]:
        moments = (started_at - TAG_OVERLAP, started_at, started_at + TAG_OVERLAP)
        weeks = {week_at(moment) for moment in moments} & self._keys.keys()
        return [
            call_tag(self._keys[week], self.connection, call_id)
            for week in sorted(weeks)
        ]


class BoundCalls:
    """One site's calls, found by what a platform calls them."""

    def __init__(self, database: SiteDatabase) -> None:
        self._database = database
        self._site = database.site

    async def find(
        self, names: Names, calls: Sequence[tuple[str, datetime]]
    ) -> AsyncIterator[tuple[str, DrawnCall]]:
        """Ids, given with their start, and the drawn call each leads to, if any."""
        for first in range(0, len(calls), _AT_ONCE):
            tags = {
                tag: call_id
                for call_id, started_at in calls[first : first + _AT_ONCE]
                for tag in names.of(call_id, started_at)
            }
            async with self._database.connection() as connection:
                drawn = await find_drawn(connection, self._site, list(tags))
            for tag, call in drawn.items():
                yield tags[tag], call

    async def first_bound(
        self, connection_name: str, since: datetime, until: datetime
    ) -> datetime | None:
        """When the first call of a period was bound."""
        async with self._database.connection() as connection:
            first: datetime | None = await connection.fetchval(
                QUERIES["find_first_bound"], self._site, connection_name, since, until
            )
        return first

    async def bound_in(
        self, connection_name: str, since: datetime, until: datetime
    ) -> AsyncIterator[tuple[bytes, datetime]]:
        """Every call bound in a period: its key and when."""
        after, after_key = since, b""
        while True:
            async with self._database.connection() as connection:
                rows = await connection.fetch(
                    QUERIES["find_bound_calls"],
                    self._site,
                    connection_name,
                    since,
                    until,
                    after,
                    after_key,
                    _AT_ONCE,
                )
            for row in rows:
                yield row["call_key"], row["bound_at"]
            if len(rows) < _AT_ONCE:
                return
            after, after_key = rows[-1]["bound_at"], rows[-1]["call_key"]
