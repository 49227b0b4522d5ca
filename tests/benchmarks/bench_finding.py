"""Finding a person's recordings by their number, beside a plain index of clear numbers.

Ours is the service's own finder: the number read by its country's plan, named under
each month's keys, and looked up. The peer is what nobody may keep: the same rows'
numbers in clear, and one SELECT by their index. Whoever looks is in the trace before
they are told; with that entry, which is one commit to disk, the figure stands apart.
PostgreSQL is one of its own on this machine, and as durable as in production.

10^7 rows take 12 GB and seven to fifteen minutes, nearly all of it to fill the tables;
`--sizes 10000 1000000` does with less.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import asyncpg
from typing_extensions import override

from proxy.access.permissions import Actor, Role
from proxy.access.trace.acts import Entry
from proxy.access.trace.trace import Trace
from proxy.database.embedded import EmbeddedPostgres
from proxy.database.migrate import migrate
from proxy.database.pool import Connection
from proxy.rights.finding import Finder
from tests.benchmarks.rows import Row, conditions, print_rows
from tests.databases import new_database
from tests.fakes.many_people import SITE, CrowdedSite, crowded_site, recording_of

SIZES = (10_000, 10_000_000)
LOOKS = 2_000
WARMING = 100
Act = Callable[[int], Awaitable[None]]
OFFICER = Actor("officer-rosa", Role.RIGHTS_OFFICER, SITE)

KEEP_CLEAR = """
CREATE TABLE clear_callers AS
SELECT site_id, 'stranger ' || decision_id AS number, decision_id FROM recorded_callers;
UPDATE clear_callers AS c SET number = p.number
FROM recordings AS r
INNER JOIN unnest($1::uuid[], $2::text[]) AS p (recording_id, number)
  ON p.recording_id = r.recording_id
WHERE c.decision_id = r.decision_id;
CREATE INDEX clear_callers_by_number ON clear_callers (site_id, number);
ALTER TABLE clear_callers ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON clear_callers
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT ON clear_callers TO ponctuel_service;
VACUUM ANALYZE clear_callers
"""
PLAIN = """
SELECT r.recording_id FROM clear_callers AS c
INNER JOIN recordings AS r ON r.site_id = c.site_id AND r.decision_id = c.decision_id
WHERE c.site_id = $1 AND c.number = $2 AND r.doomed_at IS NULL AND r.due_at > $3
"""


class Took(NamedTuple):
    """Milliseconds: of every second, and of all but one in a hundred."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one size."""

    ours: Took
    plain: Took
    with_entry: Took


class Unwritten(Trace):
    """What the look-up takes without the commit of its entry."""

    @override
    async def note_in(self, connection: Connection, entry: Entry) -> int:
        return 0


def patients(size: int) -> dict[int, str]:
    """So many calls, evenly over the half year, and whose they are."""
    places = range(1, size + 1, max(1, size // LOOKS))
    return {place: f"+336{place:08}" for place in places[:LOOKS]}


async def keep_clear(dsn: str, told: dict[int, str]) -> None:
    """The peer's table."""
    given = ([recording_of(place) for place in told], list(told.values()))
    connection = await asyncpg.connect(dsn)
    try:
        for statement in KEEP_CLEAR.strip().split(";\n"):
            arguments = given if "$1" in statement else ()
            await connection.execute(statement, *arguments)
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def quantiles(found: Iterable[float]) -> Took:
    took = sorted(found)
    return Took(took[len(took) // 2], took[len(took) * 99 // 100])


async def milliseconds(act: Act, place: int) -> float:
    begun = time.perf_counter()
    await act(place)
    return 1000 * (time.perf_counter() - begun)


async def looking(site: CrowdedSite, told: dict[int, str]) -> Figures:
    unnoted = site.finder_with(Unwritten(site.database, site.clock))

    async def find(place: int, by: Finder = unnoted) -> None:
        [found] = await by.by_number(OFFICER, told[place])
        assert found.recording_id == recording_of(place)

    async def find_noted(place: int) -> None:
        await find(place, site.finder)

    async def find_plainly(place: int) -> None:
        async with site.database.connection() as connection:
            [row] = await connection.fetch(PLAIN, SITE, told[place], site.now)
        assert row["recording_id"] == recording_of(place)

    acts = (find, find_plainly, find_noted)
    for place in list(told)[:WARMING]:  # connections, the number's plan, keys
        await asyncio.gather(*(act(place) for act in acts))
    # In turns, and each as often the first: that one finds its pages not yet read.
    found: dict[Act, list[float]] = {act: [] for act in acts}
    for turn, place in enumerate(told):
        first = turn % len(acts)
        for act in (*acts[first:], *acts[:first]):
            found[act].append(await milliseconds(act, place))
    return Figures(*map(quantiles, found.values()))


async def measure(postgres: str, size: int) -> Figures:
    told = patients(size)
    with tempfile.TemporaryDirectory(prefix="ponctuel-bench-") as folder:
        async with new_database(postgres) as dsn:
            await migrate(dsn)
            async with crowded_site(dsn, Path(folder), size) as site:
                await site.give_numbers(told)
                await keep_clear(dsn, told)
                return await looking(site, told)


def rows_of(size: int, found: Figures) -> list[Row]:
    peer = "plain SELECT by clear number"
    among = f"among {size:,}"
    return [
        Row(f"find a person {among}{how}", took, "ms", peer, plain, took / plain, goal)
        for how, took, plain, goal in (
            (", p50", found.ours.p50, found.plain.p50, "flat"),
            (", p99", found.ours.p99, found.plain.p99, "<= 5 ms"),
            (" and note it, p50", found.with_entry.p50, found.plain.p50, "flat"),
            (" and note it, p99", found.with_entry.p99, found.plain.p99, "one commit"),
        )
    ]


def rows(sizes: Sequence[int] = SIZES) -> list[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="ponctuel-bench-") as name,
        EmbeddedPostgres(Path(name) / "postgres") as postgres,
    ):
        return [
            row
            for size in sizes
            for row in rows_of(size, asyncio.run(measure(postgres, size)))
        ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    libraries = ("asyncpg", "phonenumbers")
    print_rows(rows(options.sizes), conditions(*libraries), as_json=options.json)


if __name__ == "__main__":
    main()
