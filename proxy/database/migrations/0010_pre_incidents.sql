-- The register of incidents (GDPR Art. 33): what people know and decide of each. What
-- they write stays here: never in the ledger, in logs or in figures.
ALTER TABLE incidents
ADD COLUMN opened_by text NOT NULL DEFAULT 'service',
-- When the 72 hours began. The default is for a replica of the version before.
ADD COLUMN aware_at timestamptz NOT NULL DEFAULT now(),
ADD COLUMN nature text NOT NULL DEFAULT '',
ADD COLUMN people text[] NOT NULL DEFAULT '{}',
ADD COLUMN people_about text NOT NULL DEFAULT 'unknown',
ADD COLUMN records text[] NOT NULL DEFAULT '{}',
ADD COLUMN records_about text NOT NULL DEFAULT 'unknown',
ADD COLUMN risk text NOT NULL DEFAULT 'unknown',
ADD COLUMN consequences text NOT NULL DEFAULT '',
ADD COLUMN measures text NOT NULL DEFAULT '',
ADD COLUMN delay_reason text NOT NULL DEFAULT '',
ADD COLUMN decision text,
ADD COLUMN decision_reason text NOT NULL DEFAULT '',
ADD COLUMN decided_at timestamptz,
ADD COLUMN notified_at timestamptz,
ADD COLUMN closed_by text,
ADD COLUMN outcome text NOT NULL DEFAULT '',
ADD CONSTRAINT incidents_decision_known CHECK (decision IN ('notify', 'not_notify')),
-- What ended by itself was closed by nobody; people decide first.
ADD CONSTRAINT incidents_decided_before_closed
CHECK (closed_by IS NULL OR (closed_at IS NOT NULL AND decision IS NOT NULL));

-- An automatic incident was known when it was opened.
UPDATE incidents SET aware_at = opened_at;

-- Who did what, when. Nothing is ever taken back: what was wrong is corrected below it.
CREATE TABLE incident_notes (
  site_id text NOT NULL,
  incident_id uuid NOT NULL,
  number integer NOT NULL,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  note text NOT NULL,
  CONSTRAINT incident_notes_pkey PRIMARY KEY (site_id, incident_id, number),
  CONSTRAINT incident_notes_incident FOREIGN KEY (site_id, incident_id)
  REFERENCES incidents (site_id, incident_id),
  CONSTRAINT incident_notes_short CHECK (length(note) BETWEEN 1 AND 500)
);
ALTER TABLE incident_notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON incident_notes
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT ON incident_notes TO ponctuel_service;
