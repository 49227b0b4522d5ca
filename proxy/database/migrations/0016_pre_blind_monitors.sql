-- Whether anybody judges: how far the ledger was seen when somebody last did, and since
-- when nobody could, by the database's own clock. A table of its own, because the row of
-- the monitors' state is locked by whoever is at work, or stuck.
CREATE TABLE monitor_sight (
  site_id text NOT NULL,
  seen bigint NOT NULL,
  unjudged_since timestamptz,
  is_blind boolean NOT NULL DEFAULT false,
  CONSTRAINT monitor_sight_pkey PRIMARY KEY (site_id),
  CONSTRAINT monitor_sight_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE monitor_sight ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON monitor_sight
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON monitor_sight TO ponctuel_service;

-- The breaker also opens when nobody has judged for too long.
ALTER TABLE breaker_openings DROP CONSTRAINT breaker_openings_causes_known;
ALTER TABLE breaker_openings ADD CONSTRAINT breaker_openings_causes_known
CHECK (causes <@ ARRAY['sr', 'binomial', 'blind']);
