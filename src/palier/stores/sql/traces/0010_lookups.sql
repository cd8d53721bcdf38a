-- A person names a request by the last digits of its id (ids.SHORT_ID), which are of chance: an index on them would dirty
-- a page of its own for every request, and double what recording one takes. So they are put here in the background, many
-- at a time (`SqliteTraces.index`); what is not here yet is read one by one.
CREATE TABLE ending (
    digits TEXT NOT NULL,
    trace  INTEGER NOT NULL, -- rowid, the order of recording: no trace is ever deleted
    PRIMARY KEY (digits, trace)
) STRICT, WITHOUT ROWID;

CREATE TABLE indexed (
    trace INTEGER NOT NULL -- the last that is in it; one row
) STRICT;

INSERT INTO ending SELECT substr(id, -12) AS digits, rowid FROM trace ORDER BY 1, 2;
INSERT INTO indexed SELECT ifnull(max(rowid), 0) FROM trace;

-- Weeks that are over (UTC, from Thursday on, as seconds since 1970 have it), added up from their days as those are from
-- their hours (0009): a report of a quarter by key reads half as many rows.
CREATE TABLE rolled_week (
    week INTEGER PRIMARY KEY -- seconds, its beginning
) STRICT;

CREATE TABLE week (
    at         INTEGER NOT NULL,
    route      TEXT NOT NULL,
    tier       TEXT NOT NULL,
    status     TEXT NOT NULL,
    key        TEXT NOT NULL,
    requests   INTEGER NOT NULL,
    latency_ms REAL NOT NULL,
    prompt     INTEGER NOT NULL,
    completion INTEGER NOT NULL,
    uncounted  INTEGER NOT NULL,
    cost REAL NOT NULL, cost_low REAL NOT NULL, cost_high REAL NOT NULL, cost_unknown INTEGER NOT NULL,
    energy REAL NOT NULL, energy_low REAL NOT NULL, energy_high REAL NOT NULL, energy_unknown INTEGER NOT NULL,
    carbon REAL NOT NULL, carbon_low REAL NOT NULL, carbon_high REAL NOT NULL, carbon_unknown INTEGER NOT NULL,
    PRIMARY KEY (at, route, tier, status, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE landing_week (
    at         INTEGER NOT NULL,
    route      TEXT NOT NULL,
    tier       TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    steps      INTEGER NOT NULL,
    latency_ms REAL NOT NULL,
    cost REAL NOT NULL, cost_squares REAL NOT NULL, cost_unknown INTEGER NOT NULL,
    energy REAL NOT NULL, energy_squares REAL NOT NULL, energy_unknown INTEGER NOT NULL,
    carbon REAL NOT NULL, carbon_squares REAL NOT NULL, carbon_unknown INTEGER NOT NULL,
    PRIMARY KEY (at, route, tier, outcome)
) STRICT, WITHOUT ROWID;
