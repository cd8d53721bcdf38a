-- The documents that a version was taught on: by what they are now it is known how confidential it is.
CREATE TABLE source (
    version TEXT NOT NULL REFERENCES version (id),
    collection TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (version, collection, document)
) WITHOUT ROWID;
CREATE INDEX source_document ON source (collection, document);

-- What a version carries since it was taught: a higher label, and readers.
CREATE TABLE raised (
    version TEXT PRIMARY KEY REFERENCES version (id),
    words BLOB NOT NULL
) WITHOUT ROWID;
