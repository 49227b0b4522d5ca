"""Forgetting a week's calls reads those calls, however many others there are."""

import json
import time
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from proxy.database.pool import SERVICE_ROLE
from proxy.intake.store import QUERIES
from proxy.intake.tag_keys import FORGOTTEN_AT_ONCE

NEWEST = datetime(2026, 11, 18, tzinfo=UTC)
CALLS = 60_000
LEGS = 20_000
OLD = NEWEST - timedelta(minutes=CALLS - FORGOTTEN_AT_ONCE)

FILL = f"""
INSERT INTO sites (site_id) VALUES ('clinic');
INSERT INTO calls (
  site_id, call_key, decision_id, connection, stratum, epoch, draw_seq, is_record,
  kept_days, max_seconds, purpose, bound_at
)
SELECT 'clinic', decode(md5(n::text), 'hex'), gen_random_uuid(), 'pbx', 'cardio_in', n,
  n, false, 30, 600, 'training',
  timestamptz '2026-11-18 00:00Z' - make_interval(mins => n)
FROM generate_series(1, {CALLS}) AS n;
INSERT INTO call_legs (site_id, leg_key, call_key)
SELECT 'clinic', decode(md5('leg' || n), 'hex'), decode(md5(n::text), 'hex')
FROM generate_series({CALLS} - {LEGS} + 1, {CALLS}) AS n;
ANALYZE calls, call_legs, recordings;
"""  # noqa: S608  # numbers of ours


@pytest.fixture
async def crowded(dsn):
    """A site with many calls, as the service's role sees it."""
    owner = await asyncpg.connect(dsn)
    await owner.execute(FILL)
    await owner.close()
    connection = await asyncpg.connect(
        dsn, server_settings={"role": SERVICE_ROLE, "ponctuel.site_id": "clinic"}
    )
    yield connection
    await connection.close()


def scanned(plan: dict) -> set[tuple[str, str]]:
    """Which relation is read how, and through which index."""
    found = {(plan["Node Type"], plan.get("Index Name", plan.get("Relation Name", "")))}
    for part in plan.get("Plans", []):
        found |= scanned(part)
    return found


async def test_the_oldest_calls_come_from_an_index_by_time(crowded):
    raw = await crowded.fetchval(
        f"EXPLAIN (FORMAT json) {QUERIES['forget_calls']}",
        "clinic",
        OLD,
        FORGOTTEN_AT_ONCE,
    )

    nodes = scanned(json.loads(raw)[0]["Plan"])
    assert {name for _, name in nodes} >= {"calls_by_time"}
    assert ("Tid Scan", "calls") in nodes
    assert ("Seq Scan", "calls") not in nodes


@pytest.mark.alone
async def test_ten_thousand_calls_and_their_legs_go_in_a_few_seconds(crowded):
    begun = time.perf_counter()
    done = await crowded.execute(
        QUERIES["forget_calls"], "clinic", OLD, FORGOTTEN_AT_ONCE
    )

    took = time.perf_counter() - begun
    assert done == f"DELETE {FORGOTTEN_AT_ONCE}"
    assert took < 5
    left = await crowded.fetchval("SELECT count(*) FROM call_legs")
    assert left == LEGS - FORGOTTEN_AT_ONCE
    nothing = await crowded.execute(QUERIES["forget_calls"], "clinic", OLD, 10)
    assert nothing == "DELETE 0"
