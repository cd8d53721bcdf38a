-- Files that could not be read when they were last ingested. Of them there is no document, or one of before.
CREATE TABLE failing (
    collection TEXT NOT NULL,
    source     TEXT NOT NULL,
    error      TEXT NOT NULL,
    at         REAL NOT NULL,
    PRIMARY KEY (collection, source)
) STRICT, WITHOUT ROWID;
