-- name: list_holding(site_id, code, now)
-- What was ended early, or is over, is nothing any more from that moment on.
SELECT practice, campaign, until FROM grants
WHERE site_id = $1 AND code = $2 AND given_at <= $3 AND until > $3 AND ended_at IS NULL
ORDER BY until, grant_id;

-- name: insert_grant(site_id, grant_id, code, practice, campaign, until, by, now)
INSERT INTO grants (
  site_id, grant_id, code, practice, campaign, until, given_by, given_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: find_grant(site_id, grant_id)
SELECT
  grant_id, code, practice, campaign, until, given_by, given_at, ended_at, ended_by,
  reviewed_at, reviewed_by
FROM grants WHERE site_id = $1 AND grant_id = $2;

-- name: lock_grant(site_id, grant_id)
SELECT
  grant_id, code, practice, campaign, until, given_by, given_at, ended_at, ended_by,
  reviewed_at, reviewed_by
FROM grants WHERE site_id = $1 AND grant_id = $2
FOR UPDATE;

-- name: end_grant(site_id, grant_id, by, now)
UPDATE grants SET ended_at = $4, ended_by = $3
WHERE site_id = $1 AND grant_id = $2;

-- name: end_grants_of(site_id, code, by, now)
UPDATE grants SET ended_at = $4, ended_by = $3
WHERE site_id = $1 AND code = $2 AND until > $4 AND ended_at IS NULL
RETURNING grant_id;

-- name: confirm_grant(site_id, grant_id, by, now)
UPDATE grants SET reviewed_at = $4, reviewed_by = $3
WHERE site_id = $1 AND grant_id = $2;

-- name: list_grants(site_id, after, after_id, limit)
SELECT
  grant_id, code, practice, campaign, until, given_by, given_at, ended_at, ended_by,
  reviewed_at, reviewed_by
FROM grants
WHERE site_id = $1 AND (given_at, grant_id) > ($2, $3)
ORDER BY given_at, grant_id LIMIT $4;
