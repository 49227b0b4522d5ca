-- name: insert_challenge(site_id, digest, kind, bound_to, account_id, user_handle, now)
INSERT INTO passkey_challenges
(site_id, digest, kind, bound_to, account_id, user_handle, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: delete_old_challenges(site_id, before, most)
-- The latest stay, so that a flood of strangers' cannot fill the table; it takes nothing
-- from somebody who has shown who they are.
WITH last_kept AS (
  SELECT c.made_at FROM passkey_challenges AS c
  WHERE c.site_id = $1 AND c.kind = 'alone'
  ORDER BY c.made_at DESC OFFSET $3 LIMIT 1
)
DELETE FROM passkey_challenges
WHERE
  site_id = $1
  AND (
    made_at <= $2
    OR (kind = 'alone' AND made_at <= (SELECT last_kept.made_at FROM last_kept))
  );

-- name: use_challenge(site_id, digest, kind, bound_to, since)
-- Used by being asked for: of two who show the same, the second finds nothing.
DELETE FROM passkey_challenges
WHERE site_id = $1 AND digest = $2 AND kind = $3 AND bound_to = $4 AND made_at > $5
RETURNING account_id, user_handle;

-- name: list_passkeys(site_id, account_id)
SELECT
  passkey_id, account_id, credential_id, public_key, user_handle, sign_count,
  is_synced, made_at, used_at, doubted_at
FROM passkeys WHERE site_id = $1 AND account_id = $2 ORDER BY made_at, passkey_id;

-- name: find_passkey(site_id, credential_id)
-- Of an account that lives.
SELECT
  p.passkey_id, p.account_id, p.credential_id, p.public_key, p.user_handle,
  p.sign_count, p.is_synced, p.made_at, p.used_at, p.doubted_at, a.code, a.role
FROM passkeys AS p
INNER JOIN accounts AS a ON p.site_id = a.site_id AND p.account_id = a.account_id
WHERE p.site_id = $1 AND p.credential_id = $2 AND a.ended_at IS NULL;

-- name: insert_passkey(site_id, passkey_id, account_id, credential_id, public_key, user_handle, sign_count, is_synced, now)
INSERT INTO passkeys (
  site_id, passkey_id, account_id, credential_id, public_key, user_handle,
  sign_count, is_synced, made_at, used_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
ON CONFLICT ON CONSTRAINT passkeys_one_per_credential DO NOTHING RETURNING 1;

-- name: use_passkey(site_id, passkey_id, sign_count, now)
-- A counter goes up each time, or stays 0 for ever (Web Authentication 6.1.1). Compared
-- here, so that of two who show the same count the second is refused.
UPDATE passkeys SET sign_count = $3, used_at = $4
WHERE
  site_id = $1 AND passkey_id = $2 AND doubted_at IS NULL
  AND (sign_count < $3 OR (sign_count = 0 AND $3 = 0))
RETURNING 1;

-- name: holds_passkey(site_id, account_id, passkey_id)
SELECT 1 FROM passkeys
WHERE
  site_id = $1 AND account_id = $2 AND passkey_id = $3 AND doubted_at IS NULL;

-- name: doubt_passkey(site_id, passkey_id, now)
UPDATE passkeys SET doubted_at = coalesce(doubted_at, $3)
WHERE site_id = $1 AND passkey_id = $2;

-- name: delete_passkey(site_id, account_id, passkey_id)
DELETE FROM passkeys
WHERE site_id = $1 AND account_id = $2 AND passkey_id = $3 RETURNING 1;

-- name: delete_passkeys_of(site_id, account_id)
DELETE FROM passkeys WHERE site_id = $1 AND account_id = $2;

-- name: find_halfway(site_id, digest, since)
SELECT p.account_id FROM pending_sign_ins AS p
INNER JOIN accounts AS a ON p.site_id = a.site_id AND p.account_id = a.account_id
WHERE p.site_id = $1 AND p.digest = $2 AND p.made_at > $3 AND a.ended_at IS NULL;
