-- Days that are over, added up from their hours (stores/hours.py), so that a report of months reads some thousand rows
-- where there are many keys. Made in the background, and thrown away where a trace of that day changes.
CREATE TABLE rolled (
    day INTEGER PRIMARY KEY -- seconds, the beginning of the day (UTC)
) STRICT;

CREATE TABLE day (
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

CREATE TABLE landing_day (
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
