-- name: lock_head(site_id)
-- The one lock that orders every ledger write of a site. Always taken first.
SELECT size, tokens, last_epoch, revealed_epoch, policy_version
FROM ledger_heads WHERE site_id = $1 FOR UPDATE;

-- name: insert_entries(site_id, first_seq, bodies)
INSERT INTO ledger_entries (site_id, seq, body)
SELECT $1, $2 + ordinality - 1, body
FROM unnest($3::bytea[]) WITH ORDINALITY AS leaves (body, ordinality);

-- name: move_head(site_id, old_size, new_size, tokens, last_epoch, revealed_epoch, policy_version)
-- Compare-and-swap: a writer that lost its place updates nothing.
UPDATE ledger_heads
SET size = $3, tokens = $4, last_epoch = $5, revealed_epoch = $6, policy_version = $7
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

-- name: read_checkpoints(site_id)
SELECT size, note FROM checkpoints WHERE site_id = $1 ORDER BY size;

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
