-- What versions of students said beside what was served: figures for ever, words for their retention, as traces.
CREATE TABLE shadow (
    trace   TEXT NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    version TEXT NOT NULL,
    created REAL NOT NULL,
    figures BLOB NOT NULL, -- the whole of it as JSON, without its words
    PRIMARY KEY (version, created, trace)
) STRICT, WITHOUT ROWID;

CREATE INDEX shadow_by_trace ON shadow (trace);

CREATE TABLE shadow_content (
    trace   TEXT NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    version TEXT NOT NULL,
    label   TEXT NOT NULL,
    expires REAL NOT NULL,
    words   BLOB NOT NULL, -- JSON
    PRIMARY KEY (trace, version)
) STRICT, WITHOUT ROWID;

CREATE INDEX shadow_content_by_expires ON shadow_content (expires);
