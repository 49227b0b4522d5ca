-- name: begin_monitors(site_id, version)
-- An empty state stands for one that is still to be made.
INSERT INTO monitor_states (site_id, slot, position, version, state)
VALUES ($1, 'now', 0, $2, '{}')
ON CONFLICT ON CONSTRAINT monitor_states_pkey DO NOTHING;

-- name: take_monitors(site_id)
-- Nothing when another replica has them in hand: then this one need do nothing.
SELECT position, version, state FROM monitor_states
WHERE site_id = $1 AND slot = 'now'
FOR UPDATE SKIP LOCKED;

-- name: wait_for_monitors(site_id)
SELECT position, version, state FROM monitor_states
WHERE site_id = $1 AND slot = 'now'
FOR UPDATE;

-- name: have_begun(site_id)
SELECT EXISTS (
  SELECT FROM counts WHERE site_id = $1 AND metric = '_monitors_begun'
);

-- name: save_monitors(site_id, position, version, state)
UPDATE monitor_states SET position = $2, version = $3, state = $4
WHERE site_id = $1 AND slot = 'now';

-- name: save_figures(site_id, figures, alarms)
UPDATE monitor_states SET figures = $2, alarms = $3
WHERE site_id = $1 AND slot = 'now' AND (figures, alarms) IS DISTINCT FROM ($2::jsonb, $3::jsonb);

-- name: save_snapshot(site_id, slot, position, version, state)
INSERT INTO monitor_states (site_id, slot, position, version, state)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT ON CONSTRAINT monitor_states_pkey DO NOTHING;

-- name: find_newest_snapshot(site_id)
SELECT max(slot) FROM monitor_states WHERE site_id = $1 AND slot <> 'now';

-- name: find_snapshot(site_id, position, version)
-- The newest that knows nothing of what is after `position`.
SELECT position, version, state FROM monitor_states
WHERE site_id = $1 AND slot <> 'now' AND position <= $2 AND version = $3
ORDER BY position DESC LIMIT 1;

-- name: forget_snapshots(site_id, kept)
DELETE FROM monitor_states
WHERE site_id = $1 AND slot <> 'now' AND slot NOT IN (
  SELECT s.slot FROM monitor_states AS s
  WHERE s.site_id = $1 AND s.slot <> 'now' ORDER BY s.slot DESC LIMIT $2
);

-- name: forget_snapshots_after(site_id, position)
DELETE FROM monitor_states WHERE site_id = $1 AND slot <> 'now' AND position > $2;

-- name: read_calls(site_id, first_seq, limit)
-- Leaves in their order, and what came of each draw's call. The ledger has no gaps, so
-- a range will do for a limit. OFFSET 0 makes each look-up one by primary key.
WITH leaves AS MATERIALIZED (
  SELECT
    e.seq, e.body,
    CASE WHEN position('"leaf":"DRAW"'::bytea IN e.body) > 0
      THEN decode(convert_from(e.body, 'UTF8')::json ->> 'c', 'hex')
    END AS call_key
  FROM ledger_entries AS e
  WHERE e.site_id = $1 AND e.seq >= $2 AND e.seq < $2 + $3::bigint
)
SELECT
  l.seq, l.body, l.call_key, c.bound_at, c.ended_at, c.outcome, c.outcome_code,
  a.agent_key, f.flag_key IS NOT NULL AS is_flagged
FROM leaves AS l
LEFT JOIN LATERAL (
  SELECT * FROM calls AS b
  WHERE b.site_id = $1 AND b.call_key = l.call_key OFFSET 0
) AS c ON true
LEFT JOIN LATERAL (
  SELECT b.agent_key FROM call_agents AS b
  WHERE l.call_key IS NOT NULL AND b.site_id = $1 AND b.draw_seq = l.seq OFFSET 0
) AS a ON true
LEFT JOIN LATERAL (
  SELECT b.flag_key FROM recording_flags AS b
  WHERE b.site_id = $1 AND b.flag_key = l.call_key AND NOT b.is_adrift OFFSET 0
) AS f ON true
ORDER BY l.seq;

-- name: find_strays(site_id, limit)
-- Recordings of calls that nobody bound, or that were judged long ago.
SELECT f.flag_key, f.noted_seq, f.seen_at
FROM recording_flags AS f
WHERE
  f.site_id = $1 AND NOT f.is_counted AND (
    f.is_adrift OR f.draw_seq IS NULL AND NOT EXISTS (
      SELECT FROM calls AS c WHERE c.site_id = $1 AND c.call_key = f.flag_key
    )
  )
ORDER BY f.noted_seq, f.flag_key LIMIT $2;

-- name: count_flags(site_id, flag_keys)
UPDATE recording_flags SET is_counted = true
WHERE site_id = $1 AND flag_key = ANY($2::bytea[]);

-- name: uncount_flags(site_id, position)
UPDATE recording_flags SET is_counted = false
WHERE
  site_id = $1 AND is_counted
  AND CASE WHEN is_adrift THEN noted_seq ELSE coalesce(draw_seq, noted_seq) END >= $2;

-- name: find_late_flag(site_id, position)
-- The first recording that was seen after its call was judged.
SELECT min(draw_seq) FROM recording_flags
WHERE site_id = $1 AND NOT is_counted AND NOT is_adrift AND draw_seq < $2;

-- name: set_flags_adrift(site_id, draw_seq, position)
-- Too late to judge their calls again: they count where they came to light.
UPDATE recording_flags SET is_adrift = true, noted_seq = $3
WHERE site_id = $1 AND NOT is_counted AND draw_seq <= $2;

-- name: find_first_kept_call(site_id, bound_after)
SELECT draw_seq FROM calls WHERE site_id = $1 AND bound_at >= $2
ORDER BY bound_at, draw_seq LIMIT 1;

-- name: find_adopted_before(site_id, seq)
SELECT e.seq, e.body FROM policies AS p
INNER JOIN ledger_entries AS e ON e.site_id = p.site_id AND e.seq = p.adopted_seq
WHERE p.site_id = $1 AND p.adopted_seq < $2 ORDER BY e.seq;

-- name: find_size(site_id)
SELECT size FROM ledger_heads WHERE site_id = $1;

-- name: insert_decision(site_id, seq, monitor, actor, decision, now)
INSERT INTO monitor_decisions (site_id, seq, monitor, actor, decision, decided_at)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: place_decisions(site_id, position)
UPDATE monitor_decisions SET position = $2 WHERE site_id = $1 AND position IS NULL;

-- name: find_decisions(site_id, position)
SELECT seq, monitor, position FROM monitor_decisions
WHERE site_id = $1 AND position >= $2 ORDER BY position, seq;

-- name: find_last_decisions(site_id)
SELECT monitor, max(seq) AS seq FROM monitor_decisions
WHERE site_id = $1 GROUP BY monitor;

-- name: find_alarms(site_id)
SELECT alarms FROM monitor_states WHERE site_id = $1 AND slot = 'now';

-- name: read_figures(site_id)
SELECT
  m.figures,
  'breaker' = ANY(h.stops) AS is_open,
  (
    SELECT b.causes FROM breaker_openings AS b
    WHERE b.site_id = $1 ORDER BY b.seq DESC LIMIT 1
  ) AS causes
FROM ledger_heads AS h
LEFT JOIN monitor_states AS m ON m.site_id = h.site_id AND m.slot = 'now'
WHERE h.site_id = $1;

-- name: note_judged(site_id, seen)
INSERT INTO monitor_sight AS s (site_id, seen) VALUES ($1, $2)
ON CONFLICT ON CONSTRAINT monitor_sight_pkey DO UPDATE
SET seen = excluded.seen, unjudged_since = NULL, is_blind = false
WHERE s.seen <> excluded.seen OR s.unjudged_since IS NOT NULL;

-- name: note_unjudged(site_id, patience)
-- Since when there are draws that nobody has judged, and whether that is too long. Without
-- such a draw nothing is written: where no calls are, nobody is blind.
INSERT INTO monitor_sight AS s (site_id, seen, unjudged_since)
SELECT $1, 0, clock_timestamp()
WHERE EXISTS (
  SELECT FROM ledger_entries AS e
  WHERE
    e.site_id = $1
    AND e.seq >= coalesce((SELECT o.seen FROM monitor_sight AS o WHERE o.site_id = $1), 0)
    AND position('"leaf":"DRAW"'::bytea IN e.body) > 0
)
ON CONFLICT ON CONSTRAINT monitor_sight_pkey DO UPDATE SET
  unjudged_since = coalesce(s.unjudged_since, excluded.unjudged_since),
  is_blind = coalesce(s.unjudged_since <= excluded.unjudged_since - $2::interval, false)
RETURNING is_blind;

-- name: does_somebody_judge(site_id)
SELECT NOT is_blind FROM monitor_sight WHERE site_id = $1;

-- name: find_opening(site_id)
-- Whether the breaker stops the draws, why it was opened last, and whether anybody has
-- spoken of closing it.
SELECT
  'breaker' = ANY(h.stops) AS is_open, b.seq, coalesce(b.causes, '{}') AS causes,
  EXISTS (
    SELECT FROM resumptions AS r WHERE r.site_id = $1 AND r.party = 'breaker'
  ) OR EXISTS (
    SELECT FROM breaker_confirmations AS c WHERE c.site_id = $1
  ) AS is_closing
FROM ledger_heads AS h
LEFT JOIN LATERAL (
  SELECT o.seq, o.causes FROM breaker_openings AS o
  WHERE o.site_id = $1 ORDER BY o.seq DESC LIMIT 1
) AS b ON true
WHERE h.site_id = $1;

-- name: has_closed_since(site_id, seq)
SELECT EXISTS (
  SELECT FROM ledger_entries
  WHERE
    site_id = $1 AND seq >= $2
    AND body = convert_to('{"by":"breaker","leaf":"STOP","on":0}', 'UTF8')
);

-- name: save_opening(site_id, seq, causes, now)
INSERT INTO breaker_openings (site_id, seq, causes, opened_at) VALUES ($1, $2, $3, $4)
ON CONFLICT ON CONSTRAINT breaker_openings_pkey DO UPDATE SET causes = excluded.causes;
