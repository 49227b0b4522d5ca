-- What all migrations add up to. A test compares this file's effect with theirs.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'ponctuel_service') THEN
    CREATE ROLE ponctuel_service NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
  END IF;
END
$$;

CREATE TABLE sites (
  site_id text NOT NULL,
  CONSTRAINT sites_pkey PRIMARY KEY (site_id),
  CONSTRAINT sites_id_is_a_code CHECK (site_id ~ '^[a-z0-9][a-z0-9_-]{0,31}$')
);

-- One row per site: the lock that orders all ledger writes, and what the next leaf needs.
CREATE TABLE ledger_heads (
  site_id text NOT NULL,
  size bigint NOT NULL DEFAULT 0,
  tokens jsonb NOT NULL DEFAULT '{}',
  last_epoch bigint NOT NULL DEFAULT 0,
  revealed_epoch bigint NOT NULL DEFAULT 0,
  policy_version integer NOT NULL DEFAULT 0,
  CONSTRAINT ledger_heads_pkey PRIMARY KEY (site_id),
  CONSTRAINT ledger_heads_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT ledger_heads_only_grow CHECK (size >= 0)
);

CREATE TABLE ledger_entries (
  site_id text NOT NULL,
  seq bigint NOT NULL,
  body bytea NOT NULL,
  CONSTRAINT ledger_entries_pkey PRIMARY KEY (site_id, seq)
);

CREATE FUNCTION refuse_to_rewrite_the_ledger() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER ledger_entries_are_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_ledger();

CREATE TABLE policies (
  site_id text NOT NULL,
  version integer NOT NULL,
  digest bytea NOT NULL,
  adopted_seq bigint NOT NULL,
  CONSTRAINT policies_pkey PRIMARY KEY (site_id, version),
  CONSTRAINT policies_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);

-- Seeds and tag keys are wrapped by a key that is not in the database.
CREATE TABLE epochs (
  site_id text NOT NULL,
  epoch bigint NOT NULL,
  wrapped_seed bytea NOT NULL,
  commitment bytea NOT NULL,
  opened_seq bigint NOT NULL,
  closed_seq bigint,
  draws bigint NOT NULL DEFAULT 0,
  records bigint NOT NULL DEFAULT 0,
  CONSTRAINT epochs_pkey PRIMARY KEY (site_id, epoch),
  CONSTRAINT epochs_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
CREATE INDEX epochs_still_open ON epochs (site_id, epoch) WHERE closed_seq IS NULL;

-- A tag key with `has_own_key` is wrapped by a key file of its week and ends with it; the
-- keys of before are wrapped by the service's key, and copies of their rows stay readable.
CREATE TABLE tag_keys (
  site_id text NOT NULL,
  week integer NOT NULL,
  wrapped_key bytea,
  commitment bytea NOT NULL,
  committed_seq bigint NOT NULL,
  has_own_key boolean NOT NULL DEFAULT false,
  doomed_at timestamptz,
  destroyed_seq bigint,
  CONSTRAINT tag_keys_pkey PRIMARY KEY (site_id, week),
  CONSTRAINT tag_keys_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT tag_keys_end_without_key
  CHECK (destroyed_seq IS NULL OR wrapped_key IS NULL)
);

-- A root call and its one draw. The platform's own id is not kept: the tag finds the call.
CREATE TABLE calls (
  site_id text NOT NULL,
  call_key bytea NOT NULL,
  decision_id uuid NOT NULL,
  connection text NOT NULL,
  stratum text NOT NULL,
  epoch bigint NOT NULL,
  draw_seq bigint NOT NULL,
  is_record boolean NOT NULL,
  kept_days integer NOT NULL,
  max_seconds integer NOT NULL,
  purpose text NOT NULL,
  bound_at timestamptz NOT NULL,
  announced_at timestamptz,
  ended_at timestamptz,
  outcome text,
  outcome_code text,
  outcome_at timestamptz,
  CONSTRAINT calls_pkey PRIMARY KEY (site_id, call_key),
  CONSTRAINT calls_outcome_known CHECK (outcome IN ('recorded', 'failed', 'objected')),
  CONSTRAINT calls_outcome_only_if_drawn CHECK (is_record OR outcome IS NULL)
);
CREATE INDEX calls_by_decision ON calls (decision_id);
CREATE INDEX calls_awaiting_outcome ON calls (site_id, bound_at)
WHERE is_record AND outcome IS NULL;
-- Calls are forgotten oldest first, and each takes its legs with it.
CREATE INDEX calls_by_time ON calls (bound_at);

CREATE TABLE call_legs (
  site_id text NOT NULL,
  leg_key bytea NOT NULL,
  call_key bytea NOT NULL,
  CONSTRAINT call_legs_pkey PRIMARY KEY (site_id, leg_key),
  CONSTRAINT call_legs_call FOREIGN KEY (site_id, call_key)
  REFERENCES calls (site_id, call_key) ON DELETE CASCADE
);
CREATE INDEX call_legs_of_call ON call_legs (call_key);

-- A recording the platform holds, on its way here or to its deletion there.
-- decision_id is null when nobody asked for it.
CREATE TABLE takeovers (
  site_id text NOT NULL,
  takeover_id uuid NOT NULL,
  connection text NOT NULL,
  source_ref text NOT NULL,
  decision_id uuid,
  step text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  finished_at timestamptz,
  CONSTRAINT takeovers_pkey PRIMARY KEY (site_id, takeover_id),
  CONSTRAINT takeovers_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT takeovers_source_once UNIQUE (site_id, connection, source_ref),
  CONSTRAINT takeovers_step_known
  CHECK (step IN ('fetching', 'deleting', 'confirming', 'done'))
);
CREATE INDEX takeovers_unfinished ON takeovers (site_id, created_at)
WHERE step <> 'done';

-- Intent before act: an object that may exist without a recording is listed here first.
CREATE TABLE object_writes (
  site_id text NOT NULL,
  object_id uuid NOT NULL,
  started_at timestamptz NOT NULL,
  CONSTRAINT object_writes_pkey PRIMARY KEY (site_id, object_id),
  CONSTRAINT object_writes_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);

CREATE TABLE recordings (
  site_id text NOT NULL,
  recording_id uuid NOT NULL,
  decision_id uuid NOT NULL,
  draw_seq bigint NOT NULL,
  sealed_sha256 bytea NOT NULL,
  sealed_size bigint NOT NULL,
  clear_size bigint NOT NULL,
  media_type text NOT NULL,
  seconds double precision NOT NULL,
  channels smallint NOT NULL,
  purpose text NOT NULL,
  captured_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  doomed_at timestamptz,
  CONSTRAINT recordings_pkey PRIMARY KEY (site_id, recording_id),
  CONSTRAINT recordings_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT recordings_once_per_draw UNIQUE (site_id, decision_id),
  CONSTRAINT recordings_expire CHECK (expires_at <= captured_at + interval '180 days')
);
CREATE INDEX recordings_due ON recordings (site_id, expires_at);
CREATE INDEX recordings_doomed ON recordings (site_id, doomed_at)
WHERE doomed_at IS NOT NULL;

-- Worthless without the day key, which is never in the database.
CREATE TABLE recording_keys (
  site_id text NOT NULL,
  recording_id uuid NOT NULL,
  key_day date NOT NULL,
  wrapped_key bytea NOT NULL,
  CONSTRAINT recording_keys_pkey PRIMARY KEY (site_id, recording_id),
  CONSTRAINT recording_keys_recording FOREIGN KEY (site_id, recording_id)
  REFERENCES recordings (site_id, recording_id)
);
CREATE INDEX recording_keys_by_day ON recording_keys (site_id, key_day);

-- Which wrapping keys exist or existed; the keys themselves are never here.
CREATE TABLE day_keys (
  site_id text NOT NULL,
  key_day date NOT NULL,
  made_seq bigint NOT NULL,
  destroyed_seq bigint,
  CONSTRAINT day_keys_pkey PRIMARY KEY (site_id, key_day),
  CONSTRAINT day_keys_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);

CREATE TABLE incidents (
  site_id text NOT NULL,
  incident_id uuid NOT NULL,
  kind text NOT NULL,
  reference text NOT NULL,
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  CONSTRAINT incidents_pkey PRIMARY KEY (site_id, incident_id),
  CONSTRAINT incidents_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT incidents_once UNIQUE (site_id, kind, reference)
);

-- Aggregates only: what the metrics count, kept in the transaction that makes it true.
CREATE TABLE counts (
  site_id text NOT NULL,
  metric text NOT NULL,
  label text NOT NULL,
  value bigint NOT NULL,
  CONSTRAINT counts_pkey PRIMARY KEY (site_id, metric, label),
  CONSTRAINT counts_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);

DO $$
DECLARE
  fenced text;
BEGIN
  FOREACH fenced IN ARRAY ARRAY[
    'sites', 'ledger_heads', 'ledger_entries', 'policies', 'epochs', 'tag_keys', 'calls',
    'call_legs', 'takeovers', 'object_writes', 'recordings', 'recording_keys', 'day_keys',
    'incidents', 'counts'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', fenced);
    EXECUTE format(
      'CREATE POLICY one_site ON %I USING (site_id = current_setting(''ponctuel.site_id'', true))',
      fenced
    );
  END LOOP;
END
$$;

GRANT SELECT, INSERT ON sites, ledger_entries, policies TO ponctuel_service;
GRANT SELECT, INSERT, UPDATE ON ledger_heads, epochs, tag_keys, day_keys, incidents, counts
TO ponctuel_service;
GRANT SELECT, INSERT, UPDATE, DELETE
ON calls, call_legs, takeovers, object_writes, recordings, recording_keys
TO ponctuel_service;

CREATE TABLE ledger_tiles (
  site_id text NOT NULL,
  level smallint NOT NULL,
  idx bigint NOT NULL,
  hashes bytea NOT NULL,
  CONSTRAINT ledger_tiles_pkey PRIMARY KEY (site_id, level, idx),
  CONSTRAINT ledger_tiles_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);

CREATE TABLE checkpoints (
  site_id text NOT NULL,
  size bigint NOT NULL,
  note bytea NOT NULL,
  signed_at timestamptz NOT NULL,
  CONSTRAINT checkpoints_pkey PRIMARY KEY (site_id, size),
  CONSTRAINT checkpoints_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);

ALTER TABLE ledger_tiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE checkpoints ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON ledger_tiles
USING (site_id = current_setting('ponctuel.site_id', true));
CREATE POLICY one_site ON checkpoints
USING (site_id = current_setting('ponctuel.site_id', true));

GRANT SELECT, INSERT, UPDATE ON ledger_tiles TO ponctuel_service;
GRANT SELECT, INSERT ON checkpoints TO ponctuel_service;

-- Which object store belongs to the site: an empty directory, where a disk should be
-- mounted, must not pass for one from which everything was deleted.
CREATE TABLE object_stores (
  site_id text NOT NULL,
  store_id uuid NOT NULL,
  CONSTRAINT object_stores_pkey PRIMARY KEY (site_id),
  CONSTRAINT object_stores_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE object_stores ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON object_stores
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT ON object_stores TO ponctuel_service;

-- Calls that wait for their draw at a replica that does not lead. Not logged: what a
-- crashed server forgets here was never answered, and nothing is recorded.
CREATE UNLOGGED TABLE waiting_binds (
  site_id text NOT NULL,
  bind_id uuid NOT NULL,
  policy_version integer NOT NULL,
  week integer NOT NULL,
  this_week bytea NOT NULL,
  last_week bytea,
  next_week bytea,
  leg_key bytea,
  connection text NOT NULL,
  stratum text NOT NULL,
  gate_code text,
  agent_key bytea,
  expires_at timestamptz NOT NULL,
  call_key bytea,
  is_fresh boolean,
  refusal text,
  CONSTRAINT waiting_binds_pkey PRIMARY KEY (site_id, bind_id)
);
ALTER TABLE waiting_binds ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON waiting_binds
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON waiting_binds TO ponctuel_service;
CREATE INDEX waiting_binds_to_draw ON waiting_binds (site_id, expires_at)
WHERE is_fresh IS NULL AND refusal IS NULL;

-- How often an agent's calls of a campaign were drawn, under a keyed name; only for
-- policies that raise the probability of agents nobody has heard yet.
CREATE TABLE agent_calls (
  site_id text NOT NULL,
  starts_on date NOT NULL,
  agent_key bytea NOT NULL,
  seen integer NOT NULL,
  drawn integer NOT NULL,
  ends_on date NOT NULL,
  CONSTRAINT agent_calls_pkey PRIMARY KEY (site_id, starts_on, agent_key),
  CONSTRAINT agent_calls_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE agent_calls ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON agent_calls
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON agent_calls TO ponctuel_service;

-- What an outside authority said about the time of a signed head (RFC 3161).
CREATE TABLE timestamps (
  site_id text NOT NULL,
  size bigint NOT NULL,
  token bytea NOT NULL,
  stamped_at timestamptz NOT NULL,
  CONSTRAINT timestamps_pkey PRIMARY KEY (site_id, size),
  CONSTRAINT timestamps_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE timestamps ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON timestamps
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT ON timestamps TO ponctuel_service;

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

-- Cosignatures of witnesses on checkpoints, one for each key and checkpoint.
CREATE TABLE cosignatures (
  site_id text NOT NULL,
  size bigint NOT NULL,
  witness_key bytea NOT NULL,
  cosigned_at timestamptz NOT NULL,
  line text NOT NULL,
  CONSTRAINT cosignatures_pkey PRIMARY KEY (site_id, size, witness_key),
  CONSTRAINT cosignatures_checkpoint FOREIGN KEY (site_id, size)
  REFERENCES checkpoints (site_id, size) ON DELETE CASCADE
);
ALTER TABLE cosignatures ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON cosignatures
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT ON cosignatures TO ponctuel_service;

-- Old checkpoints are thinned to one an hour; their cosignatures go with them.
GRANT DELETE ON checkpoints TO ponctuel_service;

-- When a quorum of witnesses had seen the epoch's commitment.
ALTER TABLE epochs
ADD COLUMN witnessed_at timestamptz,
ADD COLUMN witnessed_size bigint;

-- Since when too many witnesses say that this is not the ledger they cosigned: it was
-- set back, or forked. Nothing is drawn or signed on it any more.
ALTER TABLE ledger_heads ADD COLUMN halted_at timestamptz;

-- Who has stopped all draws: the operator, the breaker, or both. The leaf that says so
-- moves the head in the same transaction, so no draw can slip in between.
ALTER TABLE ledger_heads ADD COLUMN stops text[] NOT NULL DEFAULT '{}';
ALTER TABLE ledger_heads ADD CONSTRAINT ledger_heads_stops_known
CHECK (stops <@ ARRAY['operator', 'breaker']);

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

-- Policies as people wrote them, on their way into force. A document changes only while
-- it is a draft; `salt` keeps anyone from trying out documents on the published digest.
CREATE TABLE policy_versions (
  site_id text NOT NULL,
  number integer NOT NULL,
  state text NOT NULL,
  document jsonb NOT NULL,
  salt bytea NOT NULL,
  digest bytea NOT NULL,
  author text NOT NULL,
  proposer text,
  approver text,
  approvals smallint NOT NULL DEFAULT 0,
  justification text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  increases text[] NOT NULL DEFAULT '{}',
  simulation jsonb,
  created_at timestamptz NOT NULL,
  proposed_at timestamptz,
  approved_at timestamptz,
  effective_from_epoch bigint,
  version integer,
  from_epoch bigint,
  CONSTRAINT policy_versions_pkey PRIMARY KEY (site_id, number),
  CONSTRAINT policy_versions_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT policy_versions_state_known CHECK (state IN (
    'draft', 'simulated', 'proposed', 'approved', 'scheduled', 'active', 'ended',
    'refused', 'withdrawn'
  )),
  CONSTRAINT policy_versions_hold_by_their_leaf
  CHECK (state NOT IN ('scheduled', 'active', 'ended') OR version IS NOT NULL)
);
ALTER TABLE policy_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON policy_versions
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON policy_versions TO ponctuel_service;

-- Which document each adopted policy has. Null before there were documents.
ALTER TABLE policies ADD COLUMN number integer;

-- Who did, or tried to do, what. Only ever added to.
CREATE TABLE policy_events (
  site_id text NOT NULL,
  place bigint GENERATED ALWAYS AS IDENTITY,
  number integer,
  move text NOT NULL,
  actor text NOT NULL,
  role text NOT NULL,
  at timestamptz NOT NULL,
  is_refused boolean NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}',
  CONSTRAINT policy_events_pkey PRIMARY KEY (site_id, place),
  CONSTRAINT policy_events_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE policy_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON policy_events
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT ON policy_events TO ponctuel_service;

-- The policy of the settings file as it was last seen: only a change of it counts.
CREATE TABLE policy_files (
  site_id text NOT NULL,
  digest bytea NOT NULL,
  seen_at timestamptz NOT NULL,
  refused text[] NOT NULL,
  CONSTRAINT policy_files_pkey PRIMARY KEY (site_id),
  CONSTRAINT policy_files_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE policy_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON policy_files
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON policy_files TO ponctuel_service;

-- Who has said that the breaker may close: it takes an operator and a DPO.
CREATE TABLE breaker_confirmations (
  site_id text NOT NULL,
  role text NOT NULL,
  actor text NOT NULL,
  confirmed_at timestamptz NOT NULL,
  CONSTRAINT breaker_confirmations_pkey PRIMARY KEY (site_id, role),
  CONSTRAINT breaker_confirmations_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE breaker_confirmations ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON breaker_confirmations
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON breaker_confirmations TO ponctuel_service;

-- Stops to be taken back in a later epoch than the one they were spoken of in.
CREATE TABLE resumptions (
  site_id text NOT NULL,
  party text NOT NULL,
  asked_epoch bigint NOT NULL,
  asked_by text NOT NULL,
  asked_at timestamptz NOT NULL,
  CONSTRAINT resumptions_pkey PRIMARY KEY (site_id, party),
  CONSTRAINT resumptions_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE resumptions ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON resumptions
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON resumptions TO ponctuel_service;
-- How many calls each agent had on each of the last days, the newest first, down from
-- `day`: what the caps on agents go by. Under a keyed name; days since 1970-01-01.
CREATE TABLE agent_days (
  site_id text NOT NULL,
  agent_key bytea NOT NULL,
  day integer NOT NULL,
  seen integer[] NOT NULL,
  CONSTRAINT agent_days_pkey PRIMARY KEY (site_id, agent_key),
  CONSTRAINT agent_days_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE agent_days ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON agent_days
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON agent_days TO ponctuel_service;

-- Calls drawn to be recorded, of each agent who takes part in them.
CREATE TABLE agent_draws (
  site_id text NOT NULL,
  agent_key bytea NOT NULL,
  decision_id uuid NOT NULL,
  day integer NOT NULL,
  CONSTRAINT agent_draws_pkey PRIMARY KEY (site_id, agent_key, decision_id),
  CONSTRAINT agent_draws_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE agent_draws ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON agent_draws
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON agent_draws TO ponctuel_service;

-- Callers of whom there is a recording, or a draw that may become one, under a name of
-- the month the call was drawn in. A row goes with the recording, or the failed draw.
CREATE TABLE recorded_callers (
  site_id text NOT NULL,
  caller_key bytea NOT NULL,
  decision_id uuid NOT NULL,
  CONSTRAINT recorded_callers_pkey PRIMARY KEY (site_id, caller_key),
  CONSTRAINT recorded_callers_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT recorded_callers_of_decision UNIQUE (site_id, decision_id)
);
ALTER TABLE recorded_callers ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON recorded_callers
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON recorded_callers TO ponctuel_service;

-- Whom the caps are for, of a bind on its way to the leader.
ALTER TABLE waiting_binds
ADD COLUMN agent_name bytea,
ADD COLUMN caller_names bytea;
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

-- When the line's gate closes by itself, and its code then: a bind may wait over midnight.
ALTER TABLE waiting_binds
ADD COLUMN gate_ends_on date,
ADD COLUMN gate_end_code text;

-- How each day of a connection compared with its platform's own list. Counts and a hash
-- only; the list itself is not kept. The leaf that says so is written with the row.
CREATE TABLE reconciliations (
  site_id text NOT NULL,
  connection text NOT NULL,
  day date NOT NULL,
  export_sha256 bytea NOT NULL,
  calls bigint NOT NULL,
  bound bigint NOT NULL,
  platform_only bigint NOT NULL,
  ledger_only bigint NOT NULL,
  unsolicited bigint NOT NULL,
  still_there bigint NOT NULL,
  done_at timestamptz NOT NULL,
  CONSTRAINT reconciliations_pkey PRIMARY KEY (site_id, connection, day),
  CONSTRAINT reconciliations_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE reconciliations ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON reconciliations
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON reconciliations TO ponctuel_service;

-- What the object store held, counted against the recordings.
CREATE TABLE inventories (
  site_id text NOT NULL,
  day date NOT NULL,
  listing_sha256 bytea NOT NULL,
  objects bigint NOT NULL,
  strays bigint NOT NULL,
  missing bigint NOT NULL,
  done_at timestamptz NOT NULL,
  CONSTRAINT inventories_pkey PRIMARY KEY (site_id, day),
  CONSTRAINT inventories_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE inventories ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON inventories
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON inventories TO ponctuel_service;

-- A recording that was seen, by the platform's word or by its audio, of a call that the
-- monitors must judge by it. `draw_seq` is null when no call was bound under that name;
-- then, or if it came too late for its call (adrift), it counts at `noted_seq`, where the
-- ledger had been judged or ended when it was seen.
CREATE TABLE recording_flags (
  site_id text NOT NULL,
  flag_key bytea NOT NULL,
  draw_seq bigint,
  noted_seq bigint NOT NULL,
  source text NOT NULL,
  seen_at timestamptz NOT NULL,
  is_counted boolean NOT NULL DEFAULT false,
  is_adrift boolean NOT NULL DEFAULT false,
  CONSTRAINT recording_flags_pkey PRIMARY KEY (site_id, flag_key),
  CONSTRAINT recording_flags_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT recording_flags_source_known
  CHECK (source IN ('started', 'available', 'upload', 'cdr', 'inventory'))
);
CREATE INDEX recording_flags_to_count ON recording_flags (site_id, noted_seq)
WHERE NOT is_counted;
ALTER TABLE recording_flags ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON recording_flags
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON recording_flags TO ponctuel_service;

-- Who took a call, under a keyed name, for the few days in which the monitors may have to
-- look at the call again.
CREATE TABLE call_agents (
  site_id text NOT NULL,
  draw_seq bigint NOT NULL,
  agent_key bytea NOT NULL,
  noted_at timestamptz NOT NULL,
  CONSTRAINT call_agents_pkey PRIMARY KEY (site_id, draw_seq),
  CONSTRAINT call_agents_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE call_agents ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON call_agents
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON call_agents TO ponctuel_service;

-- The monitors' state up to `position` in the ledger. The row with the slot 'now' moves;
-- its lock is what keeps two replicas from counting a call twice. The others, one a day,
-- are what a recording that comes to light later is counted from.
CREATE TABLE monitor_states (
  site_id text NOT NULL,
  slot text NOT NULL,
  position bigint NOT NULL,
  version integer NOT NULL,
  state jsonb NOT NULL,
  figures jsonb NOT NULL DEFAULT '[]',
  alarms jsonb NOT NULL DEFAULT '{}',
  CONSTRAINT monitor_states_pkey PRIMARY KEY (site_id, slot),
  CONSTRAINT monitor_states_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE monitor_states ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON monitor_states
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON monitor_states TO ponctuel_service;

-- What the DPO decided about an alarm. `position` is where the monitor began anew.
CREATE TABLE monitor_decisions (
  site_id text NOT NULL,
  seq bigint NOT NULL,
  monitor text NOT NULL,
  actor text NOT NULL,
  decision text NOT NULL,
  decided_at timestamptz NOT NULL,
  position bigint,
  CONSTRAINT monitor_decisions_pkey PRIMARY KEY (site_id, seq),
  CONSTRAINT monitor_decisions_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE monitor_decisions ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON monitor_decisions
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON monitor_decisions TO ponctuel_service;

-- Why the breaker opened, for each of its leaves.
CREATE TABLE breaker_openings (
  site_id text NOT NULL,
  seq bigint NOT NULL,
  causes text[] NOT NULL,
  opened_at timestamptz NOT NULL,
  CONSTRAINT breaker_openings_pkey PRIMARY KEY (site_id, seq),
  CONSTRAINT breaker_openings_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT breaker_openings_causes_known CHECK (causes <@ ARRAY['sr', 'binomial'])
);
ALTER TABLE breaker_openings ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON breaker_openings
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON breaker_openings TO ponctuel_service;

-- What silence means to the caller of a drawn call, and when one said yes.
ALTER TABLE calls
ADD COLUMN consent text NOT NULL DEFAULT 'opt_out',
ADD COLUMN opted_in_at timestamptz,
ADD CONSTRAINT calls_consent_known CHECK (consent IN ('opt_out', 'opt_in'));

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

-- Whether anybody judges: how far the ledger was seen when somebody last did, and since
-- when nobody could, by the database's own clock. A table of its own, because the row of
-- the monitors' state is locked by whoever is at work, or stuck.
CREATE TABLE monitor_sight (
  site_id text NOT NULL,
  seen bigint NOT NULL,
  unjudged_since timestamptz,
  is_blind boolean NOT NULL DEFAULT false,
  CONSTRAINT monitor_sight_pkey PRIMARY KEY (site_id),
  CONSTRAINT monitor_sight_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE monitor_sight ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON monitor_sight
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON monitor_sight TO ponctuel_service;

-- The breaker also opens when nobody has judged for too long.
ALTER TABLE breaker_openings DROP CONSTRAINT breaker_openings_causes_known;
ALTER TABLE breaker_openings ADD CONSTRAINT breaker_openings_causes_known
CHECK (causes <@ ARRAY['sr', 'binomial', 'blind']);

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

-- Lists are read a page at a time, from wherever the last page ended.
DROP INDEX incidents_open;
CREATE INDEX incidents_open ON incidents (site_id, aware_at, incident_id)
WHERE closed_at IS NULL;
CREATE INDEX incidents_closed ON incidents (site_id, aware_at, incident_id)
WHERE closed_at IS NOT NULL;
CREATE INDEX incidents_by_awareness ON incidents (site_id, aware_at, incident_id);
CREATE INDEX policy_events_of_version ON policy_events (site_id, number, place);
CREATE INDEX policy_events_refused ON policy_events (site_id, place) WHERE is_refused;
-- A key per deletion day and class, in generations: when one recording of a day dies
-- early, the others move to the next one, and the older key is destroyed.
ALTER TABLE day_keys
ADD COLUMN kind text NOT NULL DEFAULT 'audio',
ADD COLUMN generation integer NOT NULL DEFAULT 1,
ADD COLUMN stale_since timestamptz,
ADD CONSTRAINT day_keys_kind_known CHECK (kind IN ('audio', 'analysis', 'hold')),
DROP CONSTRAINT day_keys_pkey,
ADD CONSTRAINT day_keys_pkey PRIMARY KEY (site_id, key_day, kind, generation);
CREATE INDEX day_keys_living ON day_keys (site_id, key_day) WHERE destroyed_seq IS NULL;

-- Data keys of recordings and of what is written about them.
ALTER TABLE recording_keys
ADD COLUMN kind text NOT NULL DEFAULT 'audio',
ADD COLUMN generation integer NOT NULL DEFAULT 1,
DROP CONSTRAINT recording_keys_recording;
DROP INDEX recording_keys_by_day;
CREATE INDEX recording_keys_by_day
ON recording_keys (site_id, key_day, kind, generation, recording_id);

-- What the key store is given to keep is sealed under this key, so that key store and
-- objects alone open nothing.
ALTER TABLE sites ADD COLUMN notes_key bytea;
GRANT UPDATE ON sites TO ponctuel_service;

-- A hold defers the end of one recording; nobody listens to it meanwhile.
ALTER TABLE recordings
ADD COLUMN held_until timestamptz,
ADD COLUMN due_at timestamptz NOT NULL
GENERATED ALWAYS AS (greatest(expires_at, held_until)) STORED;
DROP INDEX recordings_due;
CREATE INDEX recordings_due ON recordings (site_id, due_at);
CREATE INDEX recordings_held ON recordings (site_id, held_until)
WHERE held_until IS NOT NULL;

CREATE TABLE holds (
  site_id text NOT NULL,
  hold_id uuid NOT NULL,
  recording_id uuid NOT NULL,
  draw_seq bigint NOT NULL,
  authority text NOT NULL,
  reference text NOT NULL,
  reason text NOT NULL,
  placed_by text NOT NULL,
  placed_at timestamptz NOT NULL,
  until timestamptz NOT NULL,
  seq bigint NOT NULL,
  ended_at timestamptz,
  ended_by text,
  CONSTRAINT holds_pkey PRIMARY KEY (site_id, hold_id),
  CONSTRAINT holds_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT holds_authority_known
  CHECK (authority IN ('requisition', 'claim', 'restriction', 'request')),
  CONSTRAINT holds_say_why
  CHECK (length(reference) BETWEEN 1 AND 500 AND length(reason) BETWEEN 1 AND 500),
  CONSTRAINT holds_end CHECK (until <= placed_at + interval '92 days')
);
CREATE UNIQUE INDEX holds_one_at_a_time ON holds (site_id, recording_id)
WHERE ended_at IS NULL;
CREATE INDEX holds_running ON holds (site_id, until) WHERE ended_at IS NULL;
ALTER TABLE holds ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON holds
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE ON holds TO ponctuel_service;

-- What callers are named by in a month; worthless without that month's key.
CREATE TABLE caller_keys (
  site_id text NOT NULL,
  month text NOT NULL,
  wrapped_key bytea NOT NULL,
  CONSTRAINT caller_keys_pkey PRIMARY KEY (site_id, month),
  CONSTRAINT caller_keys_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE caller_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON caller_keys
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON caller_keys TO ponctuel_service;

-- What was marked before its time is few among all there is, and is asked for by its end.
-- Reading goes on while the new one is built: the old one goes after it.
CREATE INDEX recordings_doomed_by_end ON recordings (site_id, due_at)
WHERE doomed_at IS NOT NULL;
DROP INDEX recordings_doomed;
ALTER INDEX recordings_doomed_by_end RENAME TO recordings_doomed;
-- Known bytes under each day key of recordings: a drill tries to open those whose day is
-- over, and must not be able to.
CREATE TABLE canaries (
  site_id text NOT NULL,
  key_day date NOT NULL,
  generation integer NOT NULL,
  wrapped bytea NOT NULL,
  CONSTRAINT canaries_pkey PRIMARY KEY (site_id, key_day, generation),
  CONSTRAINT canaries_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE canaries ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON canaries
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON canaries TO ponctuel_service;

CREATE TABLE restore_drills (
  site_id text NOT NULL,
  at timestamptz NOT NULL,
  has_passed boolean NOT NULL,
  had_copy boolean NOT NULL,
  shut integer NOT NULL,
  opened integer NOT NULL,
  CONSTRAINT restore_drills_pkey PRIMARY KEY (site_id, at),
  CONSTRAINT restore_drills_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE restore_drills ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON restore_drills
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON restore_drills TO ponctuel_service;

-- What is held is shown apart: the oldest recording that nothing holds back.
CREATE INDEX recordings_by_capture_unheld ON recordings (site_id, captured_at)
WHERE held_until IS NULL;

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

-- What people write of incidents, holds, policies and comparisons ends too: nothing that
-- still goes on, and no note without its incident. The service looks for it every quarter
-- of an hour, so each end is found by an index.
GRANT DELETE ON incidents, holds, policy_versions, policy_events, reconciliations,
reconciliation_runs, inventories TO ponctuel_service;
CREATE POLICY only_what_is_over ON incidents AS RESTRICTIVE FOR DELETE
USING (closed_at IS NOT NULL);
CREATE POLICY only_what_is_over ON holds AS RESTRICTIVE FOR DELETE
USING (ended_at IS NOT NULL);
CREATE POLICY only_what_is_over ON policy_versions AS RESTRICTIVE FOR DELETE
USING (version IS NULL AND state NOT IN ('approved', 'scheduled', 'active'));
ALTER TABLE incident_notes
DROP CONSTRAINT incident_notes_incident,
ADD CONSTRAINT incident_notes_incident FOREIGN KEY (site_id, incident_id)
REFERENCES incidents (site_id, incident_id) ON DELETE CASCADE;

CREATE INDEX incidents_by_end ON incidents (site_id, closed_at)
WHERE closed_at IS NOT NULL;
CREATE INDEX holds_by_end ON holds (site_id, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX policy_events_by_time ON policy_events (site_id, at);
CREATE INDEX takeovers_by_end ON takeovers (site_id, finished_at) WHERE step = 'done';
CREATE INDEX call_agents_by_time ON call_agents (site_id, noted_at);
CREATE INDEX recording_flags_by_time ON recording_flags (site_id, seen_at);
CREATE INDEX reconciliations_by_time ON reconciliations (site_id, done_at);
CREATE INDEX reconciliation_runs_by_time ON reconciliation_runs (site_id, begun_at);
CREATE INDEX inventories_by_time ON inventories (site_id, done_at);
-- Up to which epoch's policies the stock keeps what they promise.
ALTER TABLE ledger_heads ADD COLUMN promised_epoch bigint NOT NULL DEFAULT 0;

-- People with an account of their own, by an opaque code that nobody else ever has.
-- Of what they show there is nothing here that would let anybody in: passwords under
-- argon2id, TOTP secrets sealed by a key outside the database, of everything random its
-- SHA-256. Who has ended keeps a code, and nothing to sign in with.
CREATE TABLE accounts (
  site_id text NOT NULL,
  account_id uuid NOT NULL,
  code text NOT NULL,
  role text NOT NULL,
  agent_key bytea,
  password_hash text,
  totp_sealed bytea,
  totp_step bigint NOT NULL DEFAULT 0,
  made_at timestamptz NOT NULL,
  made_by text NOT NULL,
  ended_at timestamptz,
  CONSTRAINT accounts_pkey PRIMARY KEY (site_id, account_id),
  CONSTRAINT accounts_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT accounts_one_per_code UNIQUE (site_id, code),
  CONSTRAINT accounts_agent CHECK ((role = 'agent') = (agent_key IS NOT NULL)),
  CONSTRAINT accounts_argon2id CHECK (password_hash LIKE '$argon2id$%'),
  CONSTRAINT accounts_sealed CHECK (octet_length(totp_sealed) = 40),
  CONSTRAINT accounts_ended CHECK (
    ended_at IS NULL OR (password_hash IS NULL AND totp_sealed IS NULL)
  )
);
CREATE INDEX accounts_by_end ON accounts (site_id, ended_at)
WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX accounts_one_per_agent ON accounts (site_id, agent_key)
WHERE ended_at IS NULL;
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON accounts
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts TO ponctuel_service;
CREATE POLICY only_what_is_over ON accounts AS RESTRICTIVE FOR DELETE
USING (ended_at IS NOT NULL);

-- What is used once is deleted by being used.
CREATE TABLE recovery_codes (
  site_id text NOT NULL,
  account_id uuid NOT NULL,
  digest bytea NOT NULL,
  CONSTRAINT recovery_codes_pkey PRIMARY KEY (site_id, account_id, digest),
  CONSTRAINT recovery_codes_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT recovery_codes_digest CHECK (octet_length(digest) = 32)
);
ALTER TABLE recovery_codes ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON recovery_codes
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON recovery_codes TO ponctuel_service;

CREATE TABLE invitations (
  site_id text NOT NULL,
  account_id uuid NOT NULL,
  digest bytea NOT NULL,
  made_at timestamptz NOT NULL,
  made_by text NOT NULL,
  until timestamptz NOT NULL,
  CONSTRAINT invitations_pkey PRIMARY KEY (site_id, account_id),
  CONSTRAINT invitations_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT invitations_once UNIQUE (site_id, digest),
  CONSTRAINT invitations_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT invitations_end CHECK (until <= made_at + interval '72 hours')
);
CREATE INDEX invitations_by_time ON invitations (site_id, made_at);
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON invitations
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON invitations TO ponctuel_service;

-- Between password and second factor; good for nothing else.
CREATE TABLE pending_sign_ins (
  site_id text NOT NULL,
  digest bytea NOT NULL,
  account_id uuid NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT pending_sign_ins_pkey PRIMARY KEY (site_id, digest),
  CONSTRAINT pending_sign_ins_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT pending_sign_ins_digest CHECK (octet_length(digest) = 32)
);
CREATE INDEX pending_sign_ins_by_account ON pending_sign_ins (site_id, account_id);
CREATE INDEX pending_sign_ins_by_time ON pending_sign_ins (site_id, made_at);
ALTER TABLE pending_sign_ins ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON pending_sign_ins
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON pending_sign_ins TO ponctuel_service;

CREATE TABLE sessions (
  site_id text NOT NULL,
  session_id uuid NOT NULL,
  account_id uuid NOT NULL,
  digest bytea NOT NULL,
  made_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  factor_at timestamptz NOT NULL,
  CONSTRAINT sessions_pkey PRIMARY KEY (site_id, session_id),
  CONSTRAINT sessions_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT sessions_once UNIQUE (site_id, digest),
  CONSTRAINT sessions_digest CHECK (octet_length(digest) = 32)
);
CREATE INDEX sessions_by_account ON sessions (site_id, account_id);
CREATE INDEX sessions_by_time ON sessions (site_id, made_at);
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON sessions
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO ponctuel_service;

-- How often a code was tried in vain, by a keyed name and whether there is such a code
-- or not: nobody learns it by being counted, or by not being.
CREATE TABLE sign_in_attempts (
  site_id text NOT NULL,
  name bytea NOT NULL,
  failures integer NOT NULL,
  failed_at timestamptz NOT NULL,
  not_before timestamptz NOT NULL,
  CONSTRAINT sign_in_attempts_pkey PRIMARY KEY (site_id, name),
  CONSTRAINT sign_in_attempts_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
CREATE INDEX sign_in_attempts_by_time ON sign_in_attempts (site_id, failed_at);
ALTER TABLE sign_in_attempts ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON sign_in_attempts
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempts TO ponctuel_service;

-- Which recordings somebody may reach, until when, and who said so. Nothing of it can be
-- made longer: what the service may change is how it ended, and who looked at it since.
CREATE TABLE grants (
  site_id text NOT NULL,
  grant_id uuid NOT NULL,
  code text NOT NULL,
  practice text,
  campaign text,
  until timestamptz NOT NULL,
  given_by text NOT NULL,
  given_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_by text,
  reviewed_at timestamptz,
  reviewed_by text,
  CONSTRAINT grants_pkey PRIMARY KEY (site_id, grant_id),
  CONSTRAINT grants_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT grants_end CHECK (
    until > given_at AND until <= given_at + interval '90 days'
  ),
  CONSTRAINT grants_by_another CHECK (given_by <> code),
  CONSTRAINT grants_ended_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
  CONSTRAINT grants_reviewed_by_somebody CHECK (
    (reviewed_at IS NULL) = (reviewed_by IS NULL)
  )
);
CREATE INDEX grants_by_code ON grants (site_id, code, until);
CREATE INDEX grants_by_end ON grants (site_id, until);
ALTER TABLE grants ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON grants
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON grants TO ponctuel_service;
GRANT UPDATE (ended_at, ended_by, reviewed_at, reviewed_by) ON grants
TO ponctuel_service;

-- Keys of machines. Of a key only its SHA-256 is here.
CREATE TABLE api_keys (
  site_id text NOT NULL,
  key_id uuid NOT NULL,
  digest bytea NOT NULL,
  code text NOT NULL,
  role text NOT NULL,
  scopes text[] NOT NULL,
  until timestamptz NOT NULL,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_by text,
  last_used_on date,
  CONSTRAINT api_keys_pkey PRIMARY KEY (site_id, key_id),
  CONSTRAINT api_keys_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT api_keys_once UNIQUE (site_id, digest),
  CONSTRAINT api_keys_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT api_keys_for_something CHECK (cardinality(scopes) > 0),
  CONSTRAINT api_keys_end CHECK (
    until > made_at AND until <= made_at + interval '365 days'
  ),
  CONSTRAINT api_keys_ended_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX api_keys_by_end ON api_keys (site_id, until);
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON api_keys
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON api_keys TO ponctuel_service;
GRANT UPDATE (ended_at, ended_by, last_used_on) ON api_keys TO ponctuel_service;

-- Each quarter somebody looks at who may what, and signs it. `document` is what there was
-- to see; its salted digest is in the ledger, at `seq`.
CREATE TABLE habilitation_reviews (
  site_id text NOT NULL,
  seq bigint NOT NULL,
  signed_at timestamptz NOT NULL,
  signed_by text NOT NULL,
  document jsonb NOT NULL,
  salt bytea NOT NULL,
  digest bytea NOT NULL,
  CONSTRAINT habilitation_reviews_pkey PRIMARY KEY (site_id, seq),
  CONSTRAINT habilitation_reviews_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
CREATE INDEX habilitation_reviews_by_time ON habilitation_reviews (site_id, signed_at);
ALTER TABLE habilitation_reviews ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON habilitation_reviews
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON habilitation_reviews TO ponctuel_service;

-- The trace of who did what to which item: a Merkle tree of its own, never published.
-- Hashes and times stay; what they are of ends after a year.
CREATE TABLE access_heads (
  site_id text NOT NULL,
  size bigint NOT NULL DEFAULT 0,
  frontier bytea NOT NULL,
  CONSTRAINT access_heads_pkey PRIMARY KEY (site_id),
  CONSTRAINT access_heads_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT access_heads_only_grow CHECK (size >= 0)
);

CREATE TABLE access_leaves (
  site_id text NOT NULL,
  seq bigint NOT NULL,
  leaf_hash bytea NOT NULL,
  -- Of the tree up to and with this leaf: so that what was changed is found by its place.
  root bytea NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT access_leaves_pkey PRIMARY KEY (site_id, seq),
  CONSTRAINT access_leaves_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);

-- What people look for is read out of the body by the database, so that it cannot say
-- anything else than the body does.
CREATE TABLE access_entries (
  site_id text NOT NULL,
  seq bigint NOT NULL,
  -- Canonical JSON, in ASCII: its bytes are what is hashed.
  body text NOT NULL,
  at timestamptz NOT NULL GENERATED ALWAYS AS (
    to_timestamp((body::jsonb ->> 'at')::numeric / 1000)
  ) STORED,
  act text NOT NULL GENERATED ALWAYS AS (
    body::jsonb ->> 'act'
  ) STORED,
  actor text NOT NULL GENERATED ALWAYS AS (
    coalesce(body::jsonb ->> 'actor', '')
  ) STORED,
  role text NOT NULL GENERATED ALWAYS AS (
    coalesce(body::jsonb ->> 'role', '')
  ) STORED,
  item uuid GENERATED ALWAYS AS (
    (body::jsonb ->> 'item')::uuid
  ) STORED,
  CONSTRAINT access_entries_pkey PRIMARY KEY (site_id, seq),
  CONSTRAINT access_entries_leaf FOREIGN KEY (site_id, seq)
  REFERENCES access_leaves (site_id, seq)
);
CREATE INDEX access_entries_by_time ON access_entries (site_id, at);
CREATE INDEX access_entries_by_item ON access_entries (site_id, item, seq)
WHERE item IS NOT NULL;
CREATE INDEX access_entries_by_actor ON access_entries (site_id, actor, seq);

CREATE TRIGGER access_leaves_are_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON access_leaves
FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_ledger();
CREATE TRIGGER access_entries_are_never_changed
BEFORE UPDATE OR TRUNCATE ON access_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_ledger();

-- How far the regular looks at the trace have come, and what the last one found.
CREATE TABLE access_checks (
  site_id text NOT NULL,
  name text NOT NULL,
  at timestamptz NOT NULL,
  size bigint NOT NULL,
  faults bigint NOT NULL DEFAULT 0,
  CONSTRAINT access_checks_pkey PRIMARY KEY (site_id, name),
  CONSTRAINT access_checks_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);

-- Signs of abuse: one for a person, a rule and a day, until somebody decides on it.
CREATE TABLE access_alerts (
  site_id text NOT NULL,
  alert_id uuid NOT NULL,
  rule text NOT NULL,
  actor text NOT NULL,
  day date NOT NULL,
  is_severe boolean NOT NULL,
  opened_at timestamptz NOT NULL,
  seen integer NOT NULL,
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL,
  decided_at timestamptz,
  decided_by text,
  decision text,
  note text NOT NULL DEFAULT '',
  CONSTRAINT access_alerts_pkey PRIMARY KEY (site_id, alert_id),
  CONSTRAINT access_alerts_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT access_alerts_decided CHECK (
    (decided_at IS NULL) = (decided_by IS NULL)
    AND (decided_at IS NULL) = (decision IS NULL)
  ),
  CONSTRAINT access_alerts_not_by_themselves CHECK (decided_by <> actor)
);
CREATE UNIQUE INDEX access_alerts_open ON access_alerts (site_id, actor, rule, day)
WHERE decided_at IS NULL;
CREATE INDEX access_alerts_by_time ON access_alerts (site_id, opened_at, alert_id);
CREATE INDEX access_alerts_by_end ON access_alerts (site_id, decided_at)
WHERE decided_at IS NOT NULL;

-- Emergency access to one recording; why is sealed by a key outside the database.
CREATE TABLE glass_uses (
  site_id text NOT NULL,
  use_id uuid NOT NULL,
  alert_id uuid NOT NULL,
  actor text NOT NULL,
  role text NOT NULL,
  recording_id uuid NOT NULL,
  reason bytea NOT NULL,
  used_at timestamptz NOT NULL,
  until timestamptz NOT NULL,
  reviewed_at timestamptz,
  reviewed_by text,
  outcome text,
  CONSTRAINT glass_uses_pkey PRIMARY KEY (site_id, use_id),
  CONSTRAINT glass_uses_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT glass_uses_end CHECK (until <= used_at + interval '30 minutes'),
  CONSTRAINT glass_uses_reviewed CHECK (
    (reviewed_at IS NULL) = (reviewed_by IS NULL)
    AND (reviewed_at IS NULL) = (outcome IS NULL)
  ),
  CONSTRAINT glass_uses_not_by_themselves CHECK (reviewed_by <> actor)
);
CREATE INDEX glass_uses_by_actor ON glass_uses (site_id, actor, until);
CREATE INDEX glass_uses_open ON glass_uses (site_id, used_at)
WHERE reviewed_at IS NULL;
CREATE INDEX glass_uses_by_end ON glass_uses (site_id, reviewed_at)
WHERE reviewed_at IS NOT NULL;

-- The monthly looks at the trace, signed. What they came to is also in the ledger.
CREATE TABLE access_reviews (
  site_id text NOT NULL,
  month date NOT NULL,
  signed_at timestamptz NOT NULL,
  signed_by text NOT NULL,
  size bigint NOT NULL,
  root bytea NOT NULL,
  found jsonb NOT NULL,
  CONSTRAINT access_reviews_pkey PRIMARY KEY (site_id, month),
  CONSTRAINT access_reviews_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
CREATE INDEX access_reviews_by_time ON access_reviews (site_id, signed_at);

DO $$
DECLARE
  fenced text;
BEGIN
  FOREACH fenced IN ARRAY ARRAY[
    'access_heads', 'access_leaves', 'access_entries', 'access_checks', 'access_alerts',
    'glass_uses', 'access_reviews'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', fenced);
    EXECUTE format(
      'CREATE POLICY one_site ON %I USING (site_id = current_setting(''ponctuel.site_id'', true))',
      fenced
    );
  END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE ON access_heads TO ponctuel_service;
GRANT SELECT, INSERT ON access_leaves TO ponctuel_service;
-- Deleting is for those of a year ago; one that is missing earlier is found by its leaf.
GRANT SELECT, INSERT, DELETE ON access_entries TO ponctuel_service;
GRANT SELECT, INSERT, UPDATE ON access_checks TO ponctuel_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON access_alerts, glass_uses TO ponctuel_service;
CREATE POLICY only_what_is_over ON access_alerts AS RESTRICTIVE FOR DELETE
USING (decided_at IS NOT NULL);
CREATE POLICY only_what_is_over ON glass_uses AS RESTRICTIVE FOR DELETE
USING (reviewed_at IS NOT NULL);
GRANT SELECT, INSERT, DELETE ON access_reviews TO ponctuel_service;
-- Whose a recording is, which decides who may hear it: the practice of the dialled line,
-- the campaign it was drawn in, the agent by keyed name. What is not known stays empty.
-- A call forgets its agent with its outcome.
ALTER TABLE calls
ADD COLUMN practice text NOT NULL DEFAULT '',
ADD COLUMN campaign text NOT NULL DEFAULT '',
ADD COLUMN agent_key bytea;
ALTER TABLE recordings
ADD COLUMN practice text NOT NULL DEFAULT '',
ADD COLUMN campaign text NOT NULL DEFAULT '',
ADD COLUMN agent_key bytea;
ALTER TABLE analyses
ADD COLUMN practice text NOT NULL DEFAULT '',
ADD COLUMN campaign text NOT NULL DEFAULT '',
ADD COLUMN agent_key bytea;

-- Whether any of somebody's openings leads to it: what is null in one is not looked at.
CREATE FUNCTION is_reached(
  practice text, campaign text, recording_id uuid, agent_key bytea,
  practices text[], campaigns text[], recording_ids uuid[], agent_keys bytea[]
) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT EXISTS (
    SELECT FROM unnest($5, $6, $7, $8) AS o (practice, campaign, recording_id, agent_key)
    WHERE
      (o.practice IS NULL OR o.practice = $1)
      AND (o.campaign IS NULL OR o.campaign = $2)
      AND (o.recording_id IS NULL OR o.recording_id = $3)
      AND (o.agent_key IS NULL OR o.agent_key = $4)
  )
$$;

-- Who listens to what just now, and how much of it was sent. What was heard is in the
-- access log; this is what its next piece is measured against.
CREATE TABLE plays (
  site_id text NOT NULL,
  play_id uuid NOT NULL,
  recording_id uuid NOT NULL,
  account_id uuid NOT NULL,
  session_id uuid NOT NULL,
  purpose text NOT NULL,
  begun_at timestamptz NOT NULL,
  used_at timestamptz NOT NULL,
  ended_at timestamptz,
  pieces integer NOT NULL DEFAULT 0,
  served bigint NOT NULL DEFAULT 0,
  CONSTRAINT plays_pkey PRIMARY KEY (site_id, play_id),
  CONSTRAINT plays_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
CREATE UNIQUE INDEX plays_one_per_session ON plays (site_id, session_id)
WHERE ended_at IS NULL;
CREATE INDEX plays_running ON plays (site_id, account_id, used_at)
WHERE ended_at IS NULL;
CREATE INDEX plays_by_use ON plays (site_id, used_at);
ALTER TABLE plays ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON plays
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON plays TO ponctuel_service;

-- Other ways to show who one is. A passkey's public key lets nobody in; a challenge is
-- there by its SHA-256 only, and good once.
CREATE TABLE passkeys (
  site_id text NOT NULL,
  passkey_id uuid NOT NULL,
  account_id uuid NOT NULL,
  credential_id bytea NOT NULL,
  public_key bytea NOT NULL,
  user_handle bytea NOT NULL,
  sign_count bigint NOT NULL,
  is_synced boolean NOT NULL,
  made_at timestamptz NOT NULL,
  used_at timestamptz NOT NULL,
  doubted_at timestamptz,
  CONSTRAINT passkeys_pkey PRIMARY KEY (site_id, passkey_id),
  CONSTRAINT passkeys_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT passkeys_one_per_credential UNIQUE (site_id, credential_id),
  CONSTRAINT passkeys_credential CHECK (octet_length(credential_id) <= 1023),
  CONSTRAINT passkeys_handle CHECK (octet_length(user_handle) = 32)
);
CREATE INDEX passkeys_by_account ON passkeys (site_id, account_id);
ALTER TABLE passkeys ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON passkeys
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON passkeys TO ponctuel_service;

CREATE TABLE passkey_challenges (
  site_id text NOT NULL,
  digest bytea NOT NULL,
  kind text NOT NULL,
  bound_to bytea NOT NULL,
  account_id uuid,
  user_handle bytea,
  made_at timestamptz NOT NULL,
  CONSTRAINT passkey_challenges_pkey PRIMARY KEY (site_id, digest),
  CONSTRAINT passkey_challenges_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT passkey_challenges_digest CHECK (
    octet_length(digest) = 32 AND octet_length(bound_to) = 32
  ),
  CONSTRAINT passkey_challenges_kind CHECK (
    kind IN ('registration', 'second', 'alone', 'again')
    AND (kind = 'alone') = (account_id IS NULL)
    AND (kind = 'registration') = (user_handle IS NOT NULL)
  )
);
CREATE INDEX passkey_challenges_by_account ON passkey_challenges (site_id, account_id);
CREATE INDEX passkey_challenges_by_time ON passkey_challenges (site_id, made_at);
ALTER TABLE passkey_challenges ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON passkey_challenges
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON passkey_challenges TO ponctuel_service;

-- Sign-ins under way at an identity provider. What the browser and the provider were told
-- follows from the browser's secret and a key that is not here.
CREATE TABLE oidc_states (
  site_id text NOT NULL,
  digest bytea NOT NULL,
  purpose text NOT NULL,
  session_id uuid,
  made_at timestamptz NOT NULL,
  CONSTRAINT oidc_states_pkey PRIMARY KEY (site_id, digest),
  CONSTRAINT oidc_states_session FOREIGN KEY (site_id, session_id)
  REFERENCES sessions (site_id, session_id) ON DELETE CASCADE,
  CONSTRAINT oidc_states_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT oidc_states_purpose CHECK (
    purpose IN ('sign-in', 'link', 'again')
    AND (purpose = 'sign-in') = (session_id IS NULL)
  )
);
CREATE INDEX oidc_states_by_session ON oidc_states (site_id, session_id);
CREATE INDEX oidc_states_by_time ON oidc_states (site_id, made_at);
ALTER TABLE oidc_states ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON oidc_states
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON oidc_states TO ponctuel_service;

-- Whose account it is, by a keyed hash of what the provider calls them.
CREATE TABLE oidc_subjects (
  site_id text NOT NULL,
  subject bytea NOT NULL,
  account_id uuid NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT oidc_subjects_pkey PRIMARY KEY (site_id, subject),
  CONSTRAINT oidc_subjects_account FOREIGN KEY (site_id, account_id)
  REFERENCES accounts (site_id, account_id) ON DELETE CASCADE,
  CONSTRAINT oidc_subjects_one_per_account UNIQUE (site_id, account_id),
  CONSTRAINT oidc_subjects_subject CHECK (octet_length(subject) = 32)
);
ALTER TABLE oidc_subjects ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON oidc_subjects
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON oidc_subjects TO ponctuel_service;

-- The first page of the trace, and the watch: what was played since some time.
CREATE INDEX access_entries_by_act ON access_entries (site_id, act, at);

-- Whoever says what others reach, hears somebody or answers requests is said to be so by
-- a data protection officer: an administrator alone makes none of them.
ALTER TABLE accounts ADD COLUMN appointed_by text;
ALTER TABLE accounts ADD CONSTRAINT accounts_appointed CHECK (
  appointed_by IS NULL OR role IN ('dpo', 'agent', 'rights_officer')
);

-- By which full number a recording is found for the person it is of. The cap's name knows
-- nine digits only, and those may be somebody else's in another country. It is keyed by
-- the month, too, and lives in the same row: as long as the recording. Rows of before have
-- none.
ALTER TABLE recorded_callers ADD COLUMN number_key bytea;
CREATE INDEX recorded_callers_by_number ON recorded_callers (site_id, number_key);
CREATE INDEX recorded_callers_of_before ON recorded_callers (site_id, caller_key)
WHERE number_key IS NULL;
GRANT UPDATE (number_key) ON recorded_callers TO ponctuel_service;

-- Whom an agent asks about: the recordings of their own calls.
CREATE INDEX recordings_by_agent ON recordings (site_id, agent_key)
WHERE agent_key IS NOT NULL;

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

-- What callers were told, from when on: texts made from settings, naming no caller. Added
-- when they change, never altered; an inspector reads what could be read on a given day.
CREATE TABLE notices (
  site_id text NOT NULL,
  kind text NOT NULL,
  language text NOT NULL,
  began_at timestamptz NOT NULL,
  version text NOT NULL,
  text text NOT NULL,
  CONSTRAINT notices_pkey PRIMARY KEY (site_id, kind, language, began_at),
  CONSTRAINT notices_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT notices_kind_known CHECK (kind IN ('announcement', 'notice')),
  CONSTRAINT notices_language_known CHECK (language IN ('fr', 'en'))
);
ALTER TABLE notices ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON notices
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON notices TO ponctuel_service;

-- Whoever was told of a restriction is told when it is lifted: the promise of the first
-- notice, on a row of its own. Rows of before are of first notices.
ALTER TABLE recipient_notices ADD COLUMN is_lifting boolean NOT NULL DEFAULT false;
ALTER TABLE recipient_notices
DROP CONSTRAINT recipient_notices_pkey,
ADD CONSTRAINT recipient_notices_pkey
PRIMARY KEY (site_id, request_id, handover_id, is_lifting);
-- What was never done ends, too: nothing is said of a recording that went before it.
ALTER TABLE request_outcomes DROP CONSTRAINT request_outcomes_end_once_done;

-- What there is to hear is listed by its day, the newest first, however much there is.
-- Days are counted back from the last there can be, so that ids go up as they do; a column,
-- for behind a fence an index is not asked what an expression might give away.
ALTER TABLE recordings ADD COLUMN days_back integer NOT NULL GENERATED ALWAYS AS (
  DATE '9999-12-31' - (captured_at AT TIME ZONE 'UTC')::date
) STORED;
CREATE INDEX recordings_by_day ON recordings (site_id, days_back, recording_id);
