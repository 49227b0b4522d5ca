-- What people write of incidents, holds, policies and comparisons ends too: nothing that
-- still goes on, and no note without its incident. The service looks for it every quarter
-- of an hour, so each end is found by an index.
GRANT DELETE ON incidents, holds, policy_versions, policy_events, reconciliations,
reconciliation_runs, inventories TO ponctuel_service;
CREATE POLICY only_what_is_over ON incidents AS RESTRICTIVE FOR DELETE
USING (closed_at IS NOT NULL);
CREATE POLICY only_what_is_over ON holds AS RESTRICTIVE FOR DELETE
USING (ended_at IS NOT NULL);
CREATE POLICY only_what_is_over ON policy_versions AS RESTRICTIVE FOR DELETE
USING (version IS NULL AND state NOT IN ('approved', 'scheduled', 'active'));
ALTER TABLE incident_notes
DROP CONSTRAINT incident_notes_incident,
ADD CONSTRAINT incident_notes_incident FOREIGN KEY (site_id, incident_id)
REFERENCES incidents (site_id, incident_id) ON DELETE CASCADE;

CREATE INDEX incidents_by_end ON incidents (site_id, closed_at)
WHERE closed_at IS NOT NULL;
CREATE INDEX holds_by_end ON holds (site_id, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX policy_events_by_time ON policy_events (site_id, at);
CREATE INDEX takeovers_by_end ON takeovers (site_id, finished_at) WHERE step = 'done';
CREATE INDEX call_agents_by_time ON call_agents (site_id, noted_at);
CREATE INDEX recording_flags_by_time ON recording_flags (site_id, seen_at);
CREATE INDEX reconciliations_by_time ON reconciliations (site_id, done_at);
CREATE INDEX reconciliation_runs_by_time ON reconciliation_runs (site_id, begun_at);
CREATE INDEX inventories_by_time ON inventories (site_id, done_at);
