-- The ledger's tree, as the tiles it is published in, and what was signed of it.
CREATE TABLE ledger_tiles (
  site_id text NOT NULL,
  level smallint NOT NULL,
  idx bigint NOT NULL,
  hashes bytea NOT NULL,
  CONSTRAINT ledger_tiles_pkey PRIMARY KEY (site_id, level, idx),
  CONSTRAINT ledger_tiles_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);

CREATE TABLE checkpoints (
  site_id text NOT NULL,
  size bigint NOT NULL,
  note bytea NOT NULL,
  signed_at timestamptz NOT NULL,
  CONSTRAINT checkpoints_pkey PRIMARY KEY (site_id, size),
  CONSTRAINT checkpoints_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);

ALTER TABLE ledger_tiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE checkpoints ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON ledger_tiles
USING (site_id = current_setting('ponctuel.site_id', true));
CREATE POLICY one_site ON checkpoints
USING (site_id = current_setting('ponctuel.site_id', true));

GRANT SELECT, INSERT, UPDATE ON ledger_tiles TO ponctuel_service;
GRANT SELECT, INSERT ON checkpoints TO ponctuel_service;

-- Which object store belongs to the site: an empty directory, where a disk should be
-- mounted, must not pass for one from which everything was deleted.
CREATE TABLE object_stores (
  site_id text NOT NULL,
  store_id uuid NOT NULL,
  CONSTRAINT object_stores_pkey PRIMARY KEY (site_id),
  CONSTRAINT object_stores_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE object_stores ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON object_stores
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT ON object_stores TO ponctuel_service;
