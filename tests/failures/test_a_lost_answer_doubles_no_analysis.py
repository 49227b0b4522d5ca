"""The database did it, and nobody heard of it: an analysis is written and ended once.

At each of these steps the answer to one COMMIT is lost on the wire.
"""

import asyncio
from datetime import timedelta

import pytest

from proxy.errors import DatabaseUnavailableError
from proxy.vault.analyses import FinalAnalysisError
from proxy.vault.reach import EVERYTHING
from tests.fakes.faulty_wire import FaultyWire
from tests.fakes.trainers import TINA, TOM, analysed, keys_of, recorded


@pytest.fixture
async def wire(dsn):
    async with FaultyWire(dsn) as wire:
        yield wire


@pytest.fixture
async def wired(wire, centre):
    await centre.open(dsn=wire.dsn)
    await centre.stop_worker()
    _, centre.recording = await recorded(centre)
    yield centre
    await wire.mend()


async def rows(centre):
    sizes = await centre.sizes()
    return sizes["public.analyses"], sizes["public.recording_keys"]


async def test_one_that_is_written_again_is_the_same(wired, wire):
    wire.lose_commit_of(b"INSERT INTO analyses")

    with pytest.raises(DatabaseUnavailableError):
        await analysed(wired, wired.recording)
    written = await analysed(wired, wired.recording)

    assert wire.lost == 1
    assert await rows(wired) == (1, 2)
    assert (await wired.site.parts.analyses.show(written, EVERYTHING))[
        "assessor"
    ] == TINA
    made = [leaf for leaf in await wired.leaves("KEK+") if "of" in leaf]
    assert len(made) == 1


async def test_one_that_is_closed_again_says_that_it_is(wired, wire, clock):
    written = await analysed(wired, wired.recording)
    wire.lose_commit_of(b"UPDATE analyses SET closed_at")

    with pytest.raises(DatabaseUnavailableError):
        await wired.site.parts.analyses.close(written, TINA, EVERYTHING)
    with pytest.raises(FinalAnalysisError):
        await wired.site.parts.analyses.close(written, TINA, EVERYTHING)

    assert wire.lost == 1
    ends_at = await wired.value("SELECT expires_at FROM recordings")
    assert ends_at == clock() + timedelta(days=7)


async def test_those_that_are_forgotten_again_are_gone(wired, wire, clock):
    await analysed(wired, wired.recording)
    await analysed(wired, wired.recording, TOM)
    clock.advance(days=181)
    wire.lose_commit_of(b"DELETE FROM analyses")

    with pytest.raises(DatabaseUnavailableError):
        await wired.site.sweep()
    report = await wired.site.sweep()

    assert wire.lost == 1
    assert report.all_failed == 0
    assert await rows(wired) == (0, 0)
    assert keys_of(wired, "analysis") == []


async def test_replicas_that_forget_at_once_forget_each_once(centre, clock):
    for _ in range(2):
        await centre.open()
        await centre.stop_worker()
    _, recording = await recorded(centre)
    for number in range(12):
        await analysed(centre, recording, f"trainer-{number}")
    clock.advance(days=181)

    reports = await asyncio.gather(
        *(replica.sites["clinic"].sweep() for replica in centre.services * 2)
    )
    report = await centre.site.sweep()

    assert sum(each.analyses_forgotten for each in [*reports, report]) == 12
    assert sum(each.all_failed for each in [*reports, report]) == 0
    assert await rows(centre) == (0, 0)
    gone = [leaf for leaf in await centre.leaves("KEK-") if "of" in leaf]
    assert len(gone) == 1
