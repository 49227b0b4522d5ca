-- People who objected, by a keyed hash of their number. `until` is the first day without:
-- a day only, so that nobody can tell which call it was.
CREATE TABLE opt_outs (
  site_id text NOT NULL,
  caller_key bytea NOT NULL,
  until date NOT NULL,
  CONSTRAINT opt_outs_pkey PRIMARY KEY (site_id, caller_key),
  CONSTRAINT opt_outs_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
CREATE INDEX opt_outs_by_end ON opt_outs (site_id, until);
ALTER TABLE opt_outs ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON opt_outs
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON opt_outs TO ponctuel_service;

-- Whose refusal it would be. Only of calls drawn for recording, until their outcome, and
-- only where the list is kept.
ALTER TABLE calls
ADD COLUMN caller_key bytea,
ADD CONSTRAINT calls_caller_only_if_drawn CHECK (is_record OR caller_key IS NULL);
