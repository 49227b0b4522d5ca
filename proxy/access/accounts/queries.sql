-- name: claim_attempt(site_id, name, now, waits, forgotten_before)
-- One statement, so that of many at once each is counted. No row: it has to wait.
INSERT INTO sign_in_attempts AS a (site_id, name, failures, failed_at, not_before)
VALUES ($1, $2, 1, $3, $3::timestamptz + ($4::interval[])[1])
ON CONFLICT (site_id, name) DO UPDATE SET
failures = CASE WHEN a.failed_at <= $5 THEN 1 ELSE a.failures + 1 END,
failed_at = $3,
not_before = $3::timestamptz + ($4::interval[])[
  CASE
    WHEN a.failed_at <= $5 THEN 1
    ELSE least(a.failures + 1, cardinality($4::interval[]))
  END
]
WHERE a.not_before <= $3
RETURNING a.failures;

-- name: take_back_attempt(site_id, name, now)
UPDATE sign_in_attempts
SET failures = greatest(failures - 1, 0), not_before = least(not_before, $3)
WHERE site_id = $1 AND name = $2;

-- name: forgive_attempts(site_id, name)
DELETE FROM sign_in_attempts WHERE site_id = $1 AND name = $2;

-- name: lock_code(site_id, code)
-- A person and a machine who are given it at once: one must know of the other.
SELECT pg_advisory_xact_lock(hashtextextended('ponctuel-code-' || $1 || '/' || $2, 0));

-- name: insert_account(site_id, account_id, code, role, agent_key, made_at, made_by)
-- A machine's code is nobody else's either; nor is that of somebody the settings name
-- no more, whose grants whoever has it would get.
INSERT INTO accounts (site_id, account_id, code, role, agent_key, made_at, made_by)
SELECT $1, $2, $3, $4, $5, $6, $7
WHERE
  NOT EXISTS (SELECT FROM api_keys AS k WHERE k.site_id = $1 AND k.code = $3)
  AND NOT EXISTS (SELECT FROM grants AS g WHERE g.site_id = $1 AND g.code = $3)
ON CONFLICT ON CONSTRAINT accounts_one_per_code DO NOTHING RETURNING 1;

-- name: find_account(site_id, code)
SELECT
  a.account_id, a.code, a.role, a.agent_key, a.made_at, a.made_by, a.ended_at,
  a.appointed_by,
  a.password_hash IS NOT NULL AS has_password,
  a.totp_sealed IS NOT NULL AS has_totp
FROM accounts AS a
WHERE a.site_id = $1 AND a.code = $2;

-- name: find_account_by_id(site_id, account_id)
SELECT
  a.account_id, a.code, a.role, a.agent_key, a.made_at, a.made_by, a.ended_at,
  a.appointed_by,
  a.password_hash IS NOT NULL AS has_password,
  a.totp_sealed IS NOT NULL AS has_totp
FROM accounts AS a
WHERE a.site_id = $1 AND a.account_id = $2;

-- name: list_accounts(site_id)
SELECT
  a.account_id, a.code, a.role, a.agent_key, a.made_at, a.made_by, a.ended_at,
  a.appointed_by,
  a.password_hash IS NOT NULL AS has_password,
  a.totp_sealed IS NOT NULL AS has_totp
FROM accounts AS a
WHERE a.site_id = $1 ORDER BY a.code;

-- name: lock_account(site_id, code)
-- Whoever changes an account holds it until they have.
SELECT
  a.account_id, a.code, a.role, a.agent_key, a.made_at, a.made_by, a.ended_at,
  a.appointed_by,
  a.password_hash IS NOT NULL AS has_password,
  a.totp_sealed IS NOT NULL AS has_totp
FROM accounts AS a
WHERE a.site_id = $1 AND a.code = $2 FOR UPDATE;

-- name: end_account(site_id, account_id, now)
UPDATE accounts SET ended_at = $3, password_hash = NULL, totp_sealed = NULL
WHERE site_id = $1 AND account_id = $2;

-- name: appoint(site_id, account_id, by)
UPDATE accounts SET appointed_by = $3
WHERE site_id = $1 AND account_id = $2;

-- name: has_credential(site_id, account_id)
-- Whether somebody has made it theirs: by a password, a passkey or a provider's word.
SELECT
  a.password_hash IS NOT NULL
  OR EXISTS (
    SELECT FROM passkeys AS p WHERE p.site_id = $1 AND p.account_id = $2
  )
  OR EXISTS (
    SELECT FROM oidc_subjects AS s WHERE s.site_id = $1 AND s.account_id = $2
  )
FROM accounts AS a WHERE a.site_id = $1 AND a.account_id = $2;

-- name: lacks_appointment(site_id, code)
SELECT true FROM accounts
WHERE
  site_id = $1 AND code = $2 AND role IN ('dpo', 'agent', 'rights_officer')
  AND appointed_by IS NULL;

-- name: change_role(site_id, account_id, role, agent_key)
UPDATE accounts SET role = $3, agent_key = $4, appointed_by = NULL
WHERE site_id = $1 AND account_id = $2;

-- name: clear_factors(site_id, account_id)
UPDATE accounts
SET password_hash = NULL, totp_sealed = NULL, appointed_by = NULL
WHERE site_id = $1 AND account_id = $2;

-- name: find_password(site_id, code)
SELECT account_id, code, role, password_hash FROM accounts
WHERE site_id = $1 AND code = $2 AND ended_at IS NULL;

-- name: find_password_by_recovery(site_id, code, digest)
SELECT a.account_id, a.code, a.role, a.password_hash FROM accounts AS a
INNER JOIN recovery_codes AS r
  ON a.site_id = r.site_id AND a.account_id = r.account_id
WHERE a.site_id = $1 AND a.code = $2 AND r.digest = $3 AND a.ended_at IS NULL;

-- name: set_password(site_id, account_id, password_hash)
UPDATE accounts SET password_hash = $3
WHERE site_id = $1 AND account_id = $2 AND ended_at IS NULL RETURNING 1;

-- name: renew_hash(site_id, account_id, old_hash, new_hash)
-- Not if it has become another password meanwhile.
UPDATE accounts SET password_hash = $4
WHERE site_id = $1 AND account_id = $2 AND password_hash = $3;

-- name: set_totp(site_id, account_id, totp_sealed, totp_step)
UPDATE accounts SET totp_sealed = $3, totp_step = $4
WHERE site_id = $1 AND account_id = $2 AND ended_at IS NULL RETURNING 1;

-- name: find_totp(site_id, account_id)
SELECT totp_sealed FROM accounts
WHERE site_id = $1 AND account_id = $2 AND ended_at IS NULL;

-- name: use_totp_step(site_id, account_id, step)
-- Each step once: of two who show the same digits, the second finds it used.
UPDATE accounts SET totp_step = $3
WHERE site_id = $1 AND account_id = $2 AND totp_step < $3 AND ended_at IS NULL
RETURNING 1;

-- name: insert_recovery_codes(site_id, account_id, digests)
INSERT INTO recovery_codes (site_id, account_id, digest)
SELECT $1, $2, unnest($3::bytea[]);

-- name: use_recovery_code(site_id, account_id, digest)
DELETE FROM recovery_codes
WHERE site_id = $1 AND account_id = $2 AND digest = $3 RETURNING 1;

-- name: delete_recovery_codes(site_id, account_id)
DELETE FROM recovery_codes WHERE site_id = $1 AND account_id = $2;

-- name: count_recovery_codes(site_id, account_id)
SELECT count(*) FROM recovery_codes WHERE site_id = $1 AND account_id = $2;

-- name: insert_invitation(site_id, account_id, digest, made_at, made_by, until)
INSERT INTO invitations (site_id, account_id, digest, made_at, made_by, until)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: delete_invitation(site_id, account_id)
DELETE FROM invitations WHERE site_id = $1 AND account_id = $2 RETURNING 1;

-- name: find_invitation(site_id, digest, now)
SELECT i.account_id, i.until, a.code, a.role
FROM invitations AS i
INNER JOIN accounts AS a ON i.site_id = a.site_id AND i.account_id = a.account_id
WHERE i.site_id = $1 AND i.digest = $2 AND i.until > $3 AND a.ended_at IS NULL;

-- name: use_invitation(site_id, digest, now)
-- Of two who use it at once, the second waits here and finds it gone.
DELETE FROM invitations
WHERE site_id = $1 AND digest = $2 AND until > $3 RETURNING account_id;

-- name: list_invitations(site_id, now)
SELECT a.code, i.until FROM invitations AS i
INNER JOIN accounts AS a ON i.site_id = a.site_id AND i.account_id = a.account_id
WHERE i.site_id = $1 AND i.until > $2 ORDER BY a.code;

-- name: insert_pending(site_id, digest, account_id, now)
INSERT INTO pending_sign_ins (site_id, digest, account_id, made_at)
VALUES ($1, $2, $3, $4);

-- name: find_pending(site_id, digest, since)
SELECT a.account_id, a.code, a.role FROM pending_sign_ins AS p
INNER JOIN accounts AS a ON p.site_id = a.site_id AND p.account_id = a.account_id
WHERE p.site_id = $1 AND p.digest = $2 AND p.made_at > $3 AND a.ended_at IS NULL;

-- name: use_pending(site_id, digest, since)
DELETE FROM pending_sign_ins
WHERE site_id = $1 AND digest = $2 AND made_at > $3 RETURNING account_id;

-- name: delete_pending_of(site_id, account_id)
DELETE FROM pending_sign_ins WHERE site_id = $1 AND account_id = $2;

-- name: insert_session(site_id, session_id, account_id, digest, now)
-- Of an account that lives: whoever ends it waits, and then ends this too.
INSERT INTO sessions
(site_id, session_id, account_id, digest, made_at, seen_at, factor_at)
SELECT a.site_id, $2, a.account_id, $4, $5, $5, $5 FROM accounts AS a
WHERE a.site_id = $1 AND a.account_id = $3 AND a.ended_at IS NULL
FOR UPDATE
RETURNING 1;

-- name: find_session(site_id, digest, made_after, seen_after)
SELECT
  s.session_id, s.account_id, s.made_at, s.seen_at, s.factor_at,
  a.code, a.role, a.agent_key
FROM sessions AS s
INNER JOIN accounts AS a ON s.site_id = a.site_id AND s.account_id = a.account_id
WHERE
  s.site_id = $1 AND s.digest = $2 AND s.made_at > $3 AND s.seen_at > $4
  AND a.ended_at IS NULL
  AND (
    a.role NOT IN ('dpo', 'agent', 'rights_officer') OR a.appointed_by IS NOT NULL
  );

-- name: touch_session(site_id, session_id, now)
UPDATE sessions SET seen_at = greatest(seen_at, $3)
WHERE site_id = $1 AND session_id = $2;

-- name: hold_session(site_id, account_id, session_id)
SELECT TRUE FROM sessions
WHERE site_id = $1 AND account_id = $2 AND session_id = $3 FOR UPDATE;

-- name: renew_session(site_id, session_id, digest, now, factor_at)
UPDATE sessions SET digest = $3, seen_at = $4, factor_at = coalesce($5, factor_at)
WHERE site_id = $1 AND session_id = $2 RETURNING made_at;

-- name: end_session(site_id, account_id, session_id)
DELETE FROM sessions
WHERE site_id = $1 AND account_id = $2 AND session_id = $3 RETURNING 1;

-- name: end_other_sessions(site_id, account_id, session_id)
DELETE FROM sessions WHERE site_id = $1 AND account_id = $2 AND session_id <> $3;

-- name: end_sessions_of(site_id, account_id)
DELETE FROM sessions WHERE site_id = $1 AND account_id = $2;

-- name: list_sessions(site_id, account_id, made_after, seen_after)
SELECT session_id, made_at, seen_at, factor_at FROM sessions
WHERE site_id = $1 AND account_id = $2 AND made_at > $3 AND seen_at > $4
ORDER BY made_at;

-- name: find_living(site_id, account_id)
SELECT account_id, code, role FROM accounts
WHERE site_id = $1 AND account_id = $2 AND ended_at IS NULL;

-- name: lock_living(site_id, account_id)
SELECT TRUE FROM accounts
WHERE site_id = $1 AND account_id = $2 AND ended_at IS NULL FOR UPDATE;
