"""Whoever opens the trace sees last week's plays; a year lies behind them, unread."""

import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from proxy.access.trace.acts import Act
from proxy.access.trace.reading import Filter
from proxy.access.trace.trace import QUERIES
from proxy.database.pool import open_pool

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
ENTRIES = 300_000  # of fewer, the planner reads a week whole, which is few pages
LEAVES = """
INSERT INTO access_leaves (site_id, seq, leaf_hash, root, at)
SELECT 'clinic', n, sha256('x'), sha256('x'), $1::timestamptz - ago
FROM generate_series(0, $2 - 1) AS n,
LATERAL (SELECT interval '365 days' * (1 - n::float / $2) AS ago) AS agos
"""
BODIES = """
INSERT INTO access_entries (site_id, seq, body)
SELECT site_id, seq, jsonb_build_object(
  'act', (ARRAY['heard', 'heard', 'heard', 'play', 'listed'])[1 + seq % 5],
  'actor', 't-' || seq % 9, 'item', gen_random_uuid(), 'role', 'trainer',
  'at', floor(extract(epoch FROM at) * 1000)
)::text FROM access_leaves
"""


@pytest.fixture
async def connection(dsn):
    """As the service connects, to a site whose people listened for a year."""
    owner = await asyncpg.connect(dsn)
    await owner.execute("INSERT INTO sites VALUES ('clinic')")
    await owner.execute(LEAVES, NOW, ENTRIES)
    await owner.execute(BODIES)
    await owner.execute("ANALYZE access_entries")
    await owner.close()
    database = await open_pool(dsn, "clinic", 1)
    async with database.connection() as lent:
        yield lent
    await database.close()


async def test_a_page_of_last_weeks_plays_reads_no_year(connection):
    wanted = Filter(act=Act.PLAY, since=NOW - timedelta(days=7))
    asked = ("clinic", -1, 100, None, None, wanted.act, wanted.since, None)
    explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT json) {QUERIES['list_entries']}"

    [told] = json.loads(await connection.fetchval(explained, *asked))

    plan = told["Plan"]
    assert plan["Actual Rows"] == 100
    # A week's plays are 1,151 rows on 170 pages; to read the year is 9,000 pages.
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 400
