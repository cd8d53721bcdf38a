-- Figures are kept for ever, words for their retention: two tables, and no word in the first.
CREATE TABLE trace (
    id      TEXT PRIMARY KEY,
    created REAL NOT NULL,
    route   TEXT NOT NULL,
    status  TEXT NOT NULL,
    tier    TEXT,
    figures BLOB NOT NULL -- the whole trace as JSON, without its content
) STRICT;

CREATE INDEX trace_by_created ON trace (created, id);
CREATE INDEX trace_by_route   ON trace (route, created, id);
CREATE INDEX trace_by_status  ON trace (status, created, id);
CREATE INDEX trace_by_tier    ON trace (tier, created, id);

CREATE TABLE content (
    trace   TEXT PRIMARY KEY REFERENCES trace (id) ON DELETE CASCADE,
    label   TEXT NOT NULL,
    expires REAL NOT NULL,
    words   BLOB NOT NULL -- JSON
) STRICT;

CREATE INDEX content_by_expires ON content (expires);
