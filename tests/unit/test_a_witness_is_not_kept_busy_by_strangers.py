"""Whoever can reach a witness can neither fill its memory nor lock the log out."""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest

from audit.witness import LARGEST_HEAD, MOST_CONNECTIONS
from proxy.ledger.checkpoint import Checkpoint
from proxy.ledger.note import Signer
from proxy.ledger.tree import leaf_hash, root_of
from proxy.ledger.witnessing import add_checkpoint
from tests.fakes.witnesses import ROOT, witnesses

LOG = Signer("ponctuel.example/nord", b"l" * 32)
NOTE = Checkpoint(LOG.key.name, 1, root_of([leaf_hash(b"a")])).signed_by(LOG).encode()
REQUEST = b"POST /add-checkpoint HTTP/1.1\r\n"
STRANGERS = 64
# Strangers have so long for each step that whoever had to wait until one's time is over
# would be told from whoever is answered late by a busy machine.
PATIENCE, BEFORE_ANY_IS_OVER = 50, 25  # seconds
PATIENT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from audit import witness
witness.STEP_SECONDS = witness.Handler.timeout = {PATIENCE}
witness.CONNECTION_SECONDS = {6 * PATIENCE}
from tests.fakes.clocked_witness import main
main(*sys.argv[1:])
"""
MOST_GROWTH = 32 << 20  # bytes; each connection may hold about 100 KiB


@pytest.fixture
def running(tmp_path, clock):
    with witnesses(tmp_path, clock, "dpo.example/witness") as (one,):
        one.make(LOG.key.encode())
        one.start()
        yield one
        one.stop()
        assert not [line for line in one.told if "Traceback" in line]


@pytest.fixture
def patient(running):
    running._run("-c", PATIENT, str(running.home), str(running._clock_file))
    return running


async def connect(running):
    host, port = running.address.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, port)


async def submit(running, old: int) -> int:
    """What an honest log does, over a new connection; the status it is answered."""
    url, body = f"{running.address}/add-checkpoint", add_checkpoint(old, [], NOTE)
    async with aiohttp.ClientSession() as http, http.post(url, data=body) as response:
        return response.status


async def submit_in_the_end(running) -> int:
    """As a log does each minute: whoever is cut off asks again, and from where."""
    old = 0
    while True:
        with suppress(aiohttp.ClientConnectionError):
            status = await submit(running, old)
            if status != HTTPStatus.CONFLICT:
                return status
            old = 1


def most_memory(running) -> int:
    """Bytes resident at most so far."""
    status = Path(f"/proc/{running.process.pid}/status")
    if not status.exists():
        pytest.skip("only Linux tells the memory a process had at most")
    (line,) = [
        one for one in status.read_text().splitlines() if one.startswith("VmHWM")
    ]
    return int(line.split()[1]) << 10


async def test_endless_headers_of_many_strangers_fill_no_memory(running):
    line = b"a: " + b"x" * (64 * 1024 - 5) + b"\r\n"

    async def pour():
        with suppress(ConnectionError):
            _, writer = await connect(running)
            writer.write(REQUEST)
            for _ in range(100):
                writer.write(line)
                await writer.drain()
        return writer

    before = most_memory(running)
    held = await asyncio.gather(*[pour() for _ in range(STRANGERS)])
    grown = most_memory(running) - before

    assert grown < MOST_GROWTH
    for writer in held:
        writer.close()


@pytest.mark.parametrize(
    ("size", "status"), [(LARGEST_HEAD, 411), (LARGEST_HEAD + 1, 431)]
)
async def test_the_bytes_of_all_header_lines_are_counted_together(
    running, size, status
):
    lines = REQUEST + b"".join(b"h%d: %s\r\n" % (n, b"x" * 500) for n in range(30))
    head = lines + b"last: " + b"x" * (size - len(lines) - 10) + b"\r\n\r\n"
    reader, writer = await connect(running)

    writer.write(head)
    answer = await reader.readline()

    assert len(head) == size
    assert answer.split()[1] == b"%d" % status
    writer.close()


STALLS = {
    "nothing": b"",
    "half a head": REQUEST + b"Content-Length: 1",
    "half a body": REQUEST + b"Content-Length: 60000\r\n\r\nold",
}


@pytest.mark.parametrize("said", STALLS.values(), ids=STALLS)
async def test_a_log_is_answered_while_strangers_hold_every_connection(patient, said):
    assert STRANGERS > MOST_CONNECTIONS
    held = [await connect(patient) for _ in range(STRANGERS)]
    for _, writer in held:
        writer.write(said)
        with suppress(ConnectionError):
            await writer.drain()

    async with asyncio.timeout(BEFORE_ANY_IS_OVER):
        assert await submit(patient, 0) == 200

    for _, writer in held:
        writer.close()


async def test_strangers_that_come_back_at_once_do_not_keep_a_log_out(patient):
    async def insist():
        while True:
            reader, writer = await connect(patient)
            try:
                await reader.read()  # until it is cut off
            except ConnectionError:
                pass
            finally:
                writer.close()

    strangers = [asyncio.create_task(insist()) for _ in range(MOST_CONNECTIONS)]
    async with asyncio.timeout(BEFORE_ANY_IS_OVER):
        statuses = [await submit_in_the_end(patient) for _ in range(3)]
    for stranger in strangers:
        stranger.cancel()
    await asyncio.gather(*strangers, return_exceptions=True)

    assert statuses == [200, 200, 200]
