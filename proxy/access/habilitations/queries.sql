-- name: insert_review(site_id, seq, now, by, document, salt, digest)
INSERT INTO habilitation_reviews (
  site_id, seq, signed_at, signed_by, document, salt, digest
) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: list_reviews(site_id, before, limit)
-- The newest first; `before` is the place of the last one read.
SELECT seq, signed_at, signed_by, document, salt, digest FROM habilitation_reviews
WHERE site_id = $1 AND seq < $2
ORDER BY seq DESC LIMIT $3;
