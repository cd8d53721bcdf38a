-- Terms move from a full-text index a collection, whose weights were fixed, to one table that is weighed when it is
-- asked: a small collection is found in as a large one is, and several weigh together.
ALTER TABLE collection ADD COLUMN terms INTEGER NOT NULL DEFAULT 0; -- of all passages together, repeated ones too

CREATE TABLE posting (
    collection INTEGER NOT NULL,
    block      INTEGER NOT NULL, -- passage / 4096: what is written together lies together, whatever its terms
    term       TEXT NOT NULL,
    passage    INTEGER NOT NULL,
    audience   INTEGER NOT NULL,
    frequency  INTEGER NOT NULL, -- of the term in the passage
    length     INTEGER NOT NULL, -- of the passage, in terms
    PRIMARY KEY (collection, block, term, passage)
) STRICT, WITHOUT ROWID;

SELECT replace('
    CREATE VIRTUAL TABLE temp.instance USING fts5vocab (main, terms_{id}, instance);
    CREATE TEMP TABLE size AS SELECT doc AS passage, count(*) AS length FROM instance WHERE col = ''terms'' GROUP BY doc;
    INSERT INTO posting
    SELECT {id}, passage / 4096, term, passage, passage.audience, count(*), length
    FROM instance JOIN size ON size.passage = doc JOIN passage ON passage.id = doc
    WHERE col = ''terms'' GROUP BY doc, term;
    UPDATE collection SET terms = (SELECT coalesce(sum(length), 0) FROM size) WHERE id = {id};
    DROP TABLE temp.size;
    DROP TABLE temp.instance;
    DROP TABLE terms_{id}', '{id}', id) FROM collection;
