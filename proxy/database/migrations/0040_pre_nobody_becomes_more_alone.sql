-- Whoever hears somebody, or answers requests, is said to be so by a data protection
-- officer: an administrator alone makes no agent and no rights officer either.
ALTER TABLE accounts DROP CONSTRAINT accounts_appointed;
ALTER TABLE accounts ADD CONSTRAINT accounts_appointed CHECK (
  appointed_by IS NULL OR role IN ('dpo', 'agent', 'rights_officer')
);
-- Of two accounts for one agent the older stays the agent's. The younger is nobody's: it
-- lets nobody in, and reaches nothing, until somebody says whose it is.
UPDATE accounts AS a SET agent_key = sha256(a.account_id::text::bytea)
WHERE
  a.ended_at IS NULL AND EXISTS (
    SELECT FROM accounts AS o
    WHERE
      o.site_id = a.site_id AND o.agent_key = a.agent_key AND o.ended_at IS NULL
      AND (o.made_at, o.account_id) < (a.made_at, a.account_id)
  );
-- Those who work with an account of before go on: nobody is shut out by an upgrade.
UPDATE accounts AS a SET appointed_by = 'upgrade'
WHERE
  a.ended_at IS NULL AND a.role IN ('agent', 'rights_officer')
  AND a.agent_key IS DISTINCT FROM sha256(a.account_id::text::bytea)
  AND (
    a.password_hash IS NOT NULL
    OR EXISTS (
      SELECT FROM passkeys AS p
      WHERE p.site_id = a.site_id AND p.account_id = a.account_id
    )
    OR EXISTS (
      SELECT FROM oidc_subjects AS s
      WHERE s.site_id = a.site_id AND s.account_id = a.account_id
    )
  );
CREATE UNIQUE INDEX accounts_one_per_agent ON accounts (site_id, agent_key)
WHERE ended_at IS NULL;

-- An authenticator's secret is made when an invitation is opened, and kept once its
-- owner has shown digits of it: before that it is in no table.
ALTER TABLE invitations DROP COLUMN totp_sealed;

-- The need of somebody who left, or became something else, is over.
UPDATE grants AS g SET ended_at = now(), ended_by = 'upgrade'
FROM accounts AS a
WHERE
  a.site_id = g.site_id AND a.code = g.code AND g.ended_at IS NULL AND g.until > now()
  AND (a.ended_at IS NOT NULL OR a.role <> 'trainer');
