-- name: begin_trace(site_id)
INSERT INTO access_heads (site_id, frontier) VALUES ($1, decode('0000000000000000', 'hex'))
ON CONFLICT DO NOTHING;

-- name: lock_trace(site_id)
-- The one lock that orders the entries of a site. Always taken last.
SELECT frontier FROM access_heads WHERE site_id = $1 FOR UPDATE;

-- name: append_entry(site_id, seq, body, leaf_hash, root, at, frontier)
-- Compare-and-swap: whoever lost its place adds nothing.
WITH moved AS (
  UPDATE access_heads SET size = $2::bigint + 1, frontier = $7
  WHERE site_id = $1 AND size = $2 RETURNING size - 1 AS seq
),
hashed AS (
  INSERT INTO access_leaves (site_id, seq, leaf_hash, root, at)
  SELECT $1, seq, $4, $5, $6 FROM moved
)
INSERT INTO access_entries (site_id, seq, body)
SELECT $1, seq, $3 FROM moved RETURNING seq;

-- name: read_trace_head(site_id)
SELECT frontier FROM access_heads WHERE site_id = $1;

-- name: read_leaves(site_id, after, limit)
-- In the order of their places; what ended has no body any more.
SELECT l.seq, l.leaf_hash, l.root, l.at, e.body
FROM access_leaves AS l
LEFT JOIN access_entries AS e ON e.site_id = l.site_id AND e.seq = l.seq
WHERE l.site_id = $1 AND l.seq > $2 ORDER BY l.seq LIMIT $3;

-- name: read_anchors(site_id, first_seq, end_seq, words)
-- Of a stretch of the ledger, the leaves that say how far the trace had come.
SELECT seq, body FROM ledger_entries
WHERE site_id = $1 AND seq >= $2 AND seq < $3 AND position($4::bytea IN body) > 0
ORDER BY seq;

-- name: read_check(site_id, name)
SELECT at, size, faults FROM access_checks WHERE site_id = $1 AND name = $2;

-- name: keep_check(site_id, name, at, size, faults)
INSERT INTO access_checks (site_id, name, at, size, faults) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (site_id, name) DO UPDATE
SET at = excluded.at, size = excluded.size, faults = excluded.faults;

-- name: list_entries(site_id, after, limit, item, actor, act, since, until)
-- What is null is not looked at. The newest last.
SELECT seq, body FROM access_entries
WHERE
  site_id = $1 AND seq > $2
  AND ($4::uuid IS NULL OR item = $4)
  AND ($5::text IS NULL OR actor = $5)
  AND ($6::text IS NULL OR act = $6)
  AND ($7::timestamptz IS NULL OR at >= $7)
  AND ($8::timestamptz IS NULL OR at < $8)
ORDER BY seq LIMIT $3;

-- name: list_hearings(site_id, item)
SELECT seq, body FROM access_entries
WHERE site_id = $1 AND item = $2 AND act IN ('play', 'exported') ORDER BY seq;
