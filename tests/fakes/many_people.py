"""A site with recordings of very many people, put straight into the database.

As the service writes them: a call, its recording, and what that is found by, which for
strangers is random. Rows lie in the order in which they came. Indexes and constraints
are those of the product, built over the full tables.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from uuid import UUID

import asyncpg

from proxy.access.trace.trace import Trace
from proxy.database.pool import SiteDatabase, open_pool
from proxy.intake.callers import CallerNames
from proxy.ledger.transaction import Ledger
from proxy.platforms.base import CallStarted, Direction
from proxy.rights.config import RightsConfig
from proxy.rights.finding import Finder
from proxy.vault.key_directory import KeyDirectory
from proxy.vault.keys import KeyRing
from tests.fakes.full_tables import strip

SITE = "clinic"
NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
HALF_A_YEAR = timedelta(days=174)

TABLES = ["recorded_callers", "recordings", "calls"]
# They called one after the other over half a year, the last of them 174 days ago.
_GIVEN = """
WITH given AS (
  SELECT $1::text AS site, n, $3::timestamptz
    - interval '174 days' * ((n - 0.5) / $2::integer) AS at
  FROM generate_series(1, $2::integer) AS n
)
"""
_FILL = """
INSERT INTO calls (
  site_id, call_key, decision_id, connection, stratum, epoch, draw_seq, is_record,
  kept_days, max_seconds, purpose, bound_at, outcome, practice, campaign
)
SELECT site, decode(md5('call' || n), 'hex'), md5('decision' || n)::uuid, 'pbx',
  'cardio_in', 1, n, true, 180, 600, 'training', at, 'recorded', 'cardio', 'training'
FROM given;

INSERT INTO recordings (
  site_id, recording_id, decision_id, draw_seq, sealed_sha256, sealed_size, clear_size,
  media_type, seconds, channels, purpose, captured_at, expires_at, practice, campaign,
  agent_key
)
SELECT site, md5('recording' || n)::uuid, md5('decision' || n)::uuid, n,
  sha256(int4send(n)), 4800416, 4800000, 'audio/wav', 300, 1, 'training',
  at + interval '5 minutes', at + interval '180 days', 'cardio', 'training',
  decode(md5('agent' || n % 10000), 'hex')
FROM given;

INSERT INTO recorded_callers (site_id, caller_key, decision_id, number_key)
SELECT site, decode(md5('ending' || n), 'hex'), md5('decision' || n)::uuid,
  decode(md5('number' || n), 'hex')
FROM given;
"""


async def fill_with_people(dsn: str, site: str, size: int, now: datetime) -> None:
    """Give a site the recordings of `size` strangers."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET synchronous_commit TO off")
        await connection.execute("SET maintenance_work_mem TO '512MB'")
        bare = await strip(connection, TABLES)
        for statement in _FILL.strip().split(";\n\n"):
            filling = _GIVEN + statement.removesuffix(";")
            await connection.execute(filling, site, size, now)
        for definition in bare:
            await connection.execute(definition)
        await connection.execute(f"VACUUM ANALYZE {', '.join(TABLES)}")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


NAME = """
UPDATE recorded_callers AS c SET caller_key = p.ending, number_key = p.number
FROM unnest($2::bytea[], $3::bytea[], $4::uuid[]) AS p (ending, number, decision_id)
WHERE c.site_id = $1 AND c.decision_id = p.decision_id
"""


def recording_of(place: int) -> UUID:
    return UUID(md5(b"recording%d" % place, usedforsecurity=False).hexdigest())


def _decision_of(place: int) -> UUID:
    return UUID(md5(b"decision%d" % place, usedforsecurity=False).hexdigest())


@dataclass
class CrowdedSite:
    """A site of strangers, some of whom are given numbers."""

    dsn: str
    database: SiteDatabase
    keys: KeyRing
    size: int
    now: datetime = NOW
    callers: CallerNames = field(init=False)
    finder: Finder = field(init=False)

    def __post_init__(self) -> None:
        self.callers = CallerNames(self.database, self.keys, self.clock)
        self.finder = self.finder_with(Trace(self.database, self.clock))

    def finder_with(self, trace: Trace) -> Finder:
        return Finder(
            self.callers,
            trace,
            self.keys.name_agent,
            self.database,
            self.clock,
            RightsConfig(),
        )

    def clock(self) -> datetime:
        return self.now

    def called_at(self, place: int) -> datetime:
        return NOW - HALF_A_YEAR * ((place - 0.5) / self.size)

    async def give_numbers(self, told: Mapping[int, str]) -> None:
        """Let calls be of these numbers, as the platform spelt them at the time."""
        names = []
        for place in sorted(told, reverse=True):
            self.now = self.called_at(place)
            if not self.callers.is_fresh:
                await self.callers.refresh()
            call = _call(told[place])
            ending, number = self.callers.of(call)[0], self.callers.number_of(call)
            names.append((ending, number, _decision_of(place)))
        self.now = NOW
        owner = await asyncpg.connect(self.dsn)
        await owner.execute(NAME, SITE, *map(list, zip(*names, strict=True)))
        await owner.close()


def _call(number: str) -> CallStarted:
    return CallStarted(
        call_id="c",
        root_call_id="c",
        direction=Direction.INBOUND,
        caller=number,
        callee="",
        line="",
    )


@asynccontextmanager
async def crowded_site(dsn: str, folder: Path, size: int) -> AsyncIterator[CrowdedSite]:
    """On a migrated database; its own keys lie in `folder`."""
    database = await open_pool(dsn, SITE, 2)
    keys = KeyRing(KeyDirectory(folder / "keys", SITE))
    try:
        await Ledger(database).create()
        await keys.open()
        await fill_with_people(dsn, SITE, size, NOW)
        yield CrowdedSite(dsn, database, keys, size)
    finally:
        await database.close()
