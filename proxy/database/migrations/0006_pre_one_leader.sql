-- Calls that wait for their draw at a replica that does not lead. Not logged: what a
-- crashed server forgets here was never answered, and nothing is recorded.
CREATE UNLOGGED TABLE waiting_binds (
  site_id text NOT NULL,
  bind_id uuid NOT NULL,
  policy_version integer NOT NULL,
  week integer NOT NULL,
  this_week bytea NOT NULL,
  last_week bytea,
  next_week bytea,
  leg_key bytea,
  connection text NOT NULL,
  stratum text NOT NULL,
  gate_code text,
  agent_key bytea,
  expires_at timestamptz NOT NULL,
  call_key bytea,
  is_fresh boolean,
  refusal text,
  CONSTRAINT waiting_binds_pkey PRIMARY KEY (site_id, bind_id)
);
ALTER TABLE waiting_binds ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON waiting_binds
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON waiting_binds TO ponctuel_service;
CREATE INDEX waiting_binds_to_draw ON waiting_binds (site_id, expires_at)
WHERE is_fresh IS NULL AND refusal IS NULL;

-- How often an agent's calls of a campaign were drawn, under a keyed name; only for
-- policies that raise the probability of agents nobody has heard yet.
CREATE TABLE agent_calls (
  site_id text NOT NULL,
  starts_on date NOT NULL,
  agent_key bytea NOT NULL,
  seen integer NOT NULL,
  drawn integer NOT NULL,
  ends_on date NOT NULL,
  CONSTRAINT agent_calls_pkey PRIMARY KEY (site_id, starts_on, agent_key),
  CONSTRAINT agent_calls_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE agent_calls ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON agent_calls
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON agent_calls TO ponctuel_service;

-- Both are written only together with the site's head row, which has this reference;
-- asking again for each of thousands of rows a second was a third of the write's cost.
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_site;
ALTER TABLE calls DROP CONSTRAINT calls_site;

-- A plan is made once, perhaps while the tables are empty; then any index that begins
-- with the site looks as good as the primary key. So no other one does.
ALTER TABLE calls DROP CONSTRAINT calls_decision_known;
CREATE INDEX calls_by_decision ON calls (decision_id);

-- Since when too many witnesses say that this is not the ledger they cosigned: it was
-- set back, or forked. Nothing is drawn or signed on it any more.
ALTER TABLE ledger_heads ADD COLUMN halted_at timestamptz;
