-- What a person asked to be done with a recording, and when it was: gone with its keys, kept
-- unused, or stated beside it. Ids and codes only; of what is gone, its receipt.
CREATE TABLE request_outcomes (
  site_id text NOT NULL,
  request_id uuid NOT NULL,
  recording_id uuid NOT NULL,
  what text NOT NULL,
  reference text NOT NULL,
  asked_by text NOT NULL,
  asked_at timestamptz NOT NULL,
  receipt_seq bigint,
  key_names text [] NOT NULL DEFAULT '{}',
  done_at timestamptz,
  lifting_told_at timestamptz,
  ended_at timestamptz,
  CONSTRAINT request_outcomes_pkey PRIMARY KEY (site_id, request_id, recording_id),
  CONSTRAINT request_outcomes_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT request_outcomes_known
  CHECK (what IN ('erasure', 'restriction', 'rectification')),
  CONSTRAINT request_outcomes_end_once_done CHECK (ended_at IS NULL OR done_at IS NOT NULL)
);
CREATE INDEX request_outcomes_of_recording ON request_outcomes (site_id, recording_id);
CREATE INDEX request_outcomes_running ON request_outcomes (site_id, asked_at)
WHERE ended_at IS NULL;
CREATE INDEX request_outcomes_by_end ON request_outcomes (site_id, ended_at)
WHERE ended_at IS NOT NULL;
ALTER TABLE request_outcomes ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON request_outcomes
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON request_outcomes TO ponctuel_service;
CREATE POLICY only_what_is_over ON request_outcomes AS RESTRICTIVE FOR DELETE
USING (ended_at IS NOT NULL);

-- What a person says of their recording, sealed under it: nobody has to think of it when the
-- recording goes.
CREATE TABLE recording_statements (
  site_id text NOT NULL,
  recording_id uuid NOT NULL,
  request_id uuid NOT NULL,
  sealed bytea NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT recording_statements_pkey PRIMARY KEY (site_id, recording_id, request_id),
  CONSTRAINT recording_statements_recording FOREIGN KEY (site_id, recording_id)
  REFERENCES recordings (site_id, recording_id) ON DELETE CASCADE
);
ALTER TABLE recording_statements ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON recording_statements
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON recording_statements TO ponctuel_service;

-- Who was given a recording, what for, on which day (Art. 19); and which of them was told of
-- what became of it, or why not.
CREATE TABLE handovers (
  site_id text NOT NULL,
  handover_id uuid NOT NULL,
  recording_id uuid NOT NULL,
  recipient text NOT NULL,
  purpose text NOT NULL,
  handed_on date NOT NULL,
  noted_by text NOT NULL,
  noted_at timestamptz NOT NULL,
  CONSTRAINT handovers_pkey PRIMARY KEY (site_id, handover_id),
  CONSTRAINT handovers_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT handovers_once UNIQUE (site_id, recording_id, recipient, purpose, handed_on),
  CONSTRAINT handovers_purpose_known CHECK (
    purpose IN ('requisition', 'claim', 'expertise', 'care', 'inspection')
  )
);
CREATE INDEX handovers_by_time ON handovers (site_id, noted_at);
ALTER TABLE handovers ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON handovers
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON handovers TO ponctuel_service;

CREATE TABLE recipient_notices (
  site_id text NOT NULL,
  request_id uuid NOT NULL,
  handover_id uuid NOT NULL,
  outcome text NOT NULL,
  reason text NOT NULL,
  noted_by text NOT NULL,
  noted_at timestamptz NOT NULL,
  CONSTRAINT recipient_notices_pkey PRIMARY KEY (site_id, request_id, handover_id),
  CONSTRAINT recipient_notices_handover FOREIGN KEY (site_id, handover_id)
  REFERENCES handovers (site_id, handover_id) ON DELETE CASCADE,
  CONSTRAINT recipient_notices_known CHECK (outcome IN ('told', 'disproportionate')),
  CONSTRAINT recipient_notices_say_why
  CHECK (outcome = 'told' OR length(reason) BETWEEN 1 AND 500)
);
ALTER TABLE recipient_notices ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON recipient_notices
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT ON recipient_notices TO ponctuel_service;
