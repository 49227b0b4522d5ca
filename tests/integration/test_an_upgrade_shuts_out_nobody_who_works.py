"""Accounts of before an appointment was asked for them go on (decision 0028)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from proxy.database.migrate import known_migrations, migrate
from tests.databases import new_database

THEN = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
ACCOUNT = """
INSERT INTO accounts (
  site_id, account_id, code, role, agent_key, password_hash, made_at, made_by
) VALUES ('clinic', $1, $2, $3, $4, $5, $6, 'admin-1')
"""
GRANT = """
INSERT INTO grants (site_id, grant_id, code, until, given_by, given_at)
VALUES ('clinic', gen_random_uuid(), $1, $2, 'dpo-1', now())
"""
HASH, ONE, TWO = "$argon2id$x", b"1" * 16, b"2" * 16
BEFORE = (
    ("ag-1", "agent", ONE, HASH),
    ("ag-2", "agent", ONE, HASH),  # made later, for the same agent
    ("ag-3", "agent", TWO, None),  # has not accepted yet
    ("dpo-1", "dpo", None, HASH),
    ("ro-1", "rights_officer", None, HASH),
    ("tr-1", "trainer", None, HASH),
)


@pytest.fixture
async def upgraded(postgres):
    """A database of before, with its people, brought forward."""
    async with new_database(postgres) as dsn:
        await migrate(dsn, [m for m in known_migrations() if m.name < "0040"])
        connection = await asyncpg.connect(dsn)
        await connection.execute("INSERT INTO sites (site_id) VALUES ('clinic')")
        for number, (code, role, key, secret) in enumerate(BEFORE):
            made_at = THEN + timedelta(days=number)
            await connection.execute(
                ACCOUNT, UUID(int=number), code, role, key, secret, made_at
            )
        soon = datetime.now(UTC) + timedelta(days=30)
        for code in ("tr-1", "ro-1", "listed-1"):
            await connection.execute(GRANT, code, soon)
        await migrate(dsn)
        yield connection
        await connection.close()


async def test_agents_and_rights_officers_of_before_count_as_appointed(upgraded):
    rows = await upgraded.fetch("SELECT code, appointed_by FROM accounts ORDER BY code")

    assert dict(map(tuple, rows)) == {
        "ag-1": "upgrade",
        "ag-2": None,
        "ag-3": None,
        "dpo-1": None,
        "ro-1": "upgrade",
        "tr-1": None,
    }


async def test_of_two_accounts_of_an_agent_the_older_stays_theirs(upgraded):
    rows = await upgraded.fetch(
        "SELECT code, agent_key FROM accounts WHERE role = 'agent' ORDER BY code"
    )

    keys = dict(map(tuple, rows))
    assert (keys["ag-1"], keys["ag-3"]) == (ONE, TWO)
    assert len(set(keys.values())) == 3


async def test_grants_of_who_is_no_trainer_any_more_are_over(upgraded):
    rows = await upgraded.fetch(
        "SELECT code FROM grants WHERE ended_at IS NULL ORDER BY code"
    )

    assert [row["code"] for row in rows] == ["listed-1", "tr-1"]
