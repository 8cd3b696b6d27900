-- Records that can't be read: out of the way of all queries, and tried again at every start.
CREATE TABLE quarantined_sandboxes (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    state      TEXT NOT NULL,
    record     TEXT NOT NULL,
    deleted_ms INTEGER,
    reason     TEXT NOT NULL
) STRICT;
