"""Durable, verified, ledgered decisions over HTTP, beside what a user would write.

Load by wrk over 64 connections; server, load and PostgreSQL share this machine. Every
call is signed beforehand, so signing costs the measurement nothing. Each server is a
process of its own with a database of its own on one durable server.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from proxy.database.embedded import EmbeddedPostgres
from proxy.database.migrate import migrate
from tests.benchmarks.decision_servers import LINE, SECRET
from tests.benchmarks.rows import Row
from tests.databases import new_database
from tests.peers import need

SECONDS = 8
CONNECTIONS = 64
CALLS = 150_000


@dataclass(frozen=True, slots=True)
class Load:
    """One wrk run."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float


def signed_call(key: bytes, now: int) -> str:
    call_id = uuid.uuid4().hex
    event_id = f"evt_{call_id}"
    data = {
        "call_id": call_id,
        "direction": "inbound",
        "caller": f"+336{uuid.UUID(call_id).int % 10**8:08}",
        "callee": LINE,
        "line": LINE,
        "started_at": "2026-11-21T10:00:00Z",
    }
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": "/pbx",
        "type": "call.started",
        "data": data,
    }
    body = json.dumps(event)
    signed = hmac.digest(key, f"{event_id}.{now}.{body}".encode(), hashlib.sha256)
    signature = base64.b64encode(signed).decode()
    return f"{event_id}\t{now}\tv1,{signature}\t{body}\n"


def write_calls(file: Path, number: int) -> None:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    now = int(time.time())
    with file.open("w") as stream:
        stream.writelines(signed_call(key, now) for _ in range(number))


@contextmanager
def server(kind: str, dsn: str, folder: Path) -> Iterator[str]:
    program = [sys.executable, "-m", "tests.benchmarks.decision_servers"]
    process = subprocess.Popen(
        [*program, kind, dsn, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def load(address: str, calls: Path, connections: int, seconds: int) -> Load:
    wrk = need("wrk", "apt-get install wrk")
    threads = min(2, connections)
    command = [wrk, f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "-s"]
    script = str(Path(__file__).with_name("signed_calls.lua"))
    result = subprocess.run(
        [*command, script, address],
        env=os.environ | {"PONCTUEL_BENCH_CALLS": str(calls)},
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(x for x in result.stdout.splitlines() if x.startswith("RESULT"))
    requests, micros, p50, p99, bad, lost = map(int, line.split()[1:])
    if bad or lost:
        raise RuntimeError(f"{bad} bad answers, {lost} lost")
    return Load(requests, requests / (micros / 1e6), p50 / 1000, p99 / 1000)


async def measure(
    kind: str, postgres: str, calls: Path, connections: int = CONNECTIONS
) -> Load:
    async with new_database(postgres) as dsn:
        await migrate(dsn)
        with data_folder() as folder, server(kind, dsn, folder) as address:
            warm = calls.with_name("warm")
            await asyncio.to_thread(load, address, warm, connections, 2)
            found = await asyncio.to_thread(load, address, calls, connections, SECONDS)
        if kind == "ponctuel":
            await check_drawn(dsn, found.requests)
        return found


async def measure_replicas(postgres: str, calls: Path) -> float:
    """Decisions per second of two replicas of one site, each with half the load."""
    async with new_database(postgres) as dsn:
        await migrate(dsn)
        with (
            data_folder() as folder,
            server("ponctuel", dsn, folder) as first,
            server("ponctuel", dsn, folder) as second,
        ):
            warm = calls.with_name("warm")
            half = CONNECTIONS // 2
            for address in (first, second):
                await asyncio.to_thread(load, address, warm, half, 2)
            found = await asyncio.gather(
                asyncio.to_thread(load, first, calls, half, SECONDS),
                asyncio.to_thread(
                    load, second, calls.with_name("others"), half, SECONDS
                ),
            )
        await check_drawn(dsn, sum(each.requests for each in found))
        return sum(each.per_second for each in found)


@contextmanager
def data_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ponctuel-bench-") as name:
        yield Path(name)


async def check_drawn(dsn: str, requests: int) -> None:
    """An answer is worth nothing unless its draw is in the ledger."""
    connection = await asyncpg.connect(dsn)
    drawn = await connection.fetchval(
        'SELECT count(*) FROM ledger_entries WHERE body LIKE \'%"leaf":"DRAW"%\''
    )
    await connection.close()
    if drawn < requests:
        raise RuntimeError(f"{requests} answers, but {drawn} draws")


async def measure_all(postgres: str, calls: Path) -> list[Row]:
    ours = await measure("ponctuel", postgres, calls)
    insert = await measure("one-insert", postgres, calls)
    nothing = await measure("nothing-kept", postgres, calls)
    idle = await measure("ponctuel", postgres, calls, connections=1)
    two = await measure_replicas(postgres, calls)
    name = f"decisions over HTTP, {CONNECTIONS} connections"
    return [
        Row(
            name,
            ours.per_second,
            "/s",
            "aiohttp + one INSERT",
            insert.per_second,
            ours.per_second / insert.per_second,
            ">= 8000/s and >= 1.3 x",
        ),
        Row(
            name,
            ours.per_second,
            "/s",
            "aiohttp, nothing kept",
            nothing.per_second,
            ours.per_second / nothing.per_second,
            ">= 0.5 x",
        ),
        Row(
            "their latency, p99",
            ours.p99_ms,
            "ms",
            "aiohttp + one INSERT",
            insert.p99_ms,
            ours.p99_ms / insert.p99_ms,
            "<= 25 ms",
        ),
        Row(
            "two replicas of one site, 32 connections each",
            two,
            "/s",
            "one replica",
            ours.per_second,
            two / ours.per_second,
            ">= 1.0 x",
        ),
        Row(
            "latency, one connection, p50",
            idle.p50_ms,
            "ms",
            "64 connections",
            ours.p50_ms,
            idle.p50_ms / ours.p50_ms,
            "<= 5 ms",
        ),
    ]


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_calls(folder / "warm", CALLS // 5)
        write_calls(folder / "calls", CALLS)
        write_calls(folder / "others", CALLS)
        with EmbeddedPostgres(folder / "postgres") as postgres:
            return asyncio.run(measure_all(postgres, folder / "calls"))
