-- name: lock_glass_of(site_id, actor)
-- Of two uses of one person at once, the second sees the first.
SELECT pg_advisory_xact_lock(hashtextextended('ponctuel-glass-' || $1 || '-' || $2, 0));

-- name: is_there(site_id, recording_id)
SELECT EXISTS (
  SELECT FROM recordings WHERE site_id = $1 AND recording_id = $2
);

-- name: insert_use(site_id, use_id, alert_id, actor, role, recording_id, reason, now, until)
INSERT INTO glass_uses (
  site_id, use_id, alert_id, actor, role, recording_id, reason, used_at, until
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: find_open_of(site_id, actor, now)
SELECT
  use_id, alert_id, actor, role, recording_id, reason, used_at, until, reviewed_at,
  reviewed_by, outcome
FROM glass_uses WHERE site_id = $1 AND actor = $2 AND used_at <= $3 AND until > $3;

-- name: find_use(site_id, use_id)
SELECT
  use_id, alert_id, actor, role, recording_id, reason, used_at, until, reviewed_at,
  reviewed_by, outcome
FROM glass_uses WHERE site_id = $1 AND use_id = $2;

-- name: lock_use(site_id, use_id)
SELECT
  use_id, alert_id, actor, role, recording_id, reason, used_at, until, reviewed_at,
  reviewed_by, outcome
FROM glass_uses WHERE site_id = $1 AND use_id = $2 FOR UPDATE;

-- name: review_use(site_id, use_id, now, actor, outcome)
UPDATE glass_uses SET reviewed_at = $3, reviewed_by = $4, outcome = $5
WHERE site_id = $1 AND use_id = $2;

-- name: list_uses(site_id, after, after_id, limit)
SELECT
  use_id, alert_id, actor, role, recording_id, reason, used_at, until, reviewed_at,
  reviewed_by, outcome
FROM glass_uses WHERE site_id = $1 AND (used_at, use_id) > ($2, $3)
ORDER BY used_at, use_id LIMIT $4;

-- name: list_newest_uses(site_id, limit)
SELECT
  use_id, alert_id, actor, role, recording_id, reason, used_at, until, reviewed_at,
  reviewed_by, outcome
FROM glass_uses WHERE site_id = $1 ORDER BY used_at DESC, use_id DESC LIMIT $2;

-- name: is_suspended(site_id, actor, used_before)
SELECT EXISTS (
  SELECT FROM glass_uses
  WHERE site_id = $1 AND actor = $2 AND used_at <= $3 AND reviewed_at IS NULL
);

-- name: count_unreviewed(site_id)
SELECT count(*) FROM glass_uses WHERE site_id = $1 AND reviewed_at IS NULL;

-- name: list_outcomes(site_id, alert_id)
SELECT outcome FROM glass_uses WHERE site_id = $1 AND alert_id = $2;
