"""Every day the service reads its ledger again, and says what it finds (R39, R42)."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from proxy.ledger.entry import Kind, decode, encode
from tests.fakes.call_centre import until

A_DAY = timedelta(hours=24)


async def figures(house):
    """Findings there are, and when there were last none."""
    told = await house.site.self_check.figures()
    success = told.pop(("verify_success_timestamp_seconds",))
    return {key[1]: value for key, value in told.items() if value}, success


async def a_day_of_calls(house, clock):
    """Some calls, their seeds revealed, their head signed."""
    await asyncio.gather(*(house.start_call() for _ in range(60)))
    clock.advance(hours=2)
    await house.site.tend()


async def change(house, seq, body):
    """What only somebody with the whole database in hand can do."""
    owner = await asyncpg.connect(house.dsn)
    await owner.execute("ALTER TABLE ledger_entries DISABLE TRIGGER ALL")
    if body is None:
        await owner.execute("DELETE FROM ledger_entries WHERE seq = $1", seq)
    else:
        await owner.execute(
            "UPDATE ledger_entries SET body = $2 WHERE seq = $1", seq, body
        )
    await owner.close()


async def first_draw(house):
    rows = await house.rows("SELECT seq, body FROM ledger_entries ORDER BY seq")
    leaves = [(row["seq"], decode(row["body"])) for row in rows]
    return next((seq, leaf) for seq, leaf in leaves if leaf["leaf"] == "DRAW")


async def integrity_incidents(house):
    rows = await house.rows(
        "SELECT reference FROM incidents WHERE kind = 'integrity' ORDER BY 1"
    )
    return [row["reference"] for row in rows]


@pytest.fixture
async def called(house, clock):
    await house.stop_worker()
    await a_day_of_calls(house, clock)
    return house


async def test_nothing_is_known_before_the_first_check(called):
    assert await figures(called) == ({}, 0)


async def test_an_honest_ledger_is_found_clean_and_when(called, clock):
    await called.site.verify_self()

    assert await figures(called) == ({}, clock().timestamp())
    assert await integrity_incidents(called) == []


async def test_a_changed_decision_is_found_by_the_tree_and_by_the_draw(called, clock):
    await called.site.verify_self()
    clean_at = clock().timestamp()
    seq, leaf = await first_draw(called)
    fields = {name: value for name, value in leaf.items() if name != "leaf"}
    await change(called, seq, encode(Kind.DRAW, fields | {"d": 1 - leaf["d"]}))
    clock.advance(hours=24)

    await called.site.verify_self()

    found, success = await figures(called)
    assert found["ROOT"] == 1
    assert found["DRAW"] == 1
    assert success == clean_at
    (reference,) = await integrity_incidents(called)
    assert {"DRAW", "ROOT"} <= set(reference.split("-"))


@pytest.mark.parametrize("body", [None, b'{"leaf" : "NOTE"}'])
async def test_a_leaf_that_is_gone_or_no_leaf_is_found(called, body):
    seq, _ = await first_draw(called)
    await change(called, seq, body)

    await called.site.verify_self()

    found, success = await figures(called)
    assert found["ROOT"] == (2 if body is None else 1)  # a gap, and another root
    assert ("ENCODING" in found) == (body is not None)
    assert success == 0


async def test_a_head_that_we_did_not_sign_is_found(called):
    owner = await asyncpg.connect(called.dsn)
    await owner.execute(
        "UPDATE checkpoints SET note = set_byte(note, 29,"
        " CASE get_byte(note, 29) WHEN 65 THEN 66 ELSE 65 END)"
    )
    await owner.close()

    await called.site.verify_self()

    assert await figures(called) == ({"LOGSIG": 1}, 0)
    assert await integrity_incidents(called) == ["ledger-LOGSIG"]


async def test_what_is_mended_is_found_clean_the_next_day(called, clock):
    rows = await called.rows("SELECT body FROM ledger_entries WHERE seq = 0")
    await change(called, 0, b"{}")
    await called.site.verify_self()
    await change(called, 0, rows[0]["body"])
    clock.advance(hours=24)

    await called.site.verify_self()

    assert await figures(called) == ({}, clock().timestamp())


async def test_it_checks_once_a_day_whichever_replica_it_is(called, clock):
    checked = await called.site.self_check.run_if_due()
    await called.open()
    other = called.site

    again = await other.self_check.run_if_due()
    clock.advance(hours=23, minutes=59)
    soon = await other.self_check.run_if_due()
    clock.advance(minutes=1)
    next_day = await other.self_check.run_if_due()

    assert checked
    assert (again, soon) == (None, None)
    assert next_day


async def test_calls_are_drawn_while_a_long_ledger_is_read(called, monkeypatch):
    monkeypatch.setattr("proxy.ledger.self_check._PAGE", 1)
    check = asyncio.create_task(called.site.self_check.run())
    await until(lambda: not check.done(), "a check under way")

    await called.start_call()

    checked = await check
    assert checked.findings == {}


async def test_a_ledger_without_a_signed_head_has_nothing_to_check(centre):
    await centre.open()
    await centre.stop_worker()
    connection = await asyncpg.connect(centre.dsn)
    await connection.execute("DELETE FROM checkpoints")
    await connection.close()

    assert await centre.site.self_check.run() is None
    assert await figures(centre) == ({}, 0)
