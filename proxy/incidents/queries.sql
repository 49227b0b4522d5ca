-- name: open_incident(site_id, incident_id, kind, reference, now)
INSERT INTO incidents (site_id, incident_id, kind, reference, opened_at, aware_at)
VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT ON CONSTRAINT incidents_once DO NOTHING RETURNING incident_id;

-- name: settle_incident(site_id, kind, reference, now)
-- What ended by itself, unless somebody closed it before.
UPDATE incidents SET closed_at = $4
WHERE site_id = $1 AND kind = $2 AND reference = $3 AND closed_at IS NULL;

-- name: open_by_hand(site_id, incident_id, kind, reference, now, actor, aware_at)
INSERT INTO incidents (
  site_id, incident_id, kind, reference, opened_at, opened_by, aware_at
) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: list_all_incidents(site_id, after, after_id, limit)
-- Of each list as many as are asked for; all, without a limit.
SELECT
  incident_id, kind, reference, opened_at, opened_by, aware_at, nature, people,
  people_about, records, records_about, risk, consequences, measures, delay_reason,
  decision, decision_reason, decided_at, notified_at, closed_at, closed_by, outcome
FROM incidents
WHERE site_id = $1 AND (aware_at, incident_id) > ($2, $3)
ORDER BY aware_at, incident_id LIMIT $4;

-- name: list_open_incidents(site_id, after, after_id, limit)
SELECT
  incident_id, kind, reference, opened_at, opened_by, aware_at, nature, people,
  people_about, records, records_about, risk, consequences, measures, delay_reason,
  decision, decision_reason, decided_at, notified_at, closed_at, closed_by, outcome
FROM incidents
WHERE site_id = $1 AND closed_at IS NULL AND (aware_at, incident_id) > ($2, $3)
ORDER BY aware_at, incident_id LIMIT $4;

-- name: list_closed_incidents(site_id, after, after_id, limit)
SELECT
  incident_id, kind, reference, opened_at, opened_by, aware_at, nature, people,
  people_about, records, records_about, risk, consequences, measures, delay_reason,
  decision, decision_reason, decided_at, notified_at, closed_at, closed_by, outcome
FROM incidents
WHERE site_id = $1 AND closed_at IS NOT NULL AND (aware_at, incident_id) > ($2, $3)
ORDER BY aware_at, incident_id LIMIT $4;

-- name: find_incident(site_id, incident_id)
SELECT
  incident_id, kind, reference, opened_at, opened_by, aware_at, nature, people,
  people_about, records, records_about, risk, consequences, measures, delay_reason,
  decision, decision_reason, decided_at, notified_at, closed_at, closed_by, outcome
FROM incidents WHERE site_id = $1 AND incident_id = $2;

-- name: lock_incident(site_id, incident_id)
SELECT
  incident_id, kind, reference, opened_at, opened_by, aware_at, nature, people,
  people_about, records, records_about, risk, consequences, measures, delay_reason,
  decision, decision_reason, decided_at, notified_at, closed_at, closed_by, outcome
FROM incidents WHERE site_id = $1 AND incident_id = $2
FOR UPDATE;

-- name: lock_incident_about(site_id, kind, reference)
SELECT incident_id FROM incidents
WHERE site_id = $1 AND kind = $2 AND reference = $3
FOR UPDATE;

-- name: describe_incident(site_id, incident_id, nature, people, people_about, records, records_about, risk, consequences, measures, delay_reason)
UPDATE incidents SET
  nature = $3, people = $4, people_about = $5, records = $6, records_about = $7,
  risk = $8, consequences = $9, measures = $10, delay_reason = $11
WHERE site_id = $1 AND incident_id = $2;

-- name: decide_incident(site_id, incident_id, decision, reason, now)
UPDATE incidents SET decision = $3, decision_reason = $4, decided_at = $5
WHERE site_id = $1 AND incident_id = $2;

-- name: note_notified(site_id, incident_id, at)
-- The first time counts; what is added later (Art. 33(4)) is a note.
UPDATE incidents SET notified_at = coalesce(notified_at, $3)
WHERE site_id = $1 AND incident_id = $2;

-- name: close_incident(site_id, incident_id, now, actor, outcome)
UPDATE incidents SET closed_at = $3, closed_by = $4, outcome = $5
WHERE site_id = $1 AND incident_id = $2;

-- name: insert_note(site_id, incident_id, at, actor, note)
-- Numbered under the incident's lock, which whoever takes a step holds.
INSERT INTO incident_notes (site_id, incident_id, number, at, actor, note)
SELECT $1, $2, count(*) + 1, $3, $4, $5
FROM incident_notes WHERE site_id = $1 AND incident_id = $2;

-- name: list_notes(site_id, incident_id)
SELECT number, at, actor, note FROM incident_notes
WHERE site_id = $1 AND incident_id = $2 ORDER BY number;

-- name: count_incidents(site_id)
SELECT
  count(*) AS open,
  min(aware_at) FILTER (
    WHERE notified_at IS NULL AND decision IS DISTINCT FROM 'not_notify'
  ) AS first_aware_at
FROM incidents WHERE site_id = $1 AND closed_at IS NULL;
