-- name: begin_object(site_id, object_id, started_at)
-- Intent: from here on the object may exist.
INSERT INTO object_writes (site_id, object_id, started_at) VALUES ($1, $2, $3);

-- name: finish_object(site_id, object_id)
DELETE FROM object_writes WHERE site_id = $1 AND object_id = $2;

-- name: find_unfinished_objects(site_id, started_before)
SELECT object_id FROM object_writes WHERE site_id = $1 AND started_at < $2;

-- name: insert_recording(site_id, recording_id, decision_id, draw_seq, sealed_sha256, sealed_size, clear_size, media_type, seconds, channels, purpose, captured_at, expires_at)
INSERT INTO recordings (
  site_id, recording_id, decision_id, draw_seq, sealed_sha256, sealed_size, clear_size,
  media_type, seconds, channels, purpose, captured_at, expires_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: insert_data_key(site_id, recording_id, key_day, kind, generation, wrapped_key)
INSERT INTO recording_keys
(site_id, recording_id, key_day, kind, generation, wrapped_key)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: find_newest_key(site_id, key_day, kind)
SELECT generation, destroyed_seq FROM day_keys
WHERE site_id = $1 AND key_day = $2 AND kind = $3
ORDER BY generation DESC LIMIT 1;

-- name: find_day_key(site_id, key_day, kind, generation)
SELECT made_seq, destroyed_seq FROM day_keys
WHERE site_id = $1 AND key_day = $2 AND kind = $3 AND generation = $4;

-- name: insert_day_key(site_id, key_day, kind, generation, made_seq)
INSERT INTO day_keys (site_id, key_day, kind, generation, made_seq)
VALUES ($1, $2, $3, $4, $5);

-- name: find_living_keys(site_id)
SELECT key_day, kind, generation FROM day_keys
WHERE site_id = $1 AND destroyed_seq IS NULL;

-- name: find_destroyed_keys(site_id, since)
SELECT key_day, kind, generation FROM day_keys
WHERE site_id = $1 AND destroyed_seq IS NOT NULL AND key_day >= $2;

-- name: find_stale_keys(site_id)
SELECT key_day, kind, generation, stale_since FROM day_keys
WHERE site_id = $1 AND destroyed_seq IS NULL AND stale_since IS NOT NULL;

-- name: mark_stale(site_id, key_day, kind, generation, now)
UPDATE day_keys SET stale_since = $5
WHERE
  site_id = $1 AND key_day = $2 AND kind = $3 AND generation = $4
  AND stale_since IS NULL;

-- name: mark_key_destroyed(site_id, key_day, kind, generation, destroyed_seq)
UPDATE day_keys SET destroyed_seq = $5
WHERE
  site_id = $1 AND key_day = $2 AND kind = $3 AND generation = $4
  AND destroyed_seq IS NULL;

-- name: find_under_key(site_id, key_day, kind, generation, after, limit)
-- What hangs under a key, in pages.
SELECT recording_id, wrapped_key FROM recording_keys
WHERE
  site_id = $1 AND key_day = $2 AND kind = $3 AND generation = $4
  AND recording_id > $5
ORDER BY recording_id LIMIT $6;

-- name: move_keys(site_id, key_day, kind, generation, next, ids, before, after)
-- To the day's next generation; what has changed in the meantime stays as it is.
UPDATE recording_keys AS k SET generation = $5, wrapped_key = m.after
FROM unnest($6::uuid[], $7::bytea[], $8::bytea[]) AS m (recording_id, before, after)
WHERE
  k.site_id = $1 AND k.recording_id = m.recording_id AND k.key_day = $2
  AND k.kind = $3 AND k.generation = $4 AND k.wrapped_key = m.before;

-- name: find_all_under_key(site_id, key_day, kind, generation)
SELECT recording_id FROM recording_keys
WHERE site_id = $1 AND key_day = $2 AND kind = $3 AND generation = $4;

-- name: follow_keys(site_id, key_day, kind, generation, next, ids, wrapped)
-- What is noted of a later generation takes the place of what was restored.
UPDATE recording_keys AS k SET generation = $5, wrapped_key = m.wrapped
FROM unnest($6::uuid[], $7::bytea[]) AS m (recording_id, wrapped)
WHERE
  k.site_id = $1 AND k.recording_id = m.recording_id AND k.key_day = $2
  AND k.kind = $3 AND k.generation = $4;

-- name: find_notes_key(site_id)
SELECT notes_key FROM sites WHERE site_id = $1;

-- name: make_notes_key(site_id, notes_key)
UPDATE sites SET notes_key = $2 WHERE site_id = $1 AND notes_key IS NULL;

-- name: doom_returned(site_id, recording_ids, now)
-- What came back with a backup though it was erased: to be destroyed again.
UPDATE recordings SET doomed_at = coalesce(doomed_at, $3)
WHERE site_id = $1 AND recording_id = ANY($2::uuid[])
RETURNING recording_id;

-- name: find_recording(site_id, recording_id, now)
-- Expired or doomed is not found, also before the sweep has come to it.
SELECT
  r.recording_id, r.sealed_size, r.clear_size, r.media_type, r.seconds, r.channels,
  r.sealed_sha256, r.captured_at, r.expires_at, k.key_day, k.kind, k.generation,
  k.wrapped_key, coalesce(r.held_until > $3, false) AS is_held
FROM recordings AS r
INNER JOIN recording_keys AS k USING (site_id, recording_id)
WHERE
  r.site_id = $1 AND r.recording_id = $2 AND r.due_at > $3 AND r.doomed_at IS NULL;

-- name: list_recordings(site_id, limit)
SELECT
  recording_id, decision_id, draw_seq, sealed_sha256, sealed_size, media_type, seconds,
  channels, captured_at, expires_at, held_until
FROM recordings WHERE site_id = $1 ORDER BY due_at, recording_id LIMIT $2;

-- name: find_recording_of(site_id, decision_id)
SELECT recording_id, draw_seq, due_at FROM recordings
WHERE site_id = $1 AND decision_id = $2;

-- name: doom_due(site_id, now, limit)
-- Both kinds through one ordered scan: marked earlier, or expired now. What another sweep
-- has in hand is left to it; two that waited for each other would both be undone.
WITH due AS (
  SELECT recording_id FROM recordings
  WHERE site_id = $1 AND (due_at <= $2 OR doomed_at IS NOT NULL)
  ORDER BY due_at, recording_id LIMIT $3
  FOR UPDATE SKIP LOCKED
)
UPDATE recordings AS r SET doomed_at = coalesce(r.doomed_at, $2)
FROM due WHERE r.site_id = $1 AND r.recording_id = due.recording_id
RETURNING r.recording_id, r.draw_seq, r.due_at;

-- name: doom_one(site_id, recording_id, now)
UPDATE recordings SET doomed_at = $3
WHERE
  site_id = $1 AND recording_id = $2 AND doomed_at IS NULL
  AND coalesce(held_until <= $3, true);

-- name: expire_held(site_id, recording_id, now)
-- While a hold lasts nothing of it is destroyed: it goes when the hold ends.
UPDATE recordings SET expires_at = least(expires_at, $3)
WHERE site_id = $1 AND recording_id = $2 AND held_until > $3;

-- name: find_keys_of(site_id, recording_ids)
SELECT recording_id, key_day, kind, generation FROM recording_keys
WHERE site_id = $1 AND recording_id = ANY($2::uuid[]);

-- name: delete_keys(site_id, recording_ids)
DELETE FROM recording_keys AS k USING recordings AS r
WHERE
  k.site_id = $1 AND k.recording_id = ANY($2::uuid[]) AND r.site_id = $1
  AND r.recording_id = k.recording_id AND r.doomed_at IS NOT NULL
RETURNING k.key_day, k.kind, k.generation;

-- name: delete_recordings(site_id, recording_ids)
-- The keyed name of who called goes with the recording.
WITH deleted AS (
  DELETE FROM recordings
  WHERE site_id = $1 AND recording_id = ANY($2::uuid[]) AND doomed_at IS NOT NULL
  RETURNING recording_id, decision_id, draw_seq, due_at
),
forgotten AS (
  DELETE FROM recorded_callers AS c USING deleted AS d
  WHERE c.site_id = $1 AND c.decision_id = d.decision_id
)
SELECT recording_id, draw_seq, due_at FROM deleted;

-- name: count_retention(site_id, now, too_late)
-- Asked for every few seconds: each part looks at one end of an index, not at all there
-- is. What was marked before its expiry is counted apart, so that nothing counts twice.
SELECT
  (
    SELECT min(o.captured_at) FROM recordings AS o WHERE o.site_id = $1
  ) AS oldest_captured_at,
  (
    SELECT count(*) FROM recordings AS e WHERE e.site_id = $1 AND e.due_at <= $2
  ) + (
    SELECT count(*) FROM recordings AS d
    WHERE d.site_id = $1 AND d.doomed_at IS NOT NULL AND d.due_at > $2
  ) AS expired,
  (
    SELECT count(*) FROM recordings AS l WHERE l.site_id = $1 AND l.due_at <= $3
  ) AS overdue;

-- name: count_living_days(site_id, before)
SELECT count(*) FROM day_keys
WHERE site_id = $1 AND destroyed_seq IS NULL AND key_day < $2;

-- name: find_store(site_id)
SELECT store_id FROM object_stores WHERE site_id = $1;

-- name: name_store(site_id, store_id)
INSERT INTO object_stores (site_id, store_id) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: find_to_hold(site_id, recording_id, now)
-- What is due or marked for destruction cannot be held any more.
SELECT r.draw_seq, r.expires_at, k.key_day, k.kind, k.generation, k.wrapped_key
FROM recordings AS r
INNER JOIN recording_keys AS k USING (site_id, recording_id)
WHERE
  r.site_id = $1 AND r.recording_id = $2 AND r.doomed_at IS NULL
  AND (r.due_at > $3 OR r.held_until IS NOT NULL);

-- name: insert_hold(site_id, hold_id, recording_id, draw_seq, authority, reference, reason, placed_by, placed_at, until, seq)
INSERT INTO holds (
  site_id, hold_id, recording_id, draw_seq, authority, reference, reason, placed_by,
  placed_at, until, seq
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: end_same_hold(site_id, recording_id, authority, now, actor)
-- To renew is to place it again, with its own reason.
UPDATE holds SET ended_at = $4, ended_by = $5
WHERE
  site_id = $1 AND recording_id = $2 AND authority = $3 AND ended_at IS NULL;

-- name: find_running_hold(site_id, hold_id)
SELECT hold_id, recording_id FROM holds
WHERE site_id = $1 AND hold_id = $2 AND ended_at IS NULL;

-- name: find_holds_over(site_id, now)
SELECT hold_id, recording_id FROM holds
WHERE site_id = $1 AND until <= $2 AND ended_at IS NULL ORDER BY until;

-- name: list_holds(site_id)
SELECT
  hold_id, recording_id, authority, reference, reason, placed_by, placed_at, until
FROM holds WHERE site_id = $1 AND ended_at IS NULL ORDER BY until, hold_id;

-- name: count_holds(site_id, too_late)
-- Asked for every few seconds: running holds are few, and have an index of their own.
SELECT
  count(*) FILTER (WHERE authority <> 'request') AS legal,
  count(*) FILTER (WHERE authority = 'request') AS request,
  count(*) FILTER (WHERE until <= $2) AS expired
FROM holds WHERE site_id = $1 AND ended_at IS NULL;

-- name: end_hold(site_id, hold_id, now, actor)
UPDATE holds SET ended_at = $3, ended_by = $4
WHERE site_id = $1 AND hold_id = $2 AND ended_at IS NULL;

-- name: move_one_key(site_id, recording_id, before, key_day, kind, generation, after)
UPDATE recording_keys
SET key_day = $4, kind = $5, generation = $6, wrapped_key = $7
WHERE site_id = $1 AND recording_id = $2 AND wrapped_key = $3;

-- name: set_held(site_id, recording_id, until)
UPDATE recordings SET held_until = $3 WHERE site_id = $1 AND recording_id = $2;
