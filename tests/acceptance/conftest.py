"""A call centre for every test: service, platform, database, clock."""

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
import structlog
from aiohttp import web
from yarl import URL

from proxy import app
from proxy.rights.assembling import Rights
from tests.fakes.call_centre import SECRET, CallCentre
from tests.fakes.gateway import Gateway, running_gateway
from tests.fakes.generic_platform import HeldRecordings
from tests.fakes.persons import rights_of
from tests.fakes.timetable import out_of_time

# Numbers (not such digits as an id or a hash has by chance), call ids, a recording's
# name at its platform, and every secret.
PERSONAL = re.compile(
    r"(?<![0-9a-f-])\d{9,15}(?![0-9a-f])|\b(call|leg|root|rec)-\w|"
    r"\d{3}-token|-token-\d|whsec_|" + SECRET[6:]
)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
OpenSocket = Callable[[str], Awaitable[Streams]]


@pytest.fixture
async def platform() -> AsyncIterator[HeldRecordings]:
    """A platform's recording server, listening."""
    platform = HeldRecordings()
    runner = web.AppRunner(platform.application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    platform.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield platform
    await runner.cleanup()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory, where there is some: a vault has 256 folders, and each test one."""
    memory = Path("/dev/shm")  # noqa: S108 - a fresh folder in it, ours alone
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="ponctuel-", dir=memory) as name:
        yield Path(name)


@pytest.fixture
async def centre(
    folder: Path,
    dsn: str,
    clock,
    platform: HeldRecordings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> AsyncIterator[CallCentre]:
    """No service runs yet: a test opens one, or two; what is due it asks for.

    Whatever a test does to it, in the end nothing personal has been logged.
    """
    (folder / "empty.toml").touch()
    monkeypatch.setenv("PONCTUEL_CONFIG", str(folder / "empty.toml"))
    with structlog.testing.capture_logs() as lines, out_of_time():
        async with aiohttp.ClientSession() as http:
            centre = CallCentre(folder, dsn, clock=clock, http=http, platform=platform)
            yield centre
            await centre.close()
            await centre.stop_looking()
    told = [*map(str, lines), *(line.getMessage() for line in caplog.records)]
    print(*told, sep="\n")  # noqa: T201 - pytest shows it where a test fails
    assert [line for line in told if PERSONAL.search(line)] == []


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service publishes, and settles what is doubtful, when a test says so.

    Not even once as it starts: on a busy machine that may come late.
    """
    never = "_publish_and_keep_up_for_ever"
    monkeypatch.setattr(app.Service, never, lambda _: asyncio.Event().wait())


@pytest.fixture
def answered_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Witnesses and relays that answer, answer in time, however busy the machine is."""
    monkeypatch.setattr("proxy.intake.randomness.source.TOTAL_SECONDS", 30)
    monkeypatch.setattr("proxy.ledger.cosigning.ANSWER_SECONDS", 30)
    monkeypatch.setattr("proxy.ledger.witness_client.ANSWER_SECONDS", 30)


@pytest.fixture
async def house(centre: CallCentre) -> CallCentre:
    """A call centre whose service runs."""
    await centre.open()
    await centre.service.publish()  # what it writes for itself is there before we look
    return centre


@pytest.fixture
async def quiet(house: CallCentre) -> CallCentre:
    """Nothing goes on by itself: each test takes the steps it is about."""
    await house.stop_worker()
    return house


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """Where one-time codes are sent by SMS."""
    async with running_gateway() as gateway:
        yield gateway


@pytest.fixture
async def rights(house: CallCentre, gateway: Gateway) -> AsyncIterator[Rights]:
    """A desk of persons' requests that can send codes."""
    rights = rights_of(house.site, sender=gateway.config)
    yield rights
    await rights.close()


@pytest.fixture
async def open_socket() -> AsyncIterator[OpenSocket]:
    """Raw connections to a service, for what a well-behaved client cannot do."""
    writers: list[asyncio.StreamWriter] = []

    async def connect(address: str) -> Streams:
        url = URL(address)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writers.append(writer)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
