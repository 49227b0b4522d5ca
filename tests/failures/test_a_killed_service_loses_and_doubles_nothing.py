"""kill -9 at each step of taking over, then a restart: nothing lost, nothing twice."""

import aiohttp
import pytest

from tests.fakes.call_centre import until, wav

STORE = "proxy.vault.filesystem"
# Two batches of the object store, so that one can be on disk without the other.
AUDIO = wav(seconds=330)

SEALING = {
    "before the object is written": (f"{STORE}:FilesystemStore.put", "before"),
    "in the middle of the object": (f"{STORE}:_write", "before", 2),
    "before the object has its name": (f"{STORE}:_name", "before"),
    "when the object has two names": (f"{STORE}:_name", "after"),
    "when the object is durable": (f"{STORE}:FilesystemStore.put", "after"),
    # The first one is a probe's.
    "when the day key has two names": ("proxy.vault.durable:publish_file", "after", 2),
    "before the commit": ("proxy.intake.taking:close_call", "after"),
    "after the commit": ("proxy.intake.taking:Intake.take", "after"),
}
# Between these, what is pushed takes the same steps as what is fetched.
PUSHED = (
    "in the middle of the object",
    "when the object is durable",
    "before the commit",
    "after the commit",
)
SOURCE = "proxy.platforms.generic_source:GenericRecordings"
MOVE = "proxy.intake.takeovers:Takeovers._move"
DELETING = {
    "before deleting at the source": (f"{SOURCE}.delete", "before"),
    "after deleting at the source": (f"{SOURCE}.delete", "after"),
    "before asking whether it is gone": (f"{SOURCE}.is_gone", "before"),
    "after asking whether it is gone": (f"{SOURCE}.is_gone", "after"),
}


def steps(*tables):
    return pytest.mark.parametrize(
        "step",
        [
            pytest.param(step, id=name)
            for table in tables
            for name, step in table.items()
        ],
    )


async def recovered(centre, clock):
    """Restart, as late as an abandoned write is recognised; let all jobs finish."""
    clock.advance(hours=2)
    await centre.open()
    await until(lambda: _nothing_is_under_way(centre), "the recovery")
    await centre.site.tend()


async def _nothing_is_under_way(centre):
    return not await centre.rows("SELECT FROM takeovers WHERE step <> 'done'")


async def is_kept_once(centre, call):
    assert await centre.outcome(call) == ("recorded", None)
    assert len(await centre.outcome_leaves(call)) == 1
    assert [await centre.heard(each) for each in await centre.kept()] == [AUDIO]
    [file] = centre.objects()
    assert file.name == (await centre.kept())[0].replace("-", "")
    assert (await centre.counts())["recorded", "cardio_in"] == 1


async def nothing_is_left_over(centre):
    assert await centre.rows("SELECT FROM object_writes") == []
    assert centre.platform.audio == {}
    assert not centre.holds_clear(AUDIO)


@steps(
    SEALING,
    DELETING,
    {
        "before it is noted as done": (MOVE, "before", 3),
        "after it is noted as done": (MOVE, "after", 3),
    },
)
async def test_a_take_over_that_was_killed(centre, clock, doomed, step):
    await centre.open()
    call = await centre.drawn_call(is_announced=True)
    await centre.stop_worker()
    await centre.offer(centre.platform.hold("rec-1", AUDIO), call.decision_id)
    await centre.close()

    async with doomed(*step):
        pass
    assert not centre.holds_clear(AUDIO)
    await recovered(centre, clock)

    await is_kept_once(centre, call)
    await nothing_is_left_over(centre)


@steps(DELETING)
async def test_a_deletion_of_what_nobody_drew_that_was_killed(
    centre, clock, doomed, step
):
    await centre.open()
    call = await centre.skipped_call()
    await centre.stop_worker()
    await centre.offer(centre.platform.hold("rec-1", AUDIO), call.decision_id)
    await centre.close()

    async with doomed(*step):
        pass
    await recovered(centre, clock)

    assert centre.platform.count("GET", "rec-1") == 0
    assert centre.objects() == []
    assert await centre.outcome(call) == (None, None)
    assert (await centre.counts())["unsolicited_recordings", ""] == 1
    await nothing_is_left_over(centre)


@steps({name: SEALING[name] for name in SEALING if name in PUSHED})
async def test_an_upload_that_was_killed(centre, clock, doomed, step):
    await centre.open()
    call = await centre.drawn_call(is_announced=True)
    await centre.close()

    async with doomed(*step) as address:
        with pytest.raises(aiohttp.ClientConnectionError):
            await centre.upload(call.decision_id, AUDIO, address=await address())
    assert not centre.holds_clear(AUDIO)
    await recovered(centre, clock)
    await centre.upload(call.decision_id, AUDIO, expect100=True)

    await is_kept_once(centre, call)
    await nothing_is_left_over(centre)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(("proxy.vault.shelf:Shelf.destroy", "before"), id="when marked"),
        pytest.param((f"{STORE}:FilesystemStore.delete", "after"), id="when deleted"),
        pytest.param(("proxy.vault.shelf:Shelf.destroy", "after"), id="when receipted"),
    ],
)
async def test_a_refusal_after_the_call_that_was_killed(centre, clock, doomed, step):
    await centre.open()
    call = await centre.drawn_call(is_announced=True)
    await centre.upload(call.decision_id, AUDIO)
    await centre.close()

    async with doomed(*step) as address:
        with pytest.raises(aiohttp.ClientConnectionError):
            await centre.send(
                "call.opt_out", {"call_id": call.call_id}, address=await address()
            )
    await recovered(centre, clock)
    await centre.tell("call.opt_out", call)

    assert await centre.kept() == []
    assert centre.objects() == []
    assert len(await centre.leaves("DEL")) == 1
    assert (await centre.counts())["opt_outs", "after_call"] == 1
