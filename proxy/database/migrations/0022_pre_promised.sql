-- Up to which epoch's policies the stock keeps what they promise.
ALTER TABLE ledger_heads ADD COLUMN promised_epoch bigint NOT NULL DEFAULT 0;
