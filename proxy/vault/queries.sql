-- name: begin_object(site_id, object_id, started_at)
-- Intent: from here on the object may exist.
INSERT INTO object_writes (site_id, object_id, started_at) VALUES ($1, $2, $3);

-- name: finish_object(site_id, object_id)
DELETE FROM object_writes WHERE site_id = $1 AND object_id = $2;

-- name: abandon_object(site_id, object_id)
-- Nobody writes it any more: it has to wait for nothing but the store.
UPDATE object_writes SET started_at = timestamptz 'epoch'
WHERE site_id = $1 AND object_id = $2;

-- name: find_unfinished_objects(site_id, started_before)
SELECT object_id FROM object_writes WHERE site_id = $1 AND started_at < $2;

-- name: insert_recording(site_id, recording_id, decision_id, draw_seq, sealed_sha256, sealed_size, clear_size, media_type, seconds, channels, purpose, captured_at, expires_at)
INSERT INTO recordings (
  site_id, recording_id, decision_id, draw_seq, sealed_sha256, sealed_size, clear_size,
  media_type, seconds, channels, purpose, captured_at, expires_at, practice, campaign,
  agent_key
)
SELECT
  $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, coalesce(c.practice, ''),
  coalesce(c.campaign, ''), c.agent_key
FROM (VALUES (1)) AS one
LEFT JOIN calls AS c ON c.site_id = $1 AND c.decision_id = $3;

-- name: insert_data_key(site_id, recording_id, key_day, kind, generation, wrapped_key)
INSERT INTO recording_keys
(site_id, recording_id, key_day, kind, generation, wrapped_key)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: is_key_awaited(site_id, key_day, kind, generation, now)
-- By a recording that lives on and could not yet be moved: one that a request came in for
-- has a day (`add_request_items`), one whose hold is over the rest of its own time. Under
-- the key of its own day only what was put off lives on: that is looked up, not searched.
SELECT EXISTS (
  SELECT FROM recordings AS r
  INNER JOIN recording_keys AS k USING (site_id, recording_id)
  WHERE
    r.site_id = $1 AND r.held_until > $5 AND r.doomed_at IS NULL
    AND k.key_day = $2 AND k.kind = $3 AND k.generation = $4
) OR EXISTS (
  SELECT FROM recording_keys AS k
  INNER JOIN recordings AS r USING (site_id, recording_id)
  WHERE
    $3 = 'hold' AND k.site_id = $1 AND k.key_day = $2 AND k.kind = $3
    AND k.generation = $4 AND r.due_at > $5 AND r.doomed_at IS NULL
);

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
-- What came back with a backup though it was erased: to be destroyed again. What is
-- marked already did not come back: it was never gone, and the sweep goes on with it.
UPDATE recordings SET doomed_at = $3
WHERE site_id = $1 AND recording_id = ANY($2::uuid[]) AND doomed_at IS NULL
RETURNING recording_id;

-- name: find_recording(site_id, recording_id, now)
-- Expired or doomed is not found, also before the sweep has come to it.
SELECT
  r.recording_id, r.sealed_size, r.clear_size, r.media_type, r.seconds, r.channels,
  r.due_at, k.key_day, k.kind, k.generation, k.wrapped_key,
  coalesce(r.held_until > $3, false) AS is_held, h.authority
FROM recordings AS r
INNER JOIN recording_keys AS k USING (site_id, recording_id)
LEFT JOIN holds AS h
  ON
    h.site_id = r.site_id AND h.recording_id = r.recording_id
    AND h.ended_at IS NULL
WHERE
  r.site_id = $1 AND r.recording_id = $2 AND r.due_at > $3 AND r.doomed_at IS NULL;

-- name: find_filed(site_id, recording_id)
-- Whose it is, whatever has become of it: that is asked after who asks was looked at.
SELECT recording_id, practice, campaign, agent_key, purpose
FROM recordings WHERE site_id = $1 AND recording_id = $2;

-- name: list_within_reach(site_id, now, limit, days_back, after, practices, campaigns, recording_ids, agent_keys)
-- Paged behind a day and an id: ids are random, so within a day no order is given away.
-- Days are counted back from the last there can be: one comparison, served by an index.
-- Where each opening names something, what none of them names is not looked at closer.
SELECT
  r.recording_id, DATE '9999-12-31' - r.days_back AS day,
  round(r.seconds)::integer AS seconds, r.practice, r.campaign, r.purpose,
  coalesce(c.stratum, '') AS stratum, r.due_at::date AS until,
  coalesce(r.held_until > $2, false) AS is_held
FROM recordings AS r
LEFT JOIN calls AS c ON c.site_id = $1 AND c.decision_id = r.decision_id
WHERE
  r.site_id = $1 AND r.due_at > $2 AND r.doomed_at IS NULL
  AND (r.days_back, r.recording_id) > ($4, $5)
  AND (array_position($6::text[], NULL) IS NOT NULL OR r.practice = ANY($6))
  AND (array_position($7::text[], NULL) IS NOT NULL OR r.campaign = ANY($7))
  AND (array_position($8::uuid[], NULL) IS NOT NULL OR r.recording_id = ANY($8))
  AND (array_position($9::bytea[], NULL) IS NOT NULL OR r.agent_key = ANY($9))
  AND is_reached(
    r.practice, r.campaign, r.recording_id, r.agent_key,
    $6, $7, $8, $9
  )
ORDER BY r.days_back, r.recording_id LIMIT $3;

-- name: list_recordings(site_id, limit)
SELECT
  recording_id, decision_id, draw_seq, sealed_sha256, sealed_size, media_type, seconds,
  channels, captured_at, expires_at, held_until
FROM recordings WHERE site_id = $1 ORDER BY due_at, recording_id LIMIT $2;

-- name: find_recording_of(site_id, decision_id)
-- Locked: whoever wants to hold it comes before, and is seen, or finds it marked.
SELECT recording_id, draw_seq, due_at, doomed_at FROM recordings
WHERE site_id = $1 AND decision_id = $2
FOR NO KEY UPDATE;

-- name: find_to_doom(site_id, recording_id)
SELECT recording_id, draw_seq, due_at, doomed_at FROM recordings
WHERE site_id = $1 AND recording_id = $2
FOR NO KEY UPDATE;

-- name: doom_due(site_id, now, limit)
-- Expired now, then what was marked before its time, each from the front of an index:
-- asked for both at once, the planner reads all there is when little is due. What another
-- sweep has in hand is left to it; two that waited for each other would both be undone.
WITH expired AS (
  SELECT recording_id FROM recordings
  WHERE site_id = $1 AND due_at <= $2
  ORDER BY due_at LIMIT $3
  FOR UPDATE SKIP LOCKED
),
early AS (
  SELECT recording_id FROM recordings
  WHERE site_id = $1 AND doomed_at IS NOT NULL AND due_at > $2
  ORDER BY due_at LIMIT $3
  FOR UPDATE SKIP LOCKED
)
UPDATE recordings AS r SET doomed_at = coalesce(r.doomed_at, $2)
FROM (
  SELECT recording_id FROM expired UNION ALL SELECT recording_id FROM early LIMIT $3
) AS due
WHERE r.site_id = $1 AND r.recording_id = due.recording_id
RETURNING r.recording_id, r.draw_seq, r.due_at;

-- name: doom_one(site_id, recording_id, now)
UPDATE recordings SET doomed_at = $3
WHERE
  site_id = $1 AND recording_id = $2 AND doomed_at IS NULL
  AND coalesce(held_until <= $3, true)
  AND NOT EXISTS (
    SELECT FROM holds AS h
    WHERE h.site_id = $1 AND h.recording_id = $2 AND h.ended_at IS NULL
  );

-- name: expire_held(site_id, recording_id, now)
-- While a hold lasts nothing of it is destroyed: it goes when the hold ends. One whose time
-- is over is ended by the sweep, which asks first what time it is.
UPDATE recordings SET expires_at = least(expires_at, $3)
WHERE
  site_id = $1 AND recording_id = $2
  AND (
    held_until > $3 OR EXISTS (
      SELECT FROM holds AS h
      WHERE h.site_id = $1 AND h.recording_id = $2 AND h.ended_at IS NULL
    )
  );

-- name: find_keys_of(site_id, recording_ids)
SELECT recording_id, key_day, kind, generation FROM recording_keys
WHERE site_id = $1 AND recording_id = ANY($2::uuid[]);

-- name: delete_keys(site_id, recording_ids)
DELETE FROM recording_keys AS k USING recordings AS r
WHERE
  k.site_id = $1 AND k.recording_id = ANY($2::uuid[]) AND r.site_id = $1
  AND r.recording_id = k.recording_id AND r.doomed_at IS NOT NULL
RETURNING k.recording_id, k.key_day, k.kind, k.generation;

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

-- name: note_receipts(site_id, recording_ids, seqs, key_names)
-- Where somebody asked for it: what was destroyed, whoever came to it first, has its
-- receipt noted with what was asked, and the key that must die with it.
UPDATE request_outcomes AS o
SET receipt_seq = r.seq, key_names = o.key_names || r.key_name
FROM unnest($2::uuid[], $3::bigint[], $4::text[]) AS r (recording_id, seq, key_name)
WHERE
  o.site_id = $1 AND o.recording_id = r.recording_id AND o.what = 'erasure'
  AND o.receipt_seq IS NULL;

-- name: find_keys_of_copies(site_id, recording_id)
-- Under which keys older copies of the database have a recording's data key: the one of
-- its own day, those of every hold it was under. Its own day is the one fixed at capture,
-- and the one it was moved to since: somebody may have objected to it while it was held.
-- A key that was made after its receipt never was one of them.
SELECT d.key_day, d.kind, d.generation FROM day_keys AS d
WHERE
  d.site_id = $1 AND d.destroyed_seq IS NULL
  AND NOT EXISTS (
    SELECT FROM request_outcomes AS o
    WHERE
      o.site_id = $1 AND o.recording_id = $2 AND o.what = 'erasure'
      AND o.receipt_seq < d.made_seq
  )
  AND (d.key_day, d.kind) IN (
    SELECT (r.expires_at AT TIME ZONE 'UTC')::date, 'audio' FROM recordings AS r
    WHERE r.site_id = $1 AND r.recording_id = $2
    UNION
    SELECT
      (r.captured_at AT TIME ZONE 'UTC' + make_interval(days => c.kept_days))::date,
      'audio'
    FROM recordings AS r
    INNER JOIN calls AS c ON c.site_id = $1 AND c.decision_id = r.decision_id
    WHERE r.site_id = $1 AND r.recording_id = $2
    UNION
    SELECT (h.until AT TIME ZONE 'UTC')::date, 'hold' FROM holds AS h
    WHERE h.site_id = $1 AND h.recording_id = $2
    UNION
    SELECT k.key_day, k.kind FROM recording_keys AS k
    WHERE k.site_id = $1 AND k.recording_id = $2
  );

-- name: find_early_keys(site_id, recording_ids, today)
-- The same of many, before they die, without what dies today anyway.
SELECT c.recording_id, d.key_day, d.kind, d.generation
FROM (
  SELECT
    r.recording_id, (r.expires_at AT TIME ZONE 'UTC')::date AS key_day, 'audio' AS kind
  FROM recordings AS r
  WHERE r.site_id = $1 AND r.recording_id = ANY($2::uuid[])
  UNION
  SELECT
    r.recording_id,
    (r.captured_at AT TIME ZONE 'UTC' + make_interval(days => c.kept_days))::date,
    'audio'
  FROM recordings AS r
  INNER JOIN calls AS c ON c.site_id = $1 AND c.decision_id = r.decision_id
  WHERE r.site_id = $1 AND r.recording_id = ANY($2::uuid[])
  UNION
  SELECT h.recording_id, (h.until AT TIME ZONE 'UTC')::date, 'hold' FROM holds AS h
  WHERE h.site_id = $1 AND h.recording_id = ANY($2::uuid[])
  UNION
  SELECT k.recording_id, k.key_day, k.kind FROM recording_keys AS k
  WHERE k.site_id = $1 AND k.recording_id = ANY($2::uuid[])
) AS c
INNER JOIN day_keys AS d
  ON
    d.site_id = $1 AND d.key_day = c.key_day AND d.kind = c.kind
    AND d.destroyed_seq IS NULL
WHERE c.key_day > $3;

-- name: find_doomed(site_id, limit)
-- Marked by whoever may; what has only expired is the sweep's, which asks the time first.
SELECT recording_id, draw_seq, due_at FROM recordings
WHERE site_id = $1 AND doomed_at IS NOT NULL ORDER BY due_at LIMIT $2;

-- name: count_retention(site_id, now, too_late)
-- Asked for every few seconds: each part looks at one end of an index, not at all there
-- is. What was marked before its expiry is counted apart, so that nothing counts twice.
SELECT
  (
    SELECT min(o.captured_at) FROM recordings AS o
    WHERE o.site_id = $1 AND o.held_until IS NULL
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
SELECT
  r.draw_seq, r.expires_at, r.held_until, k.key_day, k.kind, k.generation, k.wrapped_key
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

-- name: end_same_hold(site_id, recording_id, authorities, now, actor)
-- To renew is to place it again, with its own reason.
UPDATE holds SET ended_at = $4, ended_by = $5
WHERE
  site_id = $1 AND recording_id = $2 AND authority = ANY($3::text[])
  AND ended_at IS NULL;

-- name: find_running_hold(site_id, hold_id)
SELECT hold_id, recording_id, until FROM holds
WHERE site_id = $1 AND hold_id = $2 AND ended_at IS NULL;

-- name: find_hold_of(site_id, recording_id)
SELECT hold_id, authority, reference, until FROM holds
WHERE site_id = $1 AND recording_id = $2 AND ended_at IS NULL;

-- name: find_holds_over(site_id, now)
SELECT hold_id, recording_id, until FROM holds
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

-- name: put_off(site_id, recording_id, until)
-- What was marked for destruction in the meantime is held no more.
UPDATE recordings SET held_until = $3
WHERE site_id = $1 AND recording_id = $2 AND doomed_at IS NULL;

-- name: give_back(site_id, recording_id, until, kept_until)
-- Only what this hold put off: a request that waits for it has put its end off further.
-- What somebody still wants is kept until that (null: nobody does), also where it was put
-- off so long ago that it is over.
UPDATE recordings SET held_until = $4
WHERE
  site_id = $1 AND recording_id = $2 AND (held_until = $3 OR held_until < $4);

-- name: is_wanted(site_id, recording_id)
-- By whoever's request is open, or who has it kept unused.
SELECT EXISTS (
  SELECT FROM request_items AS i
  INNER JOIN requests AS q ON q.site_id = $1 AND q.request_id = i.request_id
  WHERE
    i.site_id = $1 AND i.recording_id = $2 AND q.closed_at IS NULL
    AND i.state IN ('to-freeze', 'frozen', 'held')
) OR EXISTS (
  SELECT FROM request_outcomes AS o
  WHERE
    o.site_id = $1 AND o.recording_id = $2 AND o.what = 'restriction'
    AND o.ended_at IS NULL
);

-- name: find_keys_without_canary(site_id, today)
SELECT d.key_day, d.kind, d.generation FROM day_keys AS d
WHERE
  d.site_id = $1 AND d.kind = 'audio' AND d.destroyed_seq IS NULL AND d.key_day >= $2
  AND NOT EXISTS (
    SELECT FROM canaries AS c
    WHERE
      c.site_id = $1 AND c.key_day = d.key_day AND c.generation = d.generation
  )
ORDER BY d.key_day;

-- name: insert_canary(site_id, key_day, generation, wrapped)
INSERT INTO canaries (site_id, key_day, generation, wrapped)
VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: list_canaries(site_id)
SELECT
  c.key_day, 'audio' AS kind, c.generation, c.wrapped,
  d.destroyed_seq IS NOT NULL AS is_destroyed
FROM canaries AS c
LEFT JOIN day_keys AS d
  ON
    d.site_id = $1 AND d.key_day = c.key_day AND d.kind = 'audio'
    AND d.generation = c.generation
WHERE c.site_id = $1 ORDER BY c.key_day, c.generation;

-- name: forget_canaries(site_id, before)
DELETE FROM canaries WHERE site_id = $1 AND key_day < $2;

-- name: insert_drill(site_id, at, has_passed, had_copy, shut, opened)
INSERT INTO restore_drills (site_id, at, has_passed, had_copy, shut, opened)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: find_last_drill(site_id)
SELECT at, had_copy, shut FROM restore_drills
WHERE site_id = $1 AND has_passed ORDER BY at DESC LIMIT 1;

-- name: forget_drills(site_id, before)
DELETE FROM restore_drills WHERE site_id = $1 AND at < $2;

-- name: list_living_keys(site_id)
-- With how many data keys hang under each.
SELECT
  d.key_day, d.kind, d.generation, d.stale_since,
  (
    SELECT count(*) FROM recording_keys AS k
    WHERE
      k.site_id = $1 AND k.key_day = d.key_day AND k.kind = d.kind
      AND k.generation = d.generation
  ) AS hanging
FROM day_keys AS d
WHERE d.site_id = $1 AND d.destroyed_seq IS NULL
ORDER BY d.key_day, d.kind, d.generation;

-- name: find_to_analyse(site_id, recording_id, now, practices, campaigns, recording_ids, agent_keys)
-- The facts of a call that an analysis may have: never who called.
SELECT
  r.captured_at, r.seconds, r.purpose, c.stratum, r.practice, r.campaign, r.agent_key,
  coalesce(r.held_until > $3, false) AS is_held
FROM recordings AS r
LEFT JOIN calls AS c ON c.site_id = r.site_id AND c.decision_id = r.decision_id
WHERE
  r.site_id = $1 AND r.recording_id = $2 AND r.due_at > $3 AND r.doomed_at IS NULL
  AND is_reached(
    r.practice, r.campaign, r.recording_id, r.agent_key,
    $4, $5, $6, $7
  );

-- name: find_analysis_by(site_id, recording_id, assessor, now, newest_over, practices, campaigns, recording_ids, agent_keys)
SELECT a.analysis_id FROM analyses AS a
WHERE
  a.site_id = $1 AND a.recording_id = $2 AND a.assessor = $3 AND a.expires_at > $4
  AND a.made_at > $5 AND a.doomed_at IS NULL
  AND is_reached(
    a.practice, a.campaign, a.recording_id, a.agent_key,
    $6, $7, $8, $9
  );

-- name: find_analysis(site_id, analysis_id, now, newest_over, practices, campaigns, recording_ids, agent_keys)
-- What is over or marked is not found, also before the sweep has come to it.
SELECT
  a.analysis_id, a.recording_id, a.assessor, a.sealed, a.made_at, a.closed_at,
  a.expires_at, k.key_day, k.kind, k.generation, k.wrapped_key
FROM analyses AS a
INNER JOIN recording_keys AS k
  ON k.site_id = a.site_id AND k.recording_id = a.analysis_id
WHERE
  a.site_id = $1 AND a.analysis_id = $2 AND a.expires_at > $3 AND a.made_at > $4
  AND a.doomed_at IS NULL
  AND is_reached(
    a.practice, a.campaign, a.recording_id, a.agent_key,
    $5, $6, $7, $8
  );

-- name: list_analyses(site_id, now, newest_over, limit, made_at, after, practices, campaigns, recording_ids, agent_keys)
SELECT
  a.analysis_id, a.recording_id, a.assessor, a.made_at, a.closed_at, a.expires_at
FROM analyses AS a
WHERE
  a.site_id = $1 AND a.expires_at > $2 AND a.made_at > $3 AND a.doomed_at IS NULL
  AND (a.made_at, a.analysis_id) > ($5, $6::uuid)
  AND is_reached(
    a.practice, a.campaign, a.recording_id, a.agent_key,
    $7, $8, $9, $10
  )
ORDER BY a.made_at, a.analysis_id LIMIT $4;

-- name: insert_analysis(site_id, analysis_id, recording_id, assessor, sealed, made_at, expires_at, practice, campaign, agent_key)
-- Whoever has the recording destroyed waits for it, or it is not written any more.
INSERT INTO analyses (
  site_id, analysis_id, recording_id, assessor, sealed, made_at, expires_at, practice,
  campaign, agent_key
)
SELECT r.site_id, $2, r.recording_id, $4, $5, $6, $7, $8, $9, $10 FROM recordings AS r
WHERE r.site_id = $1 AND r.recording_id = $3 AND r.doomed_at IS NULL
FOR SHARE;

-- name: correct_analysis(site_id, analysis_id, before, after)
-- Unless it was closed, corrected or marked since it was read.
UPDATE analyses SET sealed = $4
WHERE
  site_id = $1 AND analysis_id = $2 AND sealed = $3 AND closed_at IS NULL
  AND doomed_at IS NULL;

-- name: close_analysis(site_id, analysis_id, now)
UPDATE analyses SET closed_at = $3
WHERE
  site_id = $1 AND analysis_id = $2 AND closed_at IS NULL AND doomed_at IS NULL;

-- name: end_by(site_id, recording_id, until)
-- Sooner than fixed at capture, never later.
UPDATE recordings SET expires_at = least(expires_at, $3)
WHERE site_id = $1 AND recording_id = $2 AND doomed_at IS NULL
RETURNING due_at;

-- name: doom_due_analyses(site_id, now, newest_over, limit)
-- Each reason from an index of its own: asked for at once, the planner reads all there is.
WITH over AS (
  (
    SELECT analysis_id FROM analyses
    WHERE site_id = $1 AND expires_at <= $2 ORDER BY expires_at LIMIT $4
  ) UNION (
    SELECT analysis_id FROM analyses
    WHERE site_id = $1 AND made_at <= $3 ORDER BY made_at LIMIT $4
  ) UNION (
    SELECT analysis_id FROM analyses
    WHERE site_id = $1 AND doomed_at IS NOT NULL ORDER BY analysis_id LIMIT $4
  ) LIMIT $4
),
due AS (
  SELECT analysis_id FROM analyses
  WHERE site_id = $1 AND analysis_id IN (SELECT over.analysis_id FROM over)
  FOR UPDATE SKIP LOCKED
)
UPDATE analyses AS a SET doomed_at = coalesce(a.doomed_at, $2)
FROM due WHERE a.site_id = $1 AND a.analysis_id = due.analysis_id
RETURNING a.analysis_id;

-- name: doom_analyses_of(site_id, recording_id, now)
UPDATE analyses SET doomed_at = coalesce(doomed_at, $3)
WHERE site_id = $1 AND recording_id = $2
RETURNING analysis_id;

-- name: empty_analyses(site_id, analysis_ids)
UPDATE analyses SET sealed = ''
WHERE site_id = $1 AND analysis_id = ANY($2::uuid[]) AND doomed_at IS NOT NULL;

-- name: delete_analysis_keys(site_id, analysis_ids)
DELETE FROM recording_keys AS k USING analyses AS a
WHERE
  k.site_id = $1 AND k.recording_id = ANY($2::uuid[]) AND a.site_id = $1
  AND a.analysis_id = k.recording_id AND a.doomed_at IS NOT NULL AND a.sealed = ''
RETURNING k.key_day, k.kind, k.generation;

-- name: delete_analyses(site_id, analysis_ids)
DELETE FROM analyses
WHERE
  site_id = $1 AND analysis_id = ANY($2::uuid[]) AND doomed_at IS NOT NULL
  AND sealed = '';

-- name: doom_returned_analyses(site_id, analysis_ids, now)
-- What is marked already did not come back: it was never gone.
UPDATE analyses SET doomed_at = $3
WHERE site_id = $1 AND analysis_id = ANY($2::uuid[]) AND doomed_at IS NULL
RETURNING analysis_id;

-- name: count_analyses(site_id, now, newest_over, too_late)
-- Whichever reason has been one for too long: its day, the settings' shorter time, a mark.
SELECT
  count(*) AS expired,
  count(*) FILTER (
    WHERE
      expires_at <= $4 OR doomed_at <= $4
      OR made_at <= $3::timestamptz - ($2::timestamptz - $4::timestamptz)
  ) AS overdue
FROM analyses
WHERE site_id = $1 AND (expires_at <= $2 OR made_at <= $3 OR doomed_at IS NOT NULL);

-- name: has_analyses(site_id)
SELECT EXISTS (SELECT FROM analyses WHERE site_id = $1);

-- name: find_to_state(site_id, recording_id, now)
-- Held or not: what is due or marked for destruction has no more statements.
SELECT r.recording_id, k.key_day, k.kind, k.generation, k.wrapped_key
FROM recordings AS r
INNER JOIN recording_keys AS k USING (site_id, recording_id)
WHERE
  r.site_id = $1 AND r.recording_id = $2 AND r.due_at > $3 AND r.doomed_at IS NULL;

-- name: keep_statement(site_id, recording_id, request_id, sealed, made_at)
-- A request has one statement on a recording: said again, it is corrected. The row of the
-- recording is locked, so that none is left behind where it has just gone.
INSERT INTO recording_statements (site_id, recording_id, request_id, sealed, made_at)
SELECT r.site_id, r.recording_id, $3, $4, $5 FROM recordings AS r
WHERE r.site_id = $1 AND r.recording_id = $2 AND r.doomed_at IS NULL
FOR NO KEY UPDATE
ON CONFLICT (site_id, recording_id, request_id)
DO UPDATE SET sealed = excluded.sealed, made_at = excluded.made_at;

-- name: list_statements(site_id, recording_id)
SELECT request_id, sealed, made_at FROM recording_statements
WHERE site_id = $1 AND recording_id = $2 ORDER BY made_at, request_id;
