-- What was marked before its time is few among all there is, and is asked for by its end.
-- Reading goes on while the new one is built: the old one goes after it.
CREATE INDEX recordings_doomed_by_end ON recordings (site_id, due_at)
WHERE doomed_at IS NOT NULL;
DROP INDEX recordings_doomed;
ALTER INDEX recordings_doomed_by_end RENAME TO recordings_doomed;
