"""Every table of a real database is promised an end, and old rows are found at once."""

import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from proxy.database.forgetting import BATCH, QUERIES
from proxy.database.pool import SERVICE_ROLE
from retention.schedule import tables

CATALOGUE = """
SELECT
  CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END
FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE
  c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""
NOW = datetime(2026, 11, 18, tzinfo=UTC)
ROWS = 20_000
FILL = f"""
INSERT INTO sites (site_id) VALUES ('clinic');
INSERT INTO takeovers (
  site_id, takeover_id, connection, source_ref, step, created_at, finished_at
)
SELECT 'clinic', gen_random_uuid(), 'pbx', n::text, 'done', t, t
FROM generate_series(1, {ROWS}) AS n,
LATERAL (SELECT timestamptz '2026-11-18 00:00Z' - make_interval(mins => n)) AS w (t);
INSERT INTO call_agents (site_id, draw_seq, agent_key, noted_at)
SELECT 'clinic', n, '', timestamptz '2026-11-18 00:00Z' - make_interval(mins => n)
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO recording_flags (site_id, flag_key, noted_seq, source, seen_at)
SELECT 'clinic', decode(md5(n::text), 'hex'), n, 'started',
  timestamptz '2026-11-18 00:00Z' - make_interval(mins => n)
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO incidents (site_id, incident_id, kind, reference, opened_at, closed_at)
SELECT 'clinic', gen_random_uuid(), 'x', n::text, t, t
FROM generate_series(1, {ROWS}) AS n,
LATERAL (SELECT timestamptz '2026-11-18 00:00Z' - make_interval(mins => n)) AS w (t);
ANALYZE takeovers, call_agents, recording_flags, incidents;
"""  # noqa: S608  # numbers of ours
GOING_ON = {
    "incidents": "INSERT INTO incidents"
    " (site_id, incident_id, kind, reference, opened_at)"
    " VALUES ('clinic', gen_random_uuid(), 'x', 'open', now())",
    "holds": "INSERT INTO holds VALUES ('clinic', gen_random_uuid(), gen_random_uuid(),"
    " 1, 'claim', 'x', 'x', 'x', now(), now(), 1)",
    "policy_versions": "INSERT INTO policy_versions (site_id, number, state, document,"
    " salt, digest, author, version, created_at)"
    " VALUES ('clinic', 1, 'active', '{}', '', '', 'x', 1, now())",
}
BY_INDEX = {
    "forget_takeovers": "takeovers_by_end",
    "forget_call_agents": "call_agents_by_time",
    "forget_flags": "recording_flags_by_time",
    "forget_incidents": "incidents_by_end",
}


async def test_every_table_is_in_exactly_one_row(dsn_to_read):
    connection = await asyncpg.connect(dsn_to_read)
    found = sorted(row[0] for row in await connection.fetch(CATALOGUE))
    await connection.close()

    assert found == sorted(tables())


async def test_a_table_that_nobody_promised_anything_is_noticed(dsn):
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE UNLOGGED TABLE jobs.forgotten ()")
    found = {row[0] for row in await connection.fetch(CATALOGUE)}
    await connection.close()

    assert found - set(tables()) == {"jobs.forgotten"}


@pytest.fixture
async def crowded(dsn):
    """Tables that grow with calls, full, as the service's role sees them."""
    owner = await asyncpg.connect(dsn)
    await owner.execute(FILL)
    await owner.close()
    connection = await asyncpg.connect(
        dsn, server_settings={"role": SERVICE_ROLE, "ponctuel.site_id": "clinic"}
    )
    yield connection
    await connection.close()


def indexes(plan: dict) -> set[str]:
    return {plan.get("Index Name", "")}.union(*map(indexes, plan.get("Plans", [])))


async def test_old_rows_are_found_by_an_index_however_many_others_there_are(crowded):
    for query, index in BY_INDEX.items():
        raw = await crowded.fetchval(
            f"EXPLAIN (FORMAT json) {QUERIES[query]}",
            "clinic",
            NOW - timedelta(minutes=ROWS - 10),
            BATCH,
        )

        [plan] = json.loads(raw)
        assert index in indexes(plan["Plan"]), query


@pytest.mark.parametrize("table", GOING_ON)
async def test_the_service_cannot_take_away_what_still_goes_on(dsn, table):
    owner = await asyncpg.connect(dsn)
    await owner.execute("INSERT INTO sites (site_id) VALUES ('clinic')")
    await owner.execute(GOING_ON[table])
    service = await asyncpg.connect(
        dsn, server_settings={"role": SERVICE_ROLE, "ponctuel.site_id": "clinic"}
    )

    done = await service.execute(f"DELETE FROM {table}")  # noqa: S608  # a name of ours

    assert done == "DELETE 0"
    assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 1  # noqa: S608  # a name of ours
    await service.close()
    await owner.close()
