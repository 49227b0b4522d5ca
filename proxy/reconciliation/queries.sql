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

-- name: was_reconciled(site_id, connection, source, day)
-- With such a list on that day; and with any on a day before it.
SELECT
  EXISTS (
    SELECT FROM reconciliations
    WHERE site_id = $1 AND connection = $2 AND source = $3 AND day = $4
  ) AS is_known,
  EXISTS (
    SELECT FROM reconciliations WHERE site_id = $1 AND connection = $2 AND day < $4
  ) AS is_known_before;

-- name: find_reconciliation(site_id, connection, source, day)
SELECT export_sha256, calls, platform_only FROM reconciliations
WHERE site_id = $1 AND connection = $2 AND source = $3 AND day = $4;

-- name: begin_run(site_id, connection, source, day, actor, now)
INSERT INTO reconciliation_runs (site_id, connection, source, day, actor, begun_at)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING place;

-- name: count_unsolicited(site_id, place)
UPDATE reconciliation_runs SET unsolicited = unsolicited + 1
WHERE site_id = $1 AND place = $2;

-- name: list_runs(site_id, after, limit)
SELECT place, connection, day, source, actor, begun_at, unsolicited
FROM reconciliation_runs WHERE site_id = $1 AND place > $2
ORDER BY place LIMIT $3;

-- name: keep_reconciliation(site_id, connection, source, day, actor, export_sha256, calls, bound, platform_only, ledger_only, still_there, done_at)
-- What was found is what all its runs found, those that were killed too; it never falls,
-- whichever of two that end at once is kept last. Answers how many of them are new here.
INSERT INTO reconciliations (
  site_id, connection, source, day, actor, export_sha256, calls, bound, platform_only,
  ledger_only, still_there, done_at, unsolicited
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, (
  SELECT coalesce(sum(r.unsolicited), 0)::bigint FROM reconciliation_runs AS r
  WHERE r.site_id = $1 AND r.connection = $2 AND r.source = $3 AND r.day = $4
))
ON CONFLICT ON CONSTRAINT reconciliations_pkey DO UPDATE SET
  actor = excluded.actor, export_sha256 = excluded.export_sha256, calls = excluded.calls,
  bound = excluded.bound, platform_only = excluded.platform_only,
  ledger_only = excluded.ledger_only, still_there = excluded.still_there,
  done_at = excluded.done_at,
  unsolicited = greatest(reconciliations.unsolicited, excluded.unsolicited)
RETURNING unsolicited - coalesce((
  SELECT old.unsolicited FROM reconciliations AS old
  WHERE old.site_id = $1 AND old.connection = $2 AND old.source = $3 AND old.day = $4
), 0);

-- name: last_reconciliations(site_id, connections)
-- The newest day of each connection with each kind of list.
SELECT r.* FROM unnest($2::text[]) AS c (name)
CROSS JOIN (VALUES ('platform'), ('by_hand')) AS s (source)
CROSS JOIN LATERAL (
  SELECT
    connection, source, day, actor, calls, bound, platform_only, ledger_only,
    unsolicited, still_there, done_at
  FROM reconciliations
  WHERE site_id = $1 AND connection = c.name AND source = s.source
  ORDER BY day DESC LIMIT 1
) AS r
ORDER BY r.connection, r.source DESC;

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

-- name: keep_inventory(site_id, day, actor, listing_sha256, objects, strays, missing, done_at)
INSERT INTO inventories (
  site_id, day, actor, listing_sha256, objects, strays, missing, done_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT ON CONSTRAINT inventories_pkey DO UPDATE SET
  actor = excluded.actor,
  listing_sha256 = excluded.listing_sha256, objects = excluded.objects,
  strays = excluded.strays, missing = excluded.missing, done_at = excluded.done_at;

-- name: last_inventory(site_id)
SELECT day, actor, objects, strays, missing, done_at FROM inventories
WHERE site_id = $1 ORDER BY day DESC LIMIT 1;
