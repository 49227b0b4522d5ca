"""A scrape, and what is asked of the database for it: a million calls beside none.

The service is the real one over HTTP; its PostgreSQL is one of its own on this machine.
The rows of a year with 500 agents are put straight into the database in between.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from proxy.app import Service
from proxy.database.embedded import EmbeddedPostgres
from proxy.database.migrate import migrate
from proxy.logs import configure_logs
from proxy.settings import load_settings
from tests.benchmarks.rows import Row, run
from tests.databases import new_database
from tests.fakes.clinic import SITE, site_settings
from tests.fakes.large_site import AGENTS, CALLS, fill

ROUNDS = 30
Costs = tuple[float, float, int]
"""Milliseconds of a scrape and of a publication, and how many series there are."""


async def milliseconds(act: Callable[[], Awaitable[object]]) -> float:
    """The least of some rounds: what it costs when nothing else runs."""
    found = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        await act()
        found.append(time.perf_counter() - begun)
    return 1000 * min(found)


async def costs(service: Service) -> Costs:
    async with aiohttp.ClientSession() as http:

        async def scrape() -> str:
            async with http.get(f"{service.metrics_address}/metrics") as reply:
                return await reply.text()

        lines = (await scrape()).splitlines()
        series = sum(not line.startswith("#") for line in lines)
        scraping = await milliseconds(scrape)
        return scraping, await milliseconds(service.publish), series


async def measure(postgres: str, folder: Path) -> list[Row]:
    configure_logs("warning")
    async with new_database(postgres) as dsn:
        await migrate(dsn)
        empty, full = await measure_both(dsn, folder)
    return rows_of(empty, full)


async def measure_both(dsn: str, folder: Path) -> tuple[Costs, Costs]:
    settings = load_settings(
        data_dir=folder / "var",
        database={"dsn": dsn},
        http={"port": 0},
        metrics={"port": 0, "interval_seconds": 3600},
        sites={SITE: site_settings(None, "127.0.0.1")},
    )
    service = Service(settings)
    await service.start()
    try:
        await service.wait_ready()
        empty = await costs(service)
        await fill(dsn, SITE, datetime.now(UTC))
        return empty, await costs(service)
    finally:
        await service.stop()


def rows_of(empty: Costs, full: Costs) -> list[Row]:
    size = f"{CALLS:,} calls, {AGENTS} agents"
    named = (
        (f"scrape: {size}", "ms", "<= 10 ms"),
        ("figures asked of the database, every 5 s", "ms", "as for an empty site"),
        ("series served", "", "<= 500"),
    )
    return [
        Row(name, ours, unit, "an empty site", peer, ours / peer, goal)
        for (name, unit, goal), ours, peer in zip(named, full, empty, strict=True)
    ]


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="ponctuel-bench-") as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "postgres") as postgres:
            return asyncio.run(measure(postgres, folder))


if __name__ == "__main__":
    run(rows, "aiohttp", "asyncpg")
