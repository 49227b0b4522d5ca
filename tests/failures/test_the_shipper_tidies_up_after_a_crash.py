"""After a crash, of the shipper or of rtpengine, nothing is lost, doubled or left."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proxy.ship.shipper import Fate
from tests.failures.shipping import (
    CALL_NAME,
    ID,
    Clock,
    Recordings,
    after_the_body,
    age,
    at_once,
    desk_behaving,
    read_whole_body,
    ship,
    shipper_of,
    started,
)


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    return Recordings(tmp_path / "rec")


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC) + timedelta(seconds=1))


# --- the shipper dies -----------------------------------------------------------------


async def test_a_shipper_killed_between_upload_and_removal_stores_nothing_twice(
    recordings: Recordings,
):
    recordings.add()
    process = None

    async def seal_and_kill(desk, offer, reader, writer):
        await read_whole_body(offer, reader, writer)
        desk.sealed[offer.path] = offer.body
        process.kill()

    async with desk_behaving(seal_and_kill, at_once(409)) as desk:
        process = await started(recordings, desk.url)
        status = await process.wait()
        left = recordings.left()
        again = await ship(recordings, desk.url)

    assert status == -signal.SIGKILL
    assert len(left) == 2
    assert again == {Fate.REFUSED: 1}
    assert len(desk.sealed) == 1
    assert recordings.left() == []


async def test_a_shipper_killed_in_the_middle_of_a_removal_finishes_it_later(
    recordings: Recordings,
):
    recordings.add()
    (recordings.folder / "pcaps" / f"{CALL_NAME}-a.pcap").unlink()
    async with desk_behaving() as desk:
        fates = await ship(recordings, desk.url)

    assert fates == {Fate.LEFTOVER: 1}
    assert desk.offers == []
    assert recordings.left() == []


async def test_a_shipper_that_is_stopped_finishes_what_it_sends(recordings: Recordings):
    recordings.add(ID, "a")
    process = None

    async def stop_meanwhile(desk, offer, reader, writer):
        process.send_signal(signal.SIGTERM)
        await after_the_body(201)(desk, offer, reader, writer)

    async with desk_behaving(stop_meanwhile) as desk:
        process = await started(recordings, desk.url)
        status = await process.wait()

    assert status == 0
    assert len(desk.sealed) == 1
    assert recordings.left() == []


# --- rtpengine dies -------------------------------------------------------------------


@pytest.fixture
async def nobodys() -> AsyncIterator[str]:
    """A service that must not be asked."""
    async with desk_behaving() as desk:
        yield desk.url
        assert desk.offers == []


async def test_audio_that_no_note_names_is_swept(recordings: Recordings, nobodys: str):
    age(recordings.audio("a"), minutes=6)
    unpublished = recordings.folder / "tmp" / f"rtpengine-meta-{CALL_NAME}-a.tmp"
    unpublished.touch()
    age(unpublished, minutes=6)

    assert await ship(recordings, nobodys) == {Fate.ORPHANED: 2}
    assert recordings.left() == []


async def test_the_audio_of_a_running_call_is_left_alone(
    recordings: Recordings, nobodys: str
):
    held = recordings.audio("held")
    age(held, minutes=60)
    recordings.audio("just begun")

    with held.open("ab"):
        fates = await ship(recordings, nobodys)

    assert fates == {}
    assert len(recordings.left()) == 2


async def test_orphans_are_looked_for_once_a_minute(
    recordings: Recordings, nobodys: str, clock: Clock
):
    left = []
    async with shipper_of(recordings, nobodys, clock) as shipper:
        await shipper.round(asyncio.Event())
        age(recordings.audio("a"), minutes=10)
        for _ in range(2):
            clock.advance(seconds=40)
            await shipper.round(asyncio.Event())
            left.append(len(recordings.left()))

    assert left == [1, 0]


async def test_the_folders_may_not_be_there_yet(recordings: Recordings, nobodys: str):
    for name in ("metadata", "pcaps", "tmp"):
        (recordings.folder / name).rmdir()

    assert await ship(recordings, nobodys) == {}


async def test_old_audio_that_still_waits_for_the_service_is_no_orphan(
    recordings: Recordings,
):
    recordings.add()
    age(recordings.folder / "pcaps" / f"{CALL_NAME}-a.pcap", minutes=60)
    async with desk_behaving(at_once(500)) as desk:
        fates = await ship(recordings, desk.url)

    assert fates == {Fate.WAITING: 1}
    assert len(recordings.left()) == 2
