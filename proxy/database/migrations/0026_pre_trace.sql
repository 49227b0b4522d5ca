-- The trace of who did what to which item: a Merkle tree of its own, never published.
-- Hashes and times stay; what they are of ends after a year.
CREATE TABLE access_heads (
  site_id text NOT NULL,
  size bigint NOT NULL DEFAULT 0,
  frontier bytea NOT NULL,
  CONSTRAINT access_heads_pkey PRIMARY KEY (site_id),
  CONSTRAINT access_heads_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT access_heads_only_grow CHECK (size >= 0)
);

CREATE TABLE access_leaves (
  site_id text NOT NULL,
  seq bigint NOT NULL,
  leaf_hash bytea NOT NULL,
  -- Of the tree up to and with this leaf: so that what was changed is found by its place.
  root bytea NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT access_leaves_pkey PRIMARY KEY (site_id, seq),
  CONSTRAINT access_leaves_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);

-- What people look for is read out of the body by the database, so that it cannot say
-- anything else than the body does.
CREATE TABLE access_entries (
  site_id text NOT NULL,
  seq bigint NOT NULL,
  -- Canonical JSON, in ASCII: its bytes are what is hashed.
  body text NOT NULL,
  at timestamptz NOT NULL GENERATED ALWAYS AS (
    to_timestamp((body::jsonb ->> 'at')::numeric / 1000)
  ) STORED,
  act text NOT NULL GENERATED ALWAYS AS (
    body::jsonb ->> 'act'
  ) STORED,
  actor text NOT NULL GENERATED ALWAYS AS (
    coalesce(body::jsonb ->> 'actor', '')
  ) STORED,
  role text NOT NULL GENERATED ALWAYS AS (
    coalesce(body::jsonb ->> 'role', '')
  ) STORED,
  item uuid GENERATED ALWAYS AS (
    (body::jsonb ->> 'item')::uuid
  ) STORED,
  CONSTRAINT access_entries_pkey PRIMARY KEY (site_id, seq),
  CONSTRAINT access_entries_leaf FOREIGN KEY (site_id, seq)
  REFERENCES access_leaves (site_id, seq)
);
CREATE INDEX access_entries_by_time ON access_entries (site_id, at);
CREATE INDEX access_entries_by_item ON access_entries (site_id, item, seq)
WHERE item IS NOT NULL;
CREATE INDEX access_entries_by_actor ON access_entries (site_id, actor, seq);

CREATE TRIGGER access_leaves_are_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON access_leaves
FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_ledger();
CREATE TRIGGER access_entries_are_never_changed
BEFORE UPDATE OR TRUNCATE ON access_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_ledger();

-- How far the regular looks at the trace have come, and what the last one found.
CREATE TABLE access_checks (
  site_id text NOT NULL,
  name text NOT NULL,
  at timestamptz NOT NULL,
  size bigint NOT NULL,
  faults bigint NOT NULL DEFAULT 0,
  CONSTRAINT access_checks_pkey PRIMARY KEY (site_id, name),
  CONSTRAINT access_checks_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);

-- Signs of abuse: one for a person, a rule and a day, until somebody decides on it.
CREATE TABLE access_alerts (
  site_id text NOT NULL,
  alert_id uuid NOT NULL,
  rule text NOT NULL,
  actor text NOT NULL,
  day date NOT NULL,
  is_severe boolean NOT NULL,
  opened_at timestamptz NOT NULL,
  seen integer NOT NULL,
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL,
  decided_at timestamptz,
  decided_by text,
  decision text,
  note text NOT NULL DEFAULT '',
  CONSTRAINT access_alerts_pkey PRIMARY KEY (site_id, alert_id),
  CONSTRAINT access_alerts_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT access_alerts_decided CHECK (
    (decided_at IS NULL) = (decided_by IS NULL)
    AND (decided_at IS NULL) = (decision IS NULL)
  ),
  CONSTRAINT access_alerts_not_by_themselves CHECK (decided_by <> actor)
);
CREATE UNIQUE INDEX access_alerts_open ON access_alerts (site_id, actor, rule, day)
WHERE decided_at IS NULL;
CREATE INDEX access_alerts_by_time ON access_alerts (site_id, opened_at, alert_id);
CREATE INDEX access_alerts_by_end ON access_alerts (site_id, decided_at)
WHERE decided_at IS NOT NULL;

-- Emergency access to one recording; why is sealed by a key outside the database.
CREATE TABLE glass_uses (
  site_id text NOT NULL,
  use_id uuid NOT NULL,
  alert_id uuid NOT NULL,
  actor text NOT NULL,
  role text NOT NULL,
  recording_id uuid NOT NULL,
  reason bytea NOT NULL,
  used_at timestamptz NOT NULL,
  until timestamptz NOT NULL,
  reviewed_at timestamptz,
  reviewed_by text,
  outcome text,
  CONSTRAINT glass_uses_pkey PRIMARY KEY (site_id, use_id),
  CONSTRAINT glass_uses_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT glass_uses_end CHECK (until <= used_at + interval '30 minutes'),
  CONSTRAINT glass_uses_reviewed CHECK (
    (reviewed_at IS NULL) = (reviewed_by IS NULL)
    AND (reviewed_at IS NULL) = (outcome IS NULL)
  ),
  CONSTRAINT glass_uses_not_by_themselves CHECK (reviewed_by <> actor)
);
CREATE INDEX glass_uses_by_actor ON glass_uses (site_id, actor, until);
CREATE INDEX glass_uses_open ON glass_uses (site_id, used_at)
WHERE reviewed_at IS NULL;
CREATE INDEX glass_uses_by_end ON glass_uses (site_id, reviewed_at)
WHERE reviewed_at IS NOT NULL;

-- The monthly looks at the trace, signed. What they came to is also in the ledger.
CREATE TABLE access_reviews (
  site_id text NOT NULL,
  month date NOT NULL,
  signed_at timestamptz NOT NULL,
  signed_by text NOT NULL,
  size bigint NOT NULL,
  root bytea NOT NULL,
  found jsonb NOT NULL,
  CONSTRAINT access_reviews_pkey PRIMARY KEY (site_id, month),
  CONSTRAINT access_reviews_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
CREATE INDEX access_reviews_by_time ON access_reviews (site_id, signed_at);

DO $$
DECLARE
  fenced text;
BEGIN
  FOREACH fenced IN ARRAY ARRAY[
    'access_heads', 'access_leaves', 'access_entries', 'access_checks', 'access_alerts',
    'glass_uses', 'access_reviews'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', fenced);
    EXECUTE format(
      'CREATE POLICY one_site ON %I USING (site_id = current_setting(''ponctuel.site_id'', true))',
      fenced
    );
  END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE ON access_heads TO ponctuel_service;
GRANT SELECT, INSERT ON access_leaves TO ponctuel_service;
-- Deleting is for those of a year ago; one that is missing earlier is found by its leaf.
GRANT SELECT, INSERT, DELETE ON access_entries TO ponctuel_service;
GRANT SELECT, INSERT, UPDATE ON access_checks TO ponctuel_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON access_alerts, glass_uses TO ponctuel_service;
CREATE POLICY only_what_is_over ON access_alerts AS RESTRICTIVE FOR DELETE
USING (decided_at IS NOT NULL);
CREATE POLICY only_what_is_over ON glass_uses AS RESTRICTIVE FOR DELETE
USING (reviewed_at IS NOT NULL);
GRANT SELECT, INSERT, DELETE ON access_reviews TO ponctuel_service;
