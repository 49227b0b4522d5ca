"""Forgetting and looking up in a full site, beside a plain DELETE of the same rows.

What is due is forgotten by the service's own sweep: marked, its object deleted from a
directory and read back, key and row deleted with a receipt in the ledger. The peer
deletes the same rows in batches of the same size, and neither objects nor receipts.
PostgreSQL is one of its own on this machine, and as durable as in production.

By default 10^4 and 10^6 rows; `--sizes 10000 1000000 10000000` takes 10 GB and five to
fifteen minutes, most of them to fill the tables.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy.database.embedded import EmbeddedPostgres
from tests.benchmarks.full_site import DUE, FullSite, full_site
from tests.benchmarks.rows import Row, conditions, print_rows
from tests.fakes.full_tables import OLD_WEEKS

SIZES = (10_000, 1_000_000)
ROUNDS = OLD_WEEKS // 2  # each once by us and once by the peer
LOOKS = 2_000


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one size: items a second, ours and the peer's, and milliseconds."""

    recordings: tuple[float, float]
    calls: tuple[float, float]
    find_p50: float
    find_p99: float
    nothing_due: float


async def seconds(act: Callable[[], Awaitable[None]]) -> float:
    begun = time.perf_counter()
    await act()
    return time.perf_counter() - begun


async def forgetting(site: FullSite) -> tuple[float, float]:
    """Recordings a second, ours and plain: the best of each, in turns."""
    ours, plain = [], []
    for _ in range(ROUNDS):
        site.fall_due()
        ours.append(await seconds(site.forget))
        site.pass_by()
        plain.append(await seconds(site.delete_recordings))
    return DUE / min(ours), DUE / min(plain)


async def forgetting_calls(site: FullSite) -> tuple[float, float]:
    ours, plain = [], []
    for _ in range(ROUNDS):
        await site.end_week()
        ours.append(await seconds(site.forget_calls))
        await site.end_week()
        plain.append(await seconds(site.delete_calls))
    return DUE / min(ours), DUE / min(plain)


async def looking_up(site: FullSite, size: int) -> tuple[float, float]:
    """Milliseconds of the usual look-up and of the slowest in a hundred."""
    kept = range(2 * ROUNDS * DUE + 1, size + 1)
    places = kept[:: max(1, len(kept) // LOOKS)][:LOOKS]
    took = sorted([await seconds(lambda at=at: site.find(at)) for at in places])
    return 1000 * took[len(took) // 2], 1000 * took[len(took) * 99 // 100]


async def nothing_due(site: FullSite) -> float:
    return 1000 * min([await seconds(site.ask_what_is_due) for _ in range(ROUNDS)])


async def measure(postgres: str, size: int) -> Figures:
    async with full_site(postgres, size) as site:
        recordings = await forgetting(site)
        idle = await nothing_due(site)
        calls = await forgetting_calls(site)
        return Figures(recordings, calls, *await looking_up(site, size), idle)


def rows_of(size: int, found: Figures, beside: Figures) -> list[Row]:
    """One site's rows, some of them beside those of the smallest site."""
    among = f"among {size:,}"
    forgetting_rows = [
        Row(name, ours, "/s", "plain DELETE", plain, ours / plain, goal)
        for name, (ours, plain), goal in (
            (f"forget recordings {among}", found.recordings, ">= 2,000 /s"),
            (f"forget calls {among}", found.calls, ">= 0.5 x"),
        )
    ]
    figures = (
        (f"forget one recording {among}", *map(_each, (found, beside)), "flat"),
        (f"find a recording {among}, p50", found.find_p50, beside.find_p50, "flat"),
        (f"find a recording {among}, p99", found.find_p99, beside.find_p99, "<= 5 ms"),
        (f"nothing is due {among}", found.nothing_due, beside.nothing_due, "flat"),
    )
    return forgetting_rows + [
        Row(name, value, "ms", "the smallest", peer, value / peer, goal)
        for name, value, peer, goal in figures
    ]


def _each(figures: Figures) -> float:
    """Milliseconds of one recording."""
    return 1000 / figures.recordings[0]


def rows(sizes: Sequence[int] = SIZES) -> list[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="ponctuel-bench-") as name,
        EmbeddedPostgres(Path(name) / "postgres") as postgres,
    ):
        found = [asyncio.run(measure(postgres, size)) for size in sizes]
    return [
        row
        for size, figures in zip(sizes, found, strict=True)
        for row in rows_of(size, figures, found[0])
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    print_rows(rows(options.sizes), conditions("asyncpg"), as_json=options.json)


if __name__ == "__main__":
    main()
