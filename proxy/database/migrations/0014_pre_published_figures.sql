-- The figures that move with calls, as every replica serves them. Written by the first
-- replica that finds them older than the interval: each publishing for itself would
-- show steps shorter than that.
CREATE TABLE published_figures (
  site_id text NOT NULL,
  published_at timestamptz NOT NULL,
  strata text[] NOT NULL,
  figures jsonb NOT NULL,
  CONSTRAINT published_figures_pkey PRIMARY KEY (site_id),
  CONSTRAINT published_figures_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE published_figures ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON published_figures
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON published_figures TO ponctuel_service;

-- What the service's last check of its own ledger came to: how often each code was
-- found, and when there was last nothing to find.
CREATE TABLE self_checks (
  site_id text NOT NULL,
  checked_at timestamptz NOT NULL,
  size bigint NOT NULL,
  findings jsonb NOT NULL,
  clean_at timestamptz,
  CONSTRAINT self_checks_pkey PRIMARY KEY (site_id),
  CONSTRAINT self_checks_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE self_checks ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON self_checks
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON self_checks TO ponctuel_service;

-- Figures are asked for every few seconds; none may cost more as a site grows.
CREATE INDEX incidents_open ON incidents (site_id, aware_at) WHERE closed_at IS NULL;
CREATE INDEX recordings_by_capture ON recordings (site_id, captured_at);
CREATE INDEX cosignatures_by_witness ON cosignatures (site_id, witness_key, size);
