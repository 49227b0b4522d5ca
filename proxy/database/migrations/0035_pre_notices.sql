-- What callers were told, from when on: texts made from settings, naming no caller. Added
-- when they change, never altered; an inspector reads what could be read on a given day.
CREATE TABLE notices (
  site_id text NOT NULL,
  kind text NOT NULL,
  language text NOT NULL,
  began_at timestamptz NOT NULL,
  version text NOT NULL,
  text text NOT NULL,
  CONSTRAINT notices_pkey PRIMARY KEY (site_id, kind, language, began_at),
  CONSTRAINT notices_site FOREIGN KEY (site_id) REFERENCES sites (site_id),
  CONSTRAINT notices_kind_known CHECK (kind IN ('announcement', 'notice')),
  CONSTRAINT notices_language_known CHECK (language IN ('fr', 'en'))
);
ALTER TABLE notices ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_site ON notices
USING (site_id = current_setting('ponctuel.site_id', true));
GRANT SELECT, INSERT, DELETE ON notices TO ponctuel_service;
