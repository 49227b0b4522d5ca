"""What a recording is found by is noted before it is made, or it is not made.

Otherwise the person would be told "we hold nothing", and it would not be true.
"""

import asyncio
import time
from uuid import UUID

import asyncpg
import pytest

from proxy.intake.store import find_decision
from proxy.intake.whose import NotFindableError, Whose, note_whose
from tests.fakes.call_centre import CALLER, SITE, until, wav
from tests.fakes.desk import OFFICER, finder_of
from tests.fakes.faulty_wire import FaultyWire

pytestmark = pytest.mark.alone  # it judges how soon a call is answered

DEADLINE_MS = 1000
IN_TIME = DEADLINE_MS / 1000 + 1
# What the server does with a note of a number: none, too late, or seemingly.
FAULTS = {
    "failed": "RAISE EXCEPTION 'no room'",
    "late": "PERFORM pg_sleep(2.5); RETURN new",
    "lost": "RETURN NULL",
}


@pytest.fixture
async def owner(dsn):
    """The database's owner, who can do to it what faults do."""
    owner = await asyncpg.connect(dsn)
    yield owner
    await owner.close()


@pytest.fixture
async def wire(dsn):
    async with FaultyWire(dsn) as wire:
        yield wire


async def break_notes_of_numbers(owner, how):
    await owner.execute(
        f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {FAULTS[how]}; END $$;"
        " CREATE TRIGGER fail BEFORE UPDATE OF number_key ON recorded_callers"
        " FOR EACH ROW EXECUTE FUNCTION fail()"
    )


async def asked(house, call_id, **call):
    begun = time.monotonic()
    started = await house.start_call(call_id, **call)
    assert time.monotonic() - begun < IN_TIME
    return started


async def until_one_is_drawn(house, **call):
    """The calls that were placed, and their answers; the last was drawn."""
    placed = {}
    while not await house.value("SELECT count(*) FROM calls WHERE is_record"):
        name = f"call-{len(placed)}"
        placed[name] = await asked(house, name, **call)
    return placed


async def is_nothing_open(house):
    return await house.value(
        "SELECT bool_and(outcome IS NOT NULL) FROM calls WHERE is_record"
    )


@pytest.mark.parametrize("how", FAULTS)
async def test_a_number_that_cannot_be_noted_in_time_closes_the_call_unrecorded(
    centre, owner, how
):
    await centre.open(**centre.plan(deadline_ms=DEADLINE_MS))
    await break_notes_of_numbers(owner, how)

    placed = await until_one_is_drawn(centre, caller=CALLER)
    await until(lambda: is_nothing_open(centre), "the end of what was drawn")

    assert {call.decision for call in placed.values()} == {"skip"}
    [row] = await centre.rows("SELECT outcome, outcome_code FROM calls WHERE is_record")
    assert tuple(row) == ("failed", "deadline")
    assert await centre.rows("SELECT FROM recorded_callers") == []
    for name in placed:
        assert not (await asked(centre, name, caller=CALLER)).is_record


@pytest.mark.parametrize("how", FAULTS)
async def test_without_a_number_there_is_nothing_to_fail(centre, owner, how):
    await centre.open(**centre.plan(deadline_ms=DEADLINE_MS))
    await break_notes_of_numbers(owner, how)

    while not (call := await centre.start_call(caller="anonymous")).is_record:
        pass
    await centre.tell("call.announced", call)

    assert (await centre.upload(call.decision_id, wav())).status == 201


async def test_a_note_whose_answer_was_lost_is_no_recording_and_leaves_no_name(
    centre, wire
):
    await centre.open(dsn=wire.dsn)
    sought = await centre.site.caller_names.sought(CALLER)
    wire.lose_commit_of(sought.numbers[0])

    placed = await until_one_is_drawn(centre, caller=CALLER)
    await until(lambda: is_nothing_open(centre), "the end of what was drawn")

    assert wire.lost == 1
    assert {call.decision for call in placed.values()} == {"skip"}
    assert await centre.rows("SELECT FROM recorded_callers") == []
    assert await finder_of(centre).by_number(OFFICER, CALLER) == []


async def is_somebody_waiting(owner):
    return await owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")


async def test_a_call_that_ends_while_its_number_is_noted_keeps_no_name(centre, owner):
    """A call drawn by a leg, so that the note would make the row itself."""
    await centre.open()
    names = {"caller_key": b"c" * 16, "number_key": b"n" * 16}
    while not (call := await centre.start_call(caller="anonymous")).is_record:
        pass
    async with centre.site.database.transaction() as connection:
        drawn = await find_decision(connection, SITE, UUID(call.decision_id))

    async with owner.transaction():
        await owner.execute("UPDATE calls SET outcome = 'failed' WHERE is_record")
        noting = asyncio.create_task(
            note_whose(
                centre.site.database, centre.site.policies, drawn, Whose(**names)
            )
        )
        await until(lambda: is_somebody_waiting(owner), "the note")

    with pytest.raises(NotFindableError):
        await noting
    assert await centre.rows("SELECT FROM recorded_callers") == []
