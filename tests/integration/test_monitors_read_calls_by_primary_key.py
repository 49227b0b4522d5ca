"""Monitors look at new calls only: what they read does not grow with the ledger."""

import json

import asyncpg
import pytest

from proxy.database.pool import open_pool
from proxy.monitoring.reading import QUERIES

SITE = "clinic"
CALLS = 20_000
FILL = f"""
INSERT INTO ledger_entries (site_id, seq, body)
SELECT '{SITE}', n, convert_to(
  '{{"T":"049ba5e353f7ced9","c":"' || md5(n::text) || '","d":0,"e":1,"leaf":"DRAW",'
  || '"s":"cardio_in"}}', 'UTF8'
)
FROM generate_series(0, {CALLS} - 1) AS n;
INSERT INTO calls (
  site_id, call_key, decision_id, connection, stratum, epoch, draw_seq, is_record,
  kept_days, max_seconds, purpose, bound_at
)
SELECT '{SITE}', decode(md5(n::text), 'hex'), gen_random_uuid(), 'pbx', 'cardio_in', 1,
  n, false, 30, 600, 'training', now()
FROM generate_series(0, {CALLS} - 1) AS n;
INSERT INTO call_agents (site_id, draw_seq, agent_key, noted_at)
SELECT '{SITE}', n, decode(md5((n % 50)::text), 'hex'), now()
FROM generate_series(0, {CALLS} - 1) AS n;
INSERT INTO recording_flags (site_id, flag_key, draw_seq, noted_seq, source, seen_at)
SELECT '{SITE}', decode(md5(n::text), 'hex'), n, n, 'available', now()
FROM generate_series(0, {CALLS} - 1, 50) AS n;
"""  # noqa: S608  # numbers of ours


def nodes(plan):
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


@pytest.mark.parametrize("is_analyzed", [True, False])
async def test_a_stretch_of_the_ledger_is_read_for_itself(dsn, is_analyzed):
    owner = await asyncpg.connect(dsn)
    await owner.execute("INSERT INTO sites VALUES ($1)", SITE)
    await owner.execute(FILL)
    if is_analyzed:
        await owner.execute("ANALYZE")
    database = await open_pool(dsn, SITE, 1)

    async with database.connection() as connection:
        explained = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {QUERIES['read_calls']}", SITE, 9_000, 100
        )

    every = list(nodes(json.loads(explained)[0]["Plan"]))
    assert {node["Node Type"] for node in every}.isdisjoint({"Seq Scan", "Hash Join"})
    assert max(node["Actual Rows"] for node in every) <= 100
    await database.close()
    await owner.close()
