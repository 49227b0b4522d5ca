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

-- name: insert_recording_key(site_id, recording_id, key_day, wrapped_key)
INSERT INTO recording_keys (site_id, recording_id, key_day, wrapped_key)
VALUES ($1, $2, $3, $4);

-- name: find_day_key(site_id, key_day)
SELECT made_seq, destroyed_seq FROM day_keys WHERE site_id = $1 AND key_day = $2;

-- name: insert_day_key(site_id, key_day, made_seq)
INSERT INTO day_keys (site_id, key_day, made_seq) VALUES ($1, $2, $3);

-- name: find_living_days(site_id)
SELECT key_day FROM day_keys
WHERE site_id = $1 AND destroyed_seq IS NULL ORDER BY key_day;

-- name: mark_day_destroyed(site_id, key_day, destroyed_seq)
UPDATE day_keys SET destroyed_seq = $3
WHERE site_id = $1 AND key_day = $2 AND destroyed_seq IS NULL;

-- name: find_recording(site_id, recording_id, now)
-- Expired or doomed is not found, also before the sweep has come to it.
SELECT
  r.recording_id, r.sealed_size, r.clear_size, r.media_type, r.seconds, r.channels,
  r.sealed_sha256, r.captured_at, r.expires_at, k.key_day, k.wrapped_key
FROM recordings AS r
INNER JOIN recording_keys AS k USING (site_id, recording_id)
WHERE
  r.site_id = $1 AND r.recording_id = $2 AND r.expires_at > $3 AND r.doomed_at IS NULL;

-- name: list_recordings(site_id, limit)
SELECT
  recording_id, decision_id, draw_seq, sealed_sha256, sealed_size, media_type, seconds,
  channels, captured_at, expires_at
FROM recordings WHERE site_id = $1 ORDER BY expires_at, recording_id LIMIT $2;

-- name: find_recording_of(site_id, decision_id)
SELECT recording_id, draw_seq, expires_at FROM recordings
WHERE site_id = $1 AND decision_id = $2;

-- name: doom_due(site_id, now, limit)
-- Both kinds through one ordered scan: marked earlier, or expired now. What another sweep
-- has in hand is left to it; two that waited for each other would both be undone.
WITH due AS (
  SELECT recording_id FROM recordings
  WHERE site_id = $1 AND (expires_at <= $2 OR doomed_at IS NOT NULL)
  ORDER BY expires_at, recording_id LIMIT $3
  FOR UPDATE SKIP LOCKED
)
UPDATE recordings AS r SET doomed_at = coalesce(r.doomed_at, $2)
FROM due WHERE r.site_id = $1 AND r.recording_id = due.recording_id
RETURNING r.recording_id, r.draw_seq, r.expires_at;

-- name: doom_one(site_id, recording_id, now)
UPDATE recordings SET doomed_at = $3
WHERE site_id = $1 AND recording_id = $2 AND doomed_at IS NULL;

-- name: delete_keys(site_id, recording_ids)
DELETE FROM recording_keys
WHERE site_id = $1 AND recording_id = ANY($2::uuid[]);

-- name: delete_recordings(site_id, recording_ids)
DELETE FROM recordings
WHERE site_id = $1 AND recording_id = ANY($2::uuid[]) AND doomed_at IS NOT NULL
RETURNING recording_id, draw_seq, expires_at;

-- name: count_retention(site_id, now, too_late)
-- Asked for every few seconds: each part looks at one end of an index, not at all there
-- is. What was marked before its expiry is counted apart, so that nothing counts twice.
SELECT
  (
    SELECT min(o.captured_at) FROM recordings AS o WHERE o.site_id = $1
  ) AS oldest_captured_at,
  (
    SELECT count(*) FROM recordings AS e WHERE e.site_id = $1 AND e.expires_at <= $2
  ) + (
    SELECT count(*) FROM recordings AS d
    WHERE d.site_id = $1 AND d.doomed_at IS NOT NULL AND d.expires_at > $2
  ) AS expired,
  (
    SELECT count(*) FROM recordings AS l WHERE l.site_id = $1 AND l.expires_at <= $3
  ) AS overdue;

-- name: count_living_days(site_id, before)
SELECT count(*) FROM day_keys
WHERE site_id = $1 AND destroyed_seq IS NULL AND key_day < $2;

-- name: find_store(site_id)
SELECT store_id FROM object_stores WHERE site_id = $1;

-- name: name_store(site_id, store_id)
INSERT INTO object_stores (site_id, store_id) VALUES ($1, $2) ON CONFLICT DO NOTHING;
