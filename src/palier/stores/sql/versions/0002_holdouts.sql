-- A holdout that judged, how its error is shared, and of which family it is: one that has half of the cases of another is
-- of the same, whatever its digest, and what one of them judged counts for all.
CREATE TABLE holdout (
    route TEXT NOT NULL,
    holdout TEXT NOT NULL,
    family TEXT NOT NULL,
    alpha REAL NOT NULL,
    uses INTEGER NOT NULL,
    PRIMARY KEY (route, holdout)
) WITHOUT ROWID;
CREATE INDEX holdout_family ON holdout (route, family);

-- What its cases are known again by.
CREATE TABLE held (
    route TEXT NOT NULL,
    mark TEXT NOT NULL,
    holdout TEXT NOT NULL,
    PRIMARY KEY (route, mark, holdout)
) WITHOUT ROWID;

-- Those that judged before: shared as their first ruling says. Their cases are not known any more.
INSERT INTO holdout (route, holdout, family, alpha, uses)
SELECT route, holdout, holdout,
    coalesce((
        SELECT json_extract(CAST(ruling AS TEXT), '$.terms.alpha') FROM happened
        WHERE happened.route = judged.route AND json_extract(CAST(ruling AS TEXT), '$.holdout') = judged.holdout
        ORDER BY sequence LIMIT 1
    ), 0.05),
    coalesce((
        SELECT json_extract(CAST(ruling AS TEXT), '$.terms.uses') FROM happened
        WHERE happened.route = judged.route AND json_extract(CAST(ruling AS TEXT), '$.holdout') = judged.holdout
        ORDER BY sequence LIMIT 1
    ), 8)
FROM judged GROUP BY route, holdout;
