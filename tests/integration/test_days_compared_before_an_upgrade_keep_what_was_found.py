"""A service that was upgraded goes on adding to what its days came to."""

from datetime import UTC, date, datetime

import asyncpg

from proxy.database.migrate import known_migrations, migrate
from proxy.database.pool import open_pool
from proxy.reconciliation.reports import ListSource
from proxy.reconciliation.results import QUERIES
from proxy.reconciliation.runs import Look, Runs
from tests.databases import new_database

DAY = date(2026, 11, 17)
NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
INSERT = """
INSERT INTO reconciliations VALUES
('clinic', 'pbx', $1, '\\x00', 10, 10, 0, 0, 3, 0, $2)
"""
LOOK = Look(connection="pbx", day=DAY, source=ListSource.PLATFORM, actor="op-anna")


async def test_what_is_found_later_is_added_and_alone_is_new(postgres):
    async with new_database(postgres) as dsn:
        await migrate(dsn, [m for m in known_migrations() if m.name < "0017"])
        old = await asyncpg.connect(dsn)
        await old.execute("INSERT INTO sites (site_id) VALUES ('clinic')")
        await old.execute(INSERT, DAY, NOW)
        await old.close()

        await migrate(dsn)

        database = await open_pool(dsn, "clinic", 2)
        runs = Runs(database)
        run = await runs.begin(LOOK, NOW)
        async with database.transaction() as connection:
            await run.count(connection)
            new = await connection.fetchval(
                QUERIES["keep_reconciliation"],
                *("clinic", *LOOK.key, LOOK.actor),
                *(b"\0", 10, 10, 0, 0, 0, NOW),
            )
            total = await connection.fetchval("SELECT unsolicited FROM reconciliations")
        known = [(past.actor, past.unsolicited) for past in await runs.page(0, 10)]
        await database.close()

    assert (new, total) == (1, 4)
    assert known == [(None, 3), ("op-anna", 1)]
