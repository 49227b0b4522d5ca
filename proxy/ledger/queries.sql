-- name: lock_head(site_id)
-- The one lock that orders every ledger write of a site. Always taken first.
SELECT
  size, tokens, last_epoch, revealed_epoch, policy_version,
  halted_at IS NOT NULL AS is_halted, stops
FROM ledger_heads WHERE site_id = $1 FOR UPDATE;

-- name: insert_entries(site_id, first_seq, bodies)
INSERT INTO ledger_entries (site_id, seq, body)
SELECT $1, $2 + ordinality - 1, body
FROM unnest($3::bytea[]) WITH ORDINALITY AS leaves (body, ordinality);

-- name: move_head(site_id, old_size, new_size, revealed_epoch, policy_version)
-- Compare-and-swap: a writer that lost its place updates nothing. Tokens and the last
-- epoch move with draws only (commit_batch in proxy/intake/queries.sql).
UPDATE ledger_heads
SET size = $3, revealed_epoch = $4, policy_version = $5
WHERE site_id = $1 AND size = $2;

-- name: add_counts(site_id, metrics, labels, amounts)
-- Ordered, so that two writers never wait for each other in a circle.
INSERT INTO counts (site_id, metric, label, value)
SELECT $1, metric, label, amount
FROM unnest($2::text[], $3::text[], $4::bigint[]) AS added (metric, label, amount)
ORDER BY metric, label
ON CONFLICT (site_id, metric, label) DO UPDATE SET value = counts.value + excluded.value;

-- name: read_counts(site_id)
SELECT metric, label, value FROM counts WHERE site_id = $1;

-- name: read_head(site_id)
SELECT size, tokens FROM ledger_heads WHERE site_id = $1;

-- name: set_stops(site_id, stops)
UPDATE ledger_heads SET stops = $2 WHERE site_id = $1;

-- name: take_back_going_on(site_id, party)
-- What was decided about it, and of the breaker also what one of the two has said.
WITH resumed AS (
  DELETE FROM resumptions WHERE site_id = $1 AND party = $2 RETURNING party
),
confirmed AS (
  DELETE FROM breaker_confirmations WHERE site_id = $1 AND $2 = 'breaker' RETURNING role
)
SELECT EXISTS (SELECT FROM resumed) OR EXISTS (SELECT FROM confirmed);

-- name: halt(site_id, now)
UPDATE ledger_heads SET halted_at = $2 WHERE site_id = $1 AND halted_at IS NULL;

-- name: is_halted(site_id)
SELECT halted_at IS NOT NULL FROM ledger_heads WHERE site_id = $1;

-- name: read_entries(site_id, first_seq, limit)
SELECT seq, body FROM ledger_entries
WHERE site_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3;

-- name: create_site(site_id)
WITH created AS (
  INSERT INTO sites (site_id) VALUES ($1) ON CONFLICT DO NOTHING
)
INSERT INTO ledger_heads (site_id) VALUES ($1) ON CONFLICT DO NOTHING;

-- name: lock_publication(site_id)
-- One publisher at a time; the next one starts from what this one signed.
SELECT pg_advisory_xact_lock(hashtextextended('ponctuel-publication-' || $1, 0));

-- name: read_newest_checkpoint(site_id)
SELECT size, note, signed_at FROM checkpoints
WHERE site_id = $1 ORDER BY size DESC LIMIT 1;

-- name: read_checkpoints(site_id, largest_size)
SELECT
  c.size, c.note,
  array(
    SELECT s.line FROM cosignatures AS s
    WHERE s.site_id = c.site_id AND s.size = c.size ORDER BY s.cosigned_at, s.witness_key
  ) AS lines
FROM checkpoints AS c WHERE c.site_id = $1 AND c.size <= $2 ORDER BY c.size;

-- name: insert_checkpoint(site_id, size, note, signed_at)
INSERT INTO checkpoints (site_id, size, note, signed_at) VALUES ($1, $2, $3, $4);

-- name: read_tile(site_id, level, idx)
SELECT hashes FROM ledger_tiles WHERE site_id = $1 AND level = $2 AND idx = $3;

-- name: write_tiles(site_id, levels, indexes, hashes)
-- A tile that was partial is replaced by one that begins with the same hashes.
INSERT INTO ledger_tiles (site_id, level, idx, hashes)
SELECT $1, level, idx, hashes
FROM unnest($2::smallint[], $3::bigint[], $4::bytea[]) AS tiles (level, idx, hashes)
ON CONFLICT (site_id, level, idx) DO UPDATE SET hashes = excluded.hashes;

-- name: find_signers(site_id, size)
SELECT witness_key FROM cosignatures WHERE site_id = $1 AND size = $2;

-- name: find_last_cosigned(site_id)
SELECT witness_key, max(size) AS size FROM cosignatures
WHERE site_id = $1 GROUP BY witness_key;

-- name: insert_cosignature(site_id, size, witness_key, cosigned_at, line)
INSERT INTO cosignatures (site_id, size, witness_key, cosigned_at, line)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- name: date_epochs(site_id, size, witness_keys, quorum)
-- The quorum-th earliest time: by then so many had seen what was committed below.
UPDATE epochs AS e SET witnessed_at = q.cosigned_at, witnessed_size = $2
FROM (
  SELECT cosigned_at FROM cosignatures
  WHERE site_id = $1 AND size = $2 AND witness_key = ANY($3::bytea[])
  ORDER BY cosigned_at OFFSET $4::integer - 1 LIMIT 1
) AS q
WHERE e.site_id = $1 AND e.opened_seq < $2 AND e.witnessed_at IS NULL;

-- name: find_newest_witnessed(site_id, witness_keys, quorum)
SELECT size FROM cosignatures
WHERE site_id = $1 AND witness_key = ANY($2::bytea[])
GROUP BY size HAVING count(*) >= $3::integer ORDER BY size DESC LIMIT 1;

-- name: thin_checkpoints(site_id, signed_before, step_seconds, witness_keys, quorum, most)
-- Of each step of time one is kept: the first that has its quorum, or else the first.
-- So is the newest of all, the newest that has its quorum, what was time-stamped, and
-- what dated an epoch, a policy or a tag key: without it they would seem to be late.
WITH judged AS (
  SELECT
    c.size, c.signed_at,
    floor(extract(EPOCH FROM c.signed_at) / $3::integer) AS step,
    $5::integer <= (
      SELECT count(*) FROM cosignatures AS s
      WHERE s.site_id = $1 AND s.size = c.size AND s.witness_key = ANY($4::bytea[])
    ) AS is_witnessed
  FROM checkpoints AS c WHERE c.site_id = $1
)
DELETE FROM checkpoints
WHERE site_id = $1 AND size IN (
  SELECT j.size FROM judged AS j
  WHERE j.signed_at < $2
  EXCEPT SELECT k.size FROM (
    SELECT DISTINCT ON (step) size FROM judged
    ORDER BY step, is_witnessed DESC, size
  ) AS k
  EXCEPT SELECT max(size) FROM judged
  EXCEPT SELECT max(size) FROM judged WHERE is_witnessed
  EXCEPT SELECT t.size FROM timestamps AS t WHERE t.site_id = $1
  EXCEPT SELECT e.witnessed_size FROM epochs AS e WHERE e.site_id = $1
  EXCEPT SELECT (
    SELECT min(d.size) FROM judged AS d WHERE d.is_witnessed AND d.size > r.seq
  )
  FROM (
    SELECT p.adopted_seq AS seq FROM policies AS p WHERE p.site_id = $1
    UNION ALL
    SELECT t.committed_seq FROM tag_keys AS t WHERE t.site_id = $1
  ) AS r
  LIMIT $6
);

-- name: read_newest_timestamp(site_id)
SELECT size, stamped_at FROM timestamps
WHERE site_id = $1 ORDER BY size DESC LIMIT 1;

-- name: insert_timestamp(site_id, size, token, stamped_at)
-- Another replica may have had the same head dated: one token is enough.
INSERT INTO timestamps (site_id, size, token, stamped_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (site_id, size) DO NOTHING;

-- name: read_timestamps(site_id, size)
SELECT size, token FROM timestamps WHERE site_id = $1 AND size <= $2 ORDER BY size;

-- name: read_standing(site_id, witness_keys)
-- How far the ledger reaches, its newest signed head, and how many have cosigned that.
SELECT
  h.size, c.size AS signed_size, c.signed_at,
  (
    SELECT count(*) FROM cosignatures AS s
    WHERE s.site_id = $1 AND s.size = c.size AND s.witness_key = ANY($2::bytea[])
  ) AS cosigned
FROM ledger_heads AS h
LEFT JOIN LATERAL (
  SELECT n.size, n.signed_at FROM checkpoints AS n
  WHERE n.site_id = $1 ORDER BY n.size DESC LIMIT 1
) AS c ON true
WHERE h.site_id = $1;

-- name: read_last_cosigned(site_id, witness_keys)
SELECT k.witness_key, c.cosigned_at
FROM unnest($2::bytea[]) AS k (witness_key)
CROSS JOIN LATERAL (
  SELECT s.cosigned_at FROM cosignatures AS s
  WHERE s.site_id = $1 AND s.witness_key = k.witness_key
  ORDER BY s.size DESC LIMIT 1
) AS c;

-- name: read_self_check(site_id)
SELECT checked_at, findings, clean_at FROM self_checks WHERE site_id = $1;

-- name: keep_self_check(site_id, checked_at, size, findings, clean_at)
-- Without a new date the last clean check's stays.
INSERT INTO self_checks AS c (site_id, checked_at, size, findings, clean_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (site_id) DO UPDATE
SET checked_at = excluded.checked_at, size = excluded.size,
  findings = excluded.findings, clean_at = coalesce(excluded.clean_at, c.clean_at);

-- name: is_epoch_closed(site_id, epoch)
-- Whether its seed is public, and with it every draw of it.
SELECT closed_seq IS NOT NULL FROM epochs WHERE site_id = $1 AND epoch = $2;
