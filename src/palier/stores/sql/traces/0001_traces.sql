-- Figures are kept for ever, words for their retention: two tables, and no word in the first.
CREATE TABLE trace (
    id      TEXT PRIMARY KEY,
    created REAL NOT NULL,
    route   TEXT NOT NULL,
    status  TEXT NOT NULL,
    tier    TEXT,
    figures BLOB NOT NULL -- the whole trace as JSON, without its content
) STRICT;

-- One index for every list: what is filtered by is read along it. An index for each filter would double what a request
-- costs here.
CREATE INDEX trace_by_created ON trace (created, id, route, status, tier);

CREATE TABLE content (
    trace   TEXT PRIMARY KEY REFERENCES trace (id) ON DELETE CASCADE,
    label   TEXT NOT NULL,
    expires REAL NOT NULL,
    words   BLOB NOT NULL -- JSON
) STRICT;

CREATE INDEX content_by_expires ON content (expires);
