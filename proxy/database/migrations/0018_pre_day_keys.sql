-- A key per deletion day and class, in generations: when one recording of a day dies
-- early, the others move to the next one, and the older key is destroyed.
ALTER TABLE day_keys
ADD COLUMN kind text NOT NULL DEFAULT 'audio',
ADD COLUMN generation integer NOT NULL DEFAULT 1,
ADD COLUMN stale_since timestamptz,
ADD CONSTRAINT day_keys_kind_known CHECK (kind IN ('audio', 'analysis', 'hold')),
DROP CONSTRAINT day_keys_pkey,
ADD CONSTRAINT day_keys_pkey PRIMARY KEY (site_id, key_day, kind, generation);
CREATE INDEX day_keys_living ON day_keys (site_id, key_day) WHERE destroyed_seq IS NULL;

-- Data keys of recordings and of what is written about them.
ALTER TABLE recording_keys
ADD COLUMN kind text NOT NULL DEFAULT 'audio',
ADD COLUMN generation integer NOT NULL DEFAULT 1,
DROP CONSTRAINT recording_keys_recording;
DROP INDEX recording_keys_by_day;
CREATE INDEX recording_keys_by_day
ON recording_keys (site_id, key_day, kind, generation, recording_id);

-- What the key store is given to keep is sealed under this key, so that key store and
-- objects alone open nothing.
ALTER TABLE sites ADD COLUMN notes_key bytea;
GRANT UPDATE ON sites TO ponctuel_service;

-- A hold defers the end of one recording; nobody listens to it meanwhile.
ALTER TABLE recordings
ADD COLUMN held_until timestamptz,
ADD COLUMN due_at timestamptz NOT NULL
GENERATED ALWAYS AS (greatest(expires_at, held_until)) STORED;
DROP INDEX recordings_due;
CREATE INDEX recordings_due ON recordings (site_id, due_at);
CREATE INDEX recordings_held ON recordings (site_id, held_until)
WHERE held_until IS NOT NULL;

CREATE TABLE holds (
  site_id text NOT NULL,
  hold_id uuid NOT NULL,
  recording_id uuid NOT NULL,
  draw_seq bigint NOT NULL,
  authority text NOT NULL,
  reference text NOT NULL,
  reason text NOT NULL,
  placed_by text NOT NULL,
  placed_at timestamptz NOT NULL,
  until timestamptz NOT NULL,
  seq bigint NOT NULL,
  ended_at timestamptz,
  ended_by text,
  CONSTRAINT holds_pkey PRIMARY KEY (site_id, hold_id),
  CONSTRAINT holds_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT holds_authority_known
  CHECK (authority IN ('requisition', 'claim', 'restriction', 'request')),
  CONSTRAINT holds_say_why
  CHECK (length(reference) BETWEEN 1 AND 500 AND length(reason) BETWEEN 1 AND 500),
  CONSTRAINT holds_end CHECK (until <= placed_at + interval '92 days')
);
CREATE UNIQUE INDEX holds_one_at_a_time ON holds (site_id, recording_id)
WHERE ended_at IS NULL;
CREATE INDEX holds_running ON holds (site_id, until) WHERE ended_at IS NULL;
ALTER TABLE holds ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON holds
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON holds TO ponctuel_service;

-- What callers are named by in a month; worthless without that month's key.
CREATE TABLE caller_keys (
  site_id text NOT NULL,
  month text NOT NULL,
  wrapped_key bytea NOT NULL,
  CONSTRAINT caller_keys_pkey PRIMARY KEY (site_id, month),
  CONSTRAINT caller_keys_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE caller_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON caller_keys
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON caller_keys TO ponctuel_service;
