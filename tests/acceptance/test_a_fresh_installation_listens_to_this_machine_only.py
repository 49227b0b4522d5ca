"""With no settings at all, nothing of the service can be reached from outside.

Of its embedded database `test_the_embedded_database_leaves_the_machine_alone.py` shows
that it is on no port at all.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

_LISTENS = "0A"  # TCP_LISTEN, as /proc/net/tcp writes it
_LOOPBACK = f"{int.from_bytes(bytes([127, 0, 0, 1]), sys.byteorder):08X}"


@asynccontextmanager
async def started(folder: Path, **settings: str):
    """`ponctuel serve` in a process of its own, and what it says first."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.cli", "serve"),
        env={
            "PATH": os.environ["PATH"],
            "PONCTUEL_DATA_DIR": str(folder / "var"),
            # Any free port, so that tests may run side by side.
            "PONCTUEL_HTTP__PORT": "0",
            "PONCTUEL_METRICS__PORT": "0",
        }
        | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


def listening(pid: int) -> Iterator[str]:
    """Where a process can be reached, as the kernel writes addresses."""
    inodes = set(sockets(pid))
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENS and fields[9] in inodes:
                yield fields[1].partition(":")[0]


def sockets(pid: int) -> Iterator[str]:
    for number in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since: nobody listens on that
            named = re.fullmatch(r"socket:\[(\d+)\]", str(number.readlink()))
            if named:
                yield named[1]


async def test_calls_and_figures_on_loopback_and_nothing_else(tmp_path, dsn):
    async with started(tmp_path, PONCTUEL_DATABASE__DSN=dsn) as process:
        told = await process.stdout.readline()
        addresses = list(listening(process.pid))

    assert told.startswith(b"listening on http://127.0.0.1:")
    assert addresses == [_LOOPBACK, _LOOPBACK]


@pytest.mark.parametrize("part", ["HTTP", "METRICS"])
async def test_an_open_address_without_protection_ends_the_start(tmp_path, part):
    open_to_all = {f"PONCTUEL_{part}__HOST": "0.0.0.0"}

    async with started(tmp_path, **open_to_all) as process:
        told, errors = await process.communicate()

    assert process.returncode != 0
    assert told == b""
    assert b"can be reached from outside" in errors
    assert b"Traceback" not in errors
