"""Tables of one site filled to the brim, as they would be after months.

Rows lie in the order in which they came, what is due first lies first; names are
random. Indexes and constraints are those of the product, built over the full tables:
built row by row they would take most of an hour.
"""

from datetime import datetime
from hashlib import md5
from uuid import UUID

import asyncpg

from proxy.database.pool import Connection

OLD_WEEKS = 8
TABLES = ["recordings", "recording_keys", "calls", "call_legs"]
_GIVEN = """
WITH given AS (
  SELECT $1::text AS site, $2::integer AS size, $3::timestamptz AS now,
    $4::timestamptz AS week, $5::integer AS weekly, $6::integer AS old_weeks
)
"""
# A recording falls due every second. An old week has so many calls; the rest are new.
_FILL = """
INSERT INTO recordings (
  site_id, recording_id, decision_id, draw_seq, sealed_sha256, sealed_size, clear_size,
  media_type, seconds, channels, purpose, captured_at, expires_at
)
SELECT g.site, md5('recording' || n)::uuid, md5('decision' || n)::uuid, n,
  sha256(int4send(n)), 4800416, 4800000, 'audio/wav', 300, 1, 'training',
  g.now + n * interval '1 second' - interval '180 days', g.now + n * interval '1 second'
FROM given AS g CROSS JOIN generate_series(1, g.size) AS n;

INSERT INTO recording_keys (site_id, recording_id, key_day, wrapped_key)
SELECT g.site, md5('recording' || n)::uuid,
  ((g.now + n * interval '1 second') AT TIME ZONE 'UTC')::date,
  sha256(int4send(n)) || '\\x0000000000000000'
FROM given AS g CROSS JOIN generate_series(1, g.size) AS n;

INSERT INTO calls (
  site_id, call_key, decision_id, connection, stratum, epoch, draw_seq, is_record,
  kept_days, max_seconds, purpose, bound_at, outcome, outcome_code, outcome_at
)
SELECT g.site, decode(md5('call' || n), 'hex'), md5('drawn' || n)::uuid, 'pbx',
  'cardio_in', 1, n, n % 50 = 0, 180, 600, 'training',
  g.week + least((n - 1) / g.weekly, g.old_weeks) * interval '7 days'
    + n * interval '10 ms',
  CASE WHEN n % 50 = 0 THEN 'failed' END, CASE WHEN n % 50 = 0 THEN 'hangup' END,
  CASE WHEN n % 50 = 0 THEN g.now END
FROM given AS g CROSS JOIN generate_series(1, g.size) AS n;

INSERT INTO call_legs (site_id, leg_key, call_key)
SELECT g.site, decode(md5('leg' || n), 'hex'), decode(md5('call' || n), 'hex')
FROM given AS g CROSS JOIN generate_series(1, g.size, 10) AS n;
"""
_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint
WHERE
  (conrelid = ANY($1::text[]::regclass[]) AND contype IN ('p', 'u', 'f'))
  OR (confrelid = ANY($1::text[]::regclass[]) AND contype = 'f')
ORDER BY contype <> 'f', conname
"""
_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename = ANY($1::text[]) AND NOT EXISTS (
  SELECT FROM pg_constraint AS c WHERE c.conname = indexname
)
"""


def recording_id(place: int) -> UUID:
    """The recording that falls due `place` seconds after `now`."""
    return UUID(md5(b"recording%d" % place, usedforsecurity=False).hexdigest())


async def fill(
    dsn: str, site: str, size: int, now: datetime, week: datetime, weekly: int
) -> None:
    """Give a site so many recordings and calls; `weekly` in old weeks, from `week`."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET synchronous_commit TO off")
        await connection.execute("SET maintenance_work_mem TO '512MB'")
        bare = await strip(connection, TABLES)
        for statement in _FILL.strip().split(";\n\n"):
            filling = _GIVEN + statement.removesuffix(";")
            await connection.execute(filling, site, size, now, week, weekly, OLD_WEEKS)
        for definition in bare:
            await connection.execute(definition)
        await connection.execute(f"VACUUM ANALYZE {', '.join(TABLES)}")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def strip(connection: Connection, tables: list[str]) -> list[str]:
    """Take constraints and indexes away; return what brings them back."""
    constraints = await connection.fetch(_CONSTRAINTS, tables)
    indexes = await connection.fetch(_INDEXES, tables)
    for name, constraint, _ in constraints:
        await connection.execute(f"ALTER TABLE {name} DROP CONSTRAINT {constraint}")
    for index, _ in indexes:
        await connection.execute(f"DROP INDEX {index}")
    return [definition for _, definition in indexes] + [
        f"ALTER TABLE {name} ADD CONSTRAINT {constraint} {definition}"
        for name, constraint, definition in reversed(constraints)
    ]
