"""What a platform uploads is sealed whole, or nothing of it is kept."""

import asyncio
import struct
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.call_centre import UPLOAD_TOKEN, until, wav

RECORDED = Path(__file__).parents[1] / "recorded" / "audio"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(1000)
MP4 = struct.pack(">I4s4s", 24, b"ftyp", b"isom") + bytes(1000)


async def test_uploaded_audio_is_sealed_and_opens_to_what_was_sent(house, clock):
    call = await house.drawn_call(is_announced=True)
    audio = wav(seconds=3)

    reply = await house.upload(call.decision_id, audio)

    assert reply.status == 201
    recording_id = reply.body["recording_id"]
    assert await house.heard(recording_id) == audio
    assert not house.holds_clear(audio)
    assert await house.outcome(call) == ("recorded", None)
    [row] = await house.rows("SELECT * FROM recordings")
    assert (row["media_type"], row["channels"], row["seconds"]) == ("audio/wav", 1, 3)
    assert row["clear_size"] == len(audio)
    assert row["expires_at"] == clock() + timedelta(days=30)


async def test_its_ledger_leaf_names_size_digest_and_day_and_no_person(house):
    call = await house.drawn_call(is_announced=True)
    await house.upload(call.decision_id, wav())

    [leaf] = await house.outcome_leaves(call)
    [file] = house.objects()
    assert set(leaf) == {"leaf", "draw", "n", "rec"}
    assert set(leaf["rec"]) == {"bytes", "day", "sha256"}
    assert leaf["rec"]["bytes"] == file.stat().st_size


@pytest.mark.parametrize(
    "name", ["mu-law-stereo-8k.wav", "mpeg2.5-mono-8k.mp3", "opus-stereo.ogg"]
)
async def test_audio_is_recognised_by_its_content_not_by_its_label(house, name):
    call = await house.drawn_call(is_announced=True)
    audio = (RECORDED / name).read_bytes()

    reply = await house.upload(call.decision_id, audio)

    assert await house.heard(reply.body["recording_id"]) == audio


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(PNG, id="picture"),
        pytest.param(MP4, id="video"),
        pytest.param(b"", id="nothing"),
        pytest.param(wav()[:5000], id="audio cut short before it was sent"),
    ],
)
async def test_what_is_no_audio_is_refused_and_nothing_of_it_is_kept(house, body):
    call = await house.drawn_call(is_announced=True)

    reply = await house.upload(call.decision_id, body)

    assert (reply.status, reply.problem) == (422, "bad-audio")
    assert house.objects() == []
    assert await house.rows("SELECT FROM object_writes") == []
    assert await house.outcome(call) == ("failed", "media")
    assert (await house.counts())["media_refused", "kind"] == 1


async def test_audio_longer_than_the_policy_allows_is_refused_and_not_kept(centre):
    await centre.open(policy=centre.policy(max_seconds=2))
    call = await centre.drawn_call(is_announced=True)

    reply = await centre.upload(call.decision_id, wav(seconds=8))

    assert (reply.status, reply.problem) == (413, "audio-too-long")
    assert centre.objects() == []
    assert await centre.outcome(call) == ("failed", "media")
    assert (await centre.counts())["media_refused", "too_long"] == 1


async def test_audio_larger_than_the_vault_takes_is_refused_and_not_kept(centre):
    await centre.open(vault={"max_bytes": 10_000})
    call = await centre.drawn_call(is_announced=True)

    reply = await centre.upload(call.decision_id, wav(seconds=2))

    assert (reply.status, reply.problem) == (413, "audio-too-long")
    assert centre.objects() == []


async def test_an_upload_cut_short_keeps_nothing_and_may_be_repeated(
    house, open_socket
):
    call = await house.drawn_call(is_announced=True)
    audio = wav(seconds=60)
    _, writer = await open_socket(house.service.address)
    writer.write(
        f"PUT /recordings/{call.decision_id} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {UPLOAD_TOKEN}\r\n"
        f"Content-Length: {len(audio)}\r\n\r\n".encode()
        + audio[:-1]
    )
    await writer.drain()
    await until(house.objects, "the upload to have begun")

    writer.transport.abort()

    await until(lambda: not house.objects(), "the unfinished object to be removed")
    await until(lambda: _is_empty(house, "object_writes"), "its intent to be gone")
    assert await house.kept() == []
    assert await house.outcome(call) == (None, None)
    assert not house.holds_clear(audio)
    assert (await house.upload(call.decision_id, audio)).status == 201


async def _is_empty(house, table):
    return not (await house.sizes())[f"public.{table}"]


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(b"", id="silence"),
        pytest.param(b"\r\nnot a size\r\n", id="garbage"),
        pytest.param(b"x", id="a byte now and then"),
    ],
)
async def test_an_upload_that_stops_making_sense_is_cut_off(
    house, open_socket, monkeypatch, then
):
    # Time enough to begin, for a machine that is busy.
    monkeypatch.setattr("proxy.intake.uploads.LONGEST_UPLOAD_SECONDS", 2.0)
    call = await house.drawn_call(is_announced=True)
    reader, writer = await open_socket(house.service.address)
    writer.write(
        f"PUT /recordings/{call.decision_id} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {UPLOAD_TOKEN}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n1000\r\n".encode()
        + wav()[:256]
    )
    await until(house.objects, "the upload to have begun")
    monkeypatch.setattr("proxy.intake.uploads.IDLE_SECONDS", 0.2)
    writer.write(b"x")  # whoever is silent is so from here on

    async def dribble():
        while not reader.at_eof():
            writer.write(then)
            await asyncio.sleep(0.05)

    dribbling = asyncio.create_task(dribble())
    answer = await reader.read()
    dribbling.cancel()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"truncated-upload" in answer
    assert house.objects() == []
    assert await house.outcome(call) == (None, None)


async def test_an_upload_taken_for_abandoned_is_refused_and_may_be_repeated(
    house, clock
):
    call = await house.drawn_call(is_announced=True)
    audio = wav(seconds=3)
    may_go_on = asyncio.Event()

    async def slowly():
        yield audio[:20_000]
        await may_go_on.wait()
        yield audio[20_000:]

    upload = asyncio.create_task(house.upload(call.decision_id, slowly()))
    await until(house.objects, "the upload to have begun")
    clock.advance(hours=2)
    await house.site.tend()
    assert house.objects() == []
    may_go_on.set()

    reply = await upload
    assert (reply.status, reply.problem) == (503, "storage")
    assert house.objects() == []
    assert await house.rows("SELECT FROM object_writes") == []
    assert (await house.upload(call.decision_id, audio)).status == 201


async def test_a_sealed_object_taken_for_abandoned_does_not_become_a_recording(house):
    call = await house.drawn_call(is_announced=True)
    seal = house.site.vault.seal

    async def sealed_and_then_forgotten(clear_audio):
        sealed = await seal(clear_audio)
        await house.site.vault.discard(sealed.recording_id)
        return sealed

    house.site.vault.seal = sealed_and_then_forgotten
    reply = await house.upload(call.decision_id, wav())
    house.site.vault.seal = seal

    assert (reply.status, reply.problem) == (503, "storage")
    assert await house.kept() == []
    assert await house.outcome(call) == (None, None)
    assert (await house.upload(call.decision_id, wav())).status == 201


async def test_a_second_upload_of_a_decision_is_refused(house):
    call = await house.drawn_call(is_announced=True)
    first = await house.upload(call.decision_id, wav())

    second = await house.upload(call.decision_id, wav(), expect100=True)

    assert (second.status, second.problem) == (409, "outcome-closed")
    assert await house.kept() == [first.body["recording_id"]]
    assert len(house.objects()) == 1


async def test_two_uploads_of_one_decision_at_once_keep_exactly_one(house):
    call = await house.drawn_call(is_announced=True)

    replies = await asyncio.gather(
        *(house.upload(call.decision_id, wav(seconds=5)) for _ in range(4))
    )

    assert sorted(reply.status for reply in replies) == [201, 409, 409, 409]
    assert len(await house.kept()) == len(house.objects()) == 1
    assert len(await house.outcome_leaves(call)) == 1
    assert await house.rows("SELECT FROM object_writes") == []


async def test_two_replicas_uploaded_to_at_once_keep_exactly_one(centre):
    await centre.open()
    call = await centre.drawn_call(is_announced=True)
    first = centre.upload(call.decision_id, wav(seconds=5))
    await centre.open()
    second = centre.upload(call.decision_id, wav(seconds=5))

    replies = await asyncio.gather(first, second)

    assert sorted(reply.status for reply in replies) == [201, 409]
    assert len(await centre.kept()) == len(centre.objects()) == 1
