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
