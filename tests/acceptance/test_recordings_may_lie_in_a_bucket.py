"""A call's whole life is the same where its recording lies in a bucket."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest

from proxy.errors import TamperedError
from proxy.vault.s3.writing import PART_BYTES
from proxy.vault.shelf import ForeignStoreError
from tests.fakes.call_centre import UPLOAD_TOKEN, Call, CallCentre, until, wav
from tests.fakes.faulty_bucket import FaultyBucket
from tests.fakes.seaweed import ACCESS_KEY, SECRET_KEY, Bucket, new_bucket

SHORT = wav()
LONG = wav(seconds=400)  # sealed, it takes more than one part
MANY = 1005  # a page of a bucket's list has 1000
OBJECTS = "ponctuel/objects/"


def vault(bucket: Bucket, **changes: str) -> dict[str, Any]:
    named = {
        "endpoint": bucket.endpoint,
        "bucket": bucket.name,
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
        "prefix": "ponctuel/",
    }
    return {"s3": named | changes}


@pytest.fixture
async def house(centre: CallCentre, bucket: Bucket) -> CallCentre:
    """A call centre whose recordings lie in the bucket."""
    await centre.open(vault=vault(bucket))
    return centre


async def keep(house: CallCentre, audio: bytes = SHORT) -> Call:
    call = await house.drawn_call(is_announced=True)
    assert (await house.upload(call.decision_id, audio)).status == 201
    return call


async def lay_many(bucket: Bucket, names: list[str]) -> None:
    turn = asyncio.Semaphore(16)

    async def lay(name: str) -> None:
        async with turn:
            await bucket.lay(f"{OBJECTS}{name}")

    await asyncio.gather(*map(lay, names))


@pytest.mark.parametrize("audio", [SHORT, LONG], ids=["short", "long"])
async def test_a_recording_is_kept_heard_and_forgotten(
    house: CallCentre, bucket: Bucket, clock, audio: bytes
) -> None:
    assert len(LONG) > PART_BYTES > len(SHORT)
    call = await keep(house, audio)

    [recording] = await house.kept()
    assert await house.outcome(call) == ("recorded", None)
    assert await house.heard(recording) == audio
    [key] = await bucket.objects()
    assert key == f"{OBJECTS}{uuid.UUID(recording).hex}"
    sealed = await bucket.body(key)
    pieces = [audio[at : at + 64] for at in range(100, len(audio) - 64, 10_000)]
    assert [piece for piece in pieces if piece in sealed] == []
    assert not house.holds_clear(audio)

    clock.advance(days=31)
    assert (await house.site.sweep()).destroyed == 1

    assert await bucket.keys() == ["ponctuel/store-id"]
    assert await bucket.uploads() == []
    assert len(await house.leaves("DEL")) == 1
    assert not (house.data_dir / "objects").exists()


async def test_a_platforms_recording_is_taken_over_and_deleted_there(
    house: CallCentre,
) -> None:
    call = await house.drawn_call(is_announced=True)

    await house.offer(house.platform.hold("rec-1", LONG), call.decision_id)

    await until(house.kept, "the recording to be taken over")
    await until(lambda: house.platform.audio == {}, "its copy to be gone")
    assert await house.outcome(call) == ("recorded", None)
    [recording] = await house.kept()
    assert await house.heard(recording) == LONG


async def test_an_upload_cut_short_leaves_nothing_in_the_bucket(
    house: CallCentre, bucket: Bucket, open_socket
) -> None:
    call = await house.drawn_call(is_announced=True)
    _, writer = await open_socket(house.service.address)
    writer.write(
        f"PUT /recordings/{call.decision_id} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {UPLOAD_TOKEN}\r\n"
        f"Content-Length: {len(LONG)}\r\n\r\n".encode()
        + LONG[:-1]
    )
    await until(bucket.uploads, "the upload to have begun")

    writer.transport.abort()

    await until(lambda: _finished(house), "the intent to be gone")
    assert await bucket.keys() == ["ponctuel/store-id"]
    assert await bucket.uploads() == []
    assert await house.kept() == []


async def test_what_a_killed_writer_left_is_removed_an_hour_later(
    house: CallCentre, bucket: Bucket, clock
) -> None:
    object_id = uuid.uuid4()
    await house.rows(
        "INSERT INTO object_writes VALUES ('clinic', $1, $2)", object_id, clock.now
    )
    await bucket.call("create_multipart_upload", Key=f"{OBJECTS}{object_id.hex}")

    await house.site.tend()
    assert len(await bucket.uploads()) == 1
    clock.advance(hours=1, seconds=1)
    await house.site.tend()

    assert await bucket.uploads() == []
    assert await _finished(house)


async def test_what_no_intent_tells_of_is_removed_as_well(
    house: CallCentre, bucket: Bucket, clock
) -> None:
    """An upload that was begun twice, because the first answer was lost."""
    await bucket.call("create_multipart_upload", Key=f"{OBJECTS}{uuid.uuid4().hex}")
    [begun] = (await bucket.call("list_multipart_uploads"))["Uploads"]

    clock.now = begun["Initiated"] + timedelta(minutes=59)
    await house.site.shelf.remove_leftovers()
    assert len(await bucket.uploads()) == 1
    clock.advance(hours=1)
    await house.site.tend()

    assert await bucket.uploads() == []


async def _finished(house: CallCentre) -> bool:
    return await house.rows("SELECT FROM object_writes") == []


# --- What lies there, and what does not -----------------------------------------------


async def test_objects_and_recordings_are_held_against_each_other(
    house: CallCentre, bucket: Bucket
) -> None:
    for _ in range(3):
        await keep(house)
    lost = (await bucket.objects())[1]
    await bucket.call("delete_object", Key=lost)
    strays = sorted(uuid.uuid4().hex for _ in range(MANY))
    await lay_many(bucket, strays)

    done = await house.site.reconciliation.count_store()

    assert done.objects == 2 + MANY
    assert list(done.strays) == strays
    assert list(done.missing) == [lost.removeprefix(OBJECTS)]


async def test_a_bucket_with_its_recordings_alone_is_clean(
    house: CallCentre, bucket: Bucket
) -> None:
    for _ in range(3):
        await keep(house)
    await bucket.lay("not-ours/2026.wav", b"whose, is not our business")

    done = await house.site.reconciliation.count_store()

    assert done.is_clean
    assert done.objects == 3


async def test_audio_that_was_changed_in_the_bucket_is_not_heard(
    house: CallCentre, bucket: Bucket
) -> None:
    await keep(house)
    [recording] = await house.kept()
    [key] = await bucket.objects()
    sealed = bytearray(await bucket.body(key))
    sealed[len(sealed) // 2] ^= 1
    await bucket.lay(key, bytes(sealed))

    with pytest.raises(TamperedError):
        await house.heard(recording)


# --- Another bucket, and none ---------------------------------------------------------


async def test_another_bucket_is_not_taken_for_the_one_that_was_begun_with(
    house: CallCentre, bucket: Bucket, s3_server: str, clock
) -> None:
    await keep(house)
    await house.close()
    clock.advance(days=31)

    async with new_bucket(s3_server) as other:
        with pytest.raises(ForeignStoreError, match="bucket is the one"):
            await house.open(vault=vault(other))

    assert await house.leaves("DEL") == []
    assert len(await bucket.objects()) == 1


async def test_while_the_bucket_is_away_nothing_is_taken_and_nothing_called_deleted(
    centre: CallCentre, bucket: Bucket, clock
) -> None:
    front = FaultyBucket(bucket.endpoint)
    async with front.serving():
        await centre.open(vault=vault(bucket, endpoint=front.address))
        await keep(centre)
        call = await centre.drawn_call(is_announced=True)
        front.add("any", "cut-off", times=999)

        reply = await centre.upload(call.decision_id, SHORT)
        assert (reply.status, reply.problem) == (503, "storage")
        assert bucket.name not in str(reply.body)
        assert (await centre.ready()).status == 503
        clock.advance(days=31)
        assert (await centre.site.sweep()).destroyed == 0
        assert await centre.leaves("DEL") == []

        front.mend()
        await until(lambda: _ready(centre), "the service to be ready again")
        assert (await centre.site.sweep()).destroyed == 1
        assert await bucket.objects() == []
        await centre.close()


async def _ready(centre: CallCentre) -> bool:
    return (await centre.ready()).status == 200
