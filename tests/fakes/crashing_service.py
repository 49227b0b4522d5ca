"""A service that kills itself, as `kill -9` would, at a named step of its work.

    python -m tests.fakes.crashing_service

reads one order per line, as JSON, runs each in a process of its own, and prints the
status that it ended with (-9: killed at the named step; -14: never came there). The
product knows nothing of this: the step is wrapped from outside.
"""

import asyncio
import functools
import inspect
import itertools
import json
import os
import pkgutil
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from proxy.app import Service
from proxy.logs import configure_logs
from proxy.settings import load_settings
from tests.fakes import timetable

PATIENCE_SECONDS = 40


def crash_at(step: str, when: str, nth: int = 1) -> None:
    """Die "before" or "after" the nth call of "module:Class.method"."""
    owner_name = step.rpartition("." if "." in step.partition(":")[2] else ":")[0]
    name = step[len(owner_name) + 1 :]
    owner = pkgutil.resolve_name(owner_name)
    real = getattr(owner, name)
    number = itertools.count(1)

    def die(moment: str, call: int) -> None:
        if (moment, call) == (when, nth):
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, _wrapped(real, functools.partial(next, number), die))


def _wrapped(
    real: Callable[..., Any],
    count: Callable[[], int],
    die: Callable[[str, int], None],
) -> Callable[..., Any]:
    @functools.wraps(real)
    def plain(*arguments: Any, **named: Any) -> Any:
        call = count()
        die("before", call)
        answer = real(*arguments, **named)
        die("after", call)
        return answer

    @functools.wraps(real)
    async def awaited(*arguments: Any, **named: Any) -> Any:
        call = count()
        die("before", call)
        answer = await real(*arguments, **named)
        die("after", call)
        return answer

    return awaited if inspect.iscoroutinefunction(real) else plain


async def serve(order: dict[str, Any]) -> None:
    now = datetime.fromisoformat(order["now"])
    timetable.never()
    service = Service(load_settings(**order["settings"]), lambda: now)
    await service.start()
    await service.wait_ready()
    await asyncio.to_thread(Path(order["address_file"]).write_text, service.address)
    if order["sweeps"]:
        for site in service.sites.values():
            await site.sweep()
    if order["reconciles"]:
        for site in service.sites.values():
            await site.tend()
            await site.reconciliation.run(date.fromisoformat(order["reconciles"]))
    await asyncio.Event().wait()


def run(order: dict[str, Any]) -> int:
    """Fork: the modules are loaded already, and nothing of ours runs yet."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.alarm(PATIENCE_SECONDS)
    try:
        os.environ["PONCTUEL_CONFIG"] = order["config"]
        crash_at(**order["crash"])
        asyncio.run(serve(order))
    except BaseException:  # noqa: BLE001 - a fork must end here, whatever happened
        traceback.print_exc()
    finally:
        os._exit(1)


def main() -> None:
    configure_logs("warning")
    for line in sys.stdin:
        status = run(json.loads(line))
        print(status, flush=True)  # noqa: T201 - how a parent learns of it


if __name__ == "__main__":
    main()
