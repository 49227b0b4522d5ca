"""A service that was upgraded goes on with the incidents it had (R36)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from proxy.database.migrate import known_migrations, migrate
from proxy.database.pool import open_pool
from proxy.incidents.cases import Decision
from proxy.incidents.register import Register, State
from tests.databases import new_database

OPENED = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
OPEN, CLOSED = UUID(int=1), UUID(int=2)
INSERT = """
INSERT INTO incidents (site_id, incident_id, kind, reference, opened_at, closed_at)
VALUES ('clinic', $1, $2, '1', $3, $4)
"""


async def test_old_incidents_count_from_their_opening_and_can_be_closed(postgres):
    async with new_database(postgres) as dsn:
        await migrate(dsn, [m for m in known_migrations() if m.name < "0010"])
        old = await asyncpg.connect(dsn)
        await old.execute("INSERT INTO sites (site_id) VALUES ('clinic')")
        await old.execute(INSERT, OPEN, "unsolicited-recording", OPENED, None)
        await old.execute(INSERT, CLOSED, "source-fails", OPENED, OPENED)
        await old.close()

        await migrate(dsn)

        database = await open_pool(dsn, "clinic", 2)
        register = Register(database, lambda: OPENED + timedelta(hours=5), "")
        [case] = await register.list()
        left = case.hours_left(OPENED + timedelta(hours=5))
        await register.decide(OPEN, "dpo1", Decision.NOT_NOTIFY, "never heard")
        await register.close(OPEN, "dpo1", "purged")
        closed = await register.list(State.CLOSED)
        await database.close()

    assert (case.incident_id, case.opened_by, left) == (OPEN, "service", 67)
    assert {each.incident_id for each in closed} == {OPEN, CLOSED}
