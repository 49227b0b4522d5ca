"""Who refuses is not kept, whenever the refusal comes (R15)."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from tests.fakes.call_centre import until, wav


async def is_closed_once(house, call, leaf):
    [closed] = await house.outcome_leaves(call)
    usual = {"leaf": "OUT", "draw": closed["draw"], "n": closed["n"]}
    assert closed == usual | leaf
    assert house.objects() == []
    assert await house.kept() == []


@pytest.mark.parametrize(
    ("is_announced", "stage"),
    [
        pytest.param(False, "before_capture", id="before the recording"),
        pytest.param(True, "during_call", id="during the recording"),
    ],
)
async def test_a_refusal_closes_the_call_and_its_audio_is_not_taken(
    house, is_announced, stage
):
    call = await house.drawn_call(is_announced=is_announced)

    await house.tell("call.opt_out", call)
    await house.tell("call.opt_out", call)

    reply = await house.upload(call.decision_id, wav(), expect100=True)
    assert (reply.status, reply.problem) == (409, "outcome-closed")
    assert await house.outcome(call) == ("objected", stage)
    await is_closed_once(house, call, {"objected": 1})
    assert (await house.counts())["opt_outs", stage] == 1


async def test_whoever_refused_is_told_not_to_record_when_asked_again(house):
    call = await house.drawn_call()

    await house.tell("call.opt_out", call)

    again = await house.start_call(call.call_id)
    assert (again.decision, again.decision_id) == ("skip", call.decision_id)


async def test_a_refusal_while_the_audio_arrives_keeps_nothing(house):
    call = await house.drawn_call(is_announced=True)
    may_go_on = asyncio.Event()

    async def slowly():
        audio = wav(seconds=5)
        yield audio[:40_000]
        await may_go_on.wait()
        yield audio[40_000:]

    upload = asyncio.create_task(house.upload(call.decision_id, slowly()))
    await until(house.objects, "the upload to have begun")
    await house.tell("call.opt_out", call)
    may_go_on.set()

    assert (await upload).status == 409
    await is_closed_once(house, call, {"objected": 1})
    assert await house.rows("SELECT FROM object_writes") == []


async def test_a_refusal_after_the_call_destroys_the_recording_at_once(house):
    call = await house.drawn_call(is_announced=True)
    reply = await house.upload(call.decision_id, wav())
    recorded = await house.outcome_leaves(call)

    await house.tell("call.opt_out", call)
    await house.tell("call.opt_out", call)

    assert await house.outcome_leaves(call) == recorded
    assert [leaf["draw"] for leaf in await house.leaves("DEL")] == [recorded[0]["draw"]]
    assert house.objects() == []
    assert await house.rows("SELECT FROM recordings") == []
    assert await house.rows("SELECT FROM recording_keys") == []
    with pytest.raises(Exception, match="not in the store"):
        await house.heard(reply.body["recording_id"])
    counts = await house.counts()
    assert counts["opt_outs", "after_call"] == 1
    assert counts["recorded", "cardio_in"] == 1


async def test_a_refusal_that_cannot_destroy_yet_is_counted_once_and_done_later(house):
    call = await house.drawn_call(is_announced=True)
    reply = await house.upload(call.decision_id, wav())
    [file] = house.objects()
    sealed = file.read_bytes()
    file.unlink()
    file.mkdir()
    (file / "in-the-way").touch()

    for _ in range(3):
        await house.tell("call.opt_out", call)

    assert (await house.counts())["opt_outs", "after_call"] == 1
    assert await house.leaves("DEL") == []
    with pytest.raises(Exception, match="not in the store"):
        await house.heard(reply.body["recording_id"])
    assert (await house.site.sweep()).failed == 1

    (file / "in-the-way").unlink()
    file.rmdir()
    file.write_bytes(sealed)
    assert (await house.site.sweep()).destroyed == 1
    assert house.objects() == []
    assert len(await house.leaves("DEL")) == 1


async def test_a_call_the_agent_marks_private_is_not_kept(house):
    call = await house.drawn_call(is_announced=True)

    await house.tell("call.private", call)

    await house.upload(call.decision_id, wav(), expect100=True)
    assert await house.outcome(call) == ("failed", "private")
    await is_closed_once(house, call, {"fail": "private"})


async def test_a_recording_the_agent_marks_private_later_is_destroyed_at_once(house):
    call = await house.drawn_call(is_announced=True)
    await house.upload(call.decision_id, wav())

    await house.tell("call.private", call)
    await house.tell("call.private", call)

    assert house.objects() == []
    assert len(await house.leaves("DEL")) == 1
    assert (await house.counts())["opt_outs", "after_call"] == 0


async def test_a_caller_who_hangs_up_before_being_told_is_not_recorded(house):
    call = await house.drawn_call()

    await house.tell("call.ended", call)

    announced = await house.send("call.announced", {"call_id": call.call_id})
    assert (announced.status, announced.problem) == (409, "outcome-closed")
    reply = await house.upload(call.decision_id, wav(), expect100=True)
    assert reply.status == 409
    assert await house.outcome(call) == ("failed", "hangup")
    await is_closed_once(house, call, {"fail": "hangup"})


async def test_an_announced_call_whose_audio_never_comes_is_closed_after_four_hours(
    house, clock
):
    call = await house.drawn_call(is_announced=True)

    clock.advance(hours=4)
    await house.site.tend()
    assert await house.outcome(call) == (None, None)

    clock.advance(seconds=1)
    await house.site.tend()
    await house.site.tend()

    assert await house.outcome(call) == ("failed", "deadline")
    await is_closed_once(house, call, {"fail": "deadline"})


async def test_what_happens_to_a_call_that_was_not_drawn_changes_nothing(house):
    call = await house.skipped_call()
    before = await house.counts()
    leaves = len(await house.all_leaves())

    announced = await house.send("call.announced", {"call_id": call.call_id})
    for kind in ("call.private", "call.opt_out", "call.ended"):
        await house.tell(kind, call)

    # A platform begins to record when this is acknowledged, so it must not be.
    assert (announced.status, announced.problem) == (403, "not-drawn")

    assert await house.counts() == before
    assert len(await house.all_leaves()) == leaves


async def test_the_ledger_says_nothing_of_who_or_when(house, clock):
    call = await house.drawn_call(is_announced=True)
    await house.upload(call.decision_id, wav())
    await house.tell("call.opt_out", call)
    clock.advance(days=31)
    await house.site.tend()
    await house.site.sweep()

    told = str(await house.all_leaves())
    known = await house.rows("SELECT recording_id FROM recordings")
    for secret in (
        call.call_id,
        call.decision_id,
        "612345678",
        "140000001",
        "urn:pbx",
        str(uuid.UUID(call.decision_id).hex),
        (clock() - timedelta(days=31)).strftime("T%H:%M"),
        *(str(row["recording_id"]) for row in known),
    ):
        assert secret not in told
