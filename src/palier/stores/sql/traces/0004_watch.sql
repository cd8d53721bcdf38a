-- Is what a policy promises still true? Each judged audit is counted once, in one commit with what was made of it.
ALTER TABLE audit ADD COLUMN watched INTEGER NOT NULL DEFAULT 0;

CREATE INDEX audit_unwatched ON audit (route, created, trace) WHERE watched = 0 AND state = 'done';

CREATE TABLE watch (
    route  TEXT NOT NULL,
    policy TEXT NOT NULL,
    state  BLOB NOT NULL, -- JSON
    PRIMARY KEY (route, policy)
) STRICT, WITHOUT ROWID;
