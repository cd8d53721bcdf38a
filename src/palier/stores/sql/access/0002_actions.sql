-- What was done in the console: who, when, what, and what it was about; no words.
CREATE TABLE action (
    id      INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order they were done
    at      REAL NOT NULL,
    who     TEXT NOT NULL, -- a name, empty for whoever could not say
    role    TEXT NOT NULL,
    what    TEXT NOT NULL,
    about   TEXT NOT NULL, -- an id, a name, an address
    outcome TEXT NOT NULL  -- `done`, or the error's code
) STRICT;

-- Written once: nothing but forgetting a name changes a row, and only the oldest leave.
CREATE TRIGGER action_stays BEFORE UPDATE OF at, role, what, outcome ON action
BEGIN
    SELECT raise(ABORT, 'an action is written once');
END;
