"""The service's side of the simulated platform: its process, orders and answers."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass

from proxy.errors import PonctuelError

_PATIENCE_SECONDS = 30.0  # between two lines of an answer


class SimulatorError(PonctuelError):
    """The demo's simulated platform stopped or does not answer."""

    error_id = "demo-simulator"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the service and the platform share. Made anew for each run."""

    secret: str
    source_token: str


class Simulator:
    """A running simulated platform. `recordings` is the address it serves them at."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.recordings = ""

    async def ask(
        self,
        order: Mapping[str, object],
        on_progress: Callable[[int], None] = lambda _done: None,
    ) -> dict[str, object]:
        """Give an order, wait until it is done. Raises SimulatorError."""
        if self._process.stdin is None:
            raise SimulatorError
        with suppress(ConnectionError):  # its end shows in what it says: nothing
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()
        while True:
            answer = await self._hear()
            if "progress" not in answer:
                return answer
            on_progress(int(str(answer["progress"])))

    async def report(self) -> dict[str, int]:
        """What the platform has done and seen since it started."""
        answer = await self.ask({"report": True})
        return {name: int(str(number)) for name, number in answer.items()}

    async def _hear(self) -> dict[str, object]:
        if self._process.stdout is None:
            raise SimulatorError
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise SimulatorError(f"no word for {_PATIENCE_SECONDS:.0f} s") from None
        if not line:
            raise SimulatorError("its process ended")
        answer: dict[str, object] = json.loads(line)
        return answer


@asynccontextmanager
async def simulated_platform(credentials: Credentials) -> AsyncIterator[Simulator]:
    """A simulated platform in a process of its own, until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # the installed package, not a folder that is called `proxy` too
        "-m",
        "proxy.demo.platform",
        stdin=PIPE,
        stdout=PIPE,
        env=_environment(),
        start_new_session=True,  # Ctrl-C is for the service, which then ends it
    )
    try:
        simulator = Simulator(process)
        answer = await simulator.ask(asdict(credentials))
        simulator.recordings = str(answer["recordings"])
        yield simulator
    finally:
        await _end(process)


def _environment() -> dict[str, str]:
    """Everything but our settings: another party's process does not get our secrets."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PONCTUEL_")
    }


async def _end(process: Process) -> None:
    """Stop it. Should this process be killed, its input's end does the same."""
    with suppress(ProcessLookupError):
        process.terminate()
    await process.wait()
