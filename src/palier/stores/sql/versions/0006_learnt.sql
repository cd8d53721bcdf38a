-- By which lessons a version was taught: by what they are now it is known how confidential it is, and who has learnt
-- from what is forgotten.
CREATE TABLE learnt (
    version TEXT NOT NULL REFERENCES version (id),
    lesson TEXT NOT NULL,
    PRIMARY KEY (version, lesson)
) WITHOUT ROWID;
CREATE INDEX learnt_lesson ON learnt (lesson);

-- Versions that were taught before that was kept: by which lessons is not known of them.
CREATE TABLE untold (version TEXT PRIMARY KEY REFERENCES version (id)) WITHOUT ROWID;
INSERT INTO untold (version) SELECT id FROM version;
