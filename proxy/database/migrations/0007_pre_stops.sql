-- Who has stopped all draws: the operator, the breaker, or both. The leaf that says so
-- moves the head in the same transaction, so no draw can slip in between.
ALTER TABLE ledger_heads ADD COLUMN stops text[] NOT NULL DEFAULT '{}';
ALTER TABLE ledger_heads ADD CONSTRAINT ledger_heads_stops_known
CHECK (stops <@ ARRAY['operator', 'breaker']);
