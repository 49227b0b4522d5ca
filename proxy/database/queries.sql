-- What has an age and ends with it: one query for each kind of `retention.schedule`.
-- Each takes a batch, tells how many rows it took, and leaves to another sweep what that
-- has in hand. By `ctid`: rows just read and locked need not be looked for again.

-- name: forget_holds(site_id, before, limit)
WITH old AS (
  SELECT h.ctid FROM holds AS h
  WHERE h.site_id = $1 AND h.ended_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM holds
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_takeovers(site_id, before, limit)
-- The platform's own id of a recording is personal data once the recording is gone.
WITH old AS (
  SELECT t.ctid FROM takeovers AS t
  WHERE t.site_id = $1 AND t.step = 'done' AND t.finished_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM takeovers
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_call_agents(site_id, before, limit)
-- Rows that nobody may change need not be locked: of two sweeps one finds them gone.
WITH old AS (
  SELECT a.ctid FROM call_agents AS a
  WHERE a.site_id = $1 AND a.noted_at <= $2
  LIMIT $3
),
gone AS (
  DELETE FROM call_agents
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_flags(site_id, before, limit)
WITH old AS (
  SELECT f.ctid FROM recording_flags AS f
  WHERE f.site_id = $1 AND f.seen_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM recording_flags
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_incidents(site_id, before, limit)
-- Its notes go with it. Whoever adds one locks the incident first, so none is added to
-- one that goes.
WITH old AS (
  SELECT i.incident_id FROM incidents AS i
  WHERE
    i.site_id = $1 AND i.closed_at <= $2
    AND NOT EXISTS (
      SELECT FROM incident_notes AS n
      WHERE n.site_id = $1 AND n.incident_id = i.incident_id AND n.at > $2
    )
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM incidents AS i USING old AS o
  WHERE i.site_id = $1 AND i.incident_id = o.incident_id RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_policies(site_id, before, limit)
-- What was in force keeps its document, which its leaf names by a digest, and the newest
-- its number, which must not be given twice; both lose who moved them, and why. Of the
-- history stay the settings as they were last seen, and a stop that is still on.
WITH old AS (
  SELECT
    v.number,
    v.version IS NOT NULL
    OR v.number = (SELECT max(n.number) FROM policy_versions AS n WHERE n.site_id = $1)
    AS stays
  FROM policy_versions AS v
  WHERE
    v.site_id = $1 AND v.created_at <= $2
    AND v.state NOT IN ('approved', 'scheduled', 'active')
    AND NOT EXISTS (
      SELECT FROM policy_events AS e
      WHERE e.site_id = $1 AND e.number = v.number AND e.at > $2
    )
    AND (
      v.author <> '' OR v.proposer IS NOT NULL OR v.approver IS NOT NULL
      OR v.justification <> '' OR v.reason <> '' OR (
        v.version IS NULL AND v.number < (
          SELECT max(n.number) FROM policy_versions AS n WHERE n.site_id = $1
        )
      )
    )
  ORDER BY v.number LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM policy_versions AS v USING old AS o
  WHERE v.site_id = $1 AND v.number = o.number AND NOT o.stays RETURNING 1
),
unnamed AS (
  UPDATE policy_versions AS v
  SET author = '', proposer = NULL, approver = NULL, justification = '', reason = ''
  FROM old AS o
  WHERE v.site_id = $1 AND v.number = o.number AND o.stays RETURNING 1
),
past AS (
  SELECT e.ctid FROM policy_events AS e
  WHERE
    e.site_id = $1 AND e.at <= $2
    AND NOT EXISTS (
      SELECT FROM policy_versions AS v
      WHERE
        v.site_id = $1 AND v.number = e.number
        AND v.state IN ('approved', 'scheduled', 'active')
    )
    AND e.place IS DISTINCT FROM (
      SELECT max(s.place) FROM policy_events AS s
      WHERE s.site_id = $1 AND s.move = 'settings'
    )
    AND NOT (
      e.move = 'stop' AND NOT e.is_refused AND e.place > coalesce((
        SELECT max(g.place) FROM policy_events AS g
        WHERE
          g.site_id = $1 AND g.move = 'go_on' AND g.detail ->> 'party' = 'operator'
      ), 0)
    )
  -- A stop before what took it back: else it would seem to be on.
  ORDER BY e.place LIMIT $3
),
unsaid AS (
  DELETE FROM policy_events
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT past.ctid FROM past)) RETURNING 1
)
SELECT
  (SELECT count(*) FROM gone) + (SELECT count(*) FROM unnamed)
  + (SELECT count(*) FROM unsaid);

-- name: forget_decisions(site_id, before, limit)
-- Where a monitor began anew is needed as long as there are monitors.
WITH old AS (
  SELECT d.ctid FROM monitor_decisions AS d
  WHERE d.site_id = $1 AND d.decided_at <= $2 AND (d.actor <> '' OR d.decision <> '')
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
unsaid AS (
  UPDATE monitor_decisions SET actor = '', decision = ''
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM unsaid;

-- name: forget_reconciliations(site_id, before, limit)
WITH old AS (
  SELECT r.ctid FROM reconciliations AS r
  WHERE r.site_id = $1 AND r.done_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM reconciliations
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
),
old_runs AS (
  SELECT r.ctid FROM reconciliation_runs AS r
  WHERE r.site_id = $1 AND r.begun_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone_runs AS (
  DELETE FROM reconciliation_runs
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT o.ctid FROM old_runs AS o)) RETURNING 1
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM gone_runs);

-- name: forget_inventories(site_id, before, limit)
WITH old AS (
  SELECT i.ctid FROM inventories AS i
  WHERE i.site_id = $1 AND i.done_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM inventories
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_old_confirmations(site_id, before, limit)
WITH old AS (
  SELECT c.ctid FROM breaker_confirmations AS c
  WHERE c.site_id = $1 AND c.confirmed_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM breaker_confirmations
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_access_entries(site_id, before, limit)
-- The trace's oldest, by their own time; their hashes stay.
WITH old AS (
  SELECT e.ctid FROM access_entries AS e
  WHERE e.site_id = $1 AND e.at <= $2
  LIMIT $3
),
gone AS (
  DELETE FROM access_entries
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_plays(site_id, before, limit)
WITH old AS (
  SELECT p.ctid FROM plays AS p
  WHERE p.site_id = $1 AND p.used_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM plays
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_grants(site_id, before, limit)
WITH old AS (
  SELECT g.ctid FROM grants AS g
  WHERE g.site_id = $1 AND g.until <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM grants
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_api_keys(site_id, before, limit)
WITH old AS (
  SELECT k.ctid FROM api_keys AS k
  WHERE k.site_id = $1 AND k.until <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM api_keys
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_habilitation_reviews(site_id, before, limit)
WITH old AS (
  SELECT r.ctid FROM habilitation_reviews AS r
  WHERE r.site_id = $1 AND r.signed_at <= $2
  LIMIT $3
),
gone AS (
  DELETE FROM habilitation_reviews
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_sign_ins_elsewhere(site_id, before, limit)
-- Challenges for passkeys and sign-ins at a provider that nobody finished.
WITH old AS (
  SELECT c.ctid FROM passkey_challenges AS c
  WHERE c.site_id = $1 AND c.made_at <= $2
  LIMIT $3
),
gone AS (
  DELETE FROM passkey_challenges
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
),
old_states AS (
  SELECT s.ctid FROM oidc_states AS s
  WHERE s.site_id = $1 AND s.made_at <= $2
  LIMIT $3
),
gone_states AS (
  DELETE FROM oidc_states
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT o.ctid FROM old_states AS o))
  RETURNING 1
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM gone_states);

-- name: forget_access_alerts(site_id, before, limit)
WITH old AS (
  SELECT t.ctid FROM access_alerts AS t
  WHERE t.site_id = $1 AND t.decided_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM access_alerts
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_glass_uses(site_id, before, limit)
WITH old AS (
  SELECT t.ctid FROM glass_uses AS t
  WHERE t.site_id = $1 AND t.reviewed_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM glass_uses
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_access_reviews(site_id, before, limit)
WITH old AS (
  SELECT t.ctid FROM access_reviews AS t
  WHERE t.site_id = $1 AND t.signed_at <= $2
  LIMIT $3
),
gone AS (
  DELETE FROM access_reviews
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_accounts(site_id, before, limit)
-- What belongs to them goes with them.
WITH old AS (
  SELECT a.account_id FROM accounts AS a
  WHERE a.site_id = $1 AND a.ended_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM accounts AS a USING old AS o
  WHERE a.site_id = $1 AND a.account_id = o.account_id RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_invitations(site_id, before, limit)
WITH old AS (
  SELECT i.ctid FROM invitations AS i
  WHERE i.site_id = $1 AND i.made_at <= $2
  LIMIT $3
),
gone AS (
  DELETE FROM invitations
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_sign_ins(site_id, before, limit)
WITH old AS (
  SELECT s.ctid FROM sessions AS s
  WHERE s.site_id = $1 AND s.made_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM sessions
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
),
old_pending AS (
  SELECT p.ctid FROM pending_sign_ins AS p
  WHERE p.site_id = $1 AND p.made_at <= $2
  LIMIT $3
),
gone_pending AS (
  DELETE FROM pending_sign_ins
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT o.ctid FROM old_pending AS o))
  RETURNING 1
),
old_attempts AS (
  SELECT t.ctid FROM sign_in_attempts AS t
  WHERE t.site_id = $1 AND t.failed_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone_attempts AS (
  DELETE FROM sign_in_attempts
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT o.ctid FROM old_attempts AS o))
  RETURNING 1
)
SELECT
  (SELECT count(*) FROM gone)
  + (SELECT count(*) FROM gone_pending)
  + (SELECT count(*) FROM gone_attempts);

-- name: forget_notices(site_id, before, limit)
-- Those that were replaced before; the text in force stays however old it is.
WITH old AS (
  SELECT n.ctid FROM notices AS n
  WHERE n.site_id = $1 AND EXISTS (
    SELECT FROM notices AS l
    WHERE l.site_id = n.site_id AND l.kind = n.kind AND l.language = n.language
    AND l.began_at > n.began_at AND l.began_at <= $2
  )
  LIMIT $3
),
gone AS (
  DELETE FROM notices
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_requests(site_id, before, limit)
-- Their history goes with them.
WITH old AS (
  SELECT q.request_id FROM requests AS q
  WHERE q.site_id = $1 AND q.closed_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM requests AS q USING old AS o
  WHERE q.site_id = $1 AND q.request_id = o.request_id RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_request_codes(site_id, before, limit)
WITH old AS (
  SELECT c.ctid FROM request_codes AS c
  WHERE c.site_id = $1 AND c.made_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM request_codes
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_request_outcomes(site_id, before, limit)
WITH old AS (
  SELECT o.ctid FROM request_outcomes AS o
  WHERE o.site_id = $1 AND o.ended_at <= $2
  LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM request_outcomes
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;

-- name: forget_handovers(site_id, before, limit)
-- What was told to their recipients goes with them. Nobody may change either.
WITH old AS (
  SELECT h.ctid FROM handovers AS h
  WHERE h.site_id = $1 AND h.noted_at <= $2
  LIMIT $3
),
gone AS (
  DELETE FROM handovers
  WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old)) RETURNING 1
)
SELECT count(*) FROM gone;
