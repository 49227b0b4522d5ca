-- Who has a hand in an epoch's draws: the operator's seed alone, or also a value from
-- outside, which is committed to (or follows from the epoch), fetched once it exists,
-- and used by every replica as it is stored here.
ALTER TABLE epochs
ADD COLUMN mode text NOT NULL DEFAULT 'operator',
ADD COLUMN outside_commitment bytea,
ADD COLUMN outside_value bytea,
ADD COLUMN outside_proof bytea,
ADD CONSTRAINT epochs_mode_known CHECK (mode IN ('operator', 'witness', 'drand')),
ADD CONSTRAINT epochs_operator_alone CHECK (mode <> 'operator' OR outside_value IS NULL);
