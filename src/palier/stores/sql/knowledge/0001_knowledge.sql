CREATE TABLE collection (
    id        INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: it names the full-text index `terms_<id>`
    name      TEXT NOT NULL UNIQUE,
    encoder   TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    version   INTEGER NOT NULL DEFAULT 0, -- counts the changes,
    removals  INTEGER NOT NULL DEFAULT 0, -- those that took passages away,
    passages  INTEGER NOT NULL DEFAULT 0  -- and what is there
) STRICT;

-- Who may read: documents for the same groups share an audience, and a search asks for a handful of numbers.
CREATE TABLE audience (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    groups TEXT NOT NULL UNIQUE -- JSON, sorted; [] is everybody
) STRICT;

CREATE TABLE member (
    name     TEXT NOT NULL,
    audience INTEGER NOT NULL REFERENCES audience (id) ON DELETE CASCADE,
    PRIMARY KEY (name, audience)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_by_audience ON member (audience);

CREATE TABLE document (
    id         INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES collection (id),
    audience   INTEGER NOT NULL REFERENCES audience (id),
    passages   INTEGER NOT NULL,
    name       TEXT NOT NULL,
    title      TEXT NOT NULL,
    url        TEXT NOT NULL,
    language   TEXT NOT NULL,
    label      TEXT NOT NULL,
    groups     TEXT NOT NULL, -- JSON, as they were given
    metadata   TEXT NOT NULL, -- JSON
    digest     TEXT NOT NULL,
    source     TEXT NOT NULL,
    updated    REAL NOT NULL,
    text       TEXT NOT NULL,
    UNIQUE (collection, name)
) STRICT;

CREATE INDEX document_by_audience ON document (audience);

CREATE TABLE passage (
    id       INTEGER PRIMARY KEY AUTOINCREMENT, -- later is higher
    document INTEGER NOT NULL REFERENCES document (id) ON DELETE CASCADE,
    audience INTEGER NOT NULL,
    position INTEGER NOT NULL,
    heading  TEXT NOT NULL,
    first    INTEGER NOT NULL,
    past     INTEGER NOT NULL,
    text     TEXT NOT NULL,
    UNIQUE (document, position)
) STRICT;

-- Apart from the passages, so that a scan reads vectors and nothing else.
CREATE TABLE vector (
    passage    INTEGER PRIMARY KEY REFERENCES passage (id) ON DELETE CASCADE,
    collection INTEGER NOT NULL,
    audience   INTEGER NOT NULL,
    embedding  BLOB NOT NULL -- float32, unit length
) STRICT;

CREATE INDEX vector_by_audience ON vector (collection, audience);
