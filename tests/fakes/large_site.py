"""A site as large as they come: its rows put straight into the database."""

from datetime import datetime

import asyncpg

AGENTS = 500
CALLS = 1_000_000
_GIVEN = """
WITH given AS (
  SELECT $1::text AS site, $2::integer AS calls, $3::integer AS agents,
    $4::timestamptz AS now
)
"""
# A call in fifty was drawn, and two in three of those have a recording until now.
_FILL = """
UPDATE ledger_heads AS h SET size = h.size + g.calls FROM given AS g
WHERE h.site_id = g.site;

INSERT INTO counts (site_id, metric, label, value)
SELECT g.site, c.metric, s.stratum, g.calls / c.share
FROM given AS g
CROSS JOIN (VALUES ('calls', 1), ('selected', 50), ('recorded', 75))
AS c (metric, share)
CROSS JOIN (VALUES ('cardio_in'), ('cardio_out')) AS s (stratum)
ON CONFLICT (site_id, metric, label) DO UPDATE SET value = excluded.value;

INSERT INTO agent_calls (site_id, starts_on, agent_key, seen, drawn, ends_on)
SELECT g.site, g.now::date, decode(md5('agent' || n), 'hex'), g.calls / g.agents, 40,
  g.now::date + 28
FROM given AS g CROSS JOIN generate_series(1, g.agents) AS n;

INSERT INTO incidents (
  site_id, incident_id, kind, reference, opened_at, aware_at, closed_at, decision
)
SELECT g.site, gen_random_uuid(), 'source-fails', n::text, g.now, g.now, g.now,
  'not_notify'
FROM given AS g CROSS JOIN generate_series(1, g.calls / 100) AS n;

INSERT INTO calls (
  site_id, call_key, decision_id, connection, stratum, epoch, draw_seq, is_record,
  kept_days, max_seconds, purpose, bound_at, outcome, outcome_code, outcome_at
)
SELECT g.site, decode(lpad(to_hex(n), 32, '0'), 'hex'), gen_random_uuid(), 'pbx',
  'cardio_in', 1, n, n % 50 = 0, 30, 600, 'training', g.now - n * interval '2 seconds',
  CASE WHEN n % 50 = 0 THEN 'failed' END, CASE WHEN n % 50 = 0 THEN 'hangup' END,
  CASE WHEN n % 50 = 0 THEN g.now END
FROM given AS g CROSS JOIN generate_series(1, g.calls) AS n;

INSERT INTO recordings (
  site_id, recording_id, decision_id, draw_seq, sealed_sha256, sealed_size, clear_size,
  media_type, seconds, channels, purpose, captured_at, expires_at
)
SELECT g.site, gen_random_uuid(), gen_random_uuid(), n, '\\x00', 1, 1, 'audio/wav', 1,
  1, 'training', g.now - n * interval '1 minute', g.now + interval '30 days'
FROM given AS g CROSS JOIN generate_series(1, g.calls / 75) AS n;

INSERT INTO epochs (
  site_id, epoch, wrapped_seed, commitment, opened_seq, closed_seq, draws, records
)
SELECT g.site, n, '\\x00', '\\x00', n, n, 1, 0
FROM given AS g CROSS JOIN generate_series(1, g.calls / 500) AS n;

INSERT INTO checkpoints (site_id, size, note, signed_at)
SELECT g.site, -n, '\\x00', g.now - n * interval '1 hour'
FROM given AS g CROSS JOIN generate_series(1, g.calls / 500) AS n;
"""
# Built anew over a full table, they cost half as much.
_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename = 'calls' AND indexname <> 'calls_pkey'
"""
_TABLES = "calls, recordings, incidents, epochs, checkpoints, agent_calls, counts"


async def fill(dsn: str, site: str, now: datetime, calls: int = CALLS) -> None:
    """Give the site so many calls, all of them over, and what comes of them."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET synchronous_commit TO off")
        indexes = await connection.fetch(_INDEXES)
        for name, _ in indexes:
            await connection.execute(f"DROP INDEX {name}")
        for statement in _FILL.strip().split(";\n\n"):
            filling = _GIVEN + statement.removesuffix(";")
            await connection.execute(filling, site, calls, AGENTS, now)
        for _, definition in indexes:
            await connection.execute(definition)
        await connection.execute(f"ANALYZE {_TABLES}")
    finally:
        await connection.close()
