-- By what answers, and the conversations they were given in, are known again, where they carry more than was asked.
CREATE TABLE answer_mark (
    id      INTEGER PRIMARY KEY AUTOINCREMENT, -- later is higher
    trace   TEXT NOT NULL UNIQUE REFERENCES trace (id) ON DELETE CASCADE,
    rank    INTEGER NOT NULL,
    expires REAL NOT NULL,
    marks   BLOB NOT NULL -- eight bytes each, sorted
) STRICT;

CREATE INDEX answer_mark_by_expires ON answer_mark (expires);

CREATE TABLE turn (
    digest  BLOB PRIMARY KEY, -- of the principal and the words
    trace   TEXT NOT NULL REFERENCES trace (id) ON DELETE CASCADE, -- the last it stood in
    rank    INTEGER NOT NULL, -- of the most restrictive evidence of its conversations
    expires REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX turn_by_trace ON turn (trace);
CREATE INDEX turn_by_expires ON turn (expires);
