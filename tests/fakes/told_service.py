"""A service in a process of its own, on a clock that it is told, sweeping when told.

    python -m tests.fakes.told_service

reads its order as one line of JSON, prints its address, then reads one line at a time:
a moment (ISO 8601), at which it tends and sweeps every site, or `play` and a
recording's id, which it reads to the end, as a listener would. It prints `done` each
time. Otherwise it is `ponctuel serve`, but for cores: whoever forbids them may not be
looked into by an ordinary user, and that is what it is for.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop

from proxy.app import Service
from proxy.logs import configure_logs
from proxy.memory import begin_wiping, overwrite_freed
from proxy.settings import load_settings
from tests.fakes import timetable

ROOT = Path(__file__).resolve().parents[2]

# --- In the service ---------------------------------------------------------------


async def serve(order: dict[str, Any]) -> None:
    now = datetime.fromisoformat(order["now"])
    timetable.never()
    service = Service(load_settings(**order["settings"]), lambda: now)
    await service.start()
    await service.wait_ready()
    say(service.address)
    while told := (await asyncio.to_thread(sys.stdin.readline)).split():
        if told[0] == "play":
            await play(service, UUID(told[1]))
        else:
            now = datetime.fromisoformat(told[0])
            await forget(service)
        say("done")
    await service.stop()


async def forget(service: Service) -> None:
    for site in service.sites.values():
        await site.tend()
        await site.sweep()
    await overwrite_freed()  # as every minute


async def play(service: Service, recording_id: UUID) -> None:
    for site in service.sites.values():
        recording = await site.vault.find(recording_id)
        async for _ in await site.vault.open(recording):
            pass


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


# --- In the test ------------------------------------------------------------------


@dataclass
class ToldService:
    """The process, and what it is told."""

    process: subprocess.Popen[str]
    address: str = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    async def forget(self, now: datetime) -> None:
        assert await self._told(now.isoformat()) == "done"

    async def play(self, recording_id: str) -> None:
        assert await self._told(f"play {recording_id}") == "done"

    async def begin(self, order: dict[str, Any]) -> None:
        self.address = await self._told(json.dumps(order, default=str))

    async def _told(self, line: str) -> str:
        return (await asyncio.to_thread(self._tell, line)).strip()

    def _tell(self, line: str) -> str:
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()


@contextmanager
def told_service(temporary: Path) -> Iterator[ToldService]:
    """A service that is not told anything yet, with temporary files of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.told_service"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    ) as process:
        try:
            yield ToldService(process)
        finally:
            process.stdin.close()  # it ends, and its database with it
            process.wait(30)


if __name__ == "__main__":
    begin_wiping()
    order = json.loads(sys.stdin.readline())
    os.environ["PONCTUEL_CONFIG"] = order["config"]
    configure_logs("error")
    uvloop.run(serve(order))
