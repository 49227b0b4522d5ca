-- name: open_alert(site_id, alert_id, rule, actor, day, is_severe, now, seen, first_seq, last_seq)
-- Once for a person, a rule and a day while nobody has decided; it grows.
INSERT INTO access_alerts AS a (
  site_id, alert_id, rule, actor, day, is_severe, opened_at, seen, first_seq, last_seq
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (site_id, actor, rule, day) WHERE decided_at IS NULL DO UPDATE
SET
  seen = greatest(a.seen, excluded.seen), first_seq = least(a.first_seq, excluded.first_seq),
  last_seq = greatest(a.last_seq, excluded.last_seq)
RETURNING alert_id, alert_id = $2 AS is_new;

-- name: decide_alert(site_id, alert_id, now, actor, decision, note)
UPDATE access_alerts SET decided_at = $3, decided_by = $4, decision = $5, note = $6
WHERE site_id = $1 AND alert_id = $2;

-- name: find_alert(site_id, alert_id)
SELECT
  alert_id, rule, actor, day, is_severe, opened_at, seen, first_seq, last_seq,
  decided_at, decided_by, decision, note
FROM access_alerts WHERE site_id = $1 AND alert_id = $2;

-- name: lock_alert(site_id, alert_id)
SELECT
  alert_id, rule, actor, day, is_severe, opened_at, seen, first_seq, last_seq,
  decided_at, decided_by, decision, note
FROM access_alerts WHERE site_id = $1 AND alert_id = $2 FOR UPDATE;

-- name: list_alerts(site_id, after, after_id, limit, are_open)
SELECT
  alert_id, rule, actor, day, is_severe, opened_at, seen, first_seq, last_seq,
  decided_at, decided_by, decision, note
FROM access_alerts
WHERE
  site_id = $1 AND (opened_at, alert_id) > ($2, $3)
  AND (decided_at IS NULL OR NOT $5::boolean)
ORDER BY opened_at, alert_id LIMIT $4;

-- name: list_newest_alerts(site_id, before, before_id, limit, are_open)
-- Before nothing, the newest of all.
SELECT
  alert_id, rule, actor, day, is_severe, opened_at, seen, first_seq, last_seq,
  decided_at, decided_by, decision, note
FROM access_alerts
WHERE
  site_id = $1
  AND ($2::timestamptz IS NULL OR (opened_at, alert_id) < ($2, $3::uuid))
  AND (decided_at IS NULL OR NOT $5::boolean)
ORDER BY opened_at DESC, alert_id DESC LIMIT $4;

-- name: list_alerts_of(site_id, since, until)
SELECT
  alert_id, rule, actor, day, is_severe, opened_at, seen, first_seq, last_seq,
  decided_at, decided_by, decision, note
FROM access_alerts WHERE site_id = $1 AND opened_at >= $2 AND opened_at < $3
ORDER BY opened_at, alert_id;

-- name: count_open_alerts(site_id)
SELECT count(*) FROM access_alerts WHERE site_id = $1 AND decided_at IS NULL;

-- name: read_decided(site_id)
-- Up to which line somebody has decided already, for a person and a rule.
SELECT actor, rule, max(last_seq) AS last_seq FROM access_alerts
WHERE site_id = $1 AND decided_at IS NOT NULL GROUP BY actor, rule;

-- name: read_lines(site_id, since)
-- What is looked at, with what is known of the recording while it is there. What was
-- broken open is played for half an hour: that it was must not be left out before it. Of
-- what was viewed the analyses, and searches for a person's recordings: to look at the
-- trace is to watch, not to listen. Of requests what rests on an officer's word alone.
SELECT
  e.seq, e.at, e.act, e.actor, e.role, e.item, r.campaign, r.practice,
  r.agent_key, coalesce(e.body::jsonb ->> 'purpose', '') AS purpose,
  coalesce(e.body::jsonb ->> 'about', '') AS about
FROM access_entries AS e
LEFT JOIN recordings AS r ON r.site_id = e.site_id AND r.recording_id = e.item
WHERE
  e.site_id = $1 AND e.at >= $2::timestamptz - interval '30 minutes'
  AND (e.at >= $2 OR e.act = 'glass-broken')
  AND (
    e.act IN ('play', 'heard', 'refused', 'sign-in-failed', 'glass-broken')
    OR (
      e.act = 'viewed' AND (
        e.body::jsonb ->> 'about' = 'analysis'
        OR starts_with(e.body::jsonb ->> 'about', 'find-by-')
      )
    )
    OR (
      e.act = 'request' AND e.body::jsonb ->> 'purpose' IN (
        'code-handed-over', 'proved-otherwise', 'proved-by-document'
      )
    )
  )
ORDER BY e.seq;

-- name: count_recordings_of_agents(site_id)
-- What there is to choose from.
SELECT practice, agent_key, count(*) AS recordings FROM recordings
WHERE site_id = $1 AND agent_key IS NOT NULL GROUP BY practice, agent_key;

-- name: read_days(site_id, since, zone)
-- How many recordings each played on each day they played any, by the clock on the wall.
SELECT e.role, e.actor, count(*) AS plays FROM access_entries AS e
WHERE e.site_id = $1 AND e.at >= $2 AND e.act = 'play'
GROUP BY e.role, e.actor, (e.at AT TIME ZONE $3)::date;
