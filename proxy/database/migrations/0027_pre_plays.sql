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
