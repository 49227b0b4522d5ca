"""A small simulated call-centre platform: `python -m proxy.demo.platform`.

A process of its own that shares nothing with the service but the generic contract. It
reads orders and writes answers, one JSON object a line, on standard input and output:

    {"secret": "whsec_…", "source_token": "…"}        → {"recordings": "http://…"}
    {"place": 100, "first": 0, "run": "…", "webhook": "http://…",
     "clock_offset_seconds": -2678400, "misbehaves": true}
                                 → {"progress": 1} … {"placed": 100}
    {"report": true}                      → {"left": 0, "unsolicited_reads": 0, …}

It ends when its input ends, so it cannot outlive whoever started it.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp

from proxy.demo.calls import Calls, Order
from proxy.demo.recordings import Recordings

COUNTED = (
    "placed",
    "forged",
    "forged_refused",
    "duplicates",
    "duplicates_agreed",
    "unsolicited",
    "unsolicited_reads",
    "failed_fetches",
    "refused",
    "hung_up",
    "reported_twice",
    "unexpected_answers",
)


async def _orders() -> AsyncIterator[dict[str, Any]]:
    while line := await asyncio.to_thread(sys.stdin.readline):
        yield json.loads(line)


def _say(answer: Mapping[str, object]) -> None:
    try:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # whoever gave the order was killed: there is no more to do
        os._exit(1)


async def run() -> None:
    """Obey orders until there are no more; the first one brings the secrets."""
    orders = _orders()
    credentials = await anext(orders)
    recordings = Recordings(credentials["source_token"])
    await recordings.open()
    _say({"recordings": recordings.address})
    try:
        async with aiohttp.ClientSession() as http:
            calls = Calls(http, credentials["secret"], recordings)
            async for order in orders:
                _say(await _obey(order, calls, recordings))
    finally:
        await recordings.close()


async def _obey(
    order: dict[str, Any], calls: Calls, recordings: Recordings
) -> Mapping[str, object]:
    if "report" in order:
        counted = calls.counted + recordings.counted
        return {name: counted[name] for name in COUNTED} | {"left": recordings.left}
    count = order.pop("place")
    await calls.place(
        Order(count=count, **order), lambda done: _say({"progress": done})
    )
    return {"placed": count}


if __name__ == "__main__":
    asyncio.run(run())
