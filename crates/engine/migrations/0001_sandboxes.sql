-- One row a sandbox. `record` is the whole truth as JSON; the other columns are what queries select by.
CREATE TABLE sandboxes (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    id     TEXT NOT NULL UNIQUE,
    state  TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE INDEX sandboxes_by_state ON sandboxes (state, seq);

-- A repeated create answers with its first result.
CREATE TABLE idempotency_keys (
    key        TEXT PRIMARY KEY,
    body_hash  BLOB NOT NULL,
    sandbox_id TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
