-- From version 1: the audit, and a person's review of a quarantined instance. Only additions, so
-- that the program of version 1 can go on with this ledger (see `watcher.store.database.step_back`).
-- Lines are chained: mac = HMAC(key, previous mac, key id, line); see `watcher.store.audit`.
CREATE TABLE IF NOT EXISTS audit (
    seq    INTEGER PRIMARY KEY,
    id     TEXT NOT NULL,
    deed   TEXT NOT NULL,
    line   TEXT NOT NULL,
    key_id TEXT NOT NULL,
    mac    TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS audit_of ON audit (id, deed);

-- The age of the oldest pending file is asked for by every look at the status.
CREATE INDEX IF NOT EXISTS oldest ON instances (customer, state, seen_at) WHERE state IN ('queued', 'staged');

CREATE TRIGGER IF NOT EXISTS audit_is_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER IF NOT EXISTS audit_is_not_cut BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
