-- When a tombstone was made, in Unix milliseconds: what is too old is found without reading records.
ALTER TABLE sandboxes ADD COLUMN deleted_ms INTEGER;

UPDATE sandboxes
SET deleted_ms = CAST(unixepoch(json_extract(record, '$.deleted_at')) AS INTEGER) * 1000
WHERE state = 'destroyed';

CREATE INDEX sandboxes_by_deletion ON sandboxes (deleted_ms) WHERE deleted_ms IS NOT NULL;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_ms);
