"""A page of a list reads about as many rows as it shows, however long the list is.

Counted in rows, not in time, and by a plan made for any page: the first and one in the
middle cost the same.
"""

import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from proxy.database.pool import open_pool
from proxy.governance.store import QUERIES as POLICIES
from proxy.incidents.opening import QUERIES as INCIDENTS
from proxy.reconciliation.runs import QUERIES as RUNS

SITE = "clinic"
ROWS = 20_000
LIMIT = 51  # a page, and one that shows whether there is another
SPARE = 20  # rows of one index page, at most, beside those that are shown
NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
FILL = f"""
INSERT INTO policy_versions (
  site_id, number, state, document, salt, digest, author, created_at
)
SELECT '{SITE}', n, 'draft', '{{}}', '\\x00', '\\x00', 'op-anna', now()
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO policy_events (site_id, number, move, actor, role, at, is_refused)
SELECT '{SITE}', n % 2 + 1, 'draft', 'op-anna', 'operator', now(), n % 100 = 0
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO incidents (
  site_id, incident_id, kind, reference, opened_at, aware_at, closed_at
)
SELECT '{SITE}', gen_random_uuid(), 'source-fails', n::text, now(),
  timestamptz '{NOW}' - n / 10 * interval '1 minute',
  CASE WHEN n % 100 > 0 THEN now() END
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO reconciliation_runs (site_id, connection, day, source, begun_at)
SELECT '{SITE}', 'pbx', '2026-11-18', 'platform', now()
FROM generate_series(1, {ROWS}) AS n;
"""  # noqa: S608  # numbers of ours
TABLES = "policy_versions, policy_events, incidents, reconciliation_runs"
FIRST = f"'0001-01-01', '{'0' * 8}-0000-0000-0000-{'0' * 12}'"
HALF = NOW - timedelta(minutes=ROWS // 20)
MIDDLE = f"'{HALF}', '{'8' * 8}-0000-0000-0000-{'0' * 12}'"
KNOWN = "text, timestamptz, uuid, bigint", (FIRST, MIDDLE)
NUMBERED = "text, bigint, bigint", ("0", str(ROWS // 2))
LISTS = {
    "policies": (POLICIES["list_versions"], *NUMBERED),
    "everything that was done": (POLICIES["list_events"], *NUMBERED),
    "what was refused": (POLICIES["list_refused_events"], *NUMBERED),
    "one policy's history": (
        POLICIES["list_events_of"],
        "text, bigint, bigint, integer",
        NUMBERED[1],
        ", 1",
    ),
    "all incidents": (INCIDENTS["list_all_incidents"], *KNOWN),
    "open incidents": (INCIDENTS["list_open_incidents"], *KNOWN),
    "closed incidents": (INCIDENTS["list_closed_incidents"], *KNOWN),
    "reconciliations": (RUNS["list_runs"], *NUMBERED),
}


@pytest.fixture(params=[False, True], ids=["young", "analyzed"])
async def connection(dsn, request):
    """As the service connects, to tables whose statistics may not be known yet."""
    owner = await asyncpg.connect(dsn)
    await owner.execute("INSERT INTO sites VALUES ($1)", SITE)
    await owner.execute(FILL)
    if request.param:
        await owner.execute(f"ANALYZE {TABLES}")
    await owner.close()
    database = await open_pool(dsn, SITE, 1)
    async with database.connection() as lent:
        await lent.execute("SET plan_cache_mode = force_generic_plan")
        yield lent
    await database.close()


def read_by(plan):
    """Rows looked at in tables and indexes, whether or not they are of use."""
    below = sum(map(read_by, plan.get("Plans", [])))
    if "Relation Name" not in plan:
        return below
    thrown_away = plan.get("Rows Removed by Filter", 0)
    thrown_away += plan.get("Rows Removed by Index Recheck", 0)
    return below + (plan["Actual Rows"] + thrown_away) * plan["Actual Loops"]


async def page(connection, list_name, place, more=""):
    """How many rows were read for it, and how many it shows."""
    execute = f"EXECUTE {list_name} ('{SITE}', {place}, {LIMIT}{more})"
    explained = f"EXPLAIN (ANALYZE, FORMAT json) {execute}"
    plan = json.loads(await connection.fetchval(explained))[0]["Plan"]
    return read_by(plan), len(await connection.fetch(execute))


async def test_a_page_reads_what_it_shows(connection):
    pages = {}
    for name, (query, types, places, *more) in LISTS.items():
        prepared = name.translate({ord(" "): "_", ord("'"): None})
        await connection.execute(f"PREPARE {prepared} ({types}) AS {query}")
        for place in places:
            pages[name, place] = await page(connection, prepared, place, *more)

    assert {shown for _, shown in pages.values()} == {LIMIT}
    assert {name: n for name, (n, _) in pages.items() if n > LIMIT + SPARE} == {}
