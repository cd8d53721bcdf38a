-- What went by, hour by hour, so that a report of a month reads some thousand rows and not a million traces. Written in
-- the commit of the traces themselves (stores/hours.py). Of a quantity: its sum with the ends of its range, and how many
-- were not known, which are in no sum.
CREATE TABLE hour (
    at         INTEGER NOT NULL, -- seconds, the beginning of the hour
    route      TEXT NOT NULL,
    tier       TEXT NOT NULL, -- that answered; empty where none did
    status     TEXT NOT NULL,
    key        TEXT NOT NULL, -- the access key that was shown; empty for the owner's
    requests   INTEGER NOT NULL,
    latency_ms REAL NOT NULL,
    prompt     INTEGER NOT NULL,
    completion INTEGER NOT NULL,
    uncounted  INTEGER NOT NULL, -- requests whose tokens nobody counted
    cost REAL NOT NULL, cost_low REAL NOT NULL, cost_high REAL NOT NULL, cost_unknown INTEGER NOT NULL,
    energy REAL NOT NULL, energy_low REAL NOT NULL, energy_high REAL NOT NULL, energy_unknown INTEGER NOT NULL,
    carbon REAL NOT NULL, carbon_low REAL NOT NULL, carbon_high REAL NOT NULL, carbon_unknown INTEGER NOT NULL,
    PRIMARY KEY (at, route, tier, status, key)
) STRICT, WITHOUT ROWID;

-- The tiers that worked on requests. `_squares`: sums of squares, from which the spread is known.
CREATE TABLE landing_hour (
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

-- Those of before.
INSERT INTO hour
SELECT CAST(created AS INTEGER) / 3600 * 3600, route, coalesce(tier, ''), status, coalesce(said ->> '$.key', ''),
    count(*), total(said ->> '$.latency_ms'),
    CAST(total(said ->> '$.usage.prompt') AS INTEGER), CAST(total(said ->> '$.usage.completion') AS INTEGER),
    sum((said ->> '$.usage.prompt') IS NULL),
    total(said ->> '$.cost.value'), total(coalesce(said ->> '$.cost.low', said ->> '$.cost.value')),
    total(coalesce(said ->> '$.cost.high', said ->> '$.cost.value')), sum((said ->> '$.cost.value') IS NULL),
    total(said ->> '$.energy.value'), total(coalesce(said ->> '$.energy.low', said ->> '$.energy.value')),
    total(coalesce(said ->> '$.energy.high', said ->> '$.energy.value')), sum((said ->> '$.energy.value') IS NULL),
    total(said ->> '$.carbon.value'), total(coalesce(said ->> '$.carbon.low', said ->> '$.carbon.value')),
    total(coalesce(said ->> '$.carbon.high', said ->> '$.carbon.value')), sum((said ->> '$.carbon.value') IS NULL)
FROM (SELECT created, route, tier, status, CAST(figures AS TEXT) AS said FROM trace)
GROUP BY 1, 2, 3, 4, 5;

INSERT INTO landing_hour
SELECT CAST(created AS INTEGER) / 3600 * 3600, route, step ->> '$.tier', step ->> '$.outcome',
    count(*), total(step ->> '$.latency_ms'),
    total(step ->> '$.cost.value'), total((step ->> '$.cost.value') * (step ->> '$.cost.value')),
    sum((step ->> '$.cost.value') IS NULL),
    total(step ->> '$.energy.value'), total((step ->> '$.energy.value') * (step ->> '$.energy.value')),
    sum((step ->> '$.energy.value') IS NULL),
    total(step ->> '$.carbon.value'), total((step ->> '$.carbon.value') * (step ->> '$.carbon.value')),
    sum((step ->> '$.carbon.value') IS NULL)
FROM (
    SELECT created, route, value AS step FROM trace, json_each(CAST(figures AS TEXT), '$.steps')
    WHERE value ->> '$.latency_ms' > 0)
GROUP BY 1, 2, 3, 4;
