"""The three servers that `bench_decisions` compares, each run as its own process.

`ponctuel` is the service itself. `one-insert` is the handler a user would write:
verify, toss a coin, INSERT, answer. `nothing-kept` is the same without the INSERT. All
have the event loop and the seldom collector of `ponctuel serve`, so that neither is the
difference. Run as: python -m tests.benchmarks.decision_servers KIND DSN DATA_DIR
"""

import asyncio
import random  # noqa: TID251  # the peer is what a user would write
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import uvloop
from aiohttp import web
from standardwebhooks import Webhook

from proxy.app import Service
from proxy.commands.serve import collect_seldom
from proxy.logs import configure_logs
from proxy.memory import begin_wiping
from proxy.settings import load_settings

SECRET = "whsec_" + "a" * 43 + "="
RATE = 0.018
LINE = "+33140000001"


def site() -> dict[str, object]:
    """One lawful site with one signed connection."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    written = {"reference": "R-1", "on": yesterday, "author": "dpo"}
    lawful = {
        "practice": "p",
        "article_6": written | {"kind": "6-1-a"},
        "article_9": written | {"kind": "9-2-a"},
        "dpia": written,
        "dpo_opinion": written,
        "staff_information": written | {"kind": "under_50"},
        "hosting": written | {"kind": "self_hosted"},
    }
    return {
        "policy": {"rate": "1.8%", "starts_on": yesterday},
        "practices": {"p": {"authorisation": written}},
        "line_groups": {"g": lawful},
        "lines": {LINE: {"group": "g"}},
        "connections": {"pbx": {"kind": "generic", "secrets": [SECRET]}},
    }


async def serve_ponctuel(dsn: str, folder: Path) -> str:
    configure_logs("warning")
    settings = load_settings(
        data_dir=folder,
        vault={"keys": folder / "keys"},
        database={"dsn": dsn},
        http={"port": 0},
        metrics={"port": 0},
        sites={"bench": site()},
    )
    service = Service(settings)
    await service.start()
    await service.wait_ready()
    return f"{service.address}/webhooks/pbx"


async def serve_handler(dsn: str, *, keeps: bool) -> str:
    pool = await asyncpg.create_pool(dsn, min_size=8, max_size=8)
    await pool.execute("CREATE TABLE IF NOT EXISTS plain_calls (id text, record bool)")
    webhook = Webhook(SECRET)

    async def decide(request: web.Request) -> web.Response:
        raw_body = await request.text()
        event = webhook.verify(raw_body, dict(request.headers))
        is_record = random.random() < RATE  # noqa: S311  # the peer is plain on purpose
        if keeps:
            await pool.execute(
                "INSERT INTO plain_calls VALUES ($1, $2)",
                event["data"]["call_id"],
                is_record,
            )
        return web.json_response({"decision": "record" if is_record else "skip"})

    application = web.Application()
    application.router.add_post("/webhooks/pbx", decide)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/pbx"


async def main(kind: str, dsn: str, folder: str) -> None:
    if kind == "ponctuel":
        address = await serve_ponctuel(dsn, Path(folder))
    else:
        address = await serve_handler(dsn, keeps=kind == "one-insert")
    collect_seldom()
    print(address, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "ponctuel":  # it alone has something to wipe
        begin_wiping()
    uvloop.run(main(*sys.argv[1:]))
