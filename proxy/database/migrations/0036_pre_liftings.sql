-- Whoever was told of a restriction is told when it is lifted: the promise of the first
-- notice, on a row of its own. Rows of before are of first notices.
ALTER TABLE recipient_notices ADD COLUMN is_lifting boolean NOT NULL DEFAULT false;
ALTER TABLE recipient_notices
DROP CONSTRAINT recipient_notices_pkey,
ADD CONSTRAINT recipient_notices_pkey
PRIMARY KEY (site_id, request_id, handover_id, is_lifting);
