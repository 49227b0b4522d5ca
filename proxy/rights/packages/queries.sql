-- name: begin_package(site_id, package_id, request_id, root, now, made_by, made_as, left_out)
INSERT INTO packages (
  site_id, package_id, request_id, root, made_at, made_by, made_as, left_out
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: add_package_items(site_id, package_id, recording_ids, draw_seqs)
INSERT INTO package_items (site_id, package_id, place, recording_id, draw_seq)
SELECT $1, $2, n, recording_id, draw_seq
FROM unnest($3::uuid[], $4::bigint[]) WITH ORDINALITY AS i (recording_id, draw_seq, n);

-- name: find_living_package(site_id, request_id)
SELECT
  p.*,
  (
    SELECT count(*) FROM package_items AS i
    WHERE i.site_id = $1 AND i.package_id = p.package_id
  ) AS recordings,
  (
    SELECT count(*) FROM package_items AS i
    WHERE i.site_id = $1 AND i.package_id = p.package_id AND i.assembled_at IS NOT NULL
  ) AS assembled
FROM packages AS p
WHERE p.site_id = $1 AND p.request_id = $2 AND p.ended_at IS NULL;

-- name: find_last_package(site_id, request_id)
-- The newest, living or over.
SELECT
  p.*,
  (
    SELECT count(*) FROM package_items AS i
    WHERE i.site_id = $1 AND i.package_id = p.package_id
  ) AS recordings,
  0::bigint AS assembled
FROM packages AS p
WHERE p.site_id = $1 AND p.request_id = $2
ORDER BY p.made_at DESC, p.ended_at DESC NULLS FIRST LIMIT 1;

-- name: lock_last_package(site_id, request_id)
-- The same, and nobody else changes it until the caller's transaction ends.
SELECT * FROM packages WHERE site_id = $1 AND request_id = $2
ORDER BY made_at DESC, ended_at DESC NULLS FIRST LIMIT 1 FOR UPDATE;

-- name: find_faulty(site_id, request_id)
-- Recordings that kept an earlier package of the request from being made.
SELECT DISTINCT fault_item FROM packages
WHERE site_id = $1 AND request_id = $2 AND fault_item IS NOT NULL;

-- name: find_unassembled(site_id)
SELECT package_id, request_id FROM packages
WHERE site_id = $1 AND ended_at IS NULL AND assembled_at IS NULL AND fault IS NULL
ORDER BY made_at;

-- name: find_lives(site_id, package_id)
SELECT true FROM packages
WHERE site_id = $1 AND package_id = $2 AND ended_at IS NULL;

-- name: find_links_over(site_id, now)
SELECT package_id FROM packages
WHERE site_id = $1 AND ended_at IS NULL AND link_until <= $2;

-- name: next_package_items(site_id, package_id)
SELECT place, recording_id, draw_seq FROM package_items
WHERE site_id = $1 AND package_id = $2 AND assembled_at IS NULL
ORDER BY place LIMIT 1;

-- name: lock_package(site_id, package_id)
SELECT request_id FROM packages
WHERE site_id = $1 AND package_id = $2 AND ended_at IS NULL FOR UPDATE;

-- name: finish_item(site_id, package_id, place, now)
UPDATE package_items SET assembled_at = $4
WHERE site_id = $1 AND package_id = $2 AND place = $3 AND assembled_at IS NULL
RETURNING place;

-- name: add_member(site_id, package_id, place, part, name, size, crc32, sealed, frames)
INSERT INTO package_members (
  site_id, package_id, place, part, name, size, crc32, sealed, frames
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: list_members(site_id, package_id)
-- In the order of the archive: without what the texts say.
SELECT
  m.place, m.part, m.name, m.size, m.crc32, m.frames, i.recording_id,
  m.sealed IS NOT NULL AS is_text
FROM package_members AS m
LEFT JOIN package_items AS i
  ON i.site_id = $1 AND i.package_id = $2 AND i.place = m.place
WHERE m.site_id = $1 AND m.package_id = $2
ORDER BY m.place, m.part;

-- name: read_text(site_id, package_id, place, part)
SELECT sealed FROM package_members
WHERE site_id = $1 AND package_id = $2 AND place = $3 AND part = $4;

-- name: finish_package(site_id, package_id, now, size)
UPDATE packages SET assembled_at = $3, size = $4
WHERE
  site_id = $1 AND package_id = $2 AND ended_at IS NULL AND assembled_at IS NULL
RETURNING package_id;

-- name: fault_package(site_id, package_id, fault, fault_item)
UPDATE packages SET fault = $3, fault_item = $4
WHERE
  site_id = $1 AND package_id = $2 AND ended_at IS NULL AND assembled_at IS NULL;

-- name: end_package(site_id, package_id, now, because)
-- Nothing of it can be made from here on, and no link leads to it.
WITH ended AS (
  UPDATE packages SET
    ended_at = $3, ended_because = $4, root = NULL, link_digest = NULL,
    code_digest = NULL, ticket_digest = NULL, sender = NULL
  WHERE site_id = $1 AND package_id = $2 AND ended_at IS NULL
  RETURNING package_id
)
DELETE FROM package_members AS m USING ended AS e
WHERE m.site_id = $1 AND m.package_id = e.package_id;

-- name: forget_package_items(site_id, request_id)
DELETE FROM package_items AS i USING packages AS p
WHERE
  i.site_id = $1 AND p.site_id = $1 AND p.request_id = $2
  AND i.package_id = p.package_id AND p.ended_at IS NOT NULL;

-- name: issue_link(site_id, package_id, digest, until, by, as)
UPDATE packages SET
  link_digest = $3, link_until = $4, link_by = $5, link_as = $6, code_digest = NULL,
  code_until = NULL, codes = 0, tries = 0, ticket_digest = NULL
WHERE
  site_id = $1 AND package_id = $2 AND ended_at IS NULL AND assembled_at IS NOT NULL
RETURNING package_id;

-- name: find_by_link(site_id, digest, now)
SELECT * FROM packages
WHERE site_id = $1 AND link_digest = $2 AND link_until > $3 AND ended_at IS NULL;

-- name: find_by_ticket(site_id, digest, now)
SELECT * FROM packages
WHERE site_id = $1 AND ticket_digest = $2 AND link_until > $3 AND ended_at IS NULL;

-- name: set_code(site_id, package_id, digest, until, most)
-- The former one is good no more.
UPDATE packages SET code_digest = $3, code_until = $4, codes = codes + 1
WHERE
  site_id = $1 AND package_id = $2 AND link_digest IS NOT NULL AND codes < $5
RETURNING codes;

-- name: claim_try(site_id, package_id, most)
-- Counted before it is looked at: a hundred at once are a hundred.
UPDATE packages SET tries = tries + 1
WHERE
  site_id = $1 AND package_id = $2 AND ended_at IS NULL AND tries < $3
RETURNING tries;

-- name: end_link(site_id, package_id)
UPDATE packages SET link_digest = NULL, code_digest = NULL, ticket_digest = NULL
WHERE site_id = $1 AND package_id = $2;

-- name: use_code(site_id, package_id, code_digest, now, ticket_digest)
-- Right, and once: whoever shows it next shows nothing.
UPDATE packages SET code_digest = NULL, ticket_digest = $5, tries = 0
WHERE
  site_id = $1 AND package_id = $2 AND code_digest = $3 AND code_until > $4
  AND ended_at IS NULL
RETURNING package_id;

-- name: claim_sending(site_id, package_id, sender, now, until)
-- One download at a time; of a sender that died, its time ends.
UPDATE packages SET sender = $3, sender_until = $5
WHERE
  site_id = $1 AND package_id = $2 AND ended_at IS NULL
  AND (sender IS NULL OR sender = $3 OR sender_until <= $4)
RETURNING package_id;

-- name: note_sent(site_id, package_id, sender, start, stop, until)
-- Bytes [start, stop) have left; says whether that was the whole.
UPDATE packages SET
  sent = sent + int8multirange(int8range($4, $5)),
  sender_until = $6
WHERE site_id = $1 AND package_id = $2 AND sender = $3 AND ended_at IS NULL
RETURNING sent + int8multirange(int8range($4, $5)) @> int8range(0, size) AS is_whole;

-- name: release_sending(site_id, package_id, sender)
UPDATE packages SET sender = NULL WHERE site_id = $1 AND package_id = $2 AND sender = $3;

-- name: set_fetched(site_id, package_id, now)
UPDATE packages SET fetched_at = $3
WHERE site_id = $1 AND package_id = $2 AND fetched_at IS NULL;

-- name: next_to_trace(site_id, package_id, after, limit)
SELECT place, recording_id FROM package_items
WHERE site_id = $1 AND package_id = $2 AND place > $3 ORDER BY place LIMIT $4;

-- name: set_traced(site_id, package_id, traced)
UPDATE packages SET traced = $3
WHERE site_id = $1 AND package_id = $2 AND ended_at IS NULL AND traced < $3
RETURNING traced;

-- name: count_unavailable(site_id, package_id, now, recording_id)
-- What has gone or was dropped; what is held is there, by whatever right (decision 0032).
-- Null: of all its recordings.
SELECT count(*) FROM package_items AS i
WHERE
  i.site_id = $1 AND i.package_id = $2
  AND ($4::uuid IS NULL OR i.recording_id = $4)
  AND NOT EXISTS (
    SELECT FROM recordings AS r
    INNER JOIN packages AS p ON p.site_id = $1 AND p.package_id = $2
    INNER JOIN request_items AS t
      ON
        t.site_id = $1 AND t.request_id = p.request_id
        AND t.recording_id = r.recording_id AND t.dropped_because IS NULL
    WHERE
      r.site_id = $1 AND r.recording_id = i.recording_id AND r.doomed_at IS NULL
      AND r.due_at > $3
  );

-- name: find_recording_facts(site_id, recording_id)
SELECT draw_seq, captured_at, expires_at, seconds, practice, purpose FROM recordings
WHERE site_id = $1 AND recording_id = $2 AND doomed_at IS NULL;

-- name: find_stated_alike(site_id, request_ids, request_id, is_agents, is_shared)
-- Of these requests, those whose person is the same: callers are not agents, and whoever
-- shares a telephone is known by their own request alone.
SELECT request_id FROM requests
WHERE
  site_id = $1 AND request_id = ANY($2::uuid[]) AND is_agents = $4
  AND (request_id = $3 OR NOT ($5 OR is_shared));

-- name: forget_cuts(site_id, request_id, recording_id)
DELETE FROM request_cuts WHERE site_id = $1 AND request_id = $2 AND recording_id = $3;

-- name: add_cuts(site_id, request_id, recording_id, starts, stops, whys)
INSERT INTO request_cuts (site_id, request_id, recording_id, start_ms, stop_ms, why)
SELECT $1, $2, $3, start_ms, stop_ms, why
FROM unnest($4::bigint[], $5::bigint[], $6::text[]) AS c (start_ms, stop_ms, why);

-- name: list_cuts(site_id, request_id, recording_id)
SELECT start_ms, stop_ms, why FROM request_cuts
WHERE site_id = $1 AND request_id = $2 AND recording_id = $3 ORDER BY start_ms;

-- name: count_muted(site_id, package_id)
-- Of the recordings in it: another may have been dropped since it was muted.
SELECT count(*) FROM packages AS p
INNER JOIN package_items AS i ON i.site_id = $1 AND i.package_id = p.package_id
INNER JOIN request_cuts AS c
  ON
    c.site_id = $1 AND c.request_id = p.request_id
    AND c.recording_id = i.recording_id
WHERE p.site_id = $1 AND p.package_id = $2;

-- name: list_package_recordings(site_id, package_id)
SELECT recording_id FROM package_items
WHERE site_id = $1 AND package_id = $2 ORDER BY place;
