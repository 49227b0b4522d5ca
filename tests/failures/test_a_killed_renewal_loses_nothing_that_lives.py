"""kill -9 at each step of an early death and of its night, then the next start."""

import aiohttp
import pytest

from proxy.errors import ObjectMissingError
from tests.failures.crash_steps import steps
from tests.fakes.broken_keys import incidents
from tests.fakes.call_centre import until, wav

DAY_KEYS = "proxy.vault.day_keys:DayKeys"
DIRECTORY = "proxy.vault.key_directory:KeyDirectory"
NOTES = "proxy.vault.notes:Notes"
RENEWAL = "proxy.vault.renewing:Renewal"
SHELF = "proxy.vault.shelf:Shelf"

NIGHT = {
    "before the next key is made": (f"{DAY_KEYS}.begin", "before"),
    "when the next key is announced": (f"{DAY_KEYS}.begin", "after"),
    "when the first data keys are wrapped anew": (f"{RENEWAL}._wrapped_anew", "after"),
    "when they have been moved": (f"{RENEWAL}._move", "after"),
    "when that is noted": (f"{NOTES}.note_moved", "after"),
    "before the old key is destroyed": (f"{DAY_KEYS}.destroy", "before"),
    "when the old key is destroyed": (f"{DAY_KEYS}._receipt", "before"),
    "before that is committed": (f"{DAY_KEYS}._receipt", "after"),
    "when that is in the ledger": (f"{DAY_KEYS}.destroy", "after"),
    "when its notes are gone": (f"{NOTES}.forget_ended", "after"),
}
ERASURE = {
    "when it is marked": (f"{SHELF}.destroy", "before"),
    "when the object is gone": (f"{SHELF}.destroy_object", "after"),
    "when the key store remembers it": (f"{NOTES}.note_dead", "after"),
    "before the receipt is committed": (f"{SHELF}._forget", "after"),
    "after the receipt": (f"{SHELF}.write_receipts", "after"),
}


async def recorded(centre):
    call = await centre.drawn_call(is_announced=True)
    reply = await centre.upload(call.decision_id, wav())
    return call, reply.body["recording_id"]


@pytest.fixture
async def stocked(centre):
    """Two recordings of one day, and the call of the first."""
    await centre.open()
    centre.call, centre.erased = await recorded(centre)
    _, centre.kept_id = await recorded(centre)
    return centre


async def one_lives_and_one_is_dead(centre):
    assert await centre.heard(centre.kept_id)
    with pytest.raises(ObjectMissingError):
        await centre.heard(centre.erased)
    assert len(centre.objects()) == 1
    assert len(await centre.leaves("DEL")) == 1


@steps(NIGHT)
async def test_a_killed_night_is_finished_by_the_next_start(
    stocked, clock, doomed, step
):
    await stocked.tell("call.opt_out", stocked.call)
    await stocked.close()
    clock.advance(days=1)
    async with doomed(*step, sweeps=True):
        pass

    await stocked.open()
    await stocked.site.sweep()

    await one_lives_and_one_is_dead(stocked)
    made = [leaf.get("gen", 1) for leaf in await stocked.leaves("KEK+")]
    gone = [leaf.get("gen", 1) for leaf in await stocked.leaves("KEK-")]
    assert (made, gone) == ([1, 2], [1])
    folder = stocked.data_dir / "keys" / "clinic"
    assert [file.stem[-2:] for file in folder.glob("audio-*")] == ["-2"]
    dead = [note.name for note in (folder / "notes").glob("dead-*")]
    assert len(dead) == 1  # it stays until the day's last key is gone
    assert await incidents(stocked) == []


@steps(ERASURE)
async def test_a_killed_erasure_is_finished_by_the_next_start(stocked, doomed, step):
    await stocked.close()
    async with doomed(*step) as address:
        stocked.address = await address()
        with pytest.raises(aiohttp.ClientError):  # it has died
            await stocked.tell("call.opt_out", stocked.call)
    stocked.address = ""

    await stocked.open()
    await until(lambda: len(stocked.objects()) == 1, "the object to be deleted")

    await one_lives_and_one_is_dead(stocked)
