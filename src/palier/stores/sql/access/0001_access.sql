-- Keys by their hash alone; the rest of one as JSON (`access.AccessKey`), which is read whole at the start.
CREATE TABLE key (
    id    INTEGER PRIMARY KEY, -- in the order they were made
    hash  BLOB NOT NULL UNIQUE, -- SHA-256 of the secret
    terms BLOB NOT NULL
) STRICT;

-- A member is a name, or `@group`.
CREATE TABLE membership (
    name   TEXT NOT NULL, -- of the group
    member TEXT NOT NULL,
    PRIMARY KEY (name, member)
) STRICT, WITHOUT ROWID;

-- By the name of the key: another secret does not start anew.
CREATE TABLE spent (
    day    TEXT NOT NULL, -- of UTC
    key    TEXT NOT NULL,
    cost   REAL NOT NULL, -- US dollars that are known
    tokens INTEGER NOT NULL,
    PRIMARY KEY (day, key)
) STRICT, WITHOUT ROWID;
