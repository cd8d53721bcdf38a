CREATE TABLE about (installation TEXT NOT NULL, made REAL NOT NULL);

-- Keys that things were sealed with. `sealed` is what its digests were keyed with, and proves that a key is the right one.
CREATE TABLE key (id TEXT PRIMARY KEY, since REAL NOT NULL, given_up REAL, sealed BLOB NOT NULL) WITHOUT ROWID;

-- The body is what was chained, byte for byte. What is looked for is read out of it, so that the two cannot differ.
CREATE TABLE entry (
    sequence INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    hash BLOB NOT NULL,
    at_ms INTEGER AS (CASE WHEN json_valid(body) THEN body ->> '$.at_ms' END),
    digest TEXT AS (CASE WHEN json_valid(body) THEN body ->> '$.digest' END),
    destination TEXT AS (CASE WHEN json_valid(body) THEN body ->> '$.clearance.destination' END),
    label TEXT AS (CASE WHEN json_valid(body) THEN body ->> '$.clearance.label' END),
    purpose TEXT AS (CASE WHEN json_valid(body) THEN body ->> '$.clearance.purpose' END),
    request TEXT AS (CASE WHEN json_valid(body) THEN body ->> '$.clearance.request' END)
);
CREATE INDEX entry_time ON entry (at_ms);
CREATE INDEX entry_destination ON entry (destination);
CREATE INDEX entry_label ON entry (label);
CREATE INDEX entry_request ON entry (request);

CREATE TABLE payload (
    sequence INTEGER PRIMARY KEY REFERENCES entry (sequence),
    key TEXT NOT NULL, kept REAL NOT NULL, expires REAL NOT NULL, sealed BLOB NOT NULL
);
CREATE INDEX payload_expires ON payload (expires);
CREATE INDEX payload_key ON payload (key, kept);

CREATE TABLE map (
    trace TEXT PRIMARY KEY,
    key TEXT NOT NULL, kept REAL NOT NULL, expires REAL NOT NULL, sealed BLOB NOT NULL
);
CREATE INDEX map_expires ON map (expires);
CREATE INDEX map_key ON map (key, kept);
