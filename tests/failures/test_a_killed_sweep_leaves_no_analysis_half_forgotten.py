"""kill -9 at each step of forgetting an analysis, then the next start."""

import pytest

from proxy.vault.analyses import NoAnalysisError
from proxy.vault.reach import EVERYTHING
from tests.failures.crash_steps import steps
from tests.fakes.trainers import TOM, analysed, keys_of, recorded

DAY_KEYS = "proxy.vault.day_keys:DayKeys"
DOCUMENTS = "proxy.vault.analysis_shelf:AnalysisShelf"
NOTES = "proxy.vault.notes:Notes"

STEPS = {
    "when they are marked": (f"{DOCUMENTS}.doom_due", "after"),
    "when they are empty": (f"{DOCUMENTS}.empty", "after"),
    "when keys and index are deleted": (f"{DOCUMENTS}.delete", "after"),
    "before their day key is destroyed": (f"{DAY_KEYS}.destroy", "before", 2),
    "before that is in the ledger": (f"{DAY_KEYS}._receipt", "before", 2),
    "when that is in the ledger": (f"{DAY_KEYS}.destroy", "after", 2),
}
EARLY = {
    "when the key store remembers one": (f"{NOTES}.note_dead", "after"),
    "when they are empty": (f"{DOCUMENTS}.empty", "after"),
    "before the keys' deletion is committed": (f"{DAY_KEYS}.mark_stale", "after"),
    "when keys and index are deleted": (f"{DOCUMENTS}.delete", "after"),
}


@pytest.fixture
async def stocked(centre):
    """Two analyses of one recording."""
    await centre.open()
    _, recording = await recorded(centre)
    centre.old = await analysed(centre, recording)
    centre.young = await analysed(centre, recording, TOM)
    await centre.close()
    return centre


@steps(STEPS)
async def test_a_sweep_that_was_killed_is_finished_by_the_next(
    stocked, clock, doomed, step
):
    clock.advance(days=181)
    async with doomed(*step, sweeps=True):
        pass

    await stocked.open()
    report = await stocked.site.sweep()

    assert (report.failed, report.keys_failed) == (0, 0)
    assert keys_of(stocked, "analysis") == []
    for table in ("analyses", "recordings", "recording_keys"):
        assert (await stocked.sizes())[f"public.{table}"] == 0
    gone = [leaf for leaf in await stocked.leaves("KEK-") if "of" in leaf]
    assert [leaf["of"] for leaf in gone] == ["analysis"]


@steps(EARLY)
async def test_an_early_death_that_was_killed_is_finished_by_the_next_start(
    stocked, clock, doomed, step
):
    """A mark is enough: it stands for whatever ends one before its day."""
    await stocked.rows(
        "UPDATE analyses SET doomed_at = $1 WHERE analysis_id = $2",
        clock(),
        stocked.old,
    )
    async with doomed(*step):
        pass

    await stocked.open()
    await stocked.stop_worker()
    clock.advance(days=1)
    report = await stocked.site.sweep()

    assert (report.keys_renewed, report.keys_failed) == (1, 0)
    assert await stocked.site.parts.analyses.show(stocked.young, EVERYTHING)
    with pytest.raises(NoAnalysisError):
        await stocked.site.parts.analyses.show(stocked.old, EVERYTHING)
    assert [name[-2:] for name in keys_of(stocked, "analysis")] == ["-2"]
    assert await stocked.value("SELECT count(*) FROM incidents") == 0
