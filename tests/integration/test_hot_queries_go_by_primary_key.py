"""The look before each draw stays one look-up per name, however full the tables are.

Its plan is made once, perhaps while they are empty: a plan by site alone would read a
million rows for every call some weeks later.
"""

import json
from hashlib import sha256

import asyncpg
import pytest

from proxy.database.pool import open_pool
from proxy.intake import seat
from proxy.intake.store import QUERIES

SITE = "clinic"
CALLS = 20_000
FILL = f"""
INSERT INTO calls (
  site_id, call_key, decision_id, connection, stratum, epoch, draw_seq, is_record,
  kept_days, max_seconds, purpose, bound_at
)
SELECT '{SITE}', decode(md5(n::text), 'hex'), gen_random_uuid(), 'pbx', 'cardio_in', n,
  n, true, 30, 600, 'training', now()
FROM generate_series(1, {CALLS}) AS n;
INSERT INTO call_legs (site_id, leg_key, call_key)
SELECT '{SITE}', decode(md5('leg' || n), 'hex'), decode(md5(n::text), 'hex')
FROM generate_series(1, {CALLS}) AS n;
"""  # noqa: S608  # numbers of ours
NAMES = [sha256(bytes([n])).digest()[:16] for n in range(4)]
# What each look-up by decision takes besides site and decision.
ARGUMENTS = {
    "find_call_by_decision": "",
    "note_announced": ", now()",
    "note_ended": ", now()",
    "set_outcome": ", 'failed', 'deadline', now()",
}


@pytest.fixture
async def owner(dsn):
    """A site without a single call, on tables just made."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("INSERT INTO sites VALUES ($1)", SITE)
    await connection.execute("INSERT INTO ledger_heads (site_id) VALUES ($1)", SITE)
    yield connection
    await connection.close()


@pytest.fixture
async def database(dsn, owner):
    assert await owner.fetchval("SELECT NOT EXISTS (SELECT FROM calls)")
    database = await open_pool(dsn, SITE, 2)
    yield database
    await database.close()


async def fill(owner, *, is_analyzed):
    await owner.execute(FILL)
    if is_analyzed:
        await owner.execute("ANALYZE calls, call_legs")


def statement(name):
    return QUERIES[name].strip().removesuffix(";")


def nodes(plan):
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


async def plan_of(connection, execute):
    """What reads which relation, and by what condition."""
    raw = await connection.fetchval(f"EXPLAIN (FORMAT json) {execute}")
    return [
        node
        for node in nodes(json.loads(raw)[0]["Plan"])
        if node.get("Relation Name") or node.get("Index Name")
    ]


def goes_by_key(plan, relation, key):
    """Whether each look into the relation is one by its whole primary key."""
    looks = [node for node in plan if node.get("Relation Name") == relation]
    assert looks, f"{relation} is not read at all"
    return all(
        node["Node Type"] in {"Index Scan", "Index Only Scan"}
        and node["Index Name"] == f"{relation}_pkey"
        and "site_id" in node["Index Cond"]
        and key in node["Index Cond"]
        and key not in node.get("Filter", "")
        for node in looks
    )


@pytest.mark.parametrize("is_analyzed", [False, True], ids=["young", "analyzed"])
async def test_the_look_before_a_draw_planned_on_empty_tables_goes_by_primary_key(
    database, owner, is_analyzed
):
    connection = await database.connect(seat._SETTINGS)
    names = ", ".join(f"'\\x{name.hex()}'" for name in NAMES)
    names = ", ".join([f"ARRAY[{names}]::bytea[]"] * 3)
    execute = f"EXECUTE look ('{SITE}', {names})"
    look = statement("read_head_and_calls")
    await connection.execute(
        f"PREPARE look (text, bytea[], bytea[], bytea[]) AS {look}"
    )
    assert len(await connection.fetch(execute)) == 1

    await fill(owner, is_analyzed=is_analyzed)

    plan = await plan_of(connection, execute)
    await connection.close()
    assert "Seq Scan" not in {node["Node Type"] for node in plan}
    assert goes_by_key(plan, "calls", "call_key")
    assert goes_by_key(plan, "call_legs", "leg_key")
    assert goes_by_key(plan, "ledger_heads", "site_id")
    assert goes_by_key(plan, "agent_days", "agent_key")
    assert goes_by_key(plan, "agent_draws", "agent_key")
    assert goes_by_key(plan, "recorded_callers", "caller_key")


@pytest.mark.parametrize("is_analyzed", [False, True], ids=["young", "analyzed"])
@pytest.mark.parametrize("name", ARGUMENTS)
async def test_a_calls_outcome_is_looked_up_by_its_decision(
    database, owner, name, is_analyzed
):
    await fill(owner, is_analyzed=is_analyzed)
    decision = await owner.fetchval("SELECT decision_id FROM calls LIMIT 1")
    async with database.connection() as connection:
        await connection.execute(f"PREPARE look AS {statement(name)}")
        execute = f"EXECUTE look ('{SITE}', '{decision}'{ARGUMENTS[name]})"

        plan = await plan_of(connection, execute)

    indexes = {node["Index Name"] for node in plan if "Index Name" in node}
    assert "Seq Scan" not in {node["Node Type"] for node in plan}
    assert "calls_by_decision" in indexes
    # A table without statistics, for its first minute, may join two indexes.
    assert len(indexes) == 1 or not is_analyzed
