"""The database did it, and nobody heard of it: asked again, nothing is done twice (I5).

At each of these steps the answer to one COMMIT is lost on the wire.
"""

import pytest

from proxy.errors import DatabaseUnavailableError
from tests.fakes.call_centre import until, wav
from tests.fakes.faulty_wire import FaultyWire

pytestmark = pytest.mark.usefixtures("unhurried")

AUDIO = wav()


@pytest.fixture
async def wire(dsn):
    async with FaultyWire(dsn) as wire:
        yield wire


@pytest.fixture
async def working(wire, centre):
    await centre.open(dsn=wire.dsn)
    yield centre
    await wire.mend()


@pytest.fixture
async def wired(working):
    """Nothing goes on by itself: an answer is lost in the step it is meant for."""
    await working.stop_worker()
    return working


def leaf(kind):
    return f'"leaf":"{kind}"'.encode()


async def ledger_is_whole(centre):
    """Every leaf in its place, one draw per call, one outcome per RECORD draw."""
    size = await centre.value("SELECT size FROM ledger_heads")
    leaves = await centre.all_leaves()
    assert size == len(leaves)
    draws = [each["c"] for each in leaves if each["leaf"] == "DRAW"]
    closed = [each["draw"] for each in leaves if each["leaf"] == "OUT"]
    assert len(draws) == len(set(draws)) == (await centre.sizes())["public.calls"]
    assert len(closed) == len(set(closed))
    assert all(leaves[place]["d"] == 1 for place in closed)


async def test_a_draw(wired, wire):
    await wired.start_call()
    wire.lose_commit_of(leaf("DRAW"))

    first = await wired.start_call("call-1")
    again = [await wired.start_call("call-1") for _ in range(3)]

    assert wire.lost == 1
    assert (first.decision, first.decision_id) == ("skip", None)
    assert len(set(again)) == 1
    assert again[0].decision_id
    assert len(await wired.leaves("DRAW")) == 2
    await wired.site.tend()
    await wired.service.publish()
    counts = await wired.counts()
    assert counts["calls", "cardio_in"] == 2
    assert counts["void", "store"] == 0
    await ledger_is_whole(wired)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("call.opt_out", ("objected", "during_call")),
        ("call.private", ("failed", "private")),
    ],
)
async def test_an_outcome(wired, wire, kind, outcome):
    call = await wired.drawn_call(is_announced=True)
    wire.lose_commit_of(leaf("OUT"))

    reply = await wired.send(kind, {"call_id": call.call_id})
    assert (reply.status, reply.problem) == (503, "database-unavailable")
    await wired.tell(kind, call)

    assert wire.lost == 1
    assert await wired.outcome(call) == outcome
    assert len(await wired.outcome_leaves(call)) == 1
    counts = await wired.counts()
    assert counts["opt_outs", "during_call"] + counts["failed", "private"] == 1
    assert counts["opt_outs", "after_call"] == 0
    await ledger_is_whole(wired)


async def is_kept_once(wired, call):
    assert await wired.outcome(call) == ("recorded", None)
    assert len(await wired.outcome_leaves(call)) == 1
    assert [await wired.heard(each) for each in await wired.kept()] == [AUDIO]
    assert len(wired.objects()) == 1
    assert await wired.rows("SELECT FROM object_writes") == []
    assert (await wired.counts())["recorded", "cardio_in"] == 1
    await ledger_is_whole(wired)


async def test_keeping_what_was_pushed(wired, wire, clock):
    call = await wired.drawn_call(is_announced=True)
    wire.lose_commit_of(b'"rec":{')

    reply = await wired.upload(call.decision_id, AUDIO)
    assert (reply.status, reply.problem) == (503, "database-unavailable")
    again = await wired.upload(call.decision_id, AUDIO, expect100=True)
    assert (again.status, again.problem) == (409, "outcome-closed")

    assert wire.lost == 1
    clock.advance(hours=2)
    await wired.site.tend()
    await is_kept_once(wired, call)


async def test_keeping_what_was_fetched(wired, wire):
    call = await wired.drawn_call(is_announced=True)
    wire.lose_commit_of(b'"rec":{')

    await wired.offer(wired.platform.hold("rec-1", AUDIO), call.decision_id)
    takeover = await wired.value("SELECT takeover_id FROM takeovers")
    with pytest.raises(DatabaseUnavailableError):
        await wired.site.takeovers.run(takeover)
    await wired.site.takeovers.run(takeover)

    assert wire.lost == 1
    assert wired.platform.count("GET", "rec-1") == 1
    assert wired.platform.audio == {}
    await is_kept_once(wired, call)


async def _is_done(working):
    return await working.value("SELECT bool_and(step = 'done') FROM takeovers")


async def test_the_report_of_a_recording(working, wire):
    call = await working.drawn_call(is_announced=True)
    url = working.platform.hold("rec-1", AUDIO)
    wire.lose_commit_of(url.encode())

    reply = await working.offer(url, call.decision_id)
    assert (reply.status, reply.problem) == (503, "database-unavailable")
    assert (await working.offer(url, call.decision_id)).status == 204

    await until(lambda: _is_done(working), "the take-over")
    assert wire.lost == 1
    assert (await working.sizes())["public.takeovers"] == 1
    assert working.platform.count("GET", "rec-1") == 1
    await is_kept_once(working, call)


async def test_the_receipt_of_a_recording_the_caller_refused_later(wired, wire):
    call = await wired.drawn_call(is_announced=True)
    await wired.upload(call.decision_id, AUDIO)
    wire.lose_commit_of(leaf("DEL"))

    reply = await wired.send("call.opt_out", {"call_id": call.call_id})
    assert (reply.status, reply.problem) == (503, "database-unavailable")
    await wired.tell("call.opt_out", call)

    assert wire.lost == 1
    assert (await wired.counts())["opt_outs", "after_call"] == 1
    assert len(await wired.leaves("DEL")) == 1
    assert wired.objects() == []
    assert await wired.kept() == []
    await ledger_is_whole(wired)


async def test_the_receipts_of_a_sweep(wired, wire, clock):
    for _ in range(3):
        call = await wired.drawn_call(is_announced=True)
        await wired.upload(call.decision_id, AUDIO)
    clock.advance(days=30)
    wire.lose_commit_of(leaf("DEL"))

    with pytest.raises(DatabaseUnavailableError):
        await wired.site.sweep()
    await wired.site.sweep()

    assert wire.lost == 1
    assert len({each["draw"] for each in await wired.leaves("DEL")}) == 3
    assert len(await wired.leaves("DEL")) == 3
    assert wired.objects() == []
    await ledger_is_whole(wired)


async def test_the_receipt_of_a_destroyed_day_key(wired, wire, clock):
    call = await wired.drawn_call(is_announced=True)
    await wired.upload(call.decision_id, AUDIO)
    clock.advance(days=31)
    wire.lose_commit_of(leaf("KEK-"))

    with pytest.raises(DatabaseUnavailableError):
        await wired.site.sweep()
    await wired.site.sweep()

    assert wire.lost == 1
    assert len(await wired.leaves("KEK-")) == 1
    assert wired.day_keys() == []
    await ledger_is_whole(wired)


async def test_a_seed_and_a_policy(wire, centre):
    policy = centre.policy()
    wire.lose_commit_of(leaf("POLICY"))
    await centre.open(dsn=wire.dsn, policy=policy)
    assert wire.lost == 1
    await centre.close()

    wire.lose_commit_of(leaf("OPEN"))
    centre.clock.advance(hours=30)
    await centre.open(dsn=wire.dsn, policy=policy)

    assert wire.lost == 2
    assert len(await centre.leaves("POLICY")) == 1
    opened = [each["e"] for each in await centre.leaves("OPEN")]
    assert len(opened) == len(set(opened))
    assert (await centre.start_call()).decision_id
    await ledger_is_whole(centre)
