"""The `ponctuel` command in a process of its own, beside a call centre's service."""

import asyncio
import atexit
import json
import os
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

from tests.fakes.call_centre import CallCentre

ROOT = Path(__file__).resolve().parents[2]


async def ponctuel(
    centre: CallCentre,
    *arguments: str | Path,
    said: str = "",
    token: str = "",
    **changes: object,
) -> subprocess.CompletedProcess[str]:
    """Run a command with the centre's settings, as its operator would."""
    plan = centre.plan(**changes)
    environment = _surroundings() | {
        "PONCTUEL_CONFIG": str(centre.folder / "empty.toml"),
        "PONCTUEL_DATA_DIR": str(plan["data_dir"]),
        "PONCTUEL_DATABASE__DSN": plan["database"]["dsn"],
        "PONCTUEL_SITES": json.dumps(plan["sites"], default=str),
        "PONCTUEL_TOKEN": token,
    }
    return await asyncio.to_thread(run, [*map(str, arguments)], environment, said)


def run(
    arguments: list[str], environment: dict[str, str], said: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command in a fork of what `tests.fakes.loaded_commands` has loaded."""
    order = {"arguments": arguments, "environment": environment}
    told, telling = os.pipe()
    with (
        TemporaryFile("w+") as stdin,
        TemporaryFile("w+") as stdout,
        TemporaryFile("w+") as stderr,
        os.fdopen(told) as status,
    ):
        stdin.write(said)
        stdin.seek(0)
        files = [stdin.fileno(), stdout.fileno(), stderr.fileno(), telling]
        socket.send_fds(_loaded(), [json.dumps(order).encode()], files)
        os.close(telling)
        ended = int(status.read())  # nothing at all: its watcher died
        for printed in (stdout, stderr):
            printed.seek(0)
        return subprocess.CompletedProcess(
            arguments, ended, stdout.read(), stderr.read()
        )


def _surroundings() -> dict[str, str]:
    return {"PATH": os.environ["PATH"]}


@cache
def _loaded() -> socket.socket:
    """Where orders go; whoever carries them out ends when we do."""
    orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = ("-W", "error", "-m", "tests.fakes.loaded_commands", str(theirs.fileno()))
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=_surroundings(),
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
    )
    theirs.close()

    def end() -> None:
        orders.close()
        process.wait()

    atexit.register(end)
    return orders
