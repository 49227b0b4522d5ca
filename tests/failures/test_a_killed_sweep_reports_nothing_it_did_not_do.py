"""kill -9 at each step of forgetting, then the next sweep: one receipt each (I9)."""

import pytest

from tests.failures.crash_steps import steps
from tests.fakes.call_centre import wav

SHELF = "proxy.vault.shelf:Shelf"
STORE = "proxy.vault.filesystem:FilesystemStore"
DAY_KEYS = "proxy.vault.day_keys:DayKeys"
RECORDINGS = 3

STEPS = {
    "when they are marked": (f"{SHELF}.doom_due", "after"),
    "before the second object is deleted": (f"{STORE}.delete", "before", 2),
    "after the first object is deleted": (f"{STORE}.delete", "after"),
    "before the receipts": (f"{SHELF}.write_receipts", "before"),
    "before the receipts' commit": (f"{SHELF}._forget", "after"),
    "after the receipts": (f"{SHELF}.write_receipts", "after"),
    "before the day key is destroyed": (f"{DAY_KEYS}.destroy", "before"),
    "after the day key is destroyed": (f"{DAY_KEYS}._receipt", "before"),
    "before its receipt's commit": (f"{DAY_KEYS}._receipt", "after"),
    "after its receipt": (f"{DAY_KEYS}.destroy", "after"),
}


@pytest.fixture
async def stocked(centre, clock):
    """Recordings that are all due, and a day key that is."""
    await centre.open()
    for _ in range(RECORDINGS):
        call = await centre.drawn_call(is_announced=True)
        assert (await centre.upload(call.decision_id, wav())).status == 201
    await centre.close()
    clock.advance(days=31)
    return centre


async def no_receipt_is_false(centre):
    """Whatever has a receipt is gone; whatever is listed has none."""
    receipts = {leaf["draw"] for leaf in await centre.leaves("DEL")}
    rows = await centre.rows("SELECT recording_id, draw_seq FROM recordings")
    assert not receipts & {row["draw_seq"] for row in rows}
    listed = {row["recording_id"].hex for row in rows}
    assert {file.name for file in centre.objects()} <= listed
    key_files = list((centre.data_dir / "keys" / "clinic").glob("*audio*"))
    assert not (await centre.leaves("KEK-") and key_files)


@steps(STEPS)
async def test_a_sweep_that_was_killed_is_finished_by_the_next(stocked, doomed, step):
    async with doomed(*step, sweeps=True):
        pass
    await no_receipt_is_false(stocked)

    await stocked.open()
    report = await stocked.site.sweep()

    assert (report.failed, report.keys_failed) == (0, 0)
    await no_receipt_is_false(stocked)
    assert len(await stocked.leaves("DEL")) == RECORDINGS
    assert len(await stocked.leaves("KEK-")) == len(await stocked.leaves("KEK+")) == 1
    assert stocked.objects() == []
    assert stocked.day_keys() == []
    for table in ("recordings", "recording_keys"):
        assert (await stocked.sizes())[f"public.{table}"] == 0


async def test_a_day_key_left_by_a_killed_writer_is_destroyed_with_its_day(
    centre, clock, doomed
):
    await centre.open()
    call = await centre.drawn_call(is_announced=True)
    await centre.stop_worker()
    await centre.offer(centre.platform.hold("rec-1", wav()), call.decision_id)
    await centre.close()
    async with doomed("proxy.vault.durable:publish_file", "after", 2):
        pass
    key_files = list((centre.data_dir / "keys" / "clinic").glob("*audio*"))
    assert len(key_files) == 2

    clock.advance(days=31)
    await centre.open()
    await centre.site.sweep()

    assert list((centre.data_dir / "keys" / "clinic").glob("*audio*")) == []
