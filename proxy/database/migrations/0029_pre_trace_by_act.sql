-- The first page of the trace, and the watch: what was played since some time.
CREATE INDEX access_entries_by_act ON access_entries (site_id, act, at);
