-- What was taught, and what became of it. Nothing here is ever changed: what is so now is the last that happened.
CREATE TABLE version (
    id TEXT PRIMARY KEY,
    route TEXT NOT NULL,
    created REAL NOT NULL,
    words BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX version_route ON version (route, id);

-- A version took a state: made, refused, shadow, live, retired.
CREATE TABLE happened (
    sequence INTEGER PRIMARY KEY,
    version TEXT NOT NULL REFERENCES version (id),
    route TEXT NOT NULL,
    state TEXT NOT NULL,
    at REAL NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    ruling BLOB
);
CREATE INDEX happened_version ON happened (version, sequence);
CREATE INDEX happened_route ON happened (route, sequence);

-- A holdout judged a version: once, however often it is looked up.
CREATE TABLE judged (
    route TEXT NOT NULL,
    holdout TEXT NOT NULL,
    version TEXT NOT NULL REFERENCES version (id),
    at REAL NOT NULL,
    PRIMARY KEY (route, holdout, version)
) WITHOUT ROWID;

-- What was promoted on a route, one on the other: the highest position answers, and a rollback takes it away. `best` is
-- the best there ever was, as of that promotion. None: the route's own.
CREATE TABLE promoted (
    route TEXT NOT NULL,
    position INTEGER NOT NULL,
    version TEXT NOT NULL REFERENCES version (id),
    best TEXT REFERENCES version (id),
    PRIMARY KEY (route, position)
) WITHOUT ROWID;
