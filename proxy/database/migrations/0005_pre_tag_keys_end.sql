-- A week's tag key ends after the inspection window, and with it what links calls to
-- leaves. `has_own_key`: wrapped by a key file of its week, destroyed with it; the keys
-- of before are wrapped by the service's key, and copies of their rows stay readable.
ALTER TABLE tag_keys ALTER COLUMN wrapped_key DROP NOT NULL;
ALTER TABLE tag_keys ADD COLUMN has_own_key boolean NOT NULL DEFAULT false;
ALTER TABLE tag_keys ADD COLUMN doomed_at timestamptz;
ALTER TABLE tag_keys ADD COLUMN destroyed_seq bigint;
ALTER TABLE tag_keys ADD CONSTRAINT tag_keys_end_without_key
CHECK (destroyed_seq IS NULL OR wrapped_key IS NULL);

-- Calls are forgotten oldest first, and each takes its legs with it.
CREATE INDEX calls_by_time ON calls (bound_at);
CREATE INDEX call_legs_of_call ON call_legs (call_key);

-- What an outside authority said about the time of a signed head (RFC 3161).
CREATE TABLE timestamps (
  site_id text NOT NULL,
  size bigint NOT NULL,
  token bytea NOT NULL,
  stamped_at timestamptz NOT NULL,
  CONSTRAINT timestamps_pkey PRIMARY KEY (site_id, size),
  CONSTRAINT timestamps_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE timestamps ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON timestamps
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT ON timestamps TO ponctuel_service;
