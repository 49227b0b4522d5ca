-- Who says what others reach is told so by somebody who does that already: an
-- administrator alone makes no data protection officer.
ALTER TABLE accounts ADD COLUMN appointed_by text;
ALTER TABLE accounts ADD CONSTRAINT accounts_appointed CHECK (
  appointed_by IS NULL OR role = 'dpo'
);
