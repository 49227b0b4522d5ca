"""What the figures ask of the database every few seconds touches a few pages only.

Counted in pages, not in time: a plan that reads all rows of a site costs nothing on the
day it is written.
"""

import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from proxy.database.pool import open_pool
from proxy.incidents.opening import QUERIES as INCIDENTS
from proxy.intake.store import QUERIES as INTAKE
from proxy.ledger.transaction import QUERIES as LEDGER
from proxy.monitoring.reading import QUERIES as MONITORS
from proxy.publication.snapshots import QUERIES as SNAPSHOTS
from proxy.reconciliation.results import QUERIES as COMPARISONS
from proxy.vault.recordings import QUERIES as VAULT
from tests.fakes.large_site import fill

SITE = "clinic"
NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
CALLS = 100_000
MOST_PAGES = 12
ASKED = {
    "open incidents": (INCIDENTS["count_incidents"],),
    "outcomes overdue": (INTAKE["count_overdue"], YESTERDAY),
    "seeds not revealed": (INTAKE["count_unrevealed"], 10**9),
    "oldest audio, expired, overdue": (VAULT["count_retention"], NOW, YESTERDAY),
    "last drill": (VAULT["find_last_drill"],),
    "day keys alive": (VAULT["count_living_days"], YESTERDAY.date()),
    "size and tokens": (LEDGER["read_head"],),
    "counts": (LEDGER["read_counts"],),
    "newest head and its quorum": (LEDGER["read_standing"], [b"k" * 32]),
    "last cosignatures": (LEDGER["read_last_cosigned"], [b"k" * 32]),
    "last check of the ledger": (LEDGER["read_self_check"],),
    "monitors": (MONITORS["read_figures"],),
    "last comparison": (COMPARISONS["last_reconciliations"], ["pbx"]),
    "last inventory": (COMPARISONS["last_inventory"],),
    "snapshot": (SNAPSHOTS["read_snapshot"],),
}


@pytest.fixture
async def connection(dsn):
    """As the service connects, to a site that has had many calls."""
    owner = await asyncpg.connect(dsn)
    await owner.execute("INSERT INTO sites VALUES ($1)", SITE)
    await owner.execute("INSERT INTO ledger_heads (site_id) VALUES ($1)", SITE)
    await owner.close()
    await fill(dsn, SITE, NOW, CALLS)
    database = await open_pool(dsn, SITE, 1)
    async with database.connection() as lent:
        yield lent
    await database.close()


async def pages(connection, query, *arguments):
    """How many pages of tables and indexes an answer took."""
    explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT json) {query}"
    plan = json.loads(await connection.fetchval(explained, SITE, *arguments))[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


async def test_no_figure_costs_more_as_a_site_grows(connection):
    found = {name: await pages(connection, *asked) for name, asked in ASKED.items()}

    # All incidents or recordings are twenty pages and more here, all calls thousands.
    assert {name: n for name, n in found.items() if n > MOST_PAGES} == {}
