-- From version 2: the request that a content was sent in, while its outcome is not known. Only an
-- addition: the program of version 2 goes on without it, with what instances.batch says.
CREATE TABLE IF NOT EXISTS sent (
    customer TEXT NOT NULL,
    sha256   TEXT NOT NULL,
    batch    TEXT NOT NULL,
    -- until then its members may come back from the drop folder, after the ledger was restored
    until    REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (customer, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sent_in ON sent (batch);

-- What was left here before a way back to version 2 is older than what that has written since.
INSERT OR REPLACE INTO sent (customer, sha256, batch)
    SELECT customer, sha256, batch FROM instances
    WHERE batch IS NOT NULL AND sha256 IS NOT NULL AND state IN ('queued', 'staged');
