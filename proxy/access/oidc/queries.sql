-- name: delete_old_states(site_id, before, most)
-- The latest stay, so that a flood of strangers' cannot fill the table; it takes nothing
-- from somebody who is signed in.
WITH last_kept AS (
  SELECT s.made_at FROM oidc_states AS s
  WHERE s.site_id = $1 AND s.purpose = 'sign-in'
  ORDER BY s.made_at DESC OFFSET $3 LIMIT 1
)
DELETE FROM oidc_states
WHERE
  site_id = $1
  AND (
    made_at <= $2
    OR (
      purpose = 'sign-in'
      AND made_at <= (SELECT last_kept.made_at FROM last_kept)
    )
  );

-- name: delete_tie(site_id, account_id, service)
-- Not that of an account the provider made: it is who that is, and nobody else's.
DELETE FROM oidc_subjects AS s USING accounts AS a
WHERE
  s.site_id = $1 AND s.account_id = $2
  AND a.site_id = s.site_id AND a.account_id = s.account_id AND a.made_by <> $3;

-- name: insert_state(site_id, digest, purpose, session_id, now)
INSERT INTO oidc_states (site_id, digest, purpose, session_id, made_at)
VALUES ($1, $2, $3, $4, $5);

-- name: use_state(site_id, digest, since)
-- Used by being asked for: of two who show the same, the second finds nothing.
DELETE FROM oidc_states WHERE site_id = $1 AND digest = $2 AND made_at > $3
RETURNING purpose, session_id, made_at;

-- name: find_subject(site_id, subject)
SELECT a.account_id, a.code, a.role, a.ended_at FROM oidc_subjects AS s
INNER JOIN accounts AS a ON s.site_id = a.site_id AND s.account_id = a.account_id
WHERE s.site_id = $1 AND s.subject = $2;

-- name: insert_subject(site_id, subject, account_id, now)
INSERT INTO oidc_subjects (site_id, subject, account_id, made_at)
VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING 1;

-- name: holds_subject(site_id, subject, account_id, role)
-- Whether nobody has changed it since it was looked up.
SELECT 1 FROM oidc_subjects AS s
INNER JOIN accounts AS a ON s.site_id = a.site_id AND s.account_id = a.account_id
WHERE
  s.site_id = $1 AND s.subject = $2 AND a.account_id = $3 AND a.role = $4
  AND a.ended_at IS NULL;

-- name: insert_halfway(site_id, digest, account_id, now)
INSERT INTO pending_sign_ins (site_id, digest, account_id, made_at)
SELECT a.site_id, $2, a.account_id, $4 FROM accounts AS a
WHERE a.site_id = $1 AND a.account_id = $3 AND a.ended_at IS NULL RETURNING 1;

-- name: date_factor(site_id, session_id, factor_at)
UPDATE sessions SET factor_at = least(factor_at, $3)
WHERE site_id = $1 AND session_id = $2;
