-- When the line's gate closes by itself, and its code then: a bind may wait over midnight.
ALTER TABLE waiting_binds
ADD COLUMN gate_ends_on date,
ADD COLUMN gate_end_code text;

-- What silence means to the caller of a drawn call, and when one said yes.
ALTER TABLE calls
ADD COLUMN consent text NOT NULL DEFAULT 'opt_out',
ADD COLUMN opted_in_at timestamptz,
ADD CONSTRAINT calls_consent_known CHECK (consent IN ('opt_out', 'opt_in'));
