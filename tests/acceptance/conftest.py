"""A call centre for every test: service, platform, database, clock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from tests.fakes.call_centre import CallCentre
from tests.fakes.generic_platform import HeldRecordings

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
async def centre(
    tmp_path: Path,
    dsn: str,
    clock,
    platform: HeldRecordings,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[CallCentre]:
    """No service runs yet: a test opens one, or two."""
    (tmp_path / "empty.toml").touch()
    monkeypatch.setenv("PONCTUEL_CONFIG", str(tmp_path / "empty.toml"))
    async with aiohttp.ClientSession() as http:
        centre = CallCentre(tmp_path, dsn, clock, http, platform)
        yield centre
        await centre.close()


@pytest.fixture
async def house(centre: CallCentre) -> CallCentre:
    """A call centre whose service runs."""
    await centre.open()
    return centre


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
