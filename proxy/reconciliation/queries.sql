-- name: find_bound_calls(site_id, connection, since, until, after, after_key, limit)
-- One page of a day's calls, oldest first.
SELECT call_key, bound_at FROM calls
WHERE
  site_id = $1 AND connection = $2 AND bound_at >= $3 AND bound_at < $4
  AND (bound_at, call_key) > ($5, $6::bytea)
ORDER BY bound_at, call_key LIMIT $7;

-- name: find_first_bound(site_id, connection, since, until)
-- The rows between are ordered by time already; by `min` the planner would read all.
SELECT bound_at FROM calls
WHERE site_id = $1 AND connection = $2 AND bound_at >= $3 AND bound_at < $4
ORDER BY bound_at LIMIT 1;

-- name: find_takeovers_of(site_id, connection, source_refs)
SELECT source_ref, takeover_id, step FROM takeovers
WHERE site_id = $1 AND connection = $2 AND source_ref = ANY($3::text[]);

-- name: find_taken_over(site_id, decision_ids)
-- Calls that have a take-over, of whichever recording.
SELECT DISTINCT decision_id FROM takeovers
WHERE site_id = $1 AND decision_id = ANY($2::uuid[]);

-- name: reopen_takeover(site_id, takeover_id)
-- What was confirmed gone and is there again is deleted again.
UPDATE takeovers SET step = 'deleting', attempts = 0, finished_at = NULL
WHERE site_id = $1 AND takeover_id = $2 AND step = 'done';

-- name: was_reconciled(site_id, connection, day)
-- On that day; and on any day before it.
SELECT
  bool_or(day = $3) AS is_known,
  bool_or(day < $3) AS is_known_before
FROM reconciliations WHERE site_id = $1 AND connection = $2 AND day <= $3;

-- name: find_reconciliation(site_id, connection, day)
SELECT export_sha256, calls, platform_only FROM reconciliations
WHERE site_id = $1 AND connection = $2 AND day = $3;

-- name: keep_reconciliation(site_id, connection, day, export_sha256, calls, bound, platform_only, ledger_only, unsolicited, still_there, done_at)
INSERT INTO reconciliations (
  site_id, connection, day, export_sha256, calls, bound, platform_only, ledger_only,
  unsolicited, still_there, done_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT ON CONSTRAINT reconciliations_pkey DO UPDATE SET
  export_sha256 = excluded.export_sha256, calls = excluded.calls, bound = excluded.bound,
  platform_only = excluded.platform_only, ledger_only = excluded.ledger_only,
  unsolicited = reconciliations.unsolicited + excluded.unsolicited,
  still_there = excluded.still_there, done_at = excluded.done_at;

-- name: last_reconciliations(site_id, connections)
-- The newest day of each connection.
SELECT r.* FROM unnest($2::text[]) AS c (name)
CROSS JOIN LATERAL (
  SELECT
    connection, day, calls, bound, platform_only, ledger_only, unsolicited, still_there,
    done_at
  FROM reconciliations
  WHERE site_id = $1 AND connection = c.name
  ORDER BY day DESC LIMIT 1
) AS r
ORDER BY r.connection;

-- name: find_object_states(site_id, object_ids)
-- What the site knows of objects, in one look: each is on its way in, or a recording.
SELECT o.id AS object_id, r.sealed_size
FROM unnest($2::uuid[]) AS o (id)
LEFT JOIN recordings AS r ON r.site_id = $1 AND r.recording_id = o.id
WHERE
  r.recording_id IS NOT NULL
  OR EXISTS (SELECT FROM object_writes AS w WHERE w.site_id = $1 AND w.object_id = o.id);

-- name: find_kept_recordings(site_id, after, limit)
SELECT recording_id FROM recordings
WHERE site_id = $1 AND recording_id > $2 AND doomed_at IS NULL
ORDER BY recording_id LIMIT $3;

-- name: is_still_kept(site_id, recording_id)
SELECT EXISTS (
  SELECT FROM recordings
  WHERE site_id = $1 AND recording_id = $2 AND doomed_at IS NULL
);

-- name: adopt_stray(site_id, object_id, now)
-- Intent: from here on it is an unfinished object like others, and removed like them.
INSERT INTO object_writes (site_id, object_id, started_at) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING;

-- name: find_inventory(site_id, day)
SELECT listing_sha256, objects FROM inventories WHERE site_id = $1 AND day = $2;

-- name: keep_inventory(site_id, day, listing_sha256, objects, strays, missing, done_at)
INSERT INTO inventories (
  site_id, day, listing_sha256, objects, strays, missing, done_at
) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT ON CONSTRAINT inventories_pkey DO UPDATE SET
  listing_sha256 = excluded.listing_sha256, objects = excluded.objects,
  strays = excluded.strays, missing = excluded.missing, done_at = excluded.done_at;

-- name: last_inventory(site_id)
SELECT day, objects, strays, missing, done_at FROM inventories
WHERE site_id = $1 ORDER BY day DESC LIMIT 1;
