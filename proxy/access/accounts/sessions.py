"""Being signed in: a row here, and its secret in one browser.

A session ends when it is not used, when it is old, when its owner or an administrator
ends it, with its account, and with any change of what the account may. All of that is
looked up at each request.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from proxy.access.accounts.faults import StaleFactorError, UnknownSessionError
from proxy.access.accounts.tokens import csrf_of, digest, new_secret
from proxy.access.permissions import Actor, Role, ShownBy
from proxy.access.surroundings import AccessConfig
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import UnauthorizedError

QUERIES = queries_beside(__file__)
FACTOR_WITHIN = timedelta(minutes=5)
"""How lately a second factor must have been shown to make a session a fresh one."""
# Being used is written down no more often; a session may end so much earlier.
_NOTED_EVERY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in.

    `csrf` is what a page of theirs must send back; `factor_at` is when they last showed
    their second factor.
    """

    actor: Actor
    account_id: UUID
    session_id: UUID
    csrf: str
    factor_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Whether it is surely still them, and nobody who found their browser open.

        A factor from after now is of a wrong clock, and shows nothing.
        """
        return timedelta(0) <= now - self.factor_at <= FACTOR_WITHIN

    def check_fresh(self, now: datetime) -> None:
        """Raises StaleFactorError."""
        if not self.is_fresh(now):
            raise StaleFactorError(
                fix="show the second factor again, then at once this"
            )


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a browser is given, once: `secret` goes into its cookie."""

    secret: str
    csrf: str
    session_id: UUID


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One of somebody's sessions, as they see them."""

    session_id: UUID
    made_at: datetime
    seen_at: datetime
    factor_at: datetime


class Sessions:
    """One site's sessions."""

    def __init__(
        self,
        database: SiteDatabase,
        trace: Trace,
        clock: Callable[[], datetime],
        config: AccessConfig,
    ) -> None:
        self._database = database
        self._site = database.site
        self._trace = trace
        self._clock = clock
        self._config = config

    async def begin(self, connection: Connection, account_id: UUID) -> NewSession:
        """A new one, there when the caller's transaction commits.

        Raises UnauthorizedError for an account that has ended meanwhile.
        """
        secret, session_id = new_secret(self._site), uuid4()
        made = await connection.fetchval(
            QUERIES["insert_session"],
            self._site,
            session_id,
            account_id,
            digest(secret),
            self._clock(),
        )
        if made is None:
            raise UnauthorizedError
        return NewSession(secret, csrf_of(secret), session_id)

    async def renew(
        self,
        connection: Connection,
        session_id: UUID,
        factor_at: datetime | None = None,
    ) -> NewSession:
        """Another secret for it; the old one is worth nothing from here on.

        Whoever has seen the old one must not get what is allowed from now on. Raises
        UnauthorizedError for a session that has ended meanwhile.
        """
        secret = new_secret(self._site)
        renewed = await connection.fetchval(
            QUERIES["renew_session"],
            self._site,
            session_id,
            digest(secret),
            self._clock(),
            factor_at,
        )
        if renewed is None:
            raise UnauthorizedError
        return NewSession(secret, csrf_of(secret), session_id)

    async def hold(self, connection: Connection, own: Session) -> None:
        """That it goes on until the caller's transaction ends, account and all.

        What was begun in it takes time, and must not outlive a reset meanwhile. First
        of all, as whoever changes or ends an account does. Raises UnauthorizedError.
        """
        for query, *more in (("lock_living",), ("hold_session", own.session_id)):
            if not await connection.fetchval(
                QUERIES[query], self._site, own.account_id, *more
            ):
                raise UnauthorizedError("your session is over", fix="sign in")

    async def renew_alone(self, connection: Connection, own: Session) -> NewSession:
        """As `renew`, and whoever else is signed in as them is so no more."""
        for query, *more in (
            ("end_other_sessions", own.session_id),
            ("delete_pending_of",),
        ):
            await connection.execute(QUERIES[query], self._site, own.account_id, *more)
        return await self.renew(connection, own.session_id)

    async def find(self, secret: str) -> Session:
        """Whose it is, and that they are here. Raises UnauthorizedError.

        By the digest of what was shown: how long it takes tells nothing of the secret.
        """
        since = self._since()
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_session"], self._site, digest(secret), *since
            )
            if row is None:
                raise UnauthorizedError("not signed in, or no longer", fix="sign in")
            await self._touch(connection, row)
        return Session(
            self._actor(row),
            row["account_id"],
            row["session_id"],
            csrf_of(secret),
            row["factor_at"],
        )

    def _actor(self, row: asyncpg.Record) -> Actor:
        return Actor(
            row["code"],
            Role(row["role"]),
            self._site,
            ShownBy.SESSION,
            agent_key=row["agent_key"],
        )

    async def _touch(self, connection: Connection, row: asyncpg.Record) -> None:
        now = self._clock()
        if now - row["seen_at"] >= _NOTED_EVERY:
            await connection.execute(
                QUERIES["touch_session"], self._site, row["session_id"], now
            )

    async def list_of(self, account_id: UUID) -> list[OpenSession]:
        """Those still open, the oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_sessions"], self._site, account_id, *self._since()
            )
        return [OpenSession(**dict(row)) for row in rows]

    async def end(self, own: Session, session_id: UUID | None = None) -> None:
        """Sign out: of this session, or of another of one's own.

        Raises UnknownSessionError.
        """
        ending = session_id or own.session_id
        async with self._database.transaction() as connection:
            ended = await connection.fetchval(
                QUERIES["end_session"], self._site, own.account_id, ending
            )
            if ended is None:
                raise UnknownSessionError
            actor = own.actor
            entry = Entry(Act.SIGNED_OUT, actor.code, actor.role, about=str(ending))
            await self._trace.note_in(connection, entry)

    async def end_all(self, own: Session) -> None:
        """Sign out everywhere."""
        async with self._database.transaction() as connection:
            await self.end_all_of(connection, own.account_id)
            actor = own.actor
            entry = Entry(Act.SIGNED_OUT, actor.code, actor.role, about="everywhere")
            await self._trace.note_in(connection, entry)

    async def end_all_of(self, connection: Connection, account_id: UUID) -> None:
        """Also what was half signed in."""
        for query in ("end_sessions_of", "delete_pending_of"):
            await connection.execute(QUERIES[query], self._site, account_id)

    def _since(self) -> tuple[datetime, datetime]:
        now = self._clock()
        return now - self._config.longest, now - self._config.idle
