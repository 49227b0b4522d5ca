-- Other ways to show who one is. A passkey's public key lets nobody in; a challenge is
-- there by its SHA-256 only, and good once.
CREATE TABLE passkeys (
  site_id text NOT NULL,
  passkey_id uuid NOT NULL,
  account_id uuid NOT NULL,
  credential_id bytea NOT NULL,
  public_key bytea NOT NULL,
  user_handle bytea NOT NULL,
  sign_count bigint NOT NULL,
  is_synced boolean NOT NULL,
  made_at timestamptz NOT NULL,
  used_at timestamptz NOT NULL,
  doubted_at timestamptz,
  CONSTRAINT passkeys_pkey PRIMARY KEY (site_id, passkey_id),
  CONSTRAINT passkeys_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT passkeys_one_per_credential UNIQUE (site_id, credential_id),
  CONSTRAINT passkeys_credential CHECK (octet_length(credential_id) <= 1023),
  CONSTRAINT passkeys_handle CHECK (octet_length(user_handle) = 32)
);
CREATE INDEX passkeys_by_account ON passkeys (site_id, account_id);
ALTER TABLE passkeys ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON passkeys
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON passkeys TO ponctuel_service;

CREATE TABLE passkey_challenges (
  site_id text NOT NULL,
  digest bytea NOT NULL,
  kind text NOT NULL,
  bound_to bytea NOT NULL,
  account_id uuid,
  user_handle bytea,
  made_at timestamptz NOT NULL,
  CONSTRAINT passkey_challenges_pkey PRIMARY KEY (site_id, digest),
  CONSTRAINT passkey_challenges_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT passkey_challenges_digest CHECK (
    octet_length(digest) = 32 AND octet_length(bound_to) = 32
  ),
  CONSTRAINT passkey_challenges_kind CHECK (
    kind IN ('registration', 'second', 'alone', 'again')
    AND (kind = 'alone') = (account_id IS NULL)
    AND (kind = 'registration') = (user_handle IS NOT NULL)
  )
);
CREATE INDEX passkey_challenges_by_account ON passkey_challenges (site_id, account_id);
CREATE INDEX passkey_challenges_by_time ON passkey_challenges (site_id, made_at);
ALTER TABLE passkey_challenges ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON passkey_challenges
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON passkey_challenges TO ponctuel_service;

-- Sign-ins under way at an identity provider. What the browser and the provider were told
-- follows from the browser's secret and a key that is not here.
CREATE TABLE oidc_states (
  site_id text NOT NULL,
  digest bytea NOT NULL,
  purpose text NOT NULL,
  session_id uuid,
  made_at timestamptz NOT NULL,
  CONSTRAINT oidc_states_pkey PRIMARY KEY (site_id, digest),
  CONSTRAINT oidc_states_session FOREIGN KEY (site_id, session_id)
  REFERENCES sessions (site_id, session_id) ON DELETE CASCADE,
  CONSTRAINT oidc_states_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT oidc_states_purpose CHECK (
    purpose IN ('sign-in', 'link', 'again')
    AND (purpose = 'sign-in') = (session_id IS NULL)
  )
);
CREATE INDEX oidc_states_by_session ON oidc_states (site_id, session_id);
CREATE INDEX oidc_states_by_time ON oidc_states (site_id, made_at);
ALTER TABLE oidc_states ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON oidc_states
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON oidc_states TO ponctuel_service;

-- Whose account it is, by a keyed hash of what the provider calls them.
CREATE TABLE oidc_subjects (
  site_id text NOT NULL,
  subject bytea NOT NULL,
  account_id uuid NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT oidc_subjects_pkey PRIMARY KEY (site_id, subject),
  CONSTRAINT oidc_subjects_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT oidc_subjects_one_per_account UNIQUE (site_id, account_id),
  CONSTRAINT oidc_subjects_subject CHECK (octet_length(subject) = 32)
);
ALTER TABLE oidc_subjects ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON oidc_subjects
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON oidc_subjects TO ponctuel_service;
