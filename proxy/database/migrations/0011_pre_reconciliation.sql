-- How each day of a connection compared with its platform's own list. Counts and a hash
-- only; the list itself is not kept. The leaf that says so is written with the row.
CREATE TABLE reconciliations (
  site_id text NOT NULL,
  connection text NOT NULL,
  day date NOT NULL,
  export_sha256 bytea NOT NULL,
  calls bigint NOT NULL,
  bound bigint NOT NULL,
  platform_only bigint NOT NULL,
  ledger_only bigint NOT NULL,
  unsolicited bigint NOT NULL,
  still_there bigint NOT NULL,
  done_at timestamptz NOT NULL,
  CONSTRAINT reconciliations_pkey PRIMARY KEY (site_id, connection, day),
  CONSTRAINT reconciliations_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE reconciliations ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON reconciliations
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON reconciliations TO ponctuel_service;

-- What the object store held, counted against the recordings.
CREATE TABLE inventories (
  site_id text NOT NULL,
  day date NOT NULL,
  listing_sha256 bytea NOT NULL,
  objects bigint NOT NULL,
  strays bigint NOT NULL,
  missing bigint NOT NULL,
  done_at timestamptz NOT NULL,
  CONSTRAINT inventories_pkey PRIMARY KEY (site_id, day),
  CONSTRAINT inventories_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE inventories ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON inventories
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON inventories TO ponctuel_service;
