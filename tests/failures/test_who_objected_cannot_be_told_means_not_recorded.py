"""Where the list of objections cannot be read or kept in time, nothing is recorded."""

import time
import uuid

import asyncpg
import pytest

from proxy.errors import TamperedError
from tests.fakes.call_centre import SITE, until
from tests.fakes.faulty_wire import FaultyWire

pytestmark = [
    pytest.mark.usefixtures("unhurried"),
    pytest.mark.alone,
]  # it judges how soon a call is answered

DEADLINE_MS = 1000
IN_TIME = DEADLINE_MS / 1000 + 1
CALLS = 40
# What the server does with a note of who called: not at all, or too late.
FAULTS = {
    "failed": "RAISE EXCEPTION 'no room'",
    "late": "PERFORM pg_sleep(2.5); RETURN new",
}


def keeping(centre):
    sites = centre.plan(deadline_ms=DEADLINE_MS)["sites"]
    sites[SITE]["keep_opt_outs"] = True
    return sites


@pytest.fixture
async def wire(dsn):
    async with FaultyWire(dsn) as wire:
        yield wire


@pytest.fixture
async def wired(wire, centre):
    await centre.open(dsn=wire.dsn, sites=keeping(centre))
    yield centre
    await wire.mend()


@pytest.fixture
async def owner(dsn):
    """The database's owner, who can do to it what faults do."""
    owner = await asyncpg.connect(dsn)
    yield owner
    await owner.close()


async def break_notes_of_callers(owner, how):
    await owner.execute(
        f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {FAULTS[how]}; END $$;"
        " CREATE TRIGGER fail BEFORE UPDATE OF caller_key ON calls FOR EACH ROW"
        " WHEN (new.caller_key IS NOT NULL) EXECUTE FUNCTION fail()"
    )


async def asked(house, call_id):
    begun = time.monotonic()
    call = await house.start_call(call_id)
    assert time.monotonic() - begun < IN_TIME
    return call


@pytest.mark.parametrize("how", ["away", "slow"])
async def test_without_its_database_the_answer_is_skip_in_time(wired, wire, how):
    await wired.start_call()
    if how == "away":
        await wire.cut()
    else:
        wire.stall()

    assert (await asked(wired, "call-1")).decision == "skip"

    await wire.mend()
    await until(lambda: is_ready(wired), "the recovery")
    assert (await wired.drawn_call()).is_record


async def is_ready(house):
    return (await house.ready()).status == 200


async def test_a_list_that_does_not_answer_in_time_keeps_calls_from_being_drawn(
    centre, owner
):
    await centre.open(sites=keeping(centre))
    await centre.start_call("call-0")
    async with owner.transaction():
        await owner.execute("LOCK TABLE opt_outs")
        answers = [await asked(centre, f"call-{n}") for n in range(3)]
    await centre.site.keep_up()

    assert {call.decision for call in answers} == {"skip"}
    assert len(await centre.leaves("DRAW")) == 1
    # The first had its draw already: asked again, it is no call without one.
    assert centre.site.voids.counted == {("store", "cardio_in"): 2}
    assert (await centre.drawn_call()).is_record


@pytest.mark.parametrize("how", FAULTS)
async def test_a_caller_who_cannot_be_noted_is_not_recorded_and_the_call_is_closed(
    centre, owner, how
):
    await centre.open(sites=keeping(centre))
    await break_notes_of_callers(owner, how)

    names, answers = [], []
    while not await centre.value("SELECT count(*) FROM calls WHERE is_record"):
        names.append(f"call-{len(names)}")
        answers.append(await asked(centre, names[-1]))
    await until(lambda: nothing_is_open(centre), "the ends of those drawn")

    assert {call.decision for call in answers} == {"skip"}
    outcomes = await centre.rows(
        "SELECT DISTINCT outcome, outcome_code, caller_key FROM calls WHERE is_record"
    )
    assert [tuple(row) for row in outcomes] == [("failed", "deadline", None)]
    again = [await asked(centre, name) for name in names]
    assert {call.decision for call in again} == {"skip"}


async def nothing_is_open(house):
    return await house.value(
        "SELECT bool_and(outcome IS NOT NULL) FROM calls WHERE is_record"
    )


async def test_a_refusal_whose_answer_was_lost_is_sent_again_and_held_once(wired, wire):
    call = await wired.drawn_call()
    wire.lose_commit_of(uuid.UUID(call.decision_id).bytes)

    lost = await wired.send("call.opt_out", {"call_id": call.call_id})
    between = (await listed(wired), await wired.outcome(call))
    await wired.tell("call.opt_out", call)
    await wired.tell("call.opt_out", call)

    assert (lost.status, lost.problem) == (503, "database-unavailable")
    assert between == (1, (None, None))
    assert await listed(wired) == 1
    assert await wired.outcome(call) == ("objected", "before_capture")
    assert len(await wired.outcome_leaves(call)) == 1


async def test_a_refusal_that_cannot_be_kept_is_not_acknowledged(centre, owner):
    await centre.open(sites=keeping(centre))
    call = await centre.drawn_call()
    await owner.execute("REVOKE INSERT ON opt_outs FROM ponctuel_service")

    failed = await centre.send("call.opt_out", {"call_id": call.call_id})
    await owner.execute("GRANT INSERT ON opt_outs TO ponctuel_service")
    await centre.tell("call.opt_out", call)

    assert failed.status == 503
    assert await listed(centre) == 1
    assert await centre.outcome(call) == ("objected", "before_capture")


async def listed(house):
    return await house.value("SELECT count(*) FROM opt_outs")


async def test_a_damaged_key_of_the_list_means_not_recorded(centre):
    await centre.open(sites=keeping(centre))
    await centre.close()
    (centre.data_dir / "keys" / SITE / "callers.key").write_bytes(b"short")

    await centre.open_unready(sites=keeping(centre))
    answers = [await asked(centre, f"call-{n}") for n in range(CALLS)]

    assert {call.decision for call in answers} == {"skip"}
    with pytest.raises(TamperedError):
        await centre.service.wait_ready()
