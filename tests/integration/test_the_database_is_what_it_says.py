"""Migrations, queries, roles and fences, on a real server."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from proxy.database import migrate as module
from proxy.database.migrate import (
    FILE_NAME,
    MIGRATIONS,
    Migration,
    check_schema,
    known_migrations,
    migrate,
)
from proxy.database.named_queries import Queries
from proxy.database.pool import SERVICE_ROLE, SiteDatabase, open_pool
from proxy.errors import DatabaseUnavailableError, SchemaError
from tests.databases import new_database

PROXY = MIGRATIONS.parents[1]
QUERY_FILES = sorted(PROXY.rglob("queries.sql"))
ALL_QUERIES = [
    pytest.param(sql, id=f"{file.parent.name}.{name}")
    for file in QUERY_FILES
    for name, sql in Queries(file).items()
]
DESCRIBE = """
SELECT 'column' AS kind, table_name || '.' || column_name AS name,
  concat_ws(' ', data_type, is_nullable, column_default) AS what
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'policy', tablename || '.' || policyname, concat_ws(' ', cmd, qual, with_check)
FROM pg_policies WHERE schemaname = 'public'
UNION ALL
SELECT 'fence', relname, relrowsecurity::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
UNION ALL
SELECT 'grant', table_name || '.' || grantee,
  string_agg(privilege_type, ',' ORDER BY privilege_type)
FROM information_schema.role_table_grants WHERE table_schema = 'public' GROUP BY 2
UNION ALL
SELECT 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid)
FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text NOT LIKE 'jobs.%'
UNION ALL
SELECT 'function', proname, prosrc FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
"""


async def describe(dsn: str) -> set[tuple[str, ...]]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(DESCRIBE)
    await connection.close()
    return {tuple(row) for row in rows if "schema_migrations" not in row["name"]}


async def test_the_migrations_add_up_to_schema_sql(dsn: str, postgres: str) -> None:
    async with new_database(postgres) as other:
        connection = await asyncpg.connect(other)
        await connection.execute((MIGRATIONS.parent / "schema.sql").read_text())
        await connection.close()

        assert await describe(other) == await describe(dsn)


@pytest.mark.parametrize("sql", ALL_QUERIES)
async def test_every_named_query_can_be_prepared_by_the_services_role(
    dsn_to_read: str, sql: str
) -> None:
    connection = await asyncpg.connect(
        dsn_to_read, server_settings={"role": SERVICE_ROLE}
    )
    try:
        prepared = await connection.prepare(sql)

        assert prepared.get_query() == sql
    finally:
        await connection.close()


def test_every_migration_says_when_it_runs() -> None:
    names = [migration.name for migration in known_migrations()]

    assert all(FILE_NAME.match(name) for name in names)
    assert len({name[:4] for name in names}) == len(names)


async def test_replicas_that_start_together_migrate_once(postgres: str) -> None:
    async with new_database(postgres) as dsn:
        applied = await asyncio.gather(*(migrate(dsn) for _ in range(4)))

    names = [migration.name for migration in known_migrations()]
    assert sorted(applied) == sorted([names, [], [], []])


async def test_replicas_wait_for_one_whose_migration_takes_long(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module._SETTINGS, "lock_timeout", "100ms")
    slow = Migration("9999_pre_slow", "SELECT pg_sleep(1)")
    async with new_database(postgres) as dsn:
        await migrate(dsn)
        known = [*known_migrations(), slow]
        applied = await asyncio.gather(*(migrate(dsn, known) for _ in range(3)))

    assert sorted(applied) == [[], [], [slow.name]]


async def test_a_newer_schema_is_refused(dsn: str) -> None:
    await migrate(dsn, [*known_migrations(), Migration("9999_pre_future", "SELECT 1")])

    with pytest.raises(SchemaError, match="newer than this version"):
        await migrate(dsn)
    async with await connected(dsn, "a") as database, database.connection() as lent:
        with pytest.raises(SchemaError, match="9999_pre_future"):
            await check_schema(lent)


async def test_an_older_schema_is_refused_with_the_command_that_mends_it(
    postgres: str,
) -> None:
    async with new_database(postgres) as dsn:
        await migrate(dsn, [])
        async with await connected(dsn, "a") as database, database.connection() as lent:
            with pytest.raises(SchemaError, match="ponctuel migrate"):
                await check_schema(lent)


async def test_a_migration_that_fails_leaves_nothing_behind(dsn: str) -> None:
    half = Migration("0999_pre_half", "CREATE TABLE half (); SELECT 1/0")

    with pytest.raises(SchemaError, match="DivisionByZero"):
        await migrate(dsn, [*known_migrations(), half])

    assert await migrate(dsn) == []


async def test_an_unreachable_server_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match="MIGRATE_DSN"):
        await migrate(f"postgresql://app@/postgres?host={tmp_path}")


class Connected:
    """A site's pool that closes at the end of a block."""

    def __init__(self, database: SiteDatabase) -> None:
        self.database = database

    async def __aenter__(self) -> SiteDatabase:
        return self.database

    async def __aexit__(self, *_: object) -> None:
        await self.database.close()


async def connected(dsn: str, site: str) -> Connected:
    return Connected(await open_pool(dsn, site, 2))


async def test_a_site_cannot_see_or_write_another_sites_rows(dsn: str) -> None:
    create = "INSERT INTO sites (site_id) VALUES ($1)"
    async with await connected(dsn, "a") as of_a, await connected(dsn, "b") as of_b:
        async with of_a.connection() as lent:
            await lent.execute(create, "a")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await lent.execute(create, "b")
        async with of_b.connection() as lent:
            seen = await lent.fetch("SELECT site_id FROM sites")

    assert seen == []


async def test_the_fence_stands_again_after_a_borrower_took_it_down(dsn: str) -> None:
    async with await connected(dsn, "a") as database:
        async with database.connection() as lent:
            await lent.execute("INSERT INTO sites (site_id) VALUES ('a')")
            await lent.execute("SET ponctuel.site_id = 'b'")
        async with database.connection() as lent:
            seen = await lent.fetchval("SELECT site_id FROM sites")

    assert seen == "a"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_entries SET body = ''",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries",
        "DROP TABLE ledger_entries",
        "ALTER TABLE ledger_entries DISABLE TRIGGER ALL",
        "DELETE FROM policies",
    ],
)
async def test_the_service_cannot_rewrite_the_ledger(
    dsn_to_read: str, sql: str
) -> None:
    async with (
        await connected(dsn_to_read, "a") as database,
        database.connection() as lent,
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await lent.execute(sql)


@pytest.mark.parametrize(
    "verb", ["UPDATE ledger_entries SET seq = 1", "TRUNCATE ledger_entries"]
)
async def test_not_even_the_owner_rewrites_the_ledger_by_accident(
    dsn_to_read: str, verb: str
) -> None:
    connection = await asyncpg.connect(dsn_to_read)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await connection.execute(verb)
    await connection.close()


async def test_every_table_is_keyed_and_fenced_by_site(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(
        "SELECT c.relname, c.relrowsecurity,"
        " (SELECT attname FROM pg_index i JOIN pg_attribute a"
        "  ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
        "  WHERE i.indrelid = c.oid AND i.indisprimary) AS first_key"
        " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
        " AND c.relkind = 'r' AND c.relname <> 'schema_migrations'"
    )
    await connection.close()

    assert rows
    assert {(row["relrowsecurity"], row["first_key"]) for row in rows} == {
        (True, "site_id")
    }
