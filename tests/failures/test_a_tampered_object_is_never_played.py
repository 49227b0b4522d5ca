"""What lies in the store is not what was sealed: nobody hears it, people are told."""

import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from proxy.errors import ObjectMissingError, TamperedError
from proxy.vault.sealing import CHUNK_SIZE, HEADER_SIZE, Sealer
from tests.fakes.call_centre import CallCentre, wav
from tests.fakes.seaweed import ACCESS_KEY, SECRET_KEY, Bucket, new_bucket

AUDIO = wav(seconds=150)
COUNT = "SELECT count(*) FROM incidents WHERE kind = 'integrity'"


@dataclass
class Stored:
    """A call centre, two recordings of one size, and the bytes of the first."""

    centre: CallCentre
    bucket: Bucket | None
    tampered: uuid.UUID
    other: uuid.UUID

    async def read(self, recording: uuid.UUID) -> bytes:
        if self.bucket:
            return await self.bucket.body(f"objects/{recording.hex}")
        return self._file(recording).read_bytes()

    async def replace(self, sealed: bytes) -> None:
        if self.bucket:
            await self.bucket.lay(f"objects/{self.tampered.hex}", sealed)
        else:
            self._file(self.tampered).write_bytes(sealed)

    def _file(self, recording: uuid.UUID) -> Path:
        objects = self.centre.data_dir / "objects"
        return objects / recording.hex[:2] / recording.hex

    async def heard(self) -> bytes:
        """What is given out before the fault shows."""
        heard = bytearray()
        with pytest.raises(TamperedError):
            await self._hear(heard)
        return bytes(heard)

    async def _hear(self, heard: bytearray) -> None:
        vault = self.centre.site.vault
        async for piece in await vault.open(await vault.find(self.tampered)):
            heard += piece


async def record(centre: CallCentre, audio: bytes) -> uuid.UUID:
    call = await centre.drawn_call(is_announced=True)
    reply = await centre.upload(call.decision_id, audio)
    assert reply.status == 201, reply
    return uuid.UUID(reply.body["recording_id"])


@pytest.fixture(params=["directory", "bucket"])
async def stored(request: pytest.FixtureRequest, centre: CallCentre):
    async with AsyncExitStack() as stack:
        bucket = None
        if request.param == "bucket":
            endpoint = request.getfixturevalue("s3_server")
            bucket = await stack.enter_async_context(new_bucket(endpoint))
        await centre.open(vault={"s3": keys_of(bucket)} if bucket else {})
        await centre.stop_worker()
        one, other = [await record(centre, AUDIO) for _ in range(2)]
        yield Stored(centre, bucket, one, other)
        await centre.close()


def keys_of(bucket: Bucket) -> dict[str, str]:
    return {
        "endpoint": bucket.endpoint,
        "bucket": bucket.name,
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
    }


def flipped(sealed: bytes, place: int) -> bytes:
    changed = bytearray(sealed)
    changed[place] ^= 1
    return bytes(changed)


def start_of(chunk: int) -> int:
    return HEADER_SIZE + chunk * (CHUNK_SIZE + 16)


def sealed_by_another(sealed: bytes) -> bytes:
    """A whole object of this size, sealed by somebody who has not the key."""
    sealer = Sealer(b"k" * 32, b"whatever id")
    pieces = [sealer.header(), *sealer.update(b"\0" * len(AUDIO)), sealer.finish()]
    forged = b"".join(pieces)
    assert len(forged) == len(sealed)
    return forged


# What is done to it, and how many chunks may be heard before it shows.
CHANGES = {
    "a byte of the header": (lambda sealed: flipped(sealed, 3), 0),
    "a byte of the nonce": (lambda sealed: flipped(sealed, HEADER_SIZE - 1), 0),
    "a byte of the first chunk": (lambda sealed: flipped(sealed, start_of(0)), 0),
    "a byte of a later chunk": (lambda sealed: flipped(sealed, start_of(20) + 9), 20),
    "a byte of the last chunk": (lambda sealed: flipped(sealed, len(sealed) - 1), 0),
    "two chunks exchanged": (
        lambda sealed: (
            sealed[: start_of(4)]
            + sealed[start_of(5) : start_of(6)]
            + sealed[start_of(4) : start_of(5)]
            + sealed[start_of(6) :]
        ),
        4,
    ),
    "a chunk of silence": (
        lambda sealed: (
            sealed[: start_of(7)] + bytes(CHUNK_SIZE + 16) + sealed[start_of(8) :]
        ),
        7,
    ),
    "cut off": (lambda sealed: sealed[:-1], 0),
    "cut off between chunks": (lambda sealed: sealed[: start_of(3)], 0),
    "emptied": (lambda _: b"", 0),
    "longer": (lambda sealed: sealed + b"\0", 0),
    "sealed by somebody else": (sealed_by_another, 0),
}


async def it_was_noticed_once(stored: Stored) -> None:
    assert await stored.centre.value(COUNT) == 1
    figures = await stored.centre.site.incidents.figures(stored.centre.clock())
    assert figures["incidents_open"] == 1
    assert await stored.centre.heard(str(stored.other)) == AUDIO


@pytest.mark.parametrize("stored", ["directory"], indirect=True)
@pytest.mark.parametrize(("change", "good"), CHANGES.values(), ids=CHANGES)
async def test_nothing_is_heard_of_what_was_changed_and_it_is_told_once(
    stored: Stored, change, good: int
) -> None:
    await stored.replace(change(await stored.read(stored.tampered)))

    for _ in range(2):
        heard = await stored.heard()
        assert AUDIO.startswith(heard)
        assert len(heard) <= good * CHUNK_SIZE

    await it_was_noticed_once(stored)


async def test_another_recordings_object_in_its_place_is_not_heard(
    stored: Stored,
) -> None:
    await stored.replace(await stored.read(stored.other))

    assert await stored.heard() == b""

    await it_was_noticed_once(stored)


@pytest.mark.parametrize(
    "change",
    [
        "wrapped_key = other.wrapped_key",
        "wrapped_key = set_byte(k.wrapped_key, 20, get_byte(k.wrapped_key, 20) # 1)",
    ],
    ids=["another recording's", "changed"],
)
async def test_another_data_key_opens_nothing_and_that_is_told(
    stored: Stored, change: str
) -> None:
    await stored.centre.rows(
        f"UPDATE recording_keys AS k SET {change} FROM recording_keys AS other"  # noqa: S608  # ours
        " WHERE k.recording_id = $1 AND other.recording_id = $2",
        stored.tampered,
        stored.other,
    )

    assert await stored.heard() == b""

    await it_was_noticed_once(stored)


async def test_what_was_changed_is_gone_on_its_day_like_the_others(
    stored: Stored, clock
) -> None:
    await stored.replace(b"something else")
    assert await stored.heard() == b""

    clock.advance(days=31)
    report = await stored.centre.site.sweep()

    assert (report.destroyed, report.failed) == (2, 0)
    assert await stored.centre.kept() == []
    assert len(await stored.centre.leaves("DEL")) == 2
    with pytest.raises((FileNotFoundError, ClientError)):
        await stored.read(stored.tampered)


async def test_what_is_not_there_any_more_is_said_to_be_missing(
    stored: Stored,
) -> None:
    if stored.bucket:
        key = f"objects/{stored.tampered.hex}"
        await stored.bucket.call("delete_object", Key=key)
    else:
        stored._file(stored.tampered).unlink()

    vault = stored.centre.site.vault
    with pytest.raises(ObjectMissingError):
        await vault.open(await vault.find(stored.tampered))
    done = await stored.centre.site.reconciliation.count_store()

    assert list(done.missing) == [stored.tampered.hex]
    told = "SELECT count(*) FROM incidents WHERE kind = 'missing-object'"
    assert await stored.centre.value(told) == 1
