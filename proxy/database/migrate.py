"""Brings the schema forward, one file at a time, under a lock; never backwards.

File names say when they run: `NNNN_pre_…` before the new code, `NNNN_post_…` after the
old code is gone. A file is never edited once released. A database that knows a
migration this code does not is newer than the code: the service refuses to run on it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from proxy.database.pool import (
    CONNECT_SECONDS,
    SERVICE_ROLE,
    UNAVAILABLE,
    Connection,
)
from proxy.database.queue import install_queue
from proxy.errors import DatabaseUnavailableError, SchemaError

MIGRATIONS = Path(__file__).with_name("migrations")
FILE_NAME = re.compile(r"^\d{4}_(pre|post)_[a-z0-9_]+$")
_LOCK = 0x706F6E63  # "ponc": replicas that start together migrate one after the other
_PREPARE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
  name text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT schema_migrations_pkey PRIMARY KEY (name)
)
"""
# Short time-outs: a migration that cannot have its lock fails instead of stopping
# calls.
_SETTINGS = {"lock_timeout": "5s", "statement_timeout": "120s"}


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of SQL."""

    name: str
    sql: str


def known_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """All migrations of this version, in order."""
    found = [
        Migration(file.stem, file.read_text("utf-8")) for file in folder.glob("*.sql")
    ]
    wrong = [m.name for m in found if not FILE_NAME.match(m.name)]
    if wrong:
        raise SchemaError(f"migration names must be NNNN_pre_… or NNNN_post_…: {wrong}")
    return sorted(found, key=lambda migration: migration.name)


async def migrate(dsn: str, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Apply what is missing; return the names applied. Safe to run from many places."""
    known = known_migrations() if migrations is None else list(migrations)
    connection = await _connect(dsn)
    try:
        return await _apply_missing(connection, known)
    except asyncpg.PostgresError as error:
        raise SchemaError(
            f"cannot migrate: {type(error).__name__}",
            fix="the owner in PONCTUEL_DATABASE__MIGRATE_DSN needs CREATE on database "
            "and schema, and CREATEROLE; see deploy/postgres/roles.sql",
        ) from error
    finally:
        await connection.close()


async def _apply_missing(
    connection: asyncpg.Connection, known: Sequence[Migration]
) -> list[str]:
    await _take_turn(connection)
    await connection.execute(_PREPARE)
    applied = await _applied(connection)
    _refuse_newer(applied, known)
    missing = [m for m in known if m.name not in applied]
    for migration in missing:
        await _apply(connection, migration)
    await install_queue(connection)
    await connection.execute(f"GRANT SELECT ON schema_migrations TO {SERVICE_ROLE}")
    return [m.name for m in missing]


async def _take_turn(connection: asyncpg.Connection) -> None:
    """Wait for whichever replica migrates, up to two minutes: that stops no calls."""
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = 0")
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)


async def _connect(dsn: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(
            dsn, timeout=CONNECT_SECONDS, server_settings=_SETTINGS
        )
    except UNAVAILABLE as error:
        raise DatabaseUnavailableError(
            f"cannot connect to migrate: {type(error).__name__}",
            fix="check the server and PONCTUEL_DATABASE__MIGRATE_DSN",
        ) from error


async def _applied(connection: Connection) -> set[str]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return set()
    rows = await connection.fetch("SELECT name FROM schema_migrations")
    return {row["name"] for row in rows}


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migrations (name) VALUES ($1)", migration.name
        )


def _refuse_newer(applied: set[str], known: Sequence[Migration]) -> None:
    unknown = sorted(applied - {migration.name for migration in known})
    if unknown:
        raise SchemaError(
            f"the database is newer than this version: it has {', '.join(unknown)}",
            fix="install the version that made it, or a newer one",
        )


async def check_schema(connection: Connection) -> None:
    """Refuse to serve on a schema that is newer, older, or not fenced.

    The service's role must own nothing and must not be able to rewrite the ledger.
    """
    applied = await _applied(connection)
    known = known_migrations()
    _refuse_newer(applied, known)
    missing = [m.name for m in known if m.name not in applied]
    if missing:
        raise SchemaError(
            f"the database lacks {', '.join(missing)}", fix="run `ponctuel migrate`"
        )
    fault = await connection.fetchval(
        "SELECT CASE"
        " WHEN current_user <> $1 THEN 'works as ' || current_user"
        " WHEN has_table_privilege('ledger_entries', 'UPDATE')"
        " OR has_table_privilege('ledger_entries', 'DELETE')"
        " THEN 'may rewrite the ledger'"
        " WHEN EXISTS (SELECT FROM pg_class WHERE relowner = to_regrole($1))"
        " THEN 'owns tables' END",
        SERVICE_ROLE,
    )
    if fault:
        raise SchemaError(
            f"the service's role {fault}", fix="see deploy/postgres/roles.sql"
        )
