-- Requests of persons about their recordings. What names the person is in one column,
-- sealed by a key outside the database, and gone once the request is closed.
CREATE TABLE requests (
  site_id text NOT NULL,
  request_id uuid NOT NULL,
  reference text NOT NULL,
  kind text NOT NULL,
  is_agents boolean NOT NULL,
  language text NOT NULL,
  is_older_than_five_years boolean NOT NULL DEFAULT false,
  received_at timestamptz NOT NULL,
  received_by text NOT NULL,
  -- The date that holds, by the site's own calendar, as of the last move.
  due_on date NOT NULL,
  state text NOT NULL DEFAULT 'received',
  identity text,
  is_shared boolean NOT NULL DEFAULT false,
  code_at timestamptz,
  details_at timestamptz,
  details_tries integer NOT NULL DEFAULT 0,
  document text,
  escalated_to text,
  extended_at timestamptz,
  suspended_for interval NOT NULL DEFAULT '0',
  suspended_since timestamptz,
  outcome text,
  answered_at timestamptz,
  closed_at timestamptz,
  particulars bytea,
  CONSTRAINT requests_pkey PRIMARY KEY (site_id, request_id),
  CONSTRAINT requests_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT requests_reference UNIQUE (site_id, reference),
  CONSTRAINT requests_kind_known CHECK (
    kind IN (
      'access', 'medical-file', 'objection', 'erasure', 'restriction', 'rectification'
    )
  ),
  CONSTRAINT requests_state_known CHECK (
    state IN (
      'received', 'identity-asked', 'identified', 'escalated', 'answered', 'closed'
    )
  ),
  CONSTRAINT requests_language_known CHECK (language IN ('fr', 'en')),
  CONSTRAINT requests_document_known CHECK (document IN ('asked', 'seen', 'destroyed')),
  CONSTRAINT requests_granted_to_somebody CHECK (
    identity IS NOT NULL
    OR coalesce(outcome NOT IN ('granted', 'partly', 'nothing-held'), true)
  ),
  CONSTRAINT requests_answered CHECK (
    (outcome IS NULL) = (answered_at IS NULL)
    AND (state IN ('answered', 'closed')) = (answered_at IS NOT NULL)
  ),
  CONSTRAINT requests_closed CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
  CONSTRAINT requests_closed_name_nobody CHECK (
    (closed_at IS NULL) = (particulars IS NOT NULL)
  ),
  CONSTRAINT requests_closed_without_documents CHECK (
    closed_at IS NULL OR document IS DISTINCT FROM 'seen'
  )
);
CREATE INDEX requests_by_due_date ON requests (site_id, due_on, request_id)
WHERE closed_at IS NULL;
CREATE INDEX requests_by_receipt ON requests (site_id, received_at);
CREATE INDEX requests_by_end ON requests (site_id, closed_at)
WHERE closed_at IS NOT NULL;

-- The recordings of a request, until it is closed.
CREATE TABLE request_items (
  site_id text NOT NULL,
  request_id uuid NOT NULL,
  recording_id uuid NOT NULL,
  draw_seq bigint NOT NULL,
  practice text NOT NULL,
  matched_by text NOT NULL,
  state text NOT NULL DEFAULT 'to-freeze',
  dropped_because text,
  CONSTRAINT request_items_pkey PRIMARY KEY (site_id, request_id, recording_id),
  CONSTRAINT request_items_request FOREIGN KEY (site_id, request_id)
  REFERENCES requests (site_id, request_id) ON DELETE CASCADE,
  CONSTRAINT request_items_state_known CHECK (
    state IN ('to-freeze', 'frozen', 'held', 'let-go', 'released', 'gone')
  )
);
CREATE INDEX request_items_by_recording ON request_items (site_id, recording_id);

-- What happened to a request, by whom and when: closed words only.
CREATE TABLE request_events (
  site_id text NOT NULL,
  request_id uuid NOT NULL,
  place integer NOT NULL,
  at timestamptz NOT NULL,
  event text NOT NULL,
  actor text NOT NULL,
  about text NOT NULL DEFAULT '',
  CONSTRAINT request_events_pkey PRIMARY KEY (site_id, request_id, place),
  CONSTRAINT request_events_request FOREIGN KEY (site_id, request_id)
  REFERENCES requests (site_id, request_id) ON DELETE CASCADE,
  CONSTRAINT request_events_in_words CHECK (
    event ~ '^[a-z][a-z-]{0,31}$' AND about ~ '^[a-z0-9_-]{0,36}$'
  )
);

-- One-time codes sent to the number of a request. Of a code only a hash is here, keyed
-- by a secret that is wrapped outside the database: six digits are soon tried out.
-- Once its request closes there is only that one was sent, and when.
CREATE TABLE request_codes (
  site_id text NOT NULL,
  code_id uuid NOT NULL,
  request_id uuid NOT NULL,
  number_key bytea NOT NULL,
  wrapped_key bytea,
  digest bytea,
  made_at timestamptz NOT NULL,
  tries integer NOT NULL DEFAULT 0,
  ended_at timestamptz,
  CONSTRAINT request_codes_pkey PRIMARY KEY (site_id, code_id),
  CONSTRAINT request_codes_request FOREIGN KEY (site_id, request_id)
  REFERENCES requests (site_id, request_id) ON DELETE CASCADE,
  CONSTRAINT request_codes_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT request_codes_living_prove CHECK (
    (wrapped_key IS NULL) = (digest IS NULL)
    AND (ended_at IS NOT NULL OR digest IS NOT NULL)
  )
);
CREATE UNIQUE INDEX request_codes_one_lives ON request_codes (site_id, request_id)
WHERE ended_at IS NULL;
CREATE INDEX request_codes_by_number ON request_codes (site_id, number_key, made_at);
CREATE INDEX request_codes_by_time ON request_codes (site_id, made_at);

DO $$
DECLARE
  fenced text;
BEGIN
  FOREACH fenced IN ARRAY ARRAY[
    'requests', 'request_items', 'request_events', 'request_codes'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', fenced);
    EXECUTE format(
      'CREATE POLICY one_site ON %I USING (site_id = current_setting(''ponctuel.site_id'', true))',
      fenced
    );
  END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE, DELETE ON requests, request_items, request_codes
TO ponctuel_service;
-- A history is added to, and ends with its request.
GRANT SELECT, INSERT, DELETE ON request_events TO ponctuel_service;
CREATE POLICY only_what_is_closed ON requests AS RESTRICTIVE FOR DELETE
USING (closed_at IS NOT NULL);
