-- The policy that was fitted for a version before its ruling, or why there is none.
CREATE TABLE calibration (
    version TEXT PRIMARY KEY REFERENCES version (id),
    words BLOB NOT NULL
) WITHOUT ROWID;
