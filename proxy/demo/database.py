"""The demo's database: an embedded server, or a given one that nobody else uses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from proxy.database.embedded import EmbeddedPostgres
from proxy.database.migrate import migrate
from proxy.database.named_queries import queries_beside
from proxy.database.pool import CONNECT_SECONDS
from proxy.demo.ground import SITE
from proxy.errors import DatabaseUnavailableError, SettingsError

QUERIES = queries_beside(__file__)
_IS_EMPTY = """
SELECT NOT EXISTS (
  SELECT FROM pg_catalog.pg_tables
  WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
)
"""


@dataclass(frozen=True, slots=True)
class DemoDatabase:
    """Where the demo's state lives. `has_history`: calls were drawn there before."""

    dsn: str
    has_history: bool


@dataclass(frozen=True, slots=True)
class GivenDatabase:
    """A server somebody runs: who works there, and who may make tables there."""

    dsn: str
    migrate_dsn: str


@asynccontextmanager
async def demo_database(
    given: GivenDatabase | None, directory: Path, keys_directory: Path
) -> AsyncIterator[DemoDatabase]:
    """The database of the demo in `directory`: `given`, or else an embedded one.

    Raises SettingsError for a given one that holds anything but this very demo.
    """
    if given:
        if await _is_empty(given.dsn):
            await migrate(given.migrate_dsn)
        yield DemoDatabase(given.dsn, await _has_history(given.dsn, keys_directory))
        return
    with EmbeddedPostgres(directory / "postgres") as dsn:
        await migrate(dsn)
        yield DemoDatabase(dsn, await _has_history(dsn, keys_directory))


async def _is_empty(dsn: str) -> bool:
    async with _connected(dsn) as connection:
        return bool(await connection.fetchval(_IS_EMPTY))


async def _has_history(dsn: str, keys_directory: Path) -> bool:
    """Whether calls were drawn here before; refuse what is not this demo's."""
    async with _connected(dsn) as connection:
        if await connection.fetchval("SELECT to_regclass('ledger_heads') IS NULL"):
            raise _not_ours("the database holds something that is not a demo")
        if await connection.fetchval(QUERIES["count_other_sites"], SITE):
            raise _not_ours("the database belongs to a site that is not a demo")
        history = await connection.fetchrow(QUERIES["find_history"], SITE)
    if history is None:
        return False
    if not (keys_directory / SITE).is_dir():
        raise _not_ours("the database holds a demo whose keys are in another directory")
    return any(history.values())


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(
            dsn, timeout=CONNECT_SECONDS, server_settings={"ponctuel.site_id": SITE}
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseUnavailableError(
            type(error).__name__, fix="check the server and PONCTUEL_DATABASE__DSN"
        ) from None
    try:
        yield connection
    finally:
        await connection.close()


def _not_ours(detail: str) -> SettingsError:
    return SettingsError(
        detail,
        field="PONCTUEL_DATABASE__DSN",
        fix="name an empty database, or none to have an embedded one",
    )
