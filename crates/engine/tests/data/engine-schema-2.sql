-- An engine.db of version 0.1.0 with schema 2, as `sqlite3 engine.db .dump` has it: two running sandboxes, a paused one, a deleted one.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO _sqlx_migrations VALUES(1,'sandboxes','2026-12-01 14:54:20',1,X'8193eb8406591ccd637a2b9ad7ee0245dd79e0936674815893fb1c9b5b0ee264e2ea7ee62782c46070f926d2c6ef46d6',632160);
INSERT INTO _sqlx_migrations VALUES(2,'tombstones','2026-12-01 14:54:20',1,X'5ba5659016b7f4ab13cbb8382c63a2d10c79118ea018ddeb09107de91859b867e8dc88c8c5a7427ebb0368276dbb23e0',699892);
CREATE TABLE sandboxes (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    id     TEXT NOT NULL UNIQUE,
    state  TEXT NOT NULL,
    record TEXT NOT NULL
, deleted_ms INTEGER) STRICT;
INSERT INTO sandboxes VALUES(1,'sb-fifqtfhgihjtlqu9cgsr','active','{"id":"sb-fifqtfhgihjtlqu9cgsr","template_id":"base","state":"active","timeout_secs":86400,"auto_pause":false,"env_vars":{"NAME":"value"},"metadata":{"was":"running"},"cpu_count":1,"memory_mb":512,"disk_size_mb":1024,"created_at":"2026-12-01T14:54:20.278Z","activated_at":"2026-12-01T14:54:20.305Z","end_at":"2026-12-02T14:54:20.278Z","paused_at":null,"deleted_at":null,"generation":1,"token":"of-a-test","timeline":[{"phase":"created","status":"completed","timestamp":"2026-12-01T14:54:20.278Z","message":"template base"},{"phase":"starting","status":"completed","timestamp":"2026-12-01T14:54:20.278Z","message":"claimed a warm runtime","durationMs":27.0},{"phase":"agent","status":"completed","timestamp":"2026-12-01T14:54:20.294Z","durationMs":10.458},{"phase":"ready","status":"completed","timestamp":"2026-12-01T14:54:20.305Z","message":"the agent is healthy"}],"diagnostic":null}',NULL);
INSERT INTO sandboxes VALUES(2,'sb-hclh5zh3eifcp5w1q3v4','stopped','{"id":"sb-hclh5zh3eifcp5w1q3v4","template_id":"base","state":"stopped","timeout_secs":86400,"auto_pause":true,"env_vars":{},"metadata":{"was":"paused"},"cpu_count":1,"memory_mb":512,"disk_size_mb":1024,"created_at":"2026-12-01T14:54:20.557Z","activated_at":"2026-12-01T14:54:20.578Z","end_at":"2026-12-02T14:54:20.557Z","paused_at":"2026-12-01T14:54:21.439Z","deleted_at":null,"generation":1,"token":"of-a-test","timeline":[{"phase":"created","status":"completed","timestamp":"2026-12-01T14:54:20.557Z","message":"template base"},{"phase":"starting","status":"completed","timestamp":"2026-12-01T14:54:20.557Z","message":"claimed a warm runtime","durationMs":21.0},{"phase":"agent","status":"completed","timestamp":"2026-12-01T14:54:20.568Z","durationMs":9.645},{"phase":"ready","status":"completed","timestamp":"2026-12-01T14:54:20.578Z","message":"the agent is healthy"},{"phase":"paused","status":"completed","timestamp":"2026-12-01T14:54:21.439Z","message":"by request: files and metadata are kept","durationMs":4.0}],"diagnostic":null}',NULL);
INSERT INTO sandboxes VALUES(3,'sb-e4udgi8kbd8fxqkn9bk2','destroyed','{"id":"sb-e4udgi8kbd8fxqkn9bk2","template_id":"base","state":"destroyed","timeout_secs":600,"auto_pause":false,"env_vars":{},"metadata":{"was":"deleted"},"cpu_count":1,"memory_mb":512,"disk_size_mb":1024,"created_at":"2026-12-01T14:54:20.978Z","activated_at":"2026-12-01T14:54:20.992Z","end_at":"2026-12-01T15:04:20.978Z","paused_at":null,"deleted_at":"2026-12-01T14:54:21.481Z","generation":1,"token":"","timeline":[{"phase":"created","status":"completed","timestamp":"2026-12-01T14:54:20.978Z","message":"template base"},{"phase":"starting","status":"completed","timestamp":"2026-12-01T14:54:20.978Z","message":"claimed a warm runtime","durationMs":14.0},{"phase":"agent","status":"completed","timestamp":"2026-12-01T14:54:20.988Z","durationMs":3.876},{"phase":"ready","status":"completed","timestamp":"2026-12-01T14:54:20.992Z","message":"the agent is healthy"},{"phase":"deleted","status":"completed","timestamp":"2026-12-01T14:54:21.481Z","message":"deleted by request","durationMs":7.0}],"diagnostic":{"reason":"deleted_by_user","message":"deleted by request"}}',1796136861481);
INSERT INTO sandboxes VALUES(4,'sb-x3rybwbme8tj9ka2ovl0','active','{"id":"sb-x3rybwbme8tj9ka2ovl0","template_id":"base","state":"active","timeout_secs":86400,"auto_pause":false,"env_vars":{},"metadata":{"was":"keyed"},"cpu_count":1,"memory_mb":512,"disk_size_mb":1024,"created_at":"2026-12-01T14:54:21.388Z","activated_at":"2026-12-01T14:54:21.395Z","end_at":"2026-12-02T14:54:21.388Z","paused_at":null,"deleted_at":null,"generation":1,"token":"of-a-test","timeline":[{"phase":"created","status":"completed","timestamp":"2026-12-01T14:54:21.388Z","message":"template base"},{"phase":"starting","status":"completed","timestamp":"2026-12-01T14:54:21.388Z","message":"claimed a warm runtime","durationMs":7.0},{"phase":"agent","status":"completed","timestamp":"2026-12-01T14:54:21.391Z","durationMs":3.827},{"phase":"ready","status":"completed","timestamp":"2026-12-01T14:54:21.395Z","message":"the agent is healthy"}],"diagnostic":null}',NULL);
CREATE TABLE idempotency_keys (
    key        TEXT PRIMARY KEY,
    body_hash  BLOB NOT NULL,
    sandbox_id TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO idempotency_keys VALUES('key-1',X'f867c64ecffabbb4067fa6f914acfcc92361b79f085eae3d61dd6064ac5c3735','sb-x3rybwbme8tj9ka2ovl0',1796136861388);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('sandboxes',4);
CREATE INDEX sandboxes_by_state ON sandboxes (state, seq);
CREATE INDEX sandboxes_by_deletion ON sandboxes (deleted_ms) WHERE deleted_ms IS NOT NULL;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_ms);
COMMIT;
