-- What a person gets who asks for access. The package itself is never stored: what is here
-- says how to make it, and its texts are sealed under a secret that is gone once it is over.
CREATE TABLE packages (
  site_id text NOT NULL,
  package_id uuid NOT NULL,
  request_id uuid NOT NULL,
  root bytea,
  made_at timestamptz NOT NULL,
  made_by text NOT NULL,
  made_as text NOT NULL,
  left_out uuid [] NOT NULL DEFAULT '{}',
  assembled_at timestamptz,
  size bigint,
  fault text,
  fault_item uuid,
  -- Of how many recordings the trace says that they were handed over.
  traced integer NOT NULL DEFAULT 0,
  -- Of the link its SHA-256, of the code a hash keyed by the secret, of the ticket, which
  -- a browser holds that showed both, its SHA-256.
  link_digest bytea,
  link_until timestamptz,
  link_by text NOT NULL DEFAULT '',
  link_as text NOT NULL DEFAULT '',
  code_digest bytea,
  code_until timestamptz,
  codes integer NOT NULL DEFAULT 0,
  tries integer NOT NULL DEFAULT 0,
  ticket_digest bytea,
  sent int8multirange NOT NULL DEFAULT '{}',
  sender uuid,
  sender_until timestamptz,
  fetched_at timestamptz,
  ended_at timestamptz,
  ended_because text,
  CONSTRAINT packages_pkey PRIMARY KEY (site_id, package_id),
  CONSTRAINT packages_request FOREIGN KEY (site_id, request_id)
  REFERENCES requests (site_id, request_id) ON DELETE CASCADE,
  CONSTRAINT packages_assembled CHECK ((assembled_at IS NULL) = (size IS NULL)),
  CONSTRAINT packages_over_open_no_more CHECK (
    (ended_at IS NULL) = (root IS NOT NULL) AND (ended_at IS NULL) = (ended_because IS NULL)
    AND (
      ended_at IS NULL
      OR coalesce(link_digest, code_digest, ticket_digest) IS NULL
    )
  ),
  CONSTRAINT packages_ended_known CHECK (
    ended_because IN ('fetched', 'link-over', 'changed', 'gone', 'closed')
  )
);
CREATE UNIQUE INDEX packages_one_lives ON packages (site_id, request_id)
WHERE ended_at IS NULL;
CREATE INDEX packages_by_request ON packages (site_id, request_id, made_at);
CREATE UNIQUE INDEX packages_by_link ON packages (site_id, link_digest);
CREATE UNIQUE INDEX packages_by_ticket ON packages (site_id, ticket_digest);

-- Its recordings, in the order of their numbers.
CREATE TABLE package_items (
  site_id text NOT NULL,
  package_id uuid NOT NULL,
  place integer NOT NULL,
  recording_id uuid NOT NULL,
  draw_seq bigint NOT NULL,
  assembled_at timestamptz,
  CONSTRAINT package_items_pkey PRIMARY KEY (site_id, package_id, place),
  CONSTRAINT package_items_package FOREIGN KEY (site_id, package_id)
  REFERENCES packages (site_id, package_id) ON DELETE CASCADE
);
CREATE INDEX package_items_by_recording ON package_items (site_id, recording_id);

-- The archive's members as they were measured: texts, sealed, and copies of recordings.
CREATE TABLE package_members (
  site_id text NOT NULL,
  package_id uuid NOT NULL,
  place integer NOT NULL,
  part integer NOT NULL,
  name text NOT NULL,
  size bigint NOT NULL,
  crc32 bigint NOT NULL,
  sealed bytea,
  frames bigint,
  CONSTRAINT package_members_pkey PRIMARY KEY (site_id, package_id, place, part),
  CONSTRAINT package_members_package FOREIGN KEY (site_id, package_id)
  REFERENCES packages (site_id, package_id) ON DELETE CASCADE
);

-- What is made silent in the copies of a request's recordings, and why.
CREATE TABLE request_cuts (
  site_id text NOT NULL,
  request_id uuid NOT NULL,
  recording_id uuid NOT NULL,
  start_ms bigint NOT NULL,
  stop_ms bigint NOT NULL,
  why text NOT NULL,
  CONSTRAINT request_cuts_pkey PRIMARY KEY (site_id, request_id, recording_id, start_ms),
  CONSTRAINT request_cuts_item FOREIGN KEY (site_id, request_id, recording_id)
  REFERENCES request_items (site_id, request_id, recording_id) ON DELETE CASCADE,
  CONSTRAINT request_cuts_span CHECK (start_ms >= 0 AND start_ms < stop_ms),
  CONSTRAINT request_cuts_why_known CHECK (
    why IN ('third-party', 'trade-secret', 'security')
  )
);

DO $$
DECLARE
  fenced text;
BEGIN
  FOREACH fenced IN ARRAY ARRAY[
    'packages', 'package_items', 'package_members', 'request_cuts'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', fenced);
    EXECUTE format(
      'CREATE POLICY one_site ON %I USING (site_id = current_setting(''ponctuel.site_id'', true))',
      fenced
    );
  END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE, DELETE ON packages TO ponctuel_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON package_items TO ponctuel_service;
GRANT SELECT, INSERT, DELETE ON package_members, request_cuts TO ponctuel_service;
