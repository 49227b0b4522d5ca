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
