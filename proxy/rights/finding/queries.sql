-- name: find_by_number(site_id, now, numbers, endings)
-- Rows written before numbers were noted in full have none: they count by their last nine
-- digits, which another country's number may share. They are gone 180 days after that
-- release, and what is held a little later. Else only a call has none of which nobody but
-- a leg was ever heard.
SELECT
  r.recording_id, r.draw_seq, r.captured_at, r.seconds, r.practice, r.purpose,
  c.is_whole, coalesce(b.bound_at, r.captured_at) AS began_at
FROM (
  SELECT n.decision_id, true AS is_whole FROM recorded_callers AS n
  WHERE n.site_id = $1 AND n.number_key = ANY($3::bytea[])
  UNION ALL
  SELECT e.decision_id, false FROM recorded_callers AS e
  WHERE e.site_id = $1 AND e.caller_key = ANY($4::bytea[]) AND e.number_key IS NULL
) AS c
CROSS JOIN LATERAL (
  SELECT * FROM recordings AS o
  WHERE o.site_id = $1 AND o.decision_id = c.decision_id OFFSET 0
) AS r
LEFT JOIN LATERAL (
  SELECT d.bound_at FROM calls AS d
  WHERE d.site_id = $1 AND d.decision_id = c.decision_id OFFSET 0
) AS b ON true
WHERE r.doomed_at IS NULL AND r.due_at > $2
ORDER BY began_at, r.recording_id;

-- name: find_running(site_id, numbers, endings)
-- Drawn, and nothing has come of them; those known by their last digits may be another's.
SELECT c.decision_id, d.bound_at, c.is_whole
FROM (
  SELECT n.decision_id, true AS is_whole FROM recorded_callers AS n
  WHERE n.site_id = $1 AND n.number_key = ANY($2::bytea[])
  UNION ALL
  SELECT e.decision_id, false FROM recorded_callers AS e
  WHERE e.site_id = $1 AND e.caller_key = ANY($3::bytea[]) AND e.number_key IS NULL
) AS c
CROSS JOIN LATERAL (
  SELECT * FROM calls AS o
  WHERE o.site_id = $1 AND o.decision_id = c.decision_id OFFSET 0
) AS d
WHERE d.is_record AND d.outcome IS NULL
ORDER BY d.bound_at;

-- name: find_by_details(site_id, now, from, until, captured_until, practice)
-- Calls that began in these hours. They are kept once they are over, and at the latest
-- when no recording of them is taken any more. Without a practice: of all.
SELECT
  r.recording_id, r.draw_seq, r.captured_at, r.seconds, r.practice, r.purpose,
  coalesce(b.bound_at, r.captured_at) AS began_at
FROM (
  SELECT * FROM recordings AS o
  WHERE o.site_id = $1 AND o.captured_at >= $3 AND o.captured_at < $5 OFFSET 0
) AS r
LEFT JOIN LATERAL (
  SELECT d.bound_at FROM calls AS d
  WHERE d.site_id = $1 AND d.decision_id = r.decision_id OFFSET 0
) AS b ON true
WHERE
  r.doomed_at IS NULL AND r.due_at > $2
  AND ($6::text IS NULL OR r.practice = $6)
  AND coalesce(b.bound_at, r.captured_at) >= $3
  AND coalesce(b.bound_at, r.captured_at) < $4
ORDER BY began_at, r.recording_id;

-- name: find_by_agent(site_id, now, agent_key)
SELECT
  r.recording_id, r.draw_seq, r.captured_at, r.seconds, r.practice, r.purpose,
  coalesce(b.bound_at, r.captured_at) AS began_at
FROM recordings AS r
LEFT JOIN LATERAL (
  SELECT d.bound_at FROM calls AS d
  WHERE d.site_id = $1 AND d.decision_id = r.decision_id OFFSET 0
) AS b ON true
WHERE
  r.site_id = $1 AND r.agent_key = $3 AND r.doomed_at IS NULL AND r.due_at > $2
ORDER BY began_at, r.recording_id;
