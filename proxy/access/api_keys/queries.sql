-- name: insert_key(site_id, key_id, digest, code, role, scopes, until, by, now)
INSERT INTO api_keys (
  site_id, key_id, digest, code, role, scopes, until, made_by, made_at
)
-- A person's code is theirs alone, also after they left.
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
WHERE NOT EXISTS (SELECT FROM accounts AS a WHERE a.site_id = $1 AND a.code = $4)
RETURNING 1;

-- name: find_living_key(site_id, digest, now)
-- By the hash alone, through its index: how long that takes says nothing of a secret.
SELECT key_id, code, role, scopes, last_used_on FROM api_keys
WHERE site_id = $1 AND digest = $2 AND until > $3 AND ended_at IS NULL;

-- name: note_used(site_id, key_id, today)
-- Once a day; whoever was sooner has said it already.
UPDATE api_keys SET last_used_on = $3
WHERE site_id = $1 AND key_id = $2 AND (last_used_on IS NULL OR last_used_on < $3);

-- name: lock_key(site_id, key_id)
SELECT
  key_id, code, role, scopes, until, made_by, made_at, ended_at, ended_by, last_used_on
FROM api_keys WHERE site_id = $1 AND key_id = $2
FOR UPDATE;

-- name: end_key(site_id, key_id, by, now)
UPDATE api_keys SET ended_at = $4, ended_by = $3
WHERE site_id = $1 AND key_id = $2;

-- name: list_keys(site_id)
SELECT
  key_id, code, role, scopes, until, made_by, made_at, ended_at, ended_by, last_used_on
FROM api_keys WHERE site_id = $1
ORDER BY made_at, key_id;
