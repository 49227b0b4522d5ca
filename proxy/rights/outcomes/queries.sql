-- name: want_outcome(site_id, request_id, recording_ids, what, reference, asked_by, now)
-- Asked for twice it is asked for once. A restriction that is lifted, or about to be, begins
-- anew, and its person is told anew before it is lifted; unless a recipient knows that it
-- ended: they are told once of each.
INSERT INTO request_outcomes AS o (
  site_id, request_id, recording_id, what, reference, asked_by, asked_at
)
SELECT $1, $2, i.recording_id, $4, $5, $6, $7
FROM unnest($3::uuid[]) AS i (recording_id)
ON CONFLICT (site_id, request_id, recording_id) DO UPDATE SET
  asked_by = excluded.asked_by, asked_at = excluded.asked_at,
  done_at = CASE WHEN o.ended_at IS NULL THEN o.done_at END,
  lifting_told_at = NULL, ended_at = NULL
WHERE
  o.what = 'restriction' AND o.lifting_told_at IS NOT NULL
  AND NOT EXISTS (
    SELECT FROM recipient_notices AS n
    INNER JOIN handovers AS h ON h.site_id = $1 AND h.handover_id = n.handover_id
    WHERE
      n.site_id = $1 AND n.request_id = $2 AND n.is_lifting
      AND h.recording_id = o.recording_id
  );

-- name: find_outcomes(site_id, request_id, what)
-- Of one request, or all of a kind that are not over; with how it stands with each.
SELECT
  o.request_id, o.recording_id, o.what, o.reference, o.receipt_seq, o.key_names,
  o.done_at, o.lifting_told_at, o.ended_at, r.recording_id IS NOT NULL AS is_there,
  r.doomed_at IS NOT NULL AS is_doomed, h.authority, h.until,
  q.request_id IS NOT NULL AS is_freeze
FROM request_outcomes AS o
LEFT JOIN recordings AS r ON r.site_id = $1 AND r.recording_id = o.recording_id
LEFT JOIN holds AS h
  ON h.site_id = $1 AND h.recording_id = o.recording_id AND h.ended_at IS NULL
LEFT JOIN requests AS q
  ON q.site_id = $1 AND q.reference = h.reference AND h.authority = 'request'
WHERE
  o.site_id = $1 AND o.what = $3
  AND CASE WHEN $2::uuid IS NULL THEN o.ended_at IS NULL ELSE o.request_id = $2 END
ORDER BY o.asked_at, o.recording_id;

-- name: note_keys(site_id, request_id, recording_id, key_names)
UPDATE request_outcomes AS o
SET key_names = ARRAY(SELECT DISTINCT unnest(o.key_names || $4::text[]))
WHERE o.site_id = $1 AND o.request_id = $2 AND o.recording_id = $3;

-- name: note_done(site_id, request_id, recording_id, now, is_over)
UPDATE request_outcomes
SET
  done_at = coalesce(done_at, $4),
  ended_at = CASE WHEN $5::boolean THEN coalesce(ended_at, $4) ELSE ended_at END
WHERE site_id = $1 AND request_id = $2 AND recording_id = $3;

-- name: note_ended(site_id, request_id, recording_id, now)
-- Done or not.
UPDATE request_outcomes SET ended_at = coalesce(ended_at, $4)
WHERE site_id = $1 AND request_id = $2 AND recording_id = $3;

-- name: note_lifted(site_id, request_id, recording_id, told_at, now)
-- Done or not; unless it was restricted anew since the person was told.
UPDATE request_outcomes SET ended_at = $5
WHERE
  site_id = $1 AND request_id = $2 AND recording_id = $3 AND lifting_told_at = $4
  AND ended_at IS NULL;

-- name: note_lifting_told(site_id, request_id, now)
UPDATE request_outcomes SET lifting_told_at = coalesce(lifting_told_at, $3)
WHERE site_id = $1 AND request_id = $2 AND what = 'restriction' AND ended_at IS NULL
RETURNING lifting_told_at;

-- name: is_frozen_for_another(site_id, request_id, recording_id)
-- Whoever wants a copy, or to have it kept, is answered first.
SELECT EXISTS (
  SELECT FROM request_items AS i
  INNER JOIN requests AS q ON q.site_id = $1 AND q.request_id = i.request_id
  WHERE
    i.site_id = $1 AND i.recording_id = $3 AND i.request_id <> $2
    AND i.state IN ('to-freeze', 'frozen', 'held') AND q.closed_at IS NULL
    AND q.kind NOT IN ('erasure', 'objection')
);

-- name: is_restricted_for_another(site_id, request_id, recording_id)
SELECT EXISTS (
  SELECT FROM request_outcomes AS o
  WHERE
    o.site_id = $1 AND o.recording_id = $3 AND o.request_id <> $2
    AND o.what = 'restriction' AND o.ended_at IS NULL
);

-- name: is_restricted(site_id, recording_id)
SELECT EXISTS (
  SELECT FROM request_outcomes AS o
  WHERE
    o.site_id = $1 AND o.recording_id = $2 AND o.what = 'restriction'
    AND o.ended_at IS NULL
);

-- name: find_analyses_of(site_id, recording_id)
SELECT analysis_id FROM analyses WHERE site_id = $1 AND recording_id = $2;

-- name: find_left(site_id, recording_id)
-- Whatever of it is still in the database.
SELECT
  EXISTS (SELECT FROM recordings AS r WHERE r.site_id = $1 AND r.recording_id = $2)
  OR EXISTS (
    SELECT FROM recording_keys AS k WHERE k.site_id = $1 AND k.recording_id = $2
  )
  OR EXISTS (SELECT FROM analyses AS a WHERE a.site_id = $1 AND a.recording_id = $2)
  OR EXISTS (
    SELECT FROM recording_statements AS s WHERE s.site_id = $1 AND s.recording_id = $2
  );

-- name: read_receipt(site_id, seq)
SELECT body FROM ledger_entries WHERE site_id = $1 AND seq = $2;

-- name: insert_handover(site_id, handover_id, recording_id, recipient, purpose, handed_on, noted_by, now)
INSERT INTO handovers (
  site_id, handover_id, recording_id, recipient, purpose, handed_on, noted_by, noted_at
)
SELECT $1, $2, r.recording_id, $4, $5, $6, $7, $8 FROM recordings AS r
WHERE r.site_id = $1 AND r.recording_id = $3
ON CONFLICT ON CONSTRAINT handovers_once DO NOTHING;

-- name: list_handovers(site_id, recording_id)
SELECT handover_id, recording_id, recipient, purpose, handed_on, noted_by
FROM handovers WHERE site_id = $1 AND recording_id = $2
ORDER BY handed_on, handover_id;

-- name: list_notices(site_id, request_id)
-- Whoever was given what a request has changed. Once a restriction is lifted: whoever was
-- told of it, once more; the others need not be told of it any more.
SELECT
  h.handover_id, h.recording_id, h.recipient, h.purpose, h.handed_on, o.what, o.reference,
  l.is_lifting, CASE WHEN l.is_lifting THEN o.ended_at ELSE o.done_at END AS done_at,
  n.outcome, n.reason, n.noted_at
FROM request_outcomes AS o
INNER JOIN handovers AS h ON h.site_id = $1 AND h.recording_id = o.recording_id
CROSS JOIN (VALUES (false), (true)) AS l (is_lifting)
LEFT JOIN recipient_notices AS f
  ON
    f.site_id = $1 AND f.request_id = $2 AND f.handover_id = h.handover_id
    AND NOT f.is_lifting
LEFT JOIN recipient_notices AS n
  ON
    n.site_id = $1 AND n.request_id = $2 AND n.handover_id = h.handover_id
    AND n.is_lifting = l.is_lifting
WHERE
  o.site_id = $1 AND o.request_id = $2 AND o.done_at IS NOT NULL
  AND CASE
    WHEN o.ended_at IS NULL OR o.lifting_told_at IS NULL THEN NOT l.is_lifting
    WHEN l.is_lifting THEN f.outcome = 'told'
    ELSE f.outcome IS NOT NULL
  END
ORDER BY h.recipient, h.handed_on, h.handover_id, l.is_lifting;

-- name: insert_notice(site_id, request_id, handover_id, is_lifting, outcome, reason, noted_by, now)
INSERT INTO recipient_notices (
  site_id, request_id, handover_id, is_lifting, outcome, reason, noted_by, noted_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING;

-- name: find_doomed_at(site_id, recording_id)
SELECT doomed_at FROM recordings WHERE site_id = $1 AND recording_id = $2;

-- name: keep_until_restricted(site_id, recording_id, until)
UPDATE recordings SET held_until = $3
WHERE
  site_id = $1 AND recording_id = $2 AND doomed_at IS NULL
  AND coalesce(held_until < $3, true)
  AND EXISTS (
    SELECT FROM request_outcomes AS o
    WHERE
      o.site_id = $1 AND o.recording_id = $2 AND o.what = 'restriction'
      AND o.ended_at IS NULL
  );
