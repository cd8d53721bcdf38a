-- Who reads a collection, by its name: it holds before the first document comes and after the last has gone. Without a
-- row here, everybody.
CREATE TABLE access (
    collection TEXT PRIMARY KEY,
    everyone   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE reader (
    collection TEXT NOT NULL REFERENCES access (collection) ON DELETE CASCADE,
    name       TEXT NOT NULL, -- a group, or `user:NAME`
    PRIMARY KEY (collection, name)
) STRICT, WITHOUT ROWID;
