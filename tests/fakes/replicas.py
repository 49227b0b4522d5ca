"""Replicas of one service, each a process to be killed, all on one clock that hurries.

    python -m tests.fakes.replicas

reads one order per line, as JSON, forks a replica for it, and prints its process id.
The modules are loaded once, so a replica that was killed is back within a moment.
"""

import asyncio
import json
import math
import os
import pkgutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import uvloop

from proxy.app import Service
from proxy.errors import PonctuelError
from proxy.intake import seat
from proxy.logs import configure_logs
from proxy.settings import load_settings

if TYPE_CHECKING:
    from tests.fakes.call_centre import CallCentre

ROOT = Path(__file__).resolve().parents[2]
_TENDED_SECONDS = 1.0


@dataclass(frozen=True)
class HurryingClock:
    """`speed` times as fast as the machine's, and the same in all its processes."""

    start: datetime
    begun: float  # in `time.monotonic()`, which is one for the whole machine
    speed: float

    def __call__(self) -> datetime:
        passed = (time.monotonic() - self.begun) * self.speed
        return self.start + timedelta(seconds=passed)

    def as_order(self) -> dict[str, Any]:
        return {
            "start": self.start.isoformat(),
            "begun": self.begun,
            "speed": self.speed,
        }

    @classmethod
    def of(cls, order: dict[str, Any]) -> Self:
        return cls(**order | {"start": datetime.fromisoformat(order["start"])})


# --- In the replica ---------------------------------------------------------------


async def serve(order: dict[str, Any]) -> None:
    """Like `ponctuel serve`, but for its clock, and tended as often as that needs."""
    service = Service(
        load_settings(**order["settings"]), HurryingClock.of(order["clock"])
    )
    await service.start()
    file = Path(order["address_file"])
    file.with_suffix(".new").write_text(service.address)
    file.with_suffix(".new").replace(file)
    await service.wait_ready()
    while True:
        await asyncio.sleep(order.get("tended_seconds", _TENDED_SECONDS))
        for site in service.sites.values():
            with suppress(PonctuelError):
                await site.tend()


def run(order: dict[str, Any]) -> None:
    """The whole life of a forked replica."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with Path(order["log"]).open("ab", 0) as log:
            os.dup2(log.fileno(), 2)
        os.environ["PONCTUEL_CONFIG"] = order["config"]
        configure_logs("info")
        seat._SETTINGS.update(order.get("seat", {}))
        if "stops_before" in order:
            stop_before(order["stops_before"])
        uvloop.run(serve(order))
    except BaseException:  # noqa: BLE001 - a fork must end here, whatever happened
        traceback.print_exc()
    finally:
        os._exit(1)


def stop_before(step: str) -> None:
    """Stop, as by SIGSTOP, before the first call of "module:Class.method"."""
    owner_name, _, name = step.rpartition(".")
    owner = pkgutil.resolve_name(owner_name)
    real = getattr(owner, name)

    async def stopped(*arguments: Any, **named: Any) -> Any:
        setattr(owner, name, real)
        os.kill(os.getpid(), signal.SIGSTOP)
        return await real(*arguments, **named)

    setattr(owner, name, stopped)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(json.loads(line))
        print(child, flush=True)  # noqa: T201 - how a parent learns of it
    os.killpg(0, signal.SIGKILL)  # nobody is left to kill what runs


# --- In the test ------------------------------------------------------------------


@dataclass(eq=False)
class Life:
    """One process of a replica, and when it could not answer."""

    pid: int
    address_file: Path
    began_at: float  # in `time.time()`, as the database's
    killed_at: float = math.inf
    frozen: list[tuple[float, float]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where it listens; empty as long as it does not yet."""
        with suppress(FileNotFoundError):
            return self.address_file.read_text()
        return ""

    def was_away(self, begun: float, ended: float) -> bool:
        """Whether it was dead or frozen at some time between the two."""
        return self.killed_at <= ended or any(
            first <= ended and begun <= last for first, last in self.frozen
        )

    def kill(self) -> None:
        self.killed_at = time.monotonic()
        os.kill(self.pid, signal.SIGKILL)

    def freeze(self) -> None:
        self.frozen.append((time.monotonic(), math.inf))
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
        self.frozen[-1] = (self.frozen[-1][0], time.monotonic())


@dataclass
class Replica:
    """One of a service's replicas, which may live many times."""

    name: str
    order: dict[str, Any]
    house: subprocess.Popen[str]
    lives: list[Life] = field(default_factory=list)

    @property
    def life(self) -> Life:
        return self.lives[-1]

    @property
    def reached(self) -> Life:
        """Whose address callers know: a dead one's until the next listens."""
        return next(life for life in reversed(self.lives) if life.address)

    @property
    def log(self) -> Path:
        return Path(self.order["log"])

    def start(self) -> None:
        file = self.log.with_name(f"{self.name}-{len(self.lives)}.address")
        order = self.order | {"address_file": str(file)}
        began_at = time.time()
        self.house.stdin.write(json.dumps(order, default=str) + "\n")
        self.house.stdin.flush()
        pid = int(self.house.stdout.readline())
        self.lives.append(Life(pid, file, began_at))

    def restart(self) -> None:
        self.life.kill()
        self.start()


def make_replica(
    house: subprocess.Popen[str],
    name: str,
    centre: "CallCentre",
    plan: dict[str, Any],
    **more: Any,
) -> Replica:
    """One that is not started yet.

    `more`: `tended_seconds`, how often; `seat`, settings of its session; `stops_before`
    a step, see `stop_before`.
    """
    order = {
        "settings": plan,
        "clock": centre.clock.as_order(),
        "config": str(centre.folder / "empty.toml"),
        "log": str(centre.folder / f"{name}.log"),
    }
    return Replica(name, order | more, house)


@contextmanager
def house_of_replicas() -> Iterator[subprocess.Popen[str]]:
    """The process whose children replicas are; all of them end with it."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.replicas"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as house:
        try:
            yield house
        finally:
            os.killpg(house.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
