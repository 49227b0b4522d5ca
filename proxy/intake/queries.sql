-- name: find_calls(site_id, names)
-- A leg's name leads to its root call: the leg of a leg is not a call of its own.
-- OFFSET 0 makes each name one look-up by primary key. Left to itself the planner, on a
-- young table without statistics, reads all rows of the site instead.
SELECT
  n.name, c.call_key, c.decision_id, c.connection, c.stratum, c.draw_seq, c.is_record,
  c.kept_days, c.max_seconds, c.purpose, c.announced_at, c.ended_at, c.outcome
FROM unnest($2::bytea[]) AS n (name)
CROSS JOIN LATERAL (
  SELECT n.name AS call_key
  UNION ALL
  SELECT l.call_key FROM call_legs AS l WHERE l.site_id = $1 AND l.leg_key = n.name
) AS k
CROSS JOIN LATERAL (
  SELECT * FROM calls AS b WHERE b.site_id = $1 AND b.call_key = k.call_key OFFSET 0
) AS c;

-- name: find_call_by_any_key(site_id, names)
-- The same, locked: a call's outcome is decided by one writer at a time.
SELECT
  c.call_key, c.decision_id, c.connection, c.stratum, c.draw_seq, c.is_record,
  c.kept_days, c.max_seconds, c.purpose, c.announced_at, c.ended_at, c.outcome
FROM calls AS c
WHERE c.site_id = $1 AND c.call_key = (
  SELECT b.call_key
  FROM unnest($2::bytea[]) AS n (name)
  CROSS JOIN LATERAL (
    SELECT n.name AS call_key
    UNION ALL
    SELECT l.call_key FROM call_legs AS l WHERE l.site_id = $1 AND l.leg_key = n.name
  ) AS k
  CROSS JOIN LATERAL (
    SELECT a.call_key FROM calls AS a
    WHERE a.site_id = $1 AND a.call_key = k.call_key OFFSET 0
  ) AS b
  LIMIT 1
)
FOR UPDATE;

-- name: find_call_by_decision(site_id, decision_id)
SELECT
  call_key, decision_id, connection, stratum, draw_seq, is_record, kept_days, max_seconds, purpose,
  announced_at, ended_at, outcome
FROM calls WHERE site_id = $1 AND decision_id = $2
FOR UPDATE;

-- name: insert_calls(site_id, call_keys, decision_ids, connections, strata, epoch, draw_seqs, is_records, kept_days, max_seconds, purpose, bound_at)
INSERT INTO calls (
  site_id, call_key, decision_id, connection, stratum, epoch, draw_seq, is_record,
  kept_days, max_seconds, purpose, bound_at
)
SELECT $1, call_key, decision_id, connection, stratum, $6, draw_seq, is_record, $9, $10, $11, $12
FROM unnest($2::bytea[], $3::uuid[], $4::text[], $5::text[], $7::bigint[], $8::boolean[])
AS drawn (call_key, decision_id, connection, stratum, draw_seq, is_record);

-- name: insert_legs(site_id, leg_keys, call_keys)
-- A call with a draw of its own keeps it: every name leads to one draw only.
INSERT INTO call_legs (site_id, leg_key, call_key)
SELECT $1, l.leg_key, l.call_key
FROM unnest($2::bytea[], $3::bytea[]) AS l (leg_key, call_key)
WHERE NOT EXISTS (
  SELECT FROM calls AS c WHERE c.site_id = $1 AND c.call_key = l.leg_key
)
ON CONFLICT (site_id, leg_key) DO NOTHING;

-- name: count_draws(site_id, epoch, draws, records)
UPDATE epochs SET draws = draws + $3, records = records + $4
WHERE site_id = $1 AND epoch = $2;

-- name: note_announced(site_id, decision_id, now)
UPDATE calls SET announced_at = coalesce(announced_at, $3)
WHERE site_id = $1 AND decision_id = $2;

-- name: note_ended(site_id, decision_id, now)
UPDATE calls SET ended_at = coalesce(ended_at, $3)
WHERE site_id = $1 AND decision_id = $2;

-- name: set_outcome(site_id, decision_id, outcome, outcome_code, now)
UPDATE calls SET outcome = $3, outcome_code = $4, outcome_at = $5
WHERE site_id = $1 AND decision_id = $2 AND outcome IS NULL;

-- name: find_overdue(site_id, bound_before, limit)
SELECT decision_id FROM calls
WHERE site_id = $1 AND is_record AND outcome IS NULL AND bound_at < $2
ORDER BY bound_at LIMIT $3;

-- name: count_overdue(site_id, bound_before)
SELECT count(*) FROM calls
WHERE site_id = $1 AND is_record AND outcome IS NULL AND bound_at < $2;

-- name: find_epoch(site_id, epoch)
SELECT wrapped_seed FROM epochs
WHERE site_id = $1 AND epoch = $2 AND closed_seq IS NULL;

-- name: find_epochs_between(site_id, first, last)
SELECT epoch FROM epochs WHERE site_id = $1 AND epoch BETWEEN $2 AND $3;

-- name: insert_epoch(site_id, epoch, wrapped_seed, commitment, opened_seq)
INSERT INTO epochs (site_id, epoch, wrapped_seed, commitment, opened_seq)
VALUES ($1, $2, $3, $4, $5);

-- name: find_epochs_to_close(site_id, last, limit)
SELECT epoch, wrapped_seed, draws, records FROM epochs
WHERE site_id = $1 AND closed_seq IS NULL AND epoch <= $2 ORDER BY epoch LIMIT $3;

-- name: close_epoch(site_id, epoch, closed_seq)
UPDATE epochs SET closed_seq = $3 WHERE site_id = $1 AND epoch = $2;

-- name: find_tag_keys(site_id, weeks)
SELECT week, wrapped_key FROM tag_keys WHERE site_id = $1 AND week = ANY($2::integer[]);

-- name: insert_tag_key(site_id, week, wrapped_key, commitment, committed_seq)
INSERT INTO tag_keys (site_id, week, wrapped_key, commitment, committed_seq)
VALUES ($1, $2, $3, $4, $5);

-- name: find_policy_digest(site_id, version)
SELECT digest FROM policies WHERE site_id = $1 AND version = $2;

-- name: find_policy_leaf(site_id, version)
SELECT e.body FROM policies AS p
INNER JOIN ledger_entries AS e ON e.site_id = p.site_id AND e.seq = p.adopted_seq
WHERE p.site_id = $1 AND p.version = $2;

-- name: insert_policy(site_id, version, digest, adopted_seq)
INSERT INTO policies (site_id, version, digest, adopted_seq) VALUES ($1, $2, $3, $4);

-- name: insert_takeover(site_id, takeover_id, connection, source_ref, decision_id, step, now)
INSERT INTO takeovers (
  site_id, takeover_id, connection, source_ref, decision_id, step, created_at
) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT ON CONSTRAINT takeovers_source_once DO NOTHING RETURNING takeover_id;

-- name: find_takeover(site_id, takeover_id)
SELECT takeover_id, connection, source_ref, decision_id, step, attempts
FROM takeovers WHERE site_id = $1 AND takeover_id = $2;

-- name: move_takeover(site_id, takeover_id, from_step, step, now)
-- Of two workers at the same step one moves on; the other finds nothing to move.
UPDATE takeovers SET
  step = $4,
  attempts = 0,
  finished_at = CASE WHEN $4 = 'done' THEN $5::timestamptz END
WHERE site_id = $1 AND takeover_id = $2 AND step = $3;

-- name: count_attempt(site_id, takeover_id)
UPDATE takeovers SET attempts = attempts + 1
WHERE site_id = $1 AND takeover_id = $2 RETURNING attempts;

-- name: find_unfinished_takeovers(site_id)
SELECT takeover_id FROM takeovers WHERE site_id = $1 AND step <> 'done'
ORDER BY created_at;

-- name: forget_takeovers(site_id, finished_before)
-- The platform's own id of a recording is personal data once the recording is gone.
DELETE FROM takeovers
WHERE site_id = $1 AND step = 'done' AND finished_at < $2;

-- name: open_incident(site_id, incident_id, kind, reference, now)
INSERT INTO incidents (site_id, incident_id, kind, reference, opened_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT ON CONSTRAINT incidents_once DO NOTHING RETURNING incident_id;

-- name: close_incident(site_id, kind, reference, now)
UPDATE incidents SET closed_at = $4
WHERE site_id = $1 AND kind = $2 AND reference = $3 AND closed_at IS NULL;

-- name: count_incidents(site_id)
SELECT count(*) FROM incidents WHERE site_id = $1 AND closed_at IS NULL;
