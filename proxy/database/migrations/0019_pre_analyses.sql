-- What trainers write about a recording, each document sealed under a data key of its own
-- (in recording_keys, by the document's id). It outlives its recording, so it refers to
-- none, and says nothing of who called.
CREATE TABLE analyses (
  site_id text NOT NULL,
  analysis_id uuid NOT NULL,
  recording_id uuid NOT NULL,
  assessor text NOT NULL,
  sealed bytea NOT NULL,
  made_at timestamptz NOT NULL,
  closed_at timestamptz,
  expires_at timestamptz NOT NULL,
  doomed_at timestamptz,
  CONSTRAINT analyses_pkey PRIMARY KEY (site_id, analysis_id),
  CONSTRAINT analyses_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT analyses_once_per_assessor UNIQUE (site_id, recording_id, assessor),
  CONSTRAINT analyses_expire CHECK (expires_at <= made_at + interval '365 days')
);
CREATE INDEX analyses_due ON analyses (site_id, expires_at);
CREATE INDEX analyses_by_age ON analyses (site_id, made_at);
CREATE INDEX analyses_doomed ON analyses (site_id, analysis_id)
WHERE doomed_at IS NOT NULL;
ALTER TABLE analyses ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON analyses
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON analyses TO ponctuel_service;
