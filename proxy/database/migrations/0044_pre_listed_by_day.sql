-- What there is to hear is listed by its day, the newest first, however much there is.
-- Days are counted back from the last there can be, so that ids go up as they do; a column,
-- for behind a fence an index is not asked what an expression might give away.
ALTER TABLE recordings ADD COLUMN days_back integer NOT NULL GENERATED ALWAYS AS (
  DATE '9999-12-31' - (captured_at AT TIME ZONE 'UTC')::date
) STORED;
CREATE INDEX recordings_by_day ON recordings (site_id, days_back, recording_id);
