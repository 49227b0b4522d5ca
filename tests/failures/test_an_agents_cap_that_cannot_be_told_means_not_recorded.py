"""Whether an agent had enough cannot be told or kept in time: nothing is recorded."""

import time
import uuid

import asyncpg
import pytest

from tests.fakes.agents import had, is_theirs, reach
from tests.fakes.call_centre import until, wav
from tests.fakes.faulty_wire import FaultyWire

pytestmark = pytest.mark.alone  # it judges how soon a call is answered

DEADLINE_MS = 1000
IN_TIME = DEADLINE_MS / 1000 + 1
BLUE = "agent-blue"
# What the server does with what it should keep: nothing at all, or too late.
FAULTS = {
    "failed": "RAISE EXCEPTION 'no room'",
    "late": "PERFORM pg_sleep(2.5); RETURN new",
}


def in_a_hurry(centre):
    return centre.plan(deadline_ms=DEADLINE_MS)["sites"]


@pytest.fixture
async def wire(dsn):
    async with FaultyWire(dsn) as wire:
        yield wire


@pytest.fixture
async def owner(dsn):
    """The database's owner, who can do to it what faults do."""
    owner = await asyncpg.connect(dsn)
    yield owner
    await owner.close()


async def is_closed(house, call):
    return (await house.outcome(call))[0] is not None


@pytest.mark.parametrize("how", FAULTS)
async def test_a_call_whose_agent_cannot_be_counted_in_time_is_closed(
    centre, owner, how
):
    await centre.open(sites=in_a_hurry(centre))
    call = await centre.drawn_call(is_announced=True)
    await owner.execute(
        f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {FAULTS[how]}; END $$;"
        " CREATE TRIGGER fail BEFORE INSERT ON agent_draws"
        " FOR EACH ROW EXECUTE FUNCTION fail()"
    )

    begun = time.monotonic()
    leg = await reach(centre, call, BLUE)

    assert time.monotonic() - begun < IN_TIME
    assert leg.decision == "skip"
    await until(lambda: is_closed(centre, call), "its end")
    assert await centre.outcome(call) == ("failed", "deadline")
    reply = await centre.upload(call.decision_id, wav(), expect100=True)
    assert (reply.status, reply.problem) == (409, "outcome-closed")


async def test_a_cap_found_too_late_for_the_platform_ends_the_call_all_the_same(
    centre, owner
):
    await centre.open(sites=in_a_hurry(centre))
    call = await centre.drawn_call(is_announced=True)
    await had(centre, BLUE, 0, 0)
    async with owner.transaction():
        await owner.execute("LOCK TABLE agent_draws")
        # The leader reads it, too, and waits no longer than the platform.
        assert (await reach(centre, call, BLUE)).decision == "skip"

    await until(lambda: is_ended(centre, call), "its end")


async def is_ended(centre, call):
    """Closed, at the latest when the platform asks again."""
    await reach(centre, call, BLUE)
    return (await centre.outcome(call))[0] == "failed"


async def test_an_agent_counted_though_nobody_heard_of_it_is_counted_once(wire, centre):
    await centre.open(dsn=wire.dsn)
    call = await centre.drawn_call(is_announced=True)
    wire.lose_commit_of(uuid.UUID(call.decision_id).bytes)

    first = await reach(centre, call, BLUE)
    await until(lambda: is_closed(centre, call), "its end")
    again = await reach(centre, call, BLUE)

    assert wire.lost == 1
    assert [first.decision, again.decision] == ["skip", "skip"]
    assert await centre.outcome(call) == ("failed", "deadline")
    assert len(await centre.outcome_leaves(call)) == 1
    assert await is_theirs(centre, BLUE) == [call.decision_id]


async def test_an_end_whose_answer_was_lost_is_one_end(wire, centre):
    await centre.open(dsn=wire.dsn)
    call = await centre.drawn_call(is_announced=True)
    await had(centre, BLUE, 0, 0)
    wire.lose_commit_of(b'"leaf":"OUT"')

    first = await reach(centre, call, BLUE)
    await until(lambda: is_closed(centre, call), "its end")
    again = await reach(centre, call, BLUE)

    assert wire.lost == 1
    assert [first.decision, again.decision] == ["skip", "skip"]
    assert await centre.outcome(call) == ("failed", "cap")
    assert len(await centre.outcome_leaves(call)) == 1
    assert (await centre.counts())["failed", "cap"] == 1
