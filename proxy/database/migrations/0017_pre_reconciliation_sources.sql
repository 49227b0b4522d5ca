-- Whose list a day was compared with: the platform's own, or one given by hand. Both are
-- kept, side by side. Of what is older nobody noted it.
ALTER TABLE reconciliations
ADD COLUMN source text NOT NULL DEFAULT 'platform',
ADD COLUMN actor text,
ADD CONSTRAINT reconciliations_source_known CHECK (source IN ('platform', 'by_hand'));
ALTER TABLE reconciliations DROP CONSTRAINT reconciliations_pkey;
ALTER TABLE reconciliations ADD CONSTRAINT reconciliations_pkey
PRIMARY KEY (site_id, connection, source, day);
ALTER TABLE inventories ADD COLUMN actor text;

-- Each time that a day was compared: who asked for it, and how many recordings nobody drew
-- it was the first to find. Written before anything is purged, so that neither the one nor
-- the other is lost in a crash. Without an actor the service did it by itself.
CREATE TABLE reconciliation_runs (
  site_id text NOT NULL,
  place bigint GENERATED ALWAYS AS IDENTITY,
  connection text NOT NULL,
  day date NOT NULL,
  source text NOT NULL,
  actor text,
  begun_at timestamptz NOT NULL,
  unsolicited bigint NOT NULL DEFAULT 0,
  CONSTRAINT reconciliation_runs_pkey PRIMARY KEY (site_id, place),
  CONSTRAINT reconciliation_runs_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT reconciliation_runs_source_known CHECK (source IN ('platform', 'by_hand'))
);
CREATE INDEX reconciliation_runs_of_day
ON reconciliation_runs (site_id, connection, source, day);
ALTER TABLE reconciliation_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON reconciliation_runs
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON reconciliation_runs TO ponctuel_service;

-- What was found before adds up with what will be.
INSERT INTO reconciliation_runs (
  site_id, connection, day, source, begun_at, unsolicited
) SELECT site_id, connection, day, source, done_at, unsolicited FROM reconciliations;

-- Lists are read a page at a time, from wherever the last page ended.
DROP INDEX incidents_open;
CREATE INDEX incidents_open ON incidents (site_id, aware_at, incident_id)
WHERE closed_at IS NULL;
CREATE INDEX incidents_closed ON incidents (site_id, aware_at, incident_id)
WHERE closed_at IS NOT NULL;
CREATE INDEX incidents_by_awareness ON incidents (site_id, aware_at, incident_id);
CREATE INDEX policy_events_of_version ON policy_events (site_id, number, place);
CREATE INDEX policy_events_refused ON policy_events (site_id, place) WHERE is_refused;
