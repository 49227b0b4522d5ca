"""The trace on a real database: committed on return, in order, never rewritten."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from proxy.access.permissions import Role
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.pool import SiteDatabase, open_pool
from proxy.errors import DatabaseUnavailableError
from proxy.ledger.tree import leaf_hash, root_of

LISTENED = Entry(Act.PLAY, "t-1", Role.TRAINER, uuid4(), "training", 0, 4095)


@pytest.fixture
def trace(database: SiteDatabase, clock) -> Trace:
    return Trace(database, clock)


async def rows(database: SiteDatabase, sql: str) -> list[asyncpg.Record]:
    async with database.connection() as connection:
        return await connection.fetch(sql)


async def test_an_entry_is_there_once_it_is_said_to_be(
    trace: Trace, database: SiteDatabase, clock
) -> None:
    assert await trace.note(LISTENED) == 0

    [row] = await rows(database, "SELECT * FROM access_entries")
    assert Entry.read(row["body"].encode()) == (clock(), LISTENED)
    assert (row["act"], row["actor"], row["item"], row["at"]) == (
        "play",
        "t-1",
        LISTENED.item,
        clock(),
    )


async def test_what_the_database_looks_for_says_what_the_body_says(
    trace: Trace, database: SiteDatabase
) -> None:
    await trace.note(Entry(Act.SIGN_IN_FAILED, "", ""))

    [row] = await rows(database, "SELECT act, actor, item FROM access_entries")
    assert tuple(row) == ("sign-in-failed", "", None)


async def test_entries_written_at_once_stand_in_one_order(dsn, database, clock) -> None:
    others = [await open_pool(dsn, "clinic", 4) for _ in range(3)]
    traces = [Trace(pool, clock) for pool in others]

    places = await asyncio.gather(*(traces[n % 3].note(LISTENED) for n in range(60)))

    leaves = await rows(database, "SELECT * FROM access_leaves ORDER BY seq")
    assert sorted(places) == [leaf["seq"] for leaf in leaves] == list(range(60))
    hashes = [leaf["leaf_hash"] for leaf in leaves]
    bodies = await rows(database, "SELECT body FROM access_entries ORDER BY seq")
    assert hashes == [leaf_hash(row["body"].encode()) for row in bodies]
    assert [leaf["root"] for leaf in leaves] == [
        root_of(hashes[: n + 1]) for n in range(60)
    ]
    for pool in others:
        await pool.close()


async def test_with_a_change_that_is_undone_its_entry_is_undone(
    trace: Trace, database: SiteDatabase
) -> None:
    with pytest.raises(ZeroDivisionError):
        await change_that_fails(trace, database)

    assert await trace.note(LISTENED) == 0


async def change_that_fails(trace: Trace, database: SiteDatabase) -> None:
    async with database.transaction() as connection:
        assert await trace.note_in(connection, LISTENED) == 0
        raise ZeroDivisionError


async def test_without_a_database_nothing_is_noted_and_that_is_said(
    tmp_path, clock
) -> None:
    away = await open_pool(f"postgresql://app@/postgres?host={tmp_path}", "clinic", 1)

    with pytest.raises(DatabaseUnavailableError):
        await Trace(away, clock).note(LISTENED)

    await away.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE access_entries SET body = body",
        "UPDATE access_leaves SET leaf_hash = ''",
        "DELETE FROM access_leaves",
        "TRUNCATE access_entries",
        "TRUNCATE access_leaves CASCADE",
        "DELETE FROM access_heads",
    ],
)
async def test_the_service_cannot_rewrite_the_trace(
    trace: Trace, database: SiteDatabase, sql: str
) -> None:
    await trace.note(LISTENED)

    async with database.connection() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE access_entries SET body = body",
        "UPDATE access_leaves SET root = ''",
        "DELETE FROM access_leaves",
    ],
)
async def test_not_even_the_owner_rewrites_it_by_accident(dsn_to_read, sql) -> None:
    connection = await asyncpg.connect(dsn_to_read)

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await connection.execute(sql)

    await connection.close()


async def test_a_site_sees_no_other_sites_trace(dsn, trace: Trace) -> None:
    await trace.note(LISTENED)
    other = await open_pool(dsn, "annexe", 1)

    seen = await rows(other, "SELECT body FROM access_entries")

    assert seen == []
    await other.close()
