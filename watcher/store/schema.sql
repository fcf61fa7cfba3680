-- The ledger: what survives a crash. One row per file seen, one event per move.
-- Legal moves (the table `moves` is filled from watcher.model.MOVES; a trigger enforces it):
--   queued -> staged -> delivered           the way of an image
--   queued -> excluded | quarantined | duplicate
--   staged -> quarantined | duplicate | queued (spool lost, rebuilt from the original)
--   staged -> excluded                      refused, and its original is gone
--   quarantined -> queued (released) | excluded (rejected by a person)
CREATE TABLE instances (
    id          TEXT PRIMARY KEY,
    customer    TEXT NOT NULL,
    -- relative to the customer's folder, as the file system spells it (bytes)
    path        BLOB NOT NULL,
    -- where the original lies: the drop folder, or quarantine after the sender took it away
    origin      TEXT NOT NULL DEFAULT 'drop' CHECK (origin IN ('drop', 'quarantine')),
    device      INTEGER NOT NULL,
    inode       INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    mtime_ns    INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN
                ('queued', 'staged', 'delivered', 'duplicate', 'excluded', 'quarantined')),
    reason      TEXT NOT NULL DEFAULT '',
    detail      TEXT NOT NULL DEFAULT '',
    -- 1 while this process works on it; zeroed at start
    claimed     INTEGER NOT NULL DEFAULT 0 CHECK (claimed IN (0, 1)),
    -- committed before the work starts, zeroed by a clean outcome: counts crashes
    attempts    INTEGER NOT NULL DEFAULT 0,
    -- clean "later" outcomes in a row: drives the back-off
    deferrals   INTEGER NOT NULL DEFAULT 0,
    not_before  REAL NOT NULL,
    seen_at     REAL NOT NULL,
    changed_at  REAL NOT NULL,
    -- of the original, by the fingerprint that its customer's key names
    sha256      TEXT,
    uid_digest  TEXT,
    series      TEXT,
    prepared    TEXT,
    -- the request this instance was last sent in: resent with the same members until it is answered
    batch       TEXT,
    -- 1 once the original was archived, deleted or kept after the acknowledgement
    disposed    INTEGER NOT NULL DEFAULT 0 CHECK (disposed IN (0, 1)),
    UNIQUE (customer, path, device, inode, size, mtime_ns)
) STRICT;

-- Partial indexes: only a query that repeats the condition word for word may use them; a bound
-- `state = ?` alone may not, and would walk the whole backlog.
CREATE INDEX due ON instances (state, customer, claimed, not_before) WHERE state IN ('queued', 'staged');
CREATE INDEX at_path ON instances (customer, path) WHERE state IN ('queued', 'staged');
CREATE INDEX undisposed ON instances (state, seen_at) WHERE disposed = 0 AND state IN ('delivered', 'duplicate');
CREATE INDEX in_state ON instances (customer, state, changed_at);
CREATE INDEX by_batch ON instances (batch) WHERE batch IS NOT NULL;
-- No content is accepted twice, whatever the code above believes.
CREATE UNIQUE INDEX one_content ON instances (customer, sha256) WHERE state IN ('staged', 'delivered');
CREATE INDEX by_uid ON instances (customer, uid_digest) WHERE state IN ('staged', 'delivered');

CREATE TABLE events (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL,
    at       REAL NOT NULL,
    state    TEXT NOT NULL,
    reason   TEXT NOT NULL DEFAULT '',
    detail   TEXT NOT NULL DEFAULT '',
    steps_ms TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX events_of ON events (id, seq);

-- Kept by triggers, so that a look at the status costs the same with ten rows and ten million.
CREATE TABLE counts (
    customer TEXT NOT NULL,
    state    TEXT NOT NULL,
    n        INTEGER NOT NULL,
    PRIMARY KEY (customer, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE breakers (
    destination TEXT PRIMARY KEY,
    snapshot    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE moves (
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (source, target)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER only_legal_moves BEFORE UPDATE OF state ON instances
    WHEN NOT EXISTS (SELECT 1 FROM moves WHERE source = old.state AND target = new.state) BEGIN
    SELECT RAISE(ABORT, 'illegal move');
END;

CREATE TRIGGER counted_on_insert AFTER INSERT ON instances BEGIN
    INSERT INTO counts VALUES (new.customer, 'seen', 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
    INSERT INTO counts VALUES (new.customer, new.state, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER counted_on_move AFTER UPDATE OF state ON instances WHEN old.state <> new.state BEGIN
    UPDATE counts SET n = n - 1 WHERE customer = old.customer AND state = old.state;
    INSERT INTO counts VALUES (new.customer, new.state, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
END;
