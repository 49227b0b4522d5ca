-- name: count_acts(site_id, since, until)
SELECT act, count(*) AS number FROM access_entries
WHERE site_id = $1 AND at >= $2 AND at < $3 GROUP BY act;

-- name: list_places(site_id, since, until)
-- What is drawn from: recordings that were heard, handed out, or opened.
SELECT seq FROM access_entries
WHERE
  site_id = $1 AND at >= $2 AND at < $3
  AND act IN ('play', 'exported', 'glass-broken')
ORDER BY seq;

-- name: read_end(site_id, until)
-- The tree as it was at the end of a month.
SELECT seq + 1 AS size, root FROM access_leaves
WHERE site_id = $1 AND at < $2 ORDER BY seq DESC LIMIT 1;

-- name: read_entries_at(site_id, places)
SELECT seq, body FROM access_entries
WHERE site_id = $1 AND seq = ANY($2::bigint[]) ORDER BY seq;

-- name: insert_review(site_id, month, now, actor, size, root, found)
INSERT INTO access_reviews (site_id, month, signed_at, signed_by, size, root, found)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING month;

-- name: list_reviews(site_id)
SELECT month, signed_at, signed_by, size, root, found FROM access_reviews
WHERE site_id = $1 ORDER BY month;

-- name: find_first_time(site_id)
SELECT at FROM access_leaves WHERE site_id = $1 ORDER BY seq LIMIT 1;

-- name: list_signed(site_id)
SELECT month FROM access_reviews WHERE site_id = $1;
