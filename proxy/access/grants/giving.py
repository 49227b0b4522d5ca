"""The register of one site's grants: given by another person, for a time, on the trace.

What holds is read anew at each question, so a grant that was ended or is over counts
at once, also in the middle of a play.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from proxy.access.grants.records import GivenGrant
from proxy.access.grants.rules import RECEIVERS, OwnGrantError, Wanted, check_wanted
from proxy.access.permissions import Actor, Grant, Role
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import PonctuelError

QUERIES = queries_beside(__file__)
# Behind whom a list goes on: when it was given, and which it is.
Place = tuple[datetime, UUID]
OLDEST: Place = (datetime.min.replace(tzinfo=UTC), UUID(int=0))

# Where else grants come from: what somebody opened by breaking the glass.
Source = Callable[[str, datetime], Awaitable[Sequence[Grant]]]
# What somebody is, by their code; None where nobody has it, or has left.
RoleOf = Callable[[str], Awaitable[Role | None]]


class UnknownGrantError(PonctuelError):
    """There is no such grant."""

    status = 404
    error_id = "unknown-grant"


class GrantOverError(PonctuelError):
    """This grant is over."""

    status = 409
    error_id = "grant-over"


class Grants:
    """One site's grants."""

    def __init__(
        self,
        database: SiteDatabase,
        clock: Callable[[], datetime],
        trace: Trace,
        role_of: RoleOf,
        practices: Collection[str],
        sources: Sequence[Source] = (),
    ) -> None:
        self._database = database
        self._site = database.site
        self._clock = clock
        self._trace = trace
        self._role_of = role_of
        self._practices = practices
        self._sources = sources

    async def of(self, code: str, now: datetime) -> tuple[Grant, ...]:
        """What somebody may reach at this moment, whoever or whatever gave it.

        Raises DatabaseUnavailableError; whoever asks then allows nothing.
        """
        given = await self._given(code, now)
        opened = [each for source in self._sources for each in await source(code, now)]
        return (*given, *opened)

    async def _given(self, code: str, now: datetime) -> list[Grant]:
        """Of somebody who has become something else, or has left: none."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_holding"], self._site, code, now
            )
        if not rows or await self._role_of(code) not in RECEIVERS:
            return []
        return [Grant(**dict(row)) for row in rows]

    async def give(
        self,
        by: Actor,
        code: str,
        practice: str | None,
        campaign: str | None,
        until: datetime,
    ) -> UUID:
        """Raises GrantRefusedError, OwnGrantError."""
        if by.code == code:
            raise OwnGrantError(fix="ask another data protection officer")
        wanted, now = Wanted(code, practice, campaign, until), self._clock()
        check_wanted(wanted, await self._role_of(code), self._practices, now)
        grant_id = uuid4()
        async with self._database.transaction() as connection:
            await connection.execute(
                QUERIES["insert_grant"],
                self._site,
                grant_id,
                code,
                practice,
                campaign,
                until,
                by.code,
                now,
            )
            await self._note(connection, Act.GRANT_GIVEN, by, grant_id, code)
        return grant_id

    async def find(self, grant_id: UUID) -> GivenGrant:
        """Raises UnknownGrantError."""
        async with self._database.connection() as connection:
            return await self._read(connection, "find_grant", grant_id)

    async def end(self, by: Actor, grant_id: UUID) -> GivenGrant:
        """End it now; ending it twice changes nothing. Raises UnknownGrantError."""
        async with self._database.transaction() as connection:
            grant = await self._lock(connection, grant_id)
            if grant.ended_at is None:
                await self._change(connection, "end_grant", grant_id, by)
                grant = await self._lock(connection, grant_id)
                await self._note(connection, Act.GRANT_ENDED, by, grant_id, grant.code)
        return grant

    async def end_all_of(self, connection: Connection, by: Actor, code: str) -> None:
        """Somebody left, or became something else: their need is over, for good.

        With the caller's change; each with its line in the trace.
        """
        ended = await connection.fetch(
            QUERIES["end_grants_of"], self._site, code, by.code, self._clock()
        )
        for row in ended:
            grant_id: UUID = row["grant_id"]
            await self._note(connection, Act.GRANT_ENDED, by, grant_id, code)

    async def review(self, by: Actor, grant_id: UUID) -> GivenGrant:
        """Say that it is still needed; it ends when it would have.

        Raises UnknownGrantError, GrantOverError, OwnGrantError.
        """
        async with self._database.transaction() as connection:
            grant = await self._lock(connection, grant_id)
            if by.code == grant.code:
                raise OwnGrantError(fix="ask another data protection officer")
            if not grant.holds_at(self._clock()):
                raise GrantOverError(fix="give a new one")
            await self._change(connection, "confirm_grant", grant_id, by)
            grant = await self._lock(connection, grant_id)
            await self._note(connection, Act.REVIEW_SIGNED, by, grant_id, grant.code)
        return grant

    async def list(
        self, after: Place = OLDEST, limit: int | None = None
    ) -> list[GivenGrant]:
        """Every grant there is a record of, the oldest first, behind a place."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_grants"], self._site, *after, limit
            )
        return [GivenGrant.read(row) for row in rows]

    async def _lock(self, connection: Connection, grant_id: UUID) -> GivenGrant:
        return await self._read(connection, "lock_grant", grant_id)

    async def _read(
        self, connection: Connection, query: str, grant_id: UUID
    ) -> GivenGrant:
        row = await connection.fetchrow(QUERIES[query], self._site, grant_id)
        if row is None:
            raise UnknownGrantError
        return GivenGrant.read(row)

    async def _change(
        self, connection: Connection, query: str, grant_id: UUID, by: Actor
    ) -> None:
        now = self._clock()
        await connection.execute(QUERIES[query], self._site, grant_id, by.code, now)

    async def _note(
        self, connection: Connection, act: Act, by: Actor, grant_id: UUID, code: str
    ) -> None:
        entry = Entry(act, by.code, by.role, item=grant_id, about=code)
        await self._trace.note_in(connection, entry)
