-- People with an account of their own, by an opaque code that nobody else ever has.
-- Of what they show there is nothing here that would let anybody in: passwords under
-- argon2id, TOTP secrets sealed by a key outside the database, of everything random its
-- SHA-256. Who has ended keeps a code, and nothing to sign in with.
CREATE TABLE accounts (
  site_id text NOT NULL,
  account_id uuid NOT NULL,
  code text NOT NULL,
  role text NOT NULL,
  agent_key bytea,
  password_hash text,
  totp_sealed bytea,
  totp_step bigint NOT NULL DEFAULT 0,
  made_at timestamptz NOT NULL,
  made_by text NOT NULL,
  ended_at timestamptz,
  CONSTRAINT accounts_pkey PRIMARY KEY (site_id, account_id),
  CONSTRAINT accounts_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT accounts_one_per_code UNIQUE (site_id, code),
  CONSTRAINT accounts_agent CHECK ((role = 'agent') = (agent_key IS NOT NULL)),
  CONSTRAINT accounts_argon2id CHECK (password_hash LIKE '$argon2id$%'),
  CONSTRAINT accounts_sealed CHECK (octet_length(totp_sealed) = 40),
  CONSTRAINT accounts_ended CHECK (
    ended_at IS NULL OR (password_hash IS NULL AND totp_sealed IS NULL)
  )
);
CREATE INDEX accounts_by_end ON accounts (site_id, ended_at)
WHERE ended_at IS NOT NULL;
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON accounts
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts TO ponctuel_service;
CREATE POLICY only_what_is_over ON accounts AS RESTRICTIVE FOR DELETE
USING (ended_at IS NOT NULL);

-- What is used once is deleted by being used.
CREATE TABLE recovery_codes (
  site_id text NOT NULL,
  account_id uuid NOT NULL,
  digest bytea NOT NULL,
  CONSTRAINT recovery_codes_pkey PRIMARY KEY (site_id, account_id, digest),
  CONSTRAINT recovery_codes_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT recovery_codes_digest CHECK (octet_length(digest) = 32)
);
ALTER TABLE recovery_codes ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON recovery_codes
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON recovery_codes TO ponctuel_service;

CREATE TABLE invitations (
  site_id text NOT NULL,
  account_id uuid NOT NULL,
  digest bytea NOT NULL,
  totp_sealed bytea NOT NULL,
  made_at timestamptz NOT NULL,
  made_by text NOT NULL,
  until timestamptz NOT NULL,
  CONSTRAINT invitations_pkey PRIMARY KEY (site_id, account_id),
  CONSTRAINT invitations_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT invitations_once UNIQUE (site_id, digest),
  CONSTRAINT invitations_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT invitations_sealed CHECK (octet_length(totp_sealed) = 40),
  CONSTRAINT invitations_end CHECK (until <= made_at + interval '72 hours')
);
CREATE INDEX invitations_by_time ON invitations (site_id, made_at);
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON invitations
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON invitations TO ponctuel_service;

-- Between password and second factor; good for nothing else.
CREATE TABLE pending_sign_ins (
  site_id text NOT NULL,
  digest bytea NOT NULL,
  account_id uuid NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT pending_sign_ins_pkey PRIMARY KEY (site_id, digest),
  CONSTRAINT pending_sign_ins_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT pending_sign_ins_digest CHECK (octet_length(digest) = 32)
);
CREATE INDEX pending_sign_ins_by_account ON pending_sign_ins (site_id, account_id);
CREATE INDEX pending_sign_ins_by_time ON pending_sign_ins (site_id, made_at);
ALTER TABLE pending_sign_ins ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON pending_sign_ins
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON pending_sign_ins TO ponctuel_service;

CREATE TABLE sessions (
  site_id text NOT NULL,
  session_id uuid NOT NULL,
  account_id uuid NOT NULL,
  digest bytea NOT NULL,
  made_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  factor_at timestamptz NOT NULL,
  CONSTRAINT sessions_pkey PRIMARY KEY (site_id, session_id),
  CONSTRAINT sessions_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT sessions_once UNIQUE (site_id, digest),
  CONSTRAINT sessions_digest CHECK (octet_length(digest) = 32)
);
CREATE INDEX sessions_by_account ON sessions (site_id, account_id);
CREATE INDEX sessions_by_time ON sessions (site_id, made_at);
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON sessions
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO ponctuel_service;

-- How often a code was tried in vain, by a keyed name and whether there is such a code
-- or not: nobody learns it by being counted, or by not being.
CREATE TABLE sign_in_attempts (
  site_id text NOT NULL,
  name bytea NOT NULL,
  failures integer NOT NULL,
  failed_at timestamptz NOT NULL,
  not_before timestamptz NOT NULL,
  CONSTRAINT sign_in_attempts_pkey PRIMARY KEY (site_id, name),
  CONSTRAINT sign_in_attempts_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
CREATE INDEX sign_in_attempts_by_time ON sign_in_attempts (site_id, failed_at);
ALTER TABLE sign_in_attempts ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON sign_in_attempts
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempts TO ponctuel_service;
