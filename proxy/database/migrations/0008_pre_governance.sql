-- Policies as people wrote them, on their way into force. A document changes only while
-- it is a draft; `salt` keeps anyone from trying out documents on the published digest.
CREATE TABLE policy_versions (
  site_id text NOT NULL,
  number integer NOT NULL,
  state text NOT NULL,
  document jsonb NOT NULL,
  salt bytea NOT NULL,
  digest bytea NOT NULL,
  author text NOT NULL,
  proposer text,
  approver text,
  approvals smallint NOT NULL DEFAULT 0,
  justification text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  increases text[] NOT NULL DEFAULT '{}',
  simulation jsonb,
  created_at timestamptz NOT NULL,
  proposed_at timestamptz,
  approved_at timestamptz,
  effective_from_epoch bigint,
  version integer,
  from_epoch bigint,
  CONSTRAINT policy_versions_pkey PRIMARY KEY (site_id, number),
  CONSTRAINT policy_versions_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT policy_versions_state_known CHECK (state IN (
    'draft', 'simulated', 'proposed', 'approved', 'scheduled', 'active', 'ended',
    'refused', 'withdrawn'
  )),
  CONSTRAINT policy_versions_hold_by_their_leaf
  CHECK (state NOT IN ('scheduled', 'active', 'ended') OR version IS NOT NULL)
);
ALTER TABLE policy_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON policy_versions
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON policy_versions TO ponctuel_service;

-- Which document each adopted policy has. Null before there were documents.
ALTER TABLE policies ADD COLUMN number integer;

-- Who did, or tried to do, what. Only ever added to.
CREATE TABLE policy_events (
  site_id text NOT NULL,
  place bigint GENERATED ALWAYS AS IDENTITY,
  number integer,
  move text NOT NULL,
  actor text NOT NULL,
  role text NOT NULL,
  at timestamptz NOT NULL,
  is_refused boolean NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}',
  CONSTRAINT policy_events_pkey PRIMARY KEY (site_id, place),
  CONSTRAINT policy_events_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE policy_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON policy_events
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT ON policy_events TO ponctuel_service;

-- The policy of the settings file as it was last seen: only a change of it counts.
CREATE TABLE policy_files (
  site_id text NOT NULL,
  digest bytea NOT NULL,
  seen_at timestamptz NOT NULL,
  refused text[] NOT NULL,
  CONSTRAINT policy_files_pkey PRIMARY KEY (site_id),
  CONSTRAINT policy_files_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE policy_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON policy_files
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON policy_files TO ponctuel_service;

-- Who has said that the breaker may close: it takes an operator and a DPO.
CREATE TABLE breaker_confirmations (
  site_id text NOT NULL,
  role text NOT NULL,
  actor text NOT NULL,
  confirmed_at timestamptz NOT NULL,
  CONSTRAINT breaker_confirmations_pkey PRIMARY KEY (site_id, role),
  CONSTRAINT breaker_confirmations_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE breaker_confirmations ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON breaker_confirmations
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON breaker_confirmations TO ponctuel_service;

-- Stops to be taken back in a later epoch than the one they were spoken of in.
CREATE TABLE resumptions (
  site_id text NOT NULL,
  party text NOT NULL,
  asked_epoch bigint NOT NULL,
  asked_by text NOT NULL,
  asked_at timestamptz NOT NULL,
  CONSTRAINT resumptions_pkey PRIMARY KEY (site_id, party),
  CONSTRAINT resumptions_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE resumptions ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON resumptions
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON resumptions TO ponctuel_service;
