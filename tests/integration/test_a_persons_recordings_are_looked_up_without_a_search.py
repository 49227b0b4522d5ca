"""However full the site is, no look-up for a person reads what is not about them.

Nor does noting a number with a call. Judged by the rows each part of a plan has really
seen, of queries planned as the service plans them.
"""

from datetime import UTC, datetime, timedelta
from hashlib import md5

import asyncpg
import pytest

from proxy.database.pool import open_pool
from proxy.intake.store import QUERIES as INTAKE
from proxy.rights.finding.finder import QUERIES
from tests.fakes.many_people import TABLES, fill_with_people
from tests.fakes.plans import nodes_of, searches

SITE = "clinic"
SIZE = 30_000
NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
STRANGER = 12_345
MONTHS = 14
MOST_ROWS = 120
NOON = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
WINDOW = (NOON, NOON + timedelta(hours=2), NOON + timedelta(hours=6))


def name(kind, number=STRANGER):
    return md5(f"{kind}{number}".encode(), usedforsecurity=False).digest()


def sought(kind):
    """Of all months with recordings the names; one is the stranger's."""
    return [name(kind), *(name("of another month", n) for n in range(MONTHS))]


DECISION = name("decision").hex()
NOTED = ("cardio", None, [1], ["training"], 1, b"n" * 16, True, b"c" * 16)
ASKED = {
    "by number": (QUERIES["find_by_number"], NOW, sought("number"), sought("ending")),
    "by details": (QUERIES["find_by_details"], NOW, *WINDOW, None),
    "of a practice": (QUERIES["find_by_details"], NOW, *WINDOW, "cardio"),
    "by agent": (QUERIES["find_by_agent"], NOW, name("agent", 7)),
    "noting a number": (INTAKE["note_whose"], DECISION, *NOTED),
}


@pytest.fixture
async def owner(dsn):
    owner = await asyncpg.connect(dsn)
    await owner.execute("INSERT INTO sites VALUES ($1)", SITE)
    await owner.execute("INSERT INTO ledger_heads (site_id) VALUES ($1)", SITE)
    yield owner
    await owner.close()


@pytest.fixture
async def full(dsn, owner):
    """As the service connects, to a full site with statistics."""
    await fill_with_people(dsn, SITE, SIZE, NOW)
    await owner.execute("UPDATE calls SET outcome = NULL WHERE draw_seq = $1", STRANGER)
    database = await open_pool(dsn, SITE, 1)
    async with database.connection() as lent:
        yield lent
    await database.close()


async def test_each_look_up_reads_only_what_it_is_about(full):
    found = {
        what: await nodes_of(full, query, SITE, *rest)
        for what, (query, *rest) in ASKED.items()
    }

    assert searches(found, TABLES, MOST_ROWS) == ""


async def test_the_look_ups_do_find_what_is_there(full):
    """So that the test above does not praise look-ups of nothing."""

    async def count(what):
        query, *arguments = ASKED[what]
        return len(await full.fetch(query, SITE, *arguments))

    assert await count("by number") == 1
    assert await count("by agent") == SIZE // 10_000
    assert 10 <= await count("by details") == await count("of a practice")
    assert await full.fetchval(INTAKE["note_whose"], SITE, DECISION, *NOTED) == 1
