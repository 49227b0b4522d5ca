-- A recording that was seen, by the platform's word or by its audio, of a call that the
-- monitors must judge by it. `draw_seq` is null when no call was bound under that name;
-- then, or if it came too late for its call (adrift), it counts at `noted_seq`, where the
-- ledger had been judged or ended when it was seen.
CREATE TABLE recording_flags (
  site_id text NOT NULL,
  flag_key bytea NOT NULL,
  draw_seq bigint,
  noted_seq bigint NOT NULL,
  source text NOT NULL,
  seen_at timestamptz NOT NULL,
  is_counted boolean NOT NULL DEFAULT false,
  is_adrift boolean NOT NULL DEFAULT false,
  CONSTRAINT recording_flags_pkey PRIMARY KEY (site_id, flag_key),
  CONSTRAINT recording_flags_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT recording_flags_source_known
  CHECK (source IN ('started', 'available', 'upload', 'cdr', 'inventory'))
);
CREATE INDEX recording_flags_to_count ON recording_flags (site_id, noted_seq)
WHERE NOT is_counted;
ALTER TABLE recording_flags ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON recording_flags
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON recording_flags TO ponctuel_service;

-- Who took a call, under a keyed name, for the few days in which the monitors may have to
-- look at the call again.
CREATE TABLE call_agents (
  site_id text NOT NULL,
  draw_seq bigint NOT NULL,
  agent_key bytea NOT NULL,
  noted_at timestamptz NOT NULL,
  CONSTRAINT call_agents_pkey PRIMARY KEY (site_id, draw_seq),
  CONSTRAINT call_agents_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE call_agents ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON call_agents
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON call_agents TO ponctuel_service;

-- The monitors' state up to `position` in the ledger. The row with the slot 'now' moves;
-- its lock is what keeps two replicas from counting a call twice. The others, one a day,
-- are what a recording that comes to light later is counted from.
CREATE TABLE monitor_states (
  site_id text NOT NULL,
  slot text NOT NULL,
  position bigint NOT NULL,
  version integer NOT NULL,
  state jsonb NOT NULL,
  figures jsonb NOT NULL DEFAULT '[]',
  alarms jsonb NOT NULL DEFAULT '{}',
  CONSTRAINT monitor_states_pkey PRIMARY KEY (site_id, slot),
  CONSTRAINT monitor_states_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE monitor_states ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON monitor_states
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON monitor_states TO ponctuel_service;

-- What the DPO decided about an alarm. `position` is where the monitor began anew.
CREATE TABLE monitor_decisions (
  site_id text NOT NULL,
  seq bigint NOT NULL,
  monitor text NOT NULL,
  actor text NOT NULL,
  decision text NOT NULL,
  decided_at timestamptz NOT NULL,
  position bigint,
  CONSTRAINT monitor_decisions_pkey PRIMARY KEY (site_id, seq),
  CONSTRAINT monitor_decisions_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE monitor_decisions ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON monitor_decisions
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON monitor_decisions TO ponctuel_service;

-- Why the breaker opened, for each of its leaves.
CREATE TABLE breaker_openings (
  site_id text NOT NULL,
  seq bigint NOT NULL,
  causes text[] NOT NULL,
  opened_at timestamptz NOT NULL,
  CONSTRAINT breaker_openings_pkey PRIMARY KEY (site_id, seq),
  CONSTRAINT breaker_openings_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT breaker_openings_causes_known CHECK (causes <@ ARRAY['sr', 'binomial'])
);
ALTER TABLE breaker_openings ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON breaker_openings
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON breaker_openings TO ponctuel_service;
