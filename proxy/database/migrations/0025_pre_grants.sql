-- Which recordings somebody may reach, until when, and who said so. Nothing of it can be
-- made longer: what the service may change is how it ended, and who looked at it since.
CREATE TABLE grants (
  site_id text NOT NULL,
  grant_id uuid NOT NULL,
  code text NOT NULL,
  practice text,
  campaign text,
  until timestamptz NOT NULL,
  given_by text NOT NULL,
  given_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_by text,
  reviewed_at timestamptz,
  reviewed_by text,
  CONSTRAINT grants_pkey PRIMARY KEY (site_id, grant_id),
  CONSTRAINT grants_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT grants_end CHECK (
    until > given_at AND until <= given_at + interval '90 days'
  ),
  CONSTRAINT grants_by_another CHECK (given_by <> code),
  CONSTRAINT grants_ended_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
  CONSTRAINT grants_reviewed_by_somebody CHECK (
    (reviewed_at IS NULL) = (reviewed_by IS NULL)
  )
);
CREATE INDEX grants_by_code ON grants (site_id, code, until);
CREATE INDEX grants_by_end ON grants (site_id, until);
ALTER TABLE grants ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON grants
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON grants TO ponctuel_service;
GRANT UPDATE (ended_at, ended_by, reviewed_at, reviewed_by) ON grants
TO ponctuel_service;

-- Keys of machines. Of a key only its SHA-256 is here.
CREATE TABLE api_keys (
  site_id text NOT NULL,
  key_id uuid NOT NULL,
  digest bytea NOT NULL,
  code text NOT NULL,
  role text NOT NULL,
  scopes text[] NOT NULL,
  until timestamptz NOT NULL,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_by text,
  last_used_on date,
  CONSTRAINT api_keys_pkey PRIMARY KEY (site_id, key_id),
  CONSTRAINT api_keys_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT api_keys_once UNIQUE (site_id, digest),
  CONSTRAINT api_keys_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT api_keys_for_something CHECK (cardinality(scopes) > 0),
  CONSTRAINT api_keys_end CHECK (
    until > made_at AND until <= made_at + interval '365 days'
  ),
  CONSTRAINT api_keys_ended_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX api_keys_by_end ON api_keys (site_id, until);
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON api_keys
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON api_keys TO ponctuel_service;
GRANT UPDATE (ended_at, ended_by, last_used_on) ON api_keys TO ponctuel_service;

-- Each quarter somebody looks at who may what, and signs it. `document` is what there was
-- to see; its salted digest is in the ledger, at `seq`.
CREATE TABLE habilitation_reviews (
  site_id text NOT NULL,
  seq bigint NOT NULL,
  signed_at timestamptz NOT NULL,
  signed_by text NOT NULL,
  document jsonb NOT NULL,
  salt bytea NOT NULL,
  digest bytea NOT NULL,
  CONSTRAINT habilitation_reviews_pkey PRIMARY KEY (site_id, seq),
  CONSTRAINT habilitation_reviews_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
CREATE INDEX habilitation_reviews_by_time ON habilitation_reviews (site_id, signed_at);
ALTER TABLE habilitation_reviews ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON habilitation_reviews
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON habilitation_reviews TO ponctuel_service;
