-- Requests drawn for the audit, figures for ever and words for their retention, as traces.
CREATE TABLE audit (
    trace    TEXT PRIMARY KEY REFERENCES trace (id) ON DELETE CASCADE,
    route    TEXT NOT NULL,
    created  REAL NOT NULL,
    label    TEXT NOT NULL, -- how confidential
    language TEXT NOT NULL,
    state    TEXT NOT NULL, -- drawn, done or lost
    due      REAL NOT NULL, -- when one that is drawn is gone on with
    place    REAL NOT NULL, -- in the draw
    cost     REAL NOT NULL, -- US dollars known to have been paid for the audit alone
    figures  BLOB NOT NULL  -- the whole audit as JSON, without words and judgements
) STRICT;

CREATE INDEX audit_by_due ON audit (due, trace) WHERE state = 'drawn';
CREATE INDEX audit_by_created ON audit (created, trace) WHERE state = 'done';
CREATE INDEX audit_by_place ON audit (route, place, trace) WHERE state = 'done';
CREATE INDEX audit_by_route ON audit (route, state, cost);

CREATE TABLE audit_content (
    trace   TEXT PRIMARY KEY REFERENCES audit (trace) ON DELETE CASCADE,
    label   TEXT NOT NULL,
    expires REAL NOT NULL,
    words   BLOB NOT NULL -- JSON
) STRICT;

CREATE INDEX audit_content_by_expires ON audit_content (expires);

-- The tiers that wrote a draft: what can be judged.
CREATE TABLE draft (
    trace TEXT NOT NULL REFERENCES audit (trace) ON DELETE CASCADE,
    tier  TEXT NOT NULL,
    PRIMARY KEY (trace, tier)
) STRICT, WITHOUT ROWID;

CREATE TABLE judgement (
    trace   TEXT NOT NULL,
    tier    TEXT NOT NULL,
    source  TEXT NOT NULL,
    correct INTEGER,
    score   REAL,
    who     TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (trace, tier, source),
    FOREIGN KEY (trace, tier) REFERENCES draft (trace, tier) ON DELETE CASCADE,
    CHECK ((correct IS NULL) <> (score IS NULL))
) STRICT, WITHOUT ROWID;

-- What those who asked thought of an answer. Never joined with judgements.
CREATE TABLE feedback (
    trace     TEXT NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    principal TEXT NOT NULL,
    rating    TEXT,
    score     REAL,
    created   REAL NOT NULL,
    PRIMARY KEY (trace, principal)
) STRICT, WITHOUT ROWID;

CREATE TABLE feedback_content (
    trace     TEXT NOT NULL,
    principal TEXT NOT NULL,
    label     TEXT NOT NULL,
    expires   REAL NOT NULL,
    comment   TEXT NOT NULL,
    PRIMARY KEY (trace, principal),
    FOREIGN KEY (trace, principal) REFERENCES feedback (trace, principal) ON DELETE CASCADE
) STRICT;

CREATE INDEX feedback_content_by_expires ON feedback_content (expires);
