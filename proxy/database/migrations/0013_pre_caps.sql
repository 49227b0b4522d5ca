-- How many calls each agent had on each of the last days, the newest first, down from
-- `day`: what the caps on agents go by. Under a keyed name; days since 1970-01-01.
CREATE TABLE agent_days (
  site_id text NOT NULL,
  agent_key bytea NOT NULL,
  day integer NOT NULL,
  seen integer[] NOT NULL,
  CONSTRAINT agent_days_pkey PRIMARY KEY (site_id, agent_key),
  CONSTRAINT agent_days_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE agent_days ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON agent_days
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON agent_days TO ponctuel_service;

-- Calls drawn to be recorded, of each agent who takes part in them.
CREATE TABLE agent_draws (
  site_id text NOT NULL,
  agent_key bytea NOT NULL,
  decision_id uuid NOT NULL,
  day integer NOT NULL,
  CONSTRAINT agent_draws_pkey PRIMARY KEY (site_id, agent_key, decision_id),
  CONSTRAINT agent_draws_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE agent_draws ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON agent_draws
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON agent_draws TO ponctuel_service;

-- Callers of whom there is a recording, or a draw that may become one, under a name of
-- the month the call was drawn in. A row goes with the recording, or the failed draw.
CREATE TABLE recorded_callers (
  site_id text NOT NULL,
  caller_key bytea NOT NULL,
  decision_id uuid NOT NULL,
  CONSTRAINT recorded_callers_pkey PRIMARY KEY (site_id, caller_key),
  CONSTRAINT recorded_callers_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT recorded_callers_of_decision UNIQUE (site_id, decision_id)
);
ALTER TABLE recorded_callers ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON recorded_callers
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON recorded_callers TO ponctuel_service;

-- Whom the caps are for, of a bind on its way to the leader.
ALTER TABLE waiting_binds
ADD COLUMN agent_name bytea,
ADD COLUMN caller_names bytea;
