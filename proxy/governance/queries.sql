-- name: lock_numbers(site_id)
-- Numbers of versions are given one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('ponctuel-policies-' || $1, 0));

-- name: next_number(site_id)
SELECT coalesce(max(number), 0) + 1 FROM policy_versions WHERE site_id = $1;

-- name: insert_version(site_id, number, state, document, salt, digest, author, now)
INSERT INTO policy_versions (
  site_id, number, state, document, salt, digest, author, created_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: find_version(site_id, number)
SELECT
  number, state, document, salt, digest, author, proposer, approver, approvals,
  justification, reason, increases, simulation, created_at, proposed_at, approved_at,
  effective_from_epoch, version, from_epoch
FROM policy_versions WHERE site_id = $1 AND number = $2;

-- name: lock_version(site_id, number)
-- Of two moves at once the second sees what the first has made of it.
SELECT
  number, state, document, salt, digest, author, proposer, approver, approvals,
  justification, reason, increases, simulation, created_at, proposed_at, approved_at,
  effective_from_epoch, version, from_epoch
FROM policy_versions WHERE site_id = $1 AND number = $2
FOR UPDATE;

-- name: lock_versions_in(site_id, states)
SELECT
  number, state, document, salt, digest, author, proposer, approver, approvals,
  justification, reason, increases, simulation, created_at, proposed_at, approved_at,
  effective_from_epoch, version, from_epoch
FROM policy_versions WHERE site_id = $1 AND state = ANY($2::text[])
ORDER BY number FOR UPDATE;

-- name: list_versions(site_id, after, limit)
-- All of them, without a limit.
SELECT
  number, state, document, salt, digest, author, proposer, approver, approvals,
  justification, reason, increases, simulation, created_at, proposed_at, approved_at,
  effective_from_epoch, version, from_epoch
FROM policy_versions WHERE site_id = $1 AND number > $2::bigint
ORDER BY number LIMIT $3;

-- name: save_version(site_id, number, state, document, salt, digest, proposer, approver, justification, reason, increases, simulation, proposed_at, approved_at, effective_from_epoch, version, from_epoch, approvals)
UPDATE policy_versions SET
  state = $3,
  document = $4,
  salt = $5,
  digest = $6,
  proposer = $7,
  approver = $8,
  justification = $9,
  reason = $10,
  increases = $11,
  simulation = $12,
  proposed_at = $13,
  approved_at = $14,
  effective_from_epoch = $15,
  version = $16,
  from_epoch = $17,
  approvals = $18
WHERE site_id = $1 AND number = $2;

-- name: is_work_waiting(site_id, states)
SELECT EXISTS (
  SELECT FROM policy_versions WHERE site_id = $1 AND state = ANY($2::text[])
);

-- name: find_number_in_force(site_id)
-- The document of the newest policy; null before there were documents.
SELECT coalesce(p.number, (
  SELECT v.number FROM policy_versions AS v
  WHERE v.site_id = $1 AND v.version = p.version
))
FROM policies AS p
WHERE p.site_id = $1 ORDER BY p.version DESC LIMIT 1;

-- name: insert_event(site_id, number, move, actor, role, now, is_refused, detail)
INSERT INTO policy_events (site_id, number, move, actor, role, at, is_refused, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: find_settings(site_id)
-- What the settings were when they were last found changed.
SELECT place, number, move, actor, role, at, is_refused, detail
FROM policy_events WHERE site_id = $1 AND move = 'settings'
ORDER BY place DESC LIMIT 1;

-- name: list_events(site_id, after, limit)
SELECT place, number, move, actor, role, at, is_refused, detail
FROM policy_events WHERE site_id = $1 AND place > $2
ORDER BY place LIMIT $3;

-- name: list_events_of(site_id, after, limit, number)
SELECT place, number, move, actor, role, at, is_refused, detail
FROM policy_events WHERE site_id = $1 AND number = $4 AND place > $2
ORDER BY place LIMIT $3;

-- name: list_refused_events(site_id, after, limit)
SELECT place, number, move, actor, role, at, is_refused, detail
FROM policy_events WHERE site_id = $1 AND is_refused AND place > $2
ORDER BY place LIMIT $3;

-- name: find_stop_events(site_id)
-- Who has stopped the draws since they last went on, newest first.
SELECT place, number, move, actor, role, at, is_refused, detail
FROM policy_events
WHERE
  site_id = $1 AND move = 'stop' AND NOT is_refused
  AND place > coalesce((
    SELECT max(e.place) FROM policy_events AS e
    WHERE e.site_id = $1 AND e.move = 'go_on' AND e.detail ->> 'party' = 'operator'
  ), 0)
ORDER BY place DESC;

-- name: read_stops(site_id)
SELECT stops FROM ledger_heads WHERE site_id = $1;

-- name: ask_to_resume(site_id, party, epoch, actor, now)
INSERT INTO resumptions (site_id, party, asked_epoch, asked_by, asked_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT ON CONSTRAINT resumptions_pkey DO NOTHING;

-- name: find_resumptions(site_id)
SELECT party, asked_epoch, asked_by, asked_at FROM resumptions WHERE site_id = $1;

-- name: take_due_resumptions(site_id, running_epoch)
DELETE FROM resumptions WHERE site_id = $1 AND asked_epoch < $2
RETURNING party, asked_by;

-- name: confirm_breaker(site_id, role, actor, now)
INSERT INTO breaker_confirmations (site_id, role, actor, confirmed_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT ON CONSTRAINT breaker_confirmations_pkey
DO UPDATE SET actor = excluded.actor, confirmed_at = excluded.confirmed_at;

-- name: find_confirmations(site_id, confirmed_after)
SELECT role, actor FROM breaker_confirmations WHERE site_id = $1 AND confirmed_at > $2;

-- name: forget_confirmations(site_id)
DELETE FROM breaker_confirmations WHERE site_id = $1;

-- name: are_monitors_blind(site_id)
-- No row: nobody has had anything to judge.
SELECT coalesce((SELECT is_blind FROM monitor_sight WHERE site_id = $1), false);

-- name: find_file(site_id)
SELECT digest, refused FROM policy_files WHERE site_id = $1;

-- name: note_followed_file(site_id, digest, now)
-- What kept it back before does so no more.
INSERT INTO policy_files (site_id, digest, seen_at, refused)
VALUES ($1, $2, $3, '{}')
ON CONFLICT ON CONSTRAINT policy_files_pkey
DO UPDATE SET digest = excluded.digest, seen_at = excluded.seen_at, refused = excluded.refused;

-- name: note_file(site_id, digest, now, refused)
-- Of replicas that start together with one file, the first makes it known.
INSERT INTO policy_files (site_id, digest, seen_at, refused)
VALUES ($1, $2, $3, $4)
ON CONFLICT ON CONSTRAINT policy_files_pkey
DO UPDATE SET digest = excluded.digest, seen_at = excluded.seen_at, refused = excluded.refused
WHERE policy_files.digest <> excluded.digest
RETURNING site_id;
