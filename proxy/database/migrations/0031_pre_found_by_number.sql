-- By which full number a recording is found for the person it is of. The cap's name knows
-- nine digits only, and those may be somebody else's in another country. It is keyed by
-- the month, too, and lives in the same row: as long as the recording. Rows of before have
-- none.
ALTER TABLE recorded_callers ADD COLUMN number_key bytea;
CREATE INDEX recorded_callers_by_number ON recorded_callers (site_id, number_key);
CREATE INDEX recorded_callers_of_before ON recorded_callers (site_id, caller_key)
WHERE number_key IS NULL;
GRANT UPDATE (number_key) ON recorded_callers TO ponctuel_service;

-- Whom an agent asks about: the recordings of their own calls.
CREATE INDEX recordings_by_agent ON recordings (site_id, agent_key)
WHERE agent_key IS NOT NULL;
