"""What the shipper's tests share: rtpengine's folder, a service, the command."""

import argparse
import asyncio
import os
import socket
import struct
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from yarl import URL

from proxy.ship import rtpengine
from proxy.ship.shipper import Fate, Patience, Shipper
from proxy.ship.spool import Spool
from proxy.ship.upload import Service, Uploader

ID = "0b9d7d3c-4a5e-4b6f-8a7b-0123456789ab"
OTHER_ID = "1c8e6f2b-4a5e-4b6f-8a7b-0123456789ab"
TICKET = f"decision:{ID}|max:60|caller:40000"
TOKEN = "a-secret-token"
CALL_NAME = "+33612345678@example"
ROOT = Path(__file__).parents[2]
COMMAND = ("-m", "proxy.cli", "ship", "rtpengine")


# --- rtpengine's folder ---------------------------------------------------------------


def pcap(packets: int = 50) -> bytes:
    """One second of the caller's voice."""
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101)]
    for n in range(packets):
        rtp = struct.pack("!BBHII", 0x80, 0, n, n * 160, 1) + b"\x80" * 160
        udp = struct.pack("!HHHH", 5000, 40_000, 8 + len(rtp), 0) + rtp
        ip = struct.pack("!BBHHHBBH8x", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + udp
        at = (1_795_000_000, n * 20_000)
        records.append(struct.pack("<IIII", *at, len(ip), len(ip)) + ip)
    return b"".join(records)


@dataclass
class Recordings:
    """What rtpengine leaves: a note in metadata/, audio in pcaps/."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("metadata", "pcaps", "tmp"):
            (self.folder / name).mkdir(parents=True)

    def audio(self, name: str = "a", content: bytes | None = None) -> Path:
        file = self.folder / "pcaps" / f"{CALL_NAME}-{name}.pcap"
        file.write_bytes(pcap() if content is None else content)
        return file

    def note(self, audio: object, last_line: str, name: str = "a") -> Path:
        file = self.folder / "metadata" / f"rtpengine-meta-{CALL_NAME}-{name}.txt"
        file.write_text(
            f"{audio}\n\n\ncall start time: 2026-11-21T21:46:04\n\n\n{last_line}\n"
        )
        return file

    def add(
        self, decision_id: str = ID, name: str = "a", content: bytes | None = None
    ) -> None:
        ticket = f"decision:{decision_id}|max:60|caller:40000"
        self.note(self.audio(name, content), ticket, name)

    def left(self) -> list[str]:
        return sorted(f.name for f in self.folder.rglob("*") if not f.is_dir())


def age(file: Path, **ago: float) -> None:
    at = datetime.now(UTC) - timedelta(**ago)
    os.utime(file, (at.timestamp(), at.timestamp()), follow_symlinks=False)


# --- a service, byte by byte ----------------------------------------------------------


@dataclass
class Offer:
    path: str
    head: str
    body: bytes = b""


Behaviour = Callable[
    ["Desk", Offer, asyncio.StreamReader, asyncio.StreamWriter], object
]


@dataclass
class Desk:
    """A real HTTP server that behaves as told, one behaviour an offer."""

    url: str
    behaviours: list[Behaviour] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    sealed: dict[str, bytes] = field(default_factory=dict)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            offer = Offer(head.split(" ")[1], head)
            self.offers.append(offer)
            await self.behaviours.pop(0)(self, offer, reader, writer)
            offer.body += await asyncio.wait_for(reader.read(), 5)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    @property
    def bodies(self) -> list[bytes]:
        return [offer.body for offer in self.offers]


async def answer(writer: asyncio.StreamWriter, status: int, head: str = "") -> None:
    always = "Content-Length: 0\r\nConnection: close\r\n"
    writer.write(f"HTTP/1.1 {status} X\r\n{always}{head}\r\n".encode())
    await writer.drain()


async def read_whole_body(
    offer: Offer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    while size := int(await reader.readline(), 16):
        offer.body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()


def at_once(status: int, head: str = "") -> Behaviour:
    async def behave(_desk, _offer, _reader, writer):
        await answer(writer, status, head)

    return behave


def after_the_body(status: int) -> Behaviour:
    async def behave(desk, offer, reader, writer):
        await read_whole_body(offer, reader, writer)
        if status == 201:
            desk.sealed[offer.path] = offer.body
        await answer(writer, status)

    return behave


async def seal_and_hang_up(desk, offer, reader, writer):
    """Done, but nobody hears of it."""
    await read_whole_body(offer, reader, writer)
    desk.sealed[offer.path] = offer.body
    raise ConnectionAbortedError


async def hang_up(_desk, _offer, _reader, _writer):
    raise ConnectionAbortedError


@asynccontextmanager
async def desk_behaving(*behaviours: Behaviour) -> AsyncIterator[Desk]:
    desk = Desk("", list(behaviours))
    server = await asyncio.start_server(desk.serve, "127.0.0.1", 0)
    async with server:
        desk.url = "http://{}:{}".format(*server.sockets[0].getsockname())
        yield desk
        server.close()


# --- the shipper ----------------------------------------------------------------------


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **length: float) -> None:
        self.now += timedelta(**length)


async def ship(
    recordings: Recordings, url: str, patience: Patience | None = None, **how: object
) -> Counter[Fate]:
    """One round; the fates that occurred."""
    service = Service(URL(url), TOKEN)
    counts = await rtpengine.ship(
        recordings.folder, service, patience or Patience(), once=True, **how
    )
    return +counts


@asynccontextmanager
async def shipper_of(
    recordings: Recordings, url: str, clock: Clock
) -> AsyncIterator[Shipper]:
    async with aiohttp.ClientSession() as session:
        uploader = Uploader(session, Service(URL(url), TOKEN))
        patience = Patience(poll_every=timedelta(milliseconds=10))
        log = rtpengine.json_log()
        yield Shipper(Spool(recordings.folder), uploader, patience, log, clock)


def arguments(recordings: Recordings, url: str, *more: str) -> list[str]:
    token_file = recordings.folder.parent / "token"
    token_file.write_text(f"{TOKEN}\n")
    folder = str(recordings.folder)
    return [folder, "--url", url, "--token-file", str(token_file), *more]


def command(*given: str) -> int:
    parser = argparse.ArgumentParser()
    rtpengine.add_arguments(parser)
    return rtpengine.run(parser.parse_args(given))


async def started(recordings: Recordings, url: str, *more: str):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *(*COMMAND, *arguments(recordings, url, *more)),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
