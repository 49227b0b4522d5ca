-- Cosignatures of witnesses on checkpoints, one for each key and checkpoint.
CREATE TABLE cosignatures (
  site_id text NOT NULL,
  size bigint NOT NULL,
  witness_key bytea NOT NULL,
  cosigned_at timestamptz NOT NULL,
  line text NOT NULL,
  CONSTRAINT cosignatures_pkey PRIMARY KEY (site_id, size, witness_key),
  CONSTRAINT cosignatures_checkpoint FOREIGN KEY (site_id, size)
  REFERENCES checkpoints (site_id, size) ON DELETE CASCADE
);
ALTER TABLE cosignatures ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON cosignatures
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT ON cosignatures TO ponctuel_service;

-- Old checkpoints are thinned to one an hour; their cosignatures go with them.
GRANT DELETE ON checkpoints TO ponctuel_service;

-- When a quorum of witnesses had seen the epoch's commitment.
ALTER TABLE epochs
ADD COLUMN witnessed_at timestamptz,
ADD COLUMN witnessed_size bigint;
