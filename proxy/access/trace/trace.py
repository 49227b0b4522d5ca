"""Adding to the trace: one Merkle tree for a site, with the ledger's own hashing.

The entry commits before what it tells of is done: whoever cannot write does not act.
An entry of something that then did not happen is harmless; the contrary is not.
"""

from collections.abc import Callable
from datetime import datetime

from proxy.access.trace.acts import Entry, from_milliseconds, in_milliseconds
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import DatabaseUnavailableError
from proxy.ledger.tree import Frontier, leaf_hash

QUERIES = queries_beside(__file__)


class Trace:
    """One site's trace."""

    def __init__(self, database: SiteDatabase, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._site = database.site
        self._clock = clock

    async def note(self, entry: Entry) -> int:
        """Write an entry and return its place; it is there once this returns.

        Raises DatabaseUnavailableError: then nothing may be done that it tells of.
        """
        async with self._database.transaction() as connection:
            return await self.note_in(connection, entry)

    async def note_in(self, connection: Connection, entry: Entry) -> int:
        """Write an entry that is there if and when the caller's transaction commits.

        Others wait from here on until it does: it goes last, after the ledger's lock.
        """
        frontier = await self._locked(connection)
        at = from_milliseconds(in_milliseconds(self._clock()))
        body = entry.body(at)
        hashed = leaf_hash(body)
        after = frontier.extended([hashed])
        place = await connection.fetchval(
            QUERIES["append_entry"],
            self._site,
            frontier.size,
            body.decode(),
            hashed,
            after.root,
            at,
            after.encode(),
        )
        if place is None:
            raise DatabaseUnavailableError("the trace's head is not where it was")
        return int(place)

    async def head(self, connection: Connection) -> Frontier:
        """How far it has come, and the tree up to there."""
        found = await connection.fetchrow(QUERIES["read_trace_head"], self._site)
        return Frontier.parse(found["frontier"]) if found else Frontier()

    async def _locked(self, connection: Connection) -> Frontier:
        found = await connection.fetchval(QUERIES["lock_trace"], self._site)
        if found is None:
            await connection.execute(QUERIES["begin_trace"], self._site)
            found = await connection.fetchval(QUERIES["lock_trace"], self._site)
        return Frontier.parse(found)
