-- name: find_calls(site_id, names)
-- A leg's name leads to its root call: the leg of a leg is not a call of its own.
-- OFFSET 0 makes each name one look-up by primary key. Left to itself the planner, on a
-- young table without statistics, reads all rows of the site instead.
SELECT
  n.name, c.call_key, c.decision_id, c.connection, c.stratum, c.draw_seq, c.is_record,
  c.kept_days, c.max_seconds, c.purpose, c.announced_at, c.ended_at, c.outcome,
  c.consent, c.opted_in_at
FROM unnest($2::bytea[]) AS n (name)
CROSS JOIN LATERAL (
  SELECT n.name AS call_key
  UNION ALL
  SELECT l.call_key FROM call_legs AS l WHERE l.site_id = $1 AND l.leg_key = n.name
) AS k
CROSS JOIN LATERAL (
  SELECT * FROM calls AS b WHERE b.site_id = $1 AND b.call_key = k.call_key OFFSET 0
) AS c;

-- name: find_call_by_any_key(site_id, names)
-- The same, locked: a call's outcome is decided by one writer at a time.
SELECT
  c.call_key, c.decision_id, c.connection, c.stratum, c.draw_seq, c.is_record,
  c.kept_days, c.max_seconds, c.purpose, c.announced_at, c.ended_at, c.outcome,
  c.consent, c.opted_in_at
FROM calls AS c
WHERE c.site_id = $1 AND c.call_key = (
  SELECT b.call_key
  FROM unnest($2::bytea[]) AS n (name)
  CROSS JOIN LATERAL (
    SELECT n.name AS call_key
    UNION ALL
    SELECT l.call_key FROM call_legs AS l WHERE l.site_id = $1 AND l.leg_key = n.name
  ) AS k
  CROSS JOIN LATERAL (
    SELECT a.call_key FROM calls AS a
    WHERE a.site_id = $1 AND a.call_key = k.call_key OFFSET 0
  ) AS b
  LIMIT 1
)
FOR UPDATE;

-- name: find_call_by_decision(site_id, decision_id)
SELECT
  call_key, decision_id, connection, stratum, draw_seq, is_record, kept_days, max_seconds, purpose,
  announced_at, ended_at, outcome, consent, opted_in_at
FROM calls WHERE site_id = $1 AND decision_id = $2
FOR UPDATE;

-- name: read_head_and_calls(site_id, names, agent_names, caller_names)
-- One look for a whole batch: the head to build on, and who is bound already. A leg's
-- name leads to its root call: the leg of a leg is not a call of its own. For the caps:
-- agents' last days, and callers of whom there is a recording, or may be one soon.
SELECT
  h.size, h.tokens, h.last_epoch, h.revealed_epoch, h.policy_version,
  h.halted_at IS NOT NULL AS is_halted, h.stops,
  c.name, c.call_key, c.decision_id, c.connection, c.stratum, c.draw_seq, c.is_record,
  c.kept_days, c.max_seconds, c.purpose, c.announced_at, c.ended_at, c.outcome,
  c.consent, c.opted_in_at,
  array(
    SELECT row(
      a.agent_key, d.day, d.seen::text,
      array(
        SELECT b.day FROM agent_draws AS b
        WHERE b.site_id = $1 AND b.agent_key = a.agent_key ORDER BY b.day
      )::text
    )
    FROM unnest($3::bytea[]) AS a (agent_key)
    LEFT JOIN LATERAL (
      SELECT * FROM agent_days AS b
      WHERE b.site_id = $1 AND b.agent_key = a.agent_key OFFSET 0
    ) AS d ON true
  ) AS agents,
  array(
    SELECT r.caller_key
    FROM unnest($4::bytea[]) AS p (caller_key)
    CROSS JOIN LATERAL (
      SELECT * FROM recorded_callers AS b
      WHERE b.site_id = $1 AND b.caller_key = p.caller_key OFFSET 0
    ) AS r
  ) AS callers
FROM ledger_heads AS h
LEFT JOIN (
  SELECT n.name, b.*
  FROM unnest($2::bytea[]) AS n (name)
  CROSS JOIN LATERAL (
    SELECT n.name AS bound_as
    UNION ALL
    SELECT l.call_key FROM call_legs AS l WHERE l.site_id = $1 AND l.leg_key = n.name
  ) AS k
  CROSS JOIN LATERAL (
    SELECT * FROM calls AS a WHERE a.site_id = $1 AND a.call_key = k.bound_as OFFSET 0
  ) AS b
) AS c ON true
WHERE h.site_id = $1;

-- name: commit_batch(site_id, old_size, bodies, tokens, epoch, call_keys, decision_ids, connections, strata, is_records, kept_days, max_seconds, purpose, bound_at, metrics, labels, amounts, leg_keys, leg_call_keys, bind_ids, bind_call_keys, are_fresh, agent_keys, agents_seen, agents_drawn, campaign_starts, campaign_ends, consents, agent_names, agent_days, agent_seen, drawn_agents, agent_decision_ids, agent_drawn_on, caller_keys, caller_decision_ids)
-- A batch of draws in one statement: either the head still has the size they were
-- computed on, and all of it happens, or nothing does.
WITH moved AS (
  UPDATE ledger_heads
  SET size = $2 + cardinality($3::bytea[]), tokens = $4, last_epoch = $5
  WHERE site_id = $1 AND size = $2
  RETURNING site_id
),
entries AS (
  INSERT INTO ledger_entries (site_id, seq, body)
  SELECT m.site_id, $2 + l.place - 1, l.body
  FROM moved AS m
  CROSS JOIN unnest($3::bytea[]) WITH ORDINALITY AS l (body, place)
),
bound AS (
  INSERT INTO calls (
    site_id, call_key, decision_id, connection, stratum, epoch, draw_seq, is_record,
    kept_days, max_seconds, purpose, consent, bound_at
  )
  SELECT
    m.site_id, c.call_key, c.decision_id, c.connection, c.stratum, $5, $2 + c.place - 1,
    c.is_record, c.kept_days, c.max_seconds, c.purpose, c.consent, $14
  FROM moved AS m
  CROSS JOIN unnest(
    $6::bytea[], $7::uuid[], $8::text[], $9::text[], $10::boolean[],
    $11::integer[], $12::integer[], $13::text[], $28::text[]
  )
  WITH ORDINALITY
  AS c (
    call_key, decision_id, connection, stratum, is_record, kept_days, max_seconds,
    purpose, consent, place
  )
),
drawn AS (
  UPDATE epochs AS e
  SET
    draws = e.draws + cardinality($6),
    records = e.records + cardinality(array_positions($10, true))
  FROM moved AS m
  WHERE e.site_id = m.site_id AND e.epoch = $5
),
counted AS (
  INSERT INTO counts (site_id, metric, label, value)
  SELECT m.site_id, a.metric, a.label, a.amount
  FROM moved AS m
  CROSS JOIN unnest($15::text[], $16::text[], $17::bigint[]) AS a (metric, label, amount)
  ORDER BY a.metric, a.label
  ON CONFLICT (site_id, metric, label)
  DO UPDATE SET value = counts.value + excluded.value
),
legs AS (
  INSERT INTO call_legs (site_id, leg_key, call_key)
  SELECT m.site_id, l.leg_key, l.call_key
  FROM moved AS m
  CROSS JOIN unnest($18::bytea[], $19::bytea[]) AS l (leg_key, call_key)
  ON CONFLICT (site_id, leg_key) DO NOTHING
),
heard AS (
  INSERT INTO agent_calls (site_id, starts_on, agent_key, seen, drawn, ends_on)
  SELECT m.site_id, a.starts_on, a.agent_key, a.seen, a.drawn, a.ends_on
  FROM moved AS m
  CROSS JOIN unnest(
    $23::bytea[], $24::integer[], $25::integer[], $26::date[], $27::date[]
  )
  AS a (agent_key, seen, drawn, starts_on, ends_on)
  ON CONFLICT (site_id, starts_on, agent_key)
  DO UPDATE SET seen = excluded.seen, drawn = excluded.drawn, ends_on = excluded.ends_on
),
agents AS (
  INSERT INTO agent_days (site_id, agent_key, day, seen)
  SELECT m.site_id, a.agent_key, a.day, a.seen::integer[]
  FROM moved AS m
  CROSS JOIN unnest($29::bytea[], $30::integer[], $31::text[]) AS a (agent_key, day, seen)
  ON CONFLICT (site_id, agent_key)
  DO UPDATE SET day = excluded.day, seen = excluded.seen
),
agents_drawn AS (
  INSERT INTO agent_draws (site_id, agent_key, decision_id, day)
  SELECT m.site_id, a.agent_key, a.decision_id, a.day
  FROM moved AS m
  CROSS JOIN unnest($32::bytea[], $33::uuid[], $34::integer[])
  AS a (agent_key, decision_id, day)
),
callers AS (
  INSERT INTO recorded_callers (site_id, caller_key, decision_id)
  SELECT m.site_id, c.caller_key, c.decision_id
  FROM moved AS m
  CROSS JOIN unnest($35::bytea[], $36::uuid[]) AS c (caller_key, decision_id)
  ON CONFLICT (site_id, caller_key) DO NOTHING
),
settled AS (
  UPDATE waiting_binds AS w
  SET call_key = s.call_key, is_fresh = s.is_fresh
  FROM
    moved AS m,
    unnest($20::uuid[], $21::bytea[], $22::boolean[]) AS s (bind_id, call_key, is_fresh)
  WHERE
    w.site_id = m.site_id AND w.bind_id = s.bind_id
    AND w.is_fresh IS NULL AND w.refusal IS NULL
)
SELECT
  CASE WHEN cardinality($20) > 0 THEN pg_notify('draws ' || m.site_id, '') END,
  true AS is_moved
FROM moved AS m;

-- name: insert_legs(site_id, leg_keys, call_keys)
-- A call with a draw of its own keeps it: every name leads to one draw only.
INSERT INTO call_legs (site_id, leg_key, call_key)
SELECT $1, l.leg_key, l.call_key
FROM unnest($2::bytea[], $3::bytea[]) AS l (leg_key, call_key)
ON CONFLICT (site_id, leg_key) DO NOTHING;

-- name: try_to_lead(site_id)
SELECT pg_try_advisory_lock(hashtextextended('ponctuel-draws-' || $1, 0));

-- name: stop_leading(site_id)
SELECT
  pg_advisory_unlock(hashtextextended('ponctuel-draws-' || $1, 0)),
  pg_notify('draws ' || $1, '');

-- name: forward_binds(site_id, bind_ids, policy_versions, weeks, this_weeks, last_weeks, next_weeks, leg_keys, connections, strata, gate_codes, agent_keys, gate_ends, gate_end_codes, patiences, agent_names, caller_names)
-- `patiences` in seconds: the server's own clock says when it is too late.
WITH forwarded AS (
  INSERT INTO waiting_binds (
    site_id, bind_id, policy_version, week, this_week, last_week, next_week, leg_key,
    connection, stratum, gate_code, agent_key, gate_ends_on, gate_end_code, expires_at,
    agent_name, caller_names
  )
  SELECT
    $1, b.bind_id, b.policy_version, b.week, b.this_week, b.last_week, b.next_week, b.leg_key,
    b.connection, b.stratum, b.gate_code, b.agent_key, b.gate_ends_on, b.gate_end_code,
    now() + make_interval(secs => b.patience), b.agent_name, b.caller_names
  FROM unnest(
    $2::uuid[], $3::integer[], $4::integer[], $5::bytea[], $6::bytea[], $7::bytea[],
    $8::bytea[], $9::text[], $10::text[], $11::text[], $12::bytea[], $13::date[],
    $14::text[], $15::float[], $16::bytea[], $17::bytea[]
  ) AS b (
    bind_id, policy_version, week, this_week, last_week, next_week, leg_key,
    connection, stratum, gate_code, agent_key, gate_ends_on, gate_end_code, patience,
    agent_name, caller_names
  )
)
SELECT pg_notify('binds ' || $1, '');

-- name: find_waiting_binds(site_id, limit)
SELECT
  bind_id, policy_version, week, this_week, last_week, next_week, leg_key, connection,
  stratum, gate_code, agent_key, gate_ends_on, gate_end_code, agent_name, caller_names
FROM waiting_binds
WHERE
  site_id = $1 AND is_fresh IS NULL AND refusal IS NULL AND expires_at > now()
ORDER BY expires_at LIMIT $2;

-- name: settle_binds(site_id, bind_ids, call_keys)
-- Calls that were drawn before.
WITH settled AS (
  UPDATE waiting_binds AS w
  SET call_key = s.call_key, is_fresh = false
  FROM unnest($2::uuid[], $3::bytea[]) AS s (bind_id, call_key)
  WHERE
    w.site_id = $1 AND w.bind_id = s.bind_id
    AND w.is_fresh IS NULL AND w.refusal IS NULL
)
SELECT pg_notify('draws ' || $1, '');

-- name: refuse_binds(site_id, bind_ids, refusal)
WITH refused AS (
  UPDATE waiting_binds SET refusal = $3
  WHERE
    site_id = $1 AND bind_id = ANY($2::uuid[]) AND is_fresh IS NULL AND refusal IS NULL
)
SELECT pg_notify('draws ' || $1, '');

-- name: collect_draws(site_id, bind_ids)
-- A settled bind goes as its replica takes the answer.
WITH settled AS (
  DELETE FROM waiting_binds
  WHERE
    site_id = $1 AND bind_id = ANY($2::uuid[])
    AND (is_fresh IS NOT NULL OR refusal IS NOT NULL)
  RETURNING bind_id, call_key AS drawn_as, is_fresh, refusal
)
SELECT
  s.bind_id, s.is_fresh, s.refusal,
  c.call_key, c.decision_id, c.connection, c.stratum, c.draw_seq, c.is_record,
  c.kept_days, c.max_seconds, c.purpose, c.announced_at, c.ended_at, c.outcome,
  c.consent, c.opted_in_at
FROM settled AS s
LEFT JOIN LATERAL (
  SELECT * FROM calls AS a WHERE a.site_id = $1 AND a.call_key = s.drawn_as OFFSET 0
) AS c ON true;

-- name: withdraw_binds(site_id, bind_ids)
DELETE FROM waiting_binds
WHERE
  site_id = $1 AND bind_id = ANY($2::uuid[]) AND is_fresh IS NULL AND refusal IS NULL
RETURNING bind_id;

-- name: forget_binds(site_id)
-- Left by replicas that died before they told their callers. What was drawn RECORD for
-- one of these has been heard by nobody, unless somebody asked again and began.
WITH left_behind AS (
  DELETE FROM waiting_binds
  WHERE site_id = $1 AND expires_at < now() - interval '2 minutes'
  RETURNING call_key, is_fresh
)
SELECT c.decision_id
FROM left_behind AS b
INNER JOIN calls AS c ON c.site_id = $1 AND c.call_key = b.call_key
WHERE
  b.is_fresh AND c.is_record AND c.outcome IS NULL
  AND c.announced_at IS NULL AND c.ended_at IS NULL;

-- name: find_agent_calls(site_id, campaign_starts, agent_keys)
SELECT c.agent_key, c.seen, c.drawn
FROM unnest($2::date[], $3::bytea[]) AS a (starts_on, agent_key)
CROSS JOIN LATERAL (
  SELECT * FROM agent_calls AS b
  WHERE b.site_id = $1 AND b.starts_on = a.starts_on AND b.agent_key = a.agent_key
  OFFSET 0
) AS c;

-- name: lock_agent(site_id, agent_key)
SELECT pg_advisory_xact_lock(
  hashtextextended('ponctuel-agent-' || $1 || encode($2, 'hex'), 0)
);

-- name: find_agent_days(site_id, agent_key, decision_id)
-- Of an agent whom a drawn call reaches; `counted_on` if it counts as theirs already.
SELECT
  d.day, d.seen, o.day AS counted_on,
  array(
    SELECT b.day FROM agent_draws AS b
    WHERE b.site_id = $1 AND b.agent_key = a.agent_key AND b.decision_id <> $3
    ORDER BY b.day
  ) AS drawn
FROM (VALUES ($2::bytea)) AS a (agent_key)
LEFT JOIN agent_days AS d ON d.site_id = $1 AND d.agent_key = a.agent_key
LEFT JOIN agent_draws AS o
  ON o.site_id = $1 AND o.agent_key = a.agent_key AND o.decision_id = $3;

-- name: keep_agent_draw(site_id, agent_key, decision_id, day)
INSERT INTO agent_draws (site_id, agent_key, decision_id, day)
VALUES ($1, $2, $3, $4);

-- name: forget_agent_days(site_id, last_day)
-- Of agents without a call since: what no cap counts any more.
-- What a draw has in hand is left to it: that forgets by itself.
WITH old AS (
  SELECT b.agent_key FROM agent_days AS b
  WHERE b.site_id = $1 AND cardinality(b.seen) > b.day - $2::integer
  FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM agent_days AS d USING old AS o
  WHERE d.site_id = $1 AND d.agent_key = o.agent_key AND d.day <= $2
)
UPDATE agent_days AS d SET seen = d.seen[:d.day - $2]
FROM old AS o
WHERE d.site_id = $1 AND d.agent_key = o.agent_key AND d.day > $2;

-- name: forget_agent_draws(site_id, last_day)
DELETE FROM agent_draws WHERE site_id = $1 AND day <= $2;

-- name: find_first_capture(site_id)
SELECT min(captured_at) FROM recordings WHERE site_id = $1;

-- name: forget_caller(site_id, decision_id)
DELETE FROM recorded_callers WHERE site_id = $1 AND decision_id = $2;

-- name: forget_agent_calls(site_id, today, still_running)
-- A prolonged campaign keeps its first day.
DELETE FROM agent_calls
WHERE site_id = $1 AND ends_on <= $2 AND starts_on <> ALL($3::date[]);

-- name: note_announced(site_id, decision_id, now)
-- Told again every few seconds by platforms that ask whether they may go on.
UPDATE calls SET announced_at = $3
WHERE site_id = $1 AND decision_id = $2 AND announced_at IS NULL;

-- name: note_opted_in(site_id, decision_id, now)
-- Whoever said yes has heard what was asked.
UPDATE calls
SET announced_at = coalesce(announced_at, $3), opted_in_at = coalesce(opted_in_at, $3)
WHERE site_id = $1 AND decision_id = $2 AND outcome IS NULL;

-- name: note_ended(site_id, decision_id, now)
UPDATE calls SET ended_at = coalesce(ended_at, $3)
WHERE site_id = $1 AND decision_id = $2;

-- name: set_outcome(site_id, decision_id, outcome, outcome_code, now)
UPDATE calls
SET
  outcome = $3, outcome_code = $4, outcome_at = $5, caller_key = NULL, agent_key = NULL
WHERE site_id = $1 AND decision_id = $2 AND outcome IS NULL;

-- name: note_caller(site_id, decision_id, caller_key)
UPDATE calls SET caller_key = coalesce(caller_key, $3)
WHERE site_id = $1 AND decision_id = $2 AND is_record AND outcome IS NULL;

-- name: note_whose(site_id, decision_id, practice, agent_key, from_epochs, campaigns, policy_version, number_key, is_root, caller_key)
-- By the policy of the epoch it was drawn in, whoever drew it and whenever that is asked
-- again; of nobody's campaign while a newer policy is in the ledger than is known here.
-- What was noted first stays, except that a leg's number gives way to its root call's: it
-- may be an agent's. A call drawn when only a leg of it was known may have no row yet.
-- How many rows have the number: an outcome that came meanwhile leaves none.
WITH noted AS (
  UPDATE calls AS c
  SET
    practice = CASE c.practice WHEN '' THEN $3 ELSE c.practice END,
    agent_key = coalesce(c.agent_key, $4),
    campaign = CASE
      WHEN c.campaign <> '' THEN c.campaign
      ELSE coalesce(
        (
          SELECT p.campaign
          FROM unnest($5::bigint[], $6::text[]) WITH ORDINALITY
          AS p (from_epoch, campaign, place)
          WHERE
            p.from_epoch <= c.epoch AND $7 = (
              SELECT h.policy_version FROM ledger_heads AS h WHERE h.site_id = $1
            )
          ORDER BY p.place DESC LIMIT 1
        ),
        ''
      )
    END
  WHERE c.site_id = $1 AND c.decision_id = $2 AND c.is_record AND c.outcome IS NULL
  RETURNING c.decision_id
),
known AS (
  UPDATE recorded_callers AS r
  SET number_key = CASE WHEN $9 THEN $8 ELSE coalesce(r.number_key, $8) END
  WHERE
    r.site_id = $1 AND r.decision_id = $2 AND $8::bytea IS NOT NULL
    AND EXISTS (SELECT FROM noted)
  RETURNING r.decision_id
),
late AS (
  INSERT INTO recorded_callers (site_id, caller_key, decision_id, number_key)
  SELECT $1, $10, n.decision_id, $8 FROM noted AS n
  WHERE $9 AND $8 IS NOT NULL AND NOT EXISTS (SELECT FROM known)
  ON CONFLICT DO NOTHING
  RETURNING decision_id
)
SELECT (SELECT count(*) FROM known) + (SELECT count(*) FROM late);

-- name: is_opted_out(site_id, caller_keys, today)
SELECT EXISTS (
  SELECT FROM opt_outs
  WHERE site_id = $1 AND caller_key = ANY($2::bytea[]) AND until > $3
);

-- name: find_opted_out_until(site_id, caller_keys, today)
SELECT max(until) FROM opt_outs
WHERE site_id = $1 AND caller_key = ANY($2::bytea[]) AND until > $3;

-- name: keep_opt_out(site_id, decision_id, until)
INSERT INTO opt_outs (site_id, caller_key, until)
SELECT $1, c.caller_key, $3 FROM calls AS c
WHERE c.site_id = $1 AND c.decision_id = $2 AND c.caller_key IS NOT NULL
ON CONFLICT ON CONSTRAINT opt_outs_pkey DO UPDATE SET until = excluded.until;

-- name: add_opt_out(site_id, caller_keys, until)
-- Of each name, whether it is a new row.
INSERT INTO opt_outs (site_id, caller_key, until)
SELECT $1, k.caller_key, $3 FROM unnest($2::bytea[]) AS k (caller_key)
ON CONFLICT ON CONSTRAINT opt_outs_pkey DO UPDATE SET until = excluded.until
RETURNING xmax = 0 AS is_new;

-- name: remove_opt_out(site_id, caller_keys)
DELETE FROM opt_outs WHERE site_id = $1 AND caller_key = ANY($2::bytea[]);

-- name: forget_opt_outs(site_id, today)
DELETE FROM opt_outs WHERE site_id = $1 AND until <= $2;

-- name: find_overdue(site_id, bound_before, limit)
SELECT decision_id FROM calls
WHERE site_id = $1 AND is_record AND outcome IS NULL AND bound_at < $2
ORDER BY bound_at LIMIT $3;

-- name: count_overdue(site_id, bound_before)
SELECT count(*) FROM calls
WHERE site_id = $1 AND is_record AND outcome IS NULL AND bound_at < $2;

-- name: count_unrevealed(site_id, last)
SELECT count(*) FROM epochs
WHERE site_id = $1 AND closed_seq IS NULL AND epoch <= $2;

-- name: find_epoch(site_id, epoch)
SELECT wrapped_seed, mode, outside_value, witnessed_at FROM epochs
WHERE site_id = $1 AND epoch = $2 AND closed_seq IS NULL;

-- name: is_first_hours(site_id, epoch)
-- A new ledger commits its first two epochs when the first is already running.
SELECT e.epoch <= f.epoch + 1 AND NOT EXISTS (
  SELECT FROM epochs AS c WHERE c.site_id = $1 AND c.closed_seq < e.opened_seq
)
FROM epochs AS e
CROSS JOIN (SELECT epoch FROM epochs WHERE site_id = $1 ORDER BY opened_seq LIMIT 1) AS f
WHERE e.site_id = $1 AND e.epoch = $2;

-- name: find_first_epoch(site_id)
SELECT epoch FROM epochs WHERE site_id = $1 ORDER BY opened_seq LIMIT 1;

-- name: find_last_epoch_of_other_modes(site_id, mode)
SELECT max(epoch) FROM epochs WHERE site_id = $1 AND mode <> $2;

-- name: find_outside_value(site_id, epoch)
SELECT mode, outside_commitment, mode <> 'operator' AND outside_value IS NULL AS is_needed
FROM epochs WHERE site_id = $1 AND epoch = $2 AND closed_seq IS NULL;

-- name: keep_outside_value(site_id, epoch, outside_value, outside_proof)
-- The first replica to have it decides; a seed that is public gets no value any more.
UPDATE epochs SET outside_value = $3, outside_proof = $4
WHERE site_id = $1 AND epoch = $2 AND outside_value IS NULL AND closed_seq IS NULL;

-- name: find_epochs_between(site_id, first, last)
SELECT epoch FROM epochs WHERE site_id = $1 AND epoch BETWEEN $2 AND $3;

-- name: insert_epoch(site_id, epoch, wrapped_seed, commitment, opened_seq, mode, outside_commitment)
INSERT INTO epochs (
  site_id, epoch, wrapped_seed, commitment, opened_seq, mode, outside_commitment
) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: find_epochs_to_close(site_id, last, limit)
SELECT epoch, wrapped_seed, draws, records, outside_value, outside_proof FROM epochs
WHERE site_id = $1 AND closed_seq IS NULL AND epoch <= $2 ORDER BY epoch LIMIT $3;

-- name: close_epoch(site_id, epoch, closed_seq)
UPDATE epochs SET closed_seq = $3 WHERE site_id = $1 AND epoch = $2;

-- name: find_tag_keys(site_id, weeks)
SELECT week FROM tag_keys WHERE site_id = $1 AND week = ANY($2::integer[]);

-- name: find_living_tag_keys(site_id)
SELECT week, wrapped_key, has_own_key FROM tag_keys
WHERE site_id = $1 AND doomed_at IS NULL ORDER BY week;

-- name: insert_tag_key(site_id, week, wrapped_key, commitment, committed_seq)
INSERT INTO tag_keys (site_id, week, wrapped_key, commitment, committed_seq, has_own_key)
VALUES ($1, $2, $3, $4, $5, true);

-- name: doom_tag_keys(site_id, newest_week, now)
-- Intent: from here on nobody uses these keys, also if the window is lengthened.
UPDATE tag_keys SET doomed_at = $3
WHERE site_id = $1 AND week <= $2 AND doomed_at IS NULL;

-- name: find_doomed_tag_keys(site_id)
SELECT week, destroyed_seq FROM tag_keys
WHERE site_id = $1 AND doomed_at IS NOT NULL;

-- name: find_tag_key_end(site_id, week)
SELECT destroyed_seq FROM tag_keys WHERE site_id = $1 AND week = $2;

-- name: mark_tag_key_destroyed(site_id, week, destroyed_seq)
UPDATE tag_keys SET wrapped_key = NULL, destroyed_seq = $3
WHERE site_id = $1 AND week = $2 AND destroyed_seq IS NULL;

-- name: forget_calls(site_id, bound_before, limit)
-- A call that still owes its outcome, or has a recording, stays until that has ended.
-- What another sweep has in hand is left to it. Legs go with their call. By `ctid`: rows
-- that were just read and locked need not be looked for again. OFFSET 0 has each call's
-- recording looked up by itself: as a join, every batch would read all that is old.
WITH old AS (
  SELECT c.ctid FROM calls AS c
  WHERE
    c.site_id = $1 AND c.bound_at < $2 AND (c.outcome IS NOT NULL OR NOT c.is_record)
    AND NOT EXISTS (
      SELECT FROM recordings AS r
      WHERE r.site_id = $1 AND r.decision_id = c.decision_id OFFSET 0
    )
  ORDER BY c.bound_at LIMIT $3
  FOR UPDATE SKIP LOCKED
)
DELETE FROM calls
WHERE site_id = $1 AND ctid = ANY(ARRAY(SELECT old.ctid FROM old));

-- name: find_policy_leaves(site_id)
-- With the documents they name; the newest policy of a database that had none yet gets
-- its document by its version.
SELECT e.body, d.document, d.salt
FROM policies AS p
INNER JOIN ledger_entries AS e ON e.site_id = p.site_id AND e.seq = p.adopted_seq
LEFT JOIN policy_versions AS d
ON d.site_id = p.site_id
AND (d.number = p.number OR (p.number IS NULL AND d.version = p.version))
WHERE p.site_id = $1 ORDER BY p.version;

-- name: find_decided_documents(site_id)
SELECT number, document, salt, digest FROM policy_versions
WHERE site_id = $1 AND state IN ('approved', 'scheduled', 'active');

-- name: find_policy_version(site_id)
SELECT policy_version FROM ledger_heads WHERE site_id = $1;

-- name: insert_policy(site_id, version, digest, adopted_seq, number)
INSERT INTO policies (site_id, version, digest, adopted_seq, number)
VALUES ($1, $2, $3, $4, $5);

-- name: insert_takeover(site_id, takeover_id, connection, source_ref, decision_id, step, now)
INSERT INTO takeovers (
  site_id, takeover_id, connection, source_ref, decision_id, step, created_at
) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT ON CONSTRAINT takeovers_source_once DO NOTHING RETURNING takeover_id;

-- name: find_takeover(site_id, takeover_id)
SELECT takeover_id, connection, source_ref, decision_id, step, attempts
FROM takeovers WHERE site_id = $1 AND takeover_id = $2;

-- name: move_takeover(site_id, takeover_id, from_step, step, now)
-- Of two workers at the same step one moves on; the other finds nothing to move.
UPDATE takeovers SET
  step = $4,
  attempts = 0,
  finished_at = CASE WHEN $4 = 'done' THEN $5::timestamptz END
WHERE site_id = $1 AND takeover_id = $2 AND step = $3;

-- name: count_attempt(site_id, takeover_id)
UPDATE takeovers SET attempts = attempts + 1
WHERE site_id = $1 AND takeover_id = $2 RETURNING attempts;

-- name: find_takeovers_of(site_id, decision_id)
SELECT takeover_id FROM takeovers
WHERE site_id = $1 AND decision_id = $2 AND step <> 'done';

-- name: find_unfinished_takeovers(site_id)
SELECT takeover_id FROM takeovers WHERE site_id = $1 AND step <> 'done'
ORDER BY created_at;

-- name: note_recording(site_id, flag_key, source, now)
-- The first sighting of a call's recording; without a call it counts where it was seen.
-- Those of calls we have recorded ourselves are known already.
INSERT INTO recording_flags (site_id, flag_key, draw_seq, noted_seq, source, seen_at)
SELECT $1, $2, c.draw_seq, h.size, $3, $4
FROM ledger_heads AS h
LEFT JOIN LATERAL (
  SELECT * FROM calls AS b WHERE b.site_id = $1 AND b.call_key = $2 OFFSET 0
) AS c ON true
WHERE h.site_id = $1 AND c.outcome IS DISTINCT FROM 'recorded'
ON CONFLICT ON CONSTRAINT recording_flags_pkey DO NOTHING;

-- name: note_refused_upload(site_id, decision_id, source, now)
INSERT INTO recording_flags (site_id, flag_key, draw_seq, noted_seq, source, seen_at)
SELECT $1, c.call_key, c.draw_seq, c.draw_seq, $3, $4
FROM calls AS c WHERE c.site_id = $1 AND c.decision_id = $2
ON CONFLICT ON CONSTRAINT recording_flags_pkey DO NOTHING;

-- name: note_recordings_of_calls(site_id, call_keys, source, now)
-- Those of calls we have recorded ourselves are known already.
INSERT INTO recording_flags (site_id, flag_key, draw_seq, noted_seq, source, seen_at)
SELECT $1, c.call_key, c.draw_seq, c.draw_seq, $3, $4
FROM unnest($2::bytea[]) AS n (name)
CROSS JOIN LATERAL (
  SELECT * FROM calls AS b WHERE b.site_id = $1 AND b.call_key = n.name OFFSET 0
) AS c
WHERE c.outcome IS DISTINCT FROM 'recorded'
ON CONFLICT ON CONSTRAINT recording_flags_pkey DO NOTHING
RETURNING flag_key;

-- name: note_agents(site_id, draw_seqs, agent_keys, now)
-- Who took a call first; a transfer changes nothing.
INSERT INTO call_agents (site_id, draw_seq, agent_key, noted_at)
SELECT $1, a.draw_seq, a.agent_key, $4
FROM unnest($2::bigint[], $3::bytea[]) AS a (draw_seq, agent_key)
ON CONFLICT ON CONSTRAINT call_agents_pkey DO NOTHING;

-- name: find_caller_keys(site_id)
SELECT month, wrapped_key FROM caller_keys WHERE site_id = $1 ORDER BY month;

-- name: insert_caller_key(site_id, month, wrapped_key)
INSERT INTO caller_keys (site_id, month, wrapped_key) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING;

-- name: delete_caller_key(site_id, month)
DELETE FROM caller_keys WHERE site_id = $1 AND month = $2;

-- name: find_promised(site_id)
-- Up to which epoch's policies the stock keeps what they promise.
SELECT promised_epoch FROM ledger_heads WHERE site_id = $1;

-- name: note_promised(site_id, epoch)
UPDATE ledger_heads SET promised_epoch = $2
WHERE site_id = $1 AND promised_epoch < $2;

-- name: keep_no_longer(site_id, from_epoch, kept_days, strata, days, after, limit)
-- Of calls drawn before; only ever sooner. A page of the stock at a time, by id, in a
-- statement of its own. What is marked for destruction, or in somebody's hand, is left.
WITH page AS (
  SELECT recording_id, decision_id FROM recordings
  WHERE site_id = $1 AND recording_id > $6 ORDER BY recording_id LIMIT $7
),
late AS (
  SELECT
    r.recording_id,
    r.captured_at + make_interval(days => coalesce(s.days, $3::integer)) AS ends_at
  FROM page AS p
  INNER JOIN recordings AS r ON r.site_id = $1 AND r.recording_id = p.recording_id
  INNER JOIN calls AS c ON c.decision_id = p.decision_id AND c.site_id = $1
  LEFT JOIN unnest($4::text[], $5::integer[]) AS s (name, days) ON s.name = c.stratum
  WHERE
    c.epoch < $2 AND r.doomed_at IS NULL
    AND r.expires_at > r.captured_at + make_interval(days => coalesce(s.days, $3))
  FOR NO KEY UPDATE OF r SKIP LOCKED
),
shortened AS (
  UPDATE recordings AS r SET expires_at = l.ends_at
  FROM late AS l
  WHERE r.site_id = $1 AND r.recording_id = l.recording_id RETURNING 1
)
SELECT
  (SELECT count(*) FROM shortened) AS shortened,
  (SELECT p.recording_id FROM page AS p ORDER BY p.recording_id DESC LIMIT 1) AS last;
