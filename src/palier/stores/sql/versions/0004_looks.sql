-- A holdout judged a version, on what: another champion, other answers or other terms are another look at it.
CREATE TABLE looked (
    route TEXT NOT NULL,
    holdout TEXT NOT NULL,
    version TEXT NOT NULL REFERENCES version (id),
    basis TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (route, holdout, version, basis)
) WITHOUT ROWID;
INSERT INTO looked (route, holdout, version, basis, at) SELECT route, holdout, version, '', at FROM judged;
DROP TABLE judged;
ALTER TABLE looked RENAME TO judged;
