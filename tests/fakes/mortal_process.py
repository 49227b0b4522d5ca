"""A service that goes through recorded lives, and dies or fails on the way as told.

    python -m tests.fakes.mortal_process

reads one order per line, as JSON, goes through each in processes of its own, forked so
that everything is loaded once, and prints what came of it, as JSON. An order's `plan`
has the point that goes wrong in a step, from 0, and how; its `starts` have the point at
which whoever takes up a step dies before it comes to it.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from proxy.logs import configure_logs
from proxy.vault.s3 import store as s3
from tests.databases import in_database
from tests.fakes.mortal import Mortal, told
from tests.fakes.outer_edge import names_of_queries

PATIENCE_SECONDS = 60


def in_a_process(order: dict[str, Any], first: int | None) -> int:
    """Its exit status; -9 if it was killed. What it has to say is in files."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.alarm(PATIENCE_SECONDS)
    status = 1
    try:
        asyncio.run(Mortal(order).live(first))
        status = 0
    except BaseException:  # noqa: BLE001 - a fork must end here, whatever happened
        with (Path(order["folder"]) / "found").open("a") as found:
            found.write(json.dumps(traceback.format_exc()) + "\n")
    finally:
        os._exit(status)


def go_through(order: dict[str, Any]) -> dict[str, Any]:
    """One life on a copy of the database, in as many processes as it takes."""
    folder = Path(order["folder"])
    for file in folder.iterdir():
        file.unlink()
    template = order["template"].partition("?")[0].rpartition("/")[2]
    copy = f"{template}_{os.getpid()}"
    order["settings"]["database"]["dsn"] = in_database(order["template"], copy)
    drop = f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)"
    copying = f"CREATE DATABASE {copy} TEMPLATE {template}"
    asyncio.run(_in_postgres(order, drop, copying))
    status = in_a_process(order, None)
    while status == -signal.SIGKILL:
        status = in_a_process(order, int((folder / "place").read_text()))
    asyncio.run(_in_postgres(order, drop))
    found = told(folder / "found")
    return {
        "struck": told(folder / "struck"),
        "found": [*found, f"it ended with {status}"] if status else found,
        "points": [each for points in told(folder / "points") for each in points],
    }


async def _in_postgres(order: dict[str, Any], *orders: str) -> None:
    connection = await asyncpg.connect(in_database(order["template"], "postgres"))
    for each in orders:
        await connection.execute(each)
    await connection.close()


async def _load() -> None:
    """Read what S3 is, which takes long, once, before the forks."""
    config = s3.S3Config(
        endpoint="http://127.0.0.1:1", bucket="none", access_key="-", secret_key="-"
    )
    store = s3.S3Store(config)
    await store._bucket._open()
    await store.close()


def main() -> None:
    configure_logs("critical")
    asyncio.run(_load())
    names_of_queries()
    # One attempt: as if each of three had met the same fault, without the pauses.
    vars(s3).update(S3Config=partial(s3.S3Config, attempts=1))
    gc.freeze()  # the pages of what is loaded stay shared with the forks
    for line in sys.stdin:
        print(json.dumps(go_through(json.loads(line))), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
