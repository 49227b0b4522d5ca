-- name: lock_listener(site_id, account_id)
-- Of two plays begun at once one must know of the other.
SELECT pg_advisory_xact_lock(
  hashtextextended('ponctuel-plays-' || $1 || $2::uuid::text, 0)
);

-- name: end_plays_of_session(site_id, session_id, now)
UPDATE plays SET ended_at = $3
WHERE site_id = $1 AND session_id = $2 AND ended_at IS NULL;

-- name: count_running(site_id, account_id, used_after)
-- Whoever signed out, or was, hears nothing there any more.
SELECT count(*) FROM plays AS p
INNER JOIN sessions AS s ON p.site_id = s.site_id AND p.session_id = s.session_id
WHERE
  p.site_id = $1 AND p.account_id = $2 AND p.used_at > $3 AND p.ended_at IS NULL;

-- name: begin_play(site_id, play_id, recording_id, account_id, session_id, purpose, now)
INSERT INTO plays (
  site_id, play_id, recording_id, account_id, session_id, purpose, begun_at, used_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $7);

-- name: find_play(site_id, play_id)
SELECT play_id, recording_id, session_id, purpose, used_at, ended_at
FROM plays WHERE site_id = $1 AND play_id = $2;

-- name: serve_piece(site_id, play_id, now, used_after, length, most_bytes, most_pieces)
UPDATE plays SET used_at = $3, served = served + $5, pieces = pieces + 1
WHERE
  site_id = $1 AND play_id = $2 AND ended_at IS NULL AND used_at > $4
  AND served + $5 <= $6::bigint AND pieces < $7
RETURNING true;

-- name: end_play(site_id, play_id, session_id, now)
UPDATE plays SET ended_at = $4
WHERE site_id = $1 AND play_id = $2 AND session_id = $3 AND ended_at IS NULL;
