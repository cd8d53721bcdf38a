-- By what a document's text is known again: one row of hashes a document. They are looked up in memory, sorted; an index
-- here would scatter each document over the whole file.
CREATE TABLE mark (
    id       INTEGER PRIMARY KEY AUTOINCREMENT, -- later is higher
    document INTEGER NOT NULL UNIQUE REFERENCES document (id) ON DELETE CASCADE,
    marker   TEXT NOT NULL, -- names the key and the method; other rows are made anew
    marks    BLOB NOT NULL  -- eight bytes each, sorted
) STRICT;

CREATE INDEX document_by_label ON document (label);
