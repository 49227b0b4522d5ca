"""Connections to PostgreSQL, one pool per site.

Every connection takes the role `ponctuel_service`, which owns nothing, and carries its
site in `ponctuel.site_id`; row-level security then hides all other sites' rows, even
from a query that forgot to ask for one. Both are connection defaults, so that the RESET
ALL between two borrowers brings them back instead of clearing them.

A pool opens no connection before it is asked to, so a service can start, answer "skip",
and recover, while its database is away.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from proxy.errors import DatabaseUnavailableError

# What a pool lends behaves like a connection; named once.
Connection = asyncpg.Connection | PoolConnectionProxy
Pool = asyncpg.Pool

SERVICE_ROLE = "ponctuel_service"
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 30.0

# Whatever the server says that the code in between did not expect by name: it is gone,
# going, slow, full, read-only, locked, or not set up. A ConnectionError while borrowing
# is the server's; any other OSError is not.
_FAILING = (
    ConnectionError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # on a session the server has just ended
)
UNAVAILABLE = (OSError, *_FAILING)


class SiteDatabase:
    """The database as one site may see it."""

    def __init__(self, pool: Pool, dsn: str, site: str) -> None:
        self._pool = pool
        self._dsn = dsn
        self.site = site

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection. Raises DatabaseUnavailableError when there is none."""
        try:
            lent = await self._pool.acquire(timeout=CONNECT_SECONDS)
        except UNAVAILABLE as error:
            raise DatabaseUnavailableError(type(error).__name__) from error
        try:
            yield lent
        except _FAILING as error:
            # What was asked may have been done all the same; nobody must guess.
            raise DatabaseUnavailableError(type(error).__name__) from error
        finally:
            with suppress(*UNAVAILABLE):
                await self._pool.release(lent)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A plain transaction, for changes the ledger need not prove."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def connect(self, settings: Mapping[str, str]) -> asyncpg.Connection:
        """Open a connection of the caller's own, fenced like those of the pool."""
        return await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings=_fences(self.site) | dict(settings),
        )

    async def close(self) -> None:
        """Close all connections; those still busy after a few seconds are cut."""
        try:
            async with _few_seconds():
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


def _few_seconds() -> asyncio.Timeout:
    return asyncio.timeout(CONNECT_SECONDS)


async def open_pool(dsn: str, site: str, size: int) -> SiteDatabase:
    """A pool whose every connection is fenced into `site`. Connects lazily."""
    pool = await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings=_fences(site),
    )
    return SiteDatabase(pool, dsn, site)


def _fences(site: str) -> dict[str, str]:
    """What every connection of a site is, and cannot be talked out of by a RESET."""
    return {
        "application_name": "ponctuel",
        "role": SERVICE_ROLE,
        "timezone": "UTC",  # 180 days are 180 x 24 hours, also over a clock change
        "ponctuel.site_id": site,
        "statement_timeout": "30s",
        "lock_timeout": "10s",
        # A frozen replica must not keep the others from a site's ledger for long.
        "idle_in_transaction_session_timeout": "10s",
        # A plan made while a table was empty would be kept while it fills.
        "plan_cache_mode": "force_custom_plan",
    }
