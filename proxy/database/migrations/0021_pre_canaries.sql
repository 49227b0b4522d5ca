-- Known bytes under each day key of recordings: a drill tries to open those whose day is
-- over, and must not be able to.
CREATE TABLE canaries (
  site_id text NOT NULL,
  key_day date NOT NULL,
  generation integer NOT NULL,
  wrapped bytea NOT NULL,
  CONSTRAINT canaries_pkey PRIMARY KEY (site_id, key_day, generation),
  CONSTRAINT canaries_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE canaries ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON canaries
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON canaries TO ponctuel_service;

CREATE TABLE restore_drills (
  site_id text NOT NULL,
  at timestamptz NOT NULL,
  has_passed boolean NOT NULL,
  had_copy boolean NOT NULL,
  shut integer NOT NULL,
  opened integer NOT NULL,
  CONSTRAINT restore_drills_pkey PRIMARY KEY (site_id, at),
  CONSTRAINT restore_drills_site FOREIGN KEY (site_id) REFERENCES sites (site_id)
);
ALTER TABLE restore_drills ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON restore_drills
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON restore_drills TO ponctuel_service;

-- What is held is shown apart: the oldest recording that nothing holds back.
CREATE INDEX recordings_by_capture_unheld ON recordings (site_id, captured_at)
WHERE held_until IS NULL;
