-- name: insert_request(site_id, request_id, reference, kind, is_agents, language, is_older, received_at, received_by, due_on, is_shared, particulars)
INSERT INTO requests (
  site_id, request_id, reference, kind, is_agents, language, is_older_than_five_years,
  received_at, received_by, due_on, is_shared, particulars
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT DO NOTHING;

-- name: find_request(site_id, request_id)
SELECT * FROM requests WHERE site_id = $1 AND request_id = $2;

-- name: lock_request(site_id, request_id)
SELECT * FROM requests WHERE site_id = $1 AND request_id = $2 FOR UPDATE;

-- name: list_requests(site_id, is_open, after, after_id, limit)
SELECT
  request_id, reference, kind, is_agents, language, is_older_than_five_years,
  received_at, received_by, due_on, state, identity, is_shared, code_at, details_at,
  details_tries, document, escalated_to, extended_at, suspended_for, suspended_since,
  outcome, answered_at, closed_at, NULL::bytea AS particulars
FROM requests
WHERE
  site_id = $1 AND (closed_at IS NULL OR NOT $2::boolean)
  AND (due_on, request_id) > ($3, $4)
ORDER BY due_on, request_id LIMIT $5;

-- name: find_answered(site_id)
-- As in lists, without particulars: one's that do not open keep no other from its end.
SELECT
  request_id, reference, kind, is_agents, language, is_older_than_five_years,
  received_at, received_by, due_on, state, identity, is_shared, code_at, details_at,
  details_tries, document, escalated_to, extended_at, suspended_for, suspended_since,
  outcome, answered_at, closed_at, NULL::bytea AS particulars
FROM requests
WHERE site_id = $1 AND closed_at IS NULL AND answered_at IS NOT NULL
ORDER BY answered_at;

-- name: save_request(site_id, request_id, due_on, state, identity, is_shared, code_at, details_at, details_tries, document, escalated_to, extended_at, suspended_for, suspended_since, outcome, answered_at, closed_at, particulars)
UPDATE requests SET
  due_on = $3, state = $4, identity = $5, is_shared = $6, code_at = $7, details_at = $8,
  details_tries = $9, document = $10, escalated_to = $11, extended_at = $12,
  suspended_for = $13, suspended_since = $14, outcome = $15, answered_at = $16,
  closed_at = $17, particulars = $18
WHERE site_id = $1 AND request_id = $2;

-- name: add_request_event(site_id, request_id, at, event, actor, about)
-- Under the request's lock: places are in order.
INSERT INTO request_events (site_id, request_id, place, at, event, actor, about)
SELECT $1, $2, coalesce(max(e.place), 0) + 1, $3, $4, $5, $6
FROM request_events AS e WHERE e.site_id = $1 AND e.request_id = $2;

-- name: list_request_events(site_id, request_id)
SELECT at, event, actor, about FROM request_events
WHERE site_id = $1 AND request_id = $2 ORDER BY place;

-- name: add_request_items(site_id, request_id, recording_ids, draw_seqs, practices, matched, now)
-- What the sweep has marked is not there any more; what is, it passes over from now on:
-- both want the recording's row. A day: the hold that follows brings an end of its own.
WITH found AS (
  SELECT DISTINCT ON (f.recording_id) f.recording_id, f.draw_seq, f.practice, f.matched
  FROM unnest($3::uuid[], $4::bigint[], $5::text[], $6::text[])
    AS f (recording_id, draw_seq, practice, matched)
  WHERE NOT EXISTS (
    SELECT FROM request_items AS i
    WHERE i.site_id = $1 AND i.request_id = $2 AND i.recording_id = f.recording_id
  )
),
kept AS (
  UPDATE recordings AS r
  SET held_until = greatest(coalesce(r.held_until, $7), $7) + interval '1 day'
  FROM found AS f
  WHERE
    r.site_id = $1 AND r.recording_id = f.recording_id AND r.doomed_at IS NULL
    AND r.due_at > $7
  RETURNING r.recording_id
)
INSERT INTO request_items (
  site_id, request_id, recording_id, draw_seq, practice, matched_by
)
SELECT $1, $2, f.recording_id, f.draw_seq, f.practice, f.matched
FROM found AS f INNER JOIN kept AS k USING (recording_id)
RETURNING recording_id;

-- name: list_request_items(site_id, request_id, now)
SELECT
  i.recording_id, i.draw_seq, i.practice, i.matched_by, i.state, i.dropped_because,
  r.captured_at, r.due_at
FROM request_items AS i
LEFT JOIN recordings AS r
  ON
    r.site_id = $1 AND r.recording_id = i.recording_id AND r.doomed_at IS NULL
    AND r.due_at > $3
WHERE i.site_id = $1 AND i.request_id = $2
ORDER BY r.captured_at NULLS LAST, i.recording_id;

-- name: lock_receipts(site_id)
-- One request is received at a time: two that want the same recordings would wait for
-- each other.
SELECT pg_advisory_xact_lock(hashtextextended('ponctuel-requests-' || $1, 0));

-- name: find_to_freeze(site_id, request_id)
SELECT i.recording_id, r.expires_at
FROM request_items AS i
INNER JOIN recordings AS r USING (site_id, recording_id)
WHERE i.site_id = $1 AND i.request_id = $2 AND i.state = 'to-freeze'
ORDER BY r.expires_at, i.recording_id;

-- name: find_wanting(site_id, recording_id)
SELECT q.request_id, q.reference, q.due_on
FROM request_items AS i
INNER JOIN requests AS q USING (site_id, request_id)
WHERE
  i.site_id = $1 AND i.recording_id = $2 AND q.closed_at IS NULL
  AND i.state IN ('to-freeze', 'frozen', 'held')
ORDER BY q.due_on DESC, q.request_id;

-- name: find_hold_on(site_id, recording_id)
-- Whose it is: of a request that is known here, or of another right.
SELECT h.hold_id, h.until, q.request_id, r.held_until
FROM holds AS h
LEFT JOIN requests AS q
  ON q.site_id = $1 AND q.reference = h.reference AND h.authority = 'request'
LEFT JOIN recordings AS r
  ON r.site_id = $1 AND r.recording_id = h.recording_id
WHERE h.site_id = $1 AND h.recording_id = $2 AND h.ended_at IS NULL;

-- name: is_recording_there(site_id, recording_id, now)
SELECT EXISTS (
  SELECT FROM recordings
  WHERE
    site_id = $1 AND recording_id = $2 AND doomed_at IS NULL
    AND (due_at > $3 OR held_until IS NOT NULL)
);

-- name: find_unsettled(site_id, now, soon, beyond, tried, limit)
-- Every minute, over the items of requests that are not closed: what has not the hold it
-- needs, and what has one it needs no more. What ends first comes first; what was tried
-- just now does not come again.
SELECT i.recording_id, min(r.expires_at) AS first
FROM requests AS q
INNER JOIN request_items AS i USING (site_id, request_id)
LEFT JOIN recordings AS r USING (site_id, recording_id)
LEFT JOIN holds AS h
  ON h.site_id = $1 AND h.recording_id = i.recording_id AND h.ended_at IS NULL
WHERE
  q.site_id = $1 AND q.closed_at IS NULL AND i.recording_id <> ALL($5::uuid[]) AND (
    i.state IN ('to-freeze', 'let-go')
    OR (i.state IN ('frozen', 'held') AND (r.recording_id IS NULL OR r.doomed_at IS NOT NULL))
    OR (
      i.state = 'frozen' AND (
        h.hold_id IS NULL OR h.authority <> 'request' OR h.until <= $3
        OR r.held_until IS DISTINCT FROM h.until
      )
    )
    OR (
      i.state = 'held' AND (
        h.hold_id IS NULL OR h.until <= $2
        OR coalesce(r.held_until < h.until + $4::interval, true)
      )
    )
  )
GROUP BY i.recording_id
UNION ALL
-- What a crash left held for a request that had let it go while the hold was placed.
SELECT h.recording_id, NULL
FROM holds AS h
INNER JOIN requests AS q ON q.site_id = $1 AND q.reference = h.reference
WHERE
  h.site_id = $1 AND h.authority = 'request' AND h.ended_at IS NULL
  AND h.recording_id <> ALL($5::uuid[])
  AND NOT EXISTS (
    SELECT FROM request_items AS i
    INNER JOIN requests AS o USING (site_id, request_id)
    WHERE
      i.site_id = $1 AND i.recording_id = h.recording_id AND o.closed_at IS NULL
      AND i.state IN ('to-freeze', 'frozen', 'held', 'let-go')
  )
ORDER BY first NULLS FIRST LIMIT $6;

-- name: let_items_go(site_id, request_id, recording_ids)
-- Null: all of them. What was let go before and is not done yet is returned as well.
WITH now_going AS (
  UPDATE request_items SET state = 'let-go'
  WHERE
    site_id = $1 AND request_id = $2 AND state IN ('to-freeze', 'frozen', 'held')
    AND ($3::uuid[] IS NULL OR recording_id = ANY($3))
  RETURNING recording_id
)
SELECT recording_id FROM now_going
UNION
SELECT recording_id FROM request_items
WHERE
  site_id = $1 AND request_id = $2 AND state = 'let-go'
  AND ($3 IS NULL OR recording_id = ANY($3));

-- name: count_unreleased(site_id, request_id)
SELECT count(*) FROM request_items
WHERE
  site_id = $1 AND request_id = $2
  AND state IN ('to-freeze', 'frozen', 'held', 'let-go');

-- name: keep_beyond(site_id, recording_id, until)
UPDATE recordings SET held_until = $3
WHERE
  site_id = $1 AND recording_id = $2 AND doomed_at IS NULL
  AND coalesce(held_until < $3, true);

-- name: lock_recording(site_id, recording_id)
SELECT recording_id FROM recordings
WHERE site_id = $1 AND recording_id = $2 FOR UPDATE;

-- name: restore_end(site_id, recording_id)
-- After `lock_recording`: a request that is received meanwhile is seen, or finds this. A
-- restriction that waits for another right's hold has put its end off as well.
UPDATE recordings AS r SET held_until = (
  SELECT h.until FROM holds AS h
  WHERE h.site_id = $1 AND h.recording_id = $2 AND h.ended_at IS NULL
)
WHERE
  r.site_id = $1 AND r.recording_id = $2 AND r.held_until IS NOT NULL
  AND NOT EXISTS (
    SELECT FROM request_items AS i
    INNER JOIN requests AS q USING (site_id, request_id)
    WHERE
      i.site_id = $1 AND i.recording_id = $2 AND q.closed_at IS NULL
      AND i.state IN ('to-freeze', 'frozen', 'held')
  )
  AND NOT EXISTS (
    SELECT FROM request_outcomes AS o
    WHERE
      o.site_id = $1 AND o.recording_id = $2 AND o.what = 'restriction'
      AND o.ended_at IS NULL
  );

-- name: mark_items(site_id, recording_id, state)
-- Of every request that wants it.
UPDATE request_items AS i SET state = $3
FROM requests AS q
WHERE
  i.site_id = $1 AND i.recording_id = $2 AND i.state <> $3
  AND i.state IN ('to-freeze', 'frozen', 'held')
  AND q.site_id = $1 AND q.request_id = i.request_id AND q.closed_at IS NULL;

-- name: mark_released(site_id, recording_id)
-- What was let go, once no hold is there in its request's name.
UPDATE request_items AS i SET state = 'released'
FROM requests AS q
WHERE
  i.site_id = $1 AND i.recording_id = $2 AND i.state = 'let-go'
  AND q.site_id = $1 AND q.request_id = i.request_id
  AND NOT EXISTS (
    SELECT FROM holds AS h
    WHERE
      h.site_id = $1 AND h.recording_id = $2 AND h.ended_at IS NULL
      AND h.authority = 'request' AND h.reference = q.reference
  );

-- name: lock_number(site_id, number_key)
-- Codes to one number are counted one after the other, whatever request they are of.
SELECT pg_advisory_xact_lock(
  hashtextextended('ponctuel-code-' || $1 || '-' || encode($2::bytea, 'hex'), 0)
);

-- name: count_codes(site_id, request_id, number_key, since)
SELECT greatest(
  count(*) FILTER (WHERE request_id = $2), count(*) FILTER (WHERE number_key = $3)
)
FROM request_codes
WHERE site_id = $1 AND (request_id = $2 OR number_key = $3) AND made_at > $4;

-- name: insert_code(site_id, code_id, request_id, number_key, wrapped_key, digest, made_at)
INSERT INTO request_codes (
  site_id, code_id, request_id, number_key, wrapped_key, digest, made_at
) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: count_code(site_id, code_id, request_id, number_key, now)
-- One that proves nothing here, and was sent all the same.
INSERT INTO request_codes (
  site_id, code_id, request_id, number_key, made_at, ended_at
) VALUES ($1, $2, $3, $4, $5, $5);

-- name: end_codes(site_id, request_id, now)
UPDATE request_codes SET ended_at = $3
WHERE site_id = $1 AND request_id = $2 AND ended_at IS NULL;

-- name: find_living_code(site_id, request_id, made_after, most_tries)
SELECT code_id, wrapped_key, digest FROM request_codes
WHERE
  site_id = $1 AND request_id = $2 AND ended_at IS NULL AND made_at > $3 AND tries < $4;

-- name: count_try(site_id, code_id, is_right, now)
UPDATE request_codes
SET tries = tries + 1, ended_at = CASE WHEN $3 THEN $4::timestamptz END
WHERE site_id = $1 AND code_id = $2;

-- name: is_begun(site_id, request_id, recording_id)
-- Whether something was done, or is being done, that was not lifted; null: of any recording.
SELECT EXISTS (
  SELECT FROM request_outcomes
  WHERE
    site_id = $1 AND request_id = $2 AND ($3::uuid IS NULL OR recording_id = $3)
    AND (ended_at IS NULL OR (what <> 'restriction' AND done_at IS NOT NULL))
);

-- name: drop_item(site_id, request_id, recording_id, because)
-- From this commit on it is nothing of the request's, whatever becomes of its freeze.
UPDATE request_items SET dropped_because = $4, state = 'let-go'
WHERE
  site_id = $1 AND request_id = $2 AND recording_id = $3
  AND state IN ('to-freeze', 'frozen', 'held') AND dropped_because IS NULL;

-- name: end_package_of(site_id, request_id, now, because)
-- As packages are ended, whichever of the request lives: nothing of it can be made from
-- here on, and no link leads to it.
WITH ended AS (
  UPDATE packages SET
    ended_at = $3, ended_because = $4, root = NULL, link_digest = NULL,
    code_digest = NULL, ticket_digest = NULL, sender = NULL
  WHERE site_id = $1 AND request_id = $2 AND ended_at IS NULL
  RETURNING package_id
)
DELETE FROM package_members AS m USING ended AS e
WHERE m.site_id = $1 AND m.package_id = e.package_id;

-- name: delete_request_items(site_id, request_id)
DELETE FROM request_items WHERE site_id = $1 AND request_id = $2;

-- name: empty_request_codes(site_id, request_id, now)
-- That they were sent is counted for a while; nothing is proved with them any more.
UPDATE request_codes
SET wrapped_key = NULL, digest = NULL, ended_at = coalesce(ended_at, $3)
WHERE site_id = $1 AND request_id = $2;
