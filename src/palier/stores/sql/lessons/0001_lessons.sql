CREATE TABLE lesson (
    id       TEXT PRIMARY KEY,
    origin   TEXT NOT NULL UNIQUE,
    route    TEXT NOT NULL,
    state    TEXT NOT NULL,
    kind     TEXT NOT NULL,
    trace    TEXT NOT NULL, -- the request it is of; empty: of none
    who      TEXT NOT NULL, -- a keyed hash
    reviewer TEXT NOT NULL,
    expires  REAL NOT NULL,
    revision INTEGER NOT NULL,
    words    BLOB NOT NULL, -- the lesson as JSON
    encoder  TEXT NOT NULL,
    vector   BLOB NOT NULL  -- float16, of what it asks
) STRICT;

CREATE INDEX lesson_by_route ON lesson (route, id, state, kind);
CREATE INDEX lesson_by_expires ON lesson (expires);
CREATE INDEX lesson_by_trace ON lesson (trace) WHERE trace <> '';
CREATE INDEX lesson_by_who ON lesson (who) WHERE who <> '';

-- What a lesson stands on.
CREATE TABLE source (
    lesson     TEXT NOT NULL REFERENCES lesson (id) ON DELETE CASCADE,
    collection TEXT NOT NULL,
    document   TEXT NOT NULL,
    PRIMARY KEY (lesson, collection, document)
) STRICT, WITHOUT ROWID;

CREATE INDEX source_by_document ON source (collection, document);

-- Under what lessons ever came, kept for ever as figures are: one that is deleted does not come again by itself.
CREATE TABLE origin (
    name  TEXT PRIMARY KEY,
    trace TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX origin_by_trace ON origin (trace) WHERE trace <> '';
