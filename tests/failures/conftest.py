"""The same call centre as in `tests/acceptance`, to be broken and to be killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.acceptance.conftest import (
    centre,
    folder,
    gateway,
    house,
    open_socket,
    platform,
    quiet,
    unhurried,
)
from tests.failures.buckets import front, hasty, store
from tests.fakes.call_centre import CallCentre, until

__all__ = [
    "centre",
    "folder",
    "gateway",
    "house",
    "open_socket",
    "platform",
    "quiet",
    "unhurried",
]
__all__ += ["front", "hasty", "store"]

KILLED = -signal.SIGKILL
Address = Callable[[], Awaitable[str]]
Doomed = Callable[..., AbstractAsyncContextManager[Address]]


@pytest.fixture(scope="session")
def killer() -> Iterator[subprocess.Popen[str]]:
    """The process that runs services which kill themselves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.crashing_service"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        yield process
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def doomed(killer: subprocess.Popen[str], centre: CallCentre) -> Doomed:
    """`async with doomed(STEP, "before")`: a service that has died there at the end."""

    @asynccontextmanager
    async def doomed(
        step: str,
        when: str,
        nth: int = 1,
        *,
        sweeps: bool = False,
        reconciles: str = "",
    ) -> AsyncIterator[Address]:
        file = centre.folder / "address"
        order = centre.order(file) | {
            "crash": {"step": step, "when": when, "nth": nth},
            "sweeps": sweeps,
            "reconciles": reconciles,
        }
        killer.stdin.write(json.dumps(order, default=str) + "\n")
        killer.stdin.flush()

        async def address() -> str:
            return await until(
                lambda: file.exists() and file.read_text(), "its start", 30
            )

        try:
            yield address
        finally:
            status = await asyncio.to_thread(killer.stdout.readline)
        assert int(status) == KILLED, f"it never came to {step}"
        await centre.rows(
            "UPDATE jobs.pgqueuer SET heartbeat = now() - interval '1 hour'"
        )

    return doomed
