-- A key belongs to a project, '' is that of requests without one. The keys from before belong to that of their sandbox,
-- as far as its record says so.
CREATE TABLE keys_of_projects (
    project    TEXT NOT NULL,
    key        TEXT NOT NULL,
    body_hash  BLOB NOT NULL,
    sandbox_id TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (project, key)
) STRICT, WITHOUT ROWID;

INSERT INTO keys_of_projects (project, key, body_hash, sandbox_id, created_ms)
SELECT coalesce(CASE WHEN json_valid(record) THEN CAST(json_extract(record, '$.project') AS TEXT) END, ''),
    key, body_hash, sandbox_id, created_ms
FROM idempotency_keys LEFT JOIN sandboxes ON sandboxes.id = sandbox_id;

DROP TABLE idempotency_keys;
ALTER TABLE keys_of_projects RENAME TO idempotency_keys;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_ms);
