"""`ponctuel ship rtpengine` against a service that fails in every way it can.

What was drawn arrives, once; what was not is destroyed without a look; and whatever
dies in between, nothing stays on the disk that nobody knows of.
"""

import asyncio
import io
import json
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proxy.ship.shipper import Fate
from tests.failures.shipping import (
    CALL_NAME,
    ID,
    OTHER_ID,
    TOKEN,
    Clock,
    Recordings,
    after_the_body,
    age,
    at_once,
    desk_behaving,
    free_port,
    hang_up,
    pcap,
    seal_and_hang_up,
    ship,
    shipper_of,
    until,
)


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    return Recordings(tmp_path / "rec")


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC) + timedelta(seconds=1))


# --- delivered ------------------------------------------------------------------------


async def test_a_drawn_call_is_delivered_and_the_capture_removed(
    recordings: Recordings,
):
    recordings.add()
    async with desk_behaving(after_the_body(201)) as desk:
        fates = await ship(recordings, desk.url)
    (audio,) = desk.bodies
    with wave.open(io.BytesIO(audio)) as read:
        shape = (read.getnchannels(), read.getframerate(), read.getnframes())

    assert fates == {Fate.DELIVERED: 1}
    assert shape == (2, 8000, 8000)
    assert recordings.left() == []
    assert desk.offers[0].path == f"/recordings/{ID}"
    assert f"Authorization: Bearer {TOKEN}\r\n" in desk.offers[0].head
    assert "Content-Type: audio/wav\r\n" in desk.offers[0].head


async def test_nothing_is_written_to_the_disk_on_the_way(recordings: Recordings):
    seen = []

    async def look(desk, offer, reader, writer):
        seen.append(recordings.left())
        await after_the_body(201)(desk, offer, reader, writer)
        seen.append(recordings.left())

    recordings.add()
    before = recordings.left()
    async with desk_behaving(look) as desk:
        await ship(recordings, desk.url)

    assert seen[0] == before


async def test_calls_have_no_name_in_the_log_but_their_decision(
    recordings: Recordings, capfd: pytest.CaptureFixture[str]
):
    recordings.add()
    recordings.add(OTHER_ID, "b")
    recordings.note(recordings.audio("c"), "refused", "c")
    async with desk_behaving(after_the_body(201), at_once(403)) as desk:
        await ship(recordings, desk.url)
    log = capfd.readouterr().err
    entries = [json.loads(line) for line in log.splitlines()]

    assert {entry["decision_id"] for entry in entries} == {ID, OTHER_ID, None}
    assert CALL_NAME not in log
    assert TOKEN not in log


# --- refused, unasked, empty: destroyed without a look --------------------------------


@pytest.mark.parametrize("status", [403, 404, 409, 413, 422])
async def test_refused_audio_is_neither_read_nor_sent(
    status: int, recordings: Recordings
):
    recordings.add(content=b"no pcap: reading it would be noticed" * 10)
    async with desk_behaving(at_once(status)) as desk:
        fates = await ship(recordings, desk.url)

    assert fates == {Fate.REFUSED: 1}
    assert desk.bodies == [b""]
    assert "Expect: 100-continue\r\n" in desk.offers[0].head
    assert recordings.left() == []


async def test_what_nobody_asked_for_is_destroyed_without_asking(
    recordings: Recordings,
):
    recordings.note(recordings.audio("a"), "refused", "a")
    recordings.note(recordings.audio("b"), "call end time: 2026-11-21", "b")
    async with desk_behaving() as desk:
        fates = await ship(recordings, desk.url)

    assert fates == {Fate.UNASKED: 2}
    assert desk.offers == []
    assert recordings.left() == []


async def test_a_call_without_a_sound_is_not_uploaded(recordings: Recordings):
    recordings.add(content=pcap(packets=0))
    async with desk_behaving() as desk:
        fates = await ship(recordings, desk.url)

    assert fates == {Fate.EMPTY: 1}
    assert desk.offers == []
    assert recordings.left() == []


async def test_a_damaged_capture_is_never_sent_as_a_recording(recordings: Recordings):
    recordings.add(content=b"damaged" * 100)
    async with desk_behaving(after_the_body(201)) as desk:
        fates = await ship(recordings, desk.url)

    assert fates == {Fate.UNREADABLE: 1}
    assert desk.bodies == [b""]
    assert desk.sealed == {}
    assert recordings.left() == []


# --- the service fails ----------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 503, 401, 429, 400, 200, 204])
async def test_an_answer_that_decides_nothing_keeps_the_capture_for_later(
    status: int, recordings: Recordings, clock: Clock
):
    recordings.add()
    kept = recordings.left()
    async with desk_behaving(at_once(status)) as desk:
        fates = await ship(recordings, desk.url, clock=clock)

    assert fates == {Fate.WAITING: 1}
    assert recordings.left() == kept


async def test_a_failure_after_the_upload_leads_to_a_second_one(recordings: Recordings):
    recordings.add()
    async with desk_behaving(after_the_body(500), after_the_body(201)) as desk:
        first = await ship(recordings, desk.url)
        second = await ship(recordings, desk.url)

    assert (first, second) == ({Fate.WAITING: 1}, {Fate.DELIVERED: 1})
    assert desk.bodies[0] == desk.bodies[1]
    assert recordings.left() == []


async def test_a_service_that_was_down_gets_it_when_it_is_up(recordings: Recordings):
    recordings.add()
    nobody = await ship(recordings, f"http://127.0.0.1:{free_port()}")
    async with desk_behaving(hang_up, hang_up, after_the_body(201)) as desk:
        rude = await ship(recordings, desk.url)
        polite = await ship(recordings, desk.url)

    assert nobody == rude == {Fate.WAITING: 1}
    assert polite == {Fate.DELIVERED: 1}


async def test_a_lost_answer_leads_to_a_second_offer_and_one_recording(
    recordings: Recordings,
):
    recordings.add()
    async with desk_behaving(seal_and_hang_up, at_once(409)) as desk:
        first = await ship(recordings, desk.url)
        second = await ship(recordings, desk.url)

    assert (first, second) == ({Fate.WAITING: 1}, {Fate.REFUSED: 1})
    assert len(desk.sealed) == 1
    assert recordings.left() == []


async def test_the_token_is_not_carried_to_where_a_redirect_points(
    recordings: Recordings,
):
    recordings.add()
    async with (
        desk_behaving() as elsewhere,
        desk_behaving(at_once(307, f"Location: {elsewhere.url}/\r\n")) as desk,
    ):
        fates = await ship(recordings, desk.url)

    assert fates == {Fate.WAITING: 1}
    assert elsewhere.offers == []


async def test_one_that_fails_does_not_keep_the_others_back(recordings: Recordings):
    recordings.add(ID, "a")
    recordings.add(OTHER_ID, "b")
    age(recordings.folder / "metadata" / f"rtpengine-meta-{CALL_NAME}-a.txt", minutes=1)
    async with desk_behaving(at_once(500), after_the_body(201)) as desk:
        fates = await ship(recordings, desk.url)

    assert fates == {Fate.WAITING: 1, Fate.DELIVERED: 1}
    assert desk.sealed.keys() == {f"/recordings/{OTHER_ID}"}


async def test_clear_audio_that_cannot_be_delivered_is_destroyed_in_the_end(
    recordings: Recordings, clock: Clock, capfd: pytest.CaptureFixture[str]
):
    recordings.add()
    clock.advance(hours=25)
    async with desk_behaving() as desk:
        fates = await ship(recordings, desk.url, clock=clock)

    assert fates == {Fate.OVERDUE: 1}
    assert desk.offers == []
    assert recordings.left() == []
    assert '"level": "warning"' in capfd.readouterr().err


async def test_a_failing_capture_is_offered_ever_more_rarely(
    recordings: Recordings, clock: Clock
):
    recordings.add()
    offered_at = []
    async with (
        desk_behaving(*[at_once(500)] * 9) as desk,
        shipper_of(recordings, desk.url, clock) as shipper,
    ):
        for second in range(130):
            offered_before = len(desk.offers)
            await shipper.round(asyncio.Event())
            offered_at += [second] * (len(desk.offers) - offered_before)
            clock.advance(seconds=1)

    assert offered_at == [0, 1, 3, 7, 15, 31, 61, 91, 121]


async def test_a_service_that_does_not_answer_is_asked_once_a_round(
    recordings: Recordings, clock: Clock
):
    for number in range(5):
        recordings.add(f"{ID}{number}", str(number))
    async with (
        desk_behaving(*[hang_up] * 20) as desk,
        shipper_of(recordings, desk.url, clock) as shipper,
    ):
        await shipper.round(asyncio.Event())

    assert len({offer.path for offer in desk.offers}) == 1
    assert shipper.counts == {Fate.WAITING: 5}


async def test_the_shipper_goes_on_until_it_is_stopped(
    recordings: Recordings, clock: Clock
):
    recordings.add()
    stop = asyncio.Event()

    async def stop_meanwhile(desk, offer, reader, writer):
        recordings.add(OTHER_ID, "b")
        stop.set()
        await after_the_body(201)(desk, offer, reader, writer)

    async with (
        desk_behaving(at_once(500), stop_meanwhile) as desk,
        shipper_of(recordings, desk.url, clock) as shipper,
    ):
        running = asyncio.create_task(shipper.run(stop))
        await until(lambda: shipper.counts[Fate.WAITING])  # it has heard the answer
        clock.advance(seconds=2)
        await running

    assert desk.sealed.keys() == {f"/recordings/{ID}"}
    assert len(recordings.left()) == 2
