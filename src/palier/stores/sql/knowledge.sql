-- :name collection
SELECT id, name, encoder, dimension FROM collection WHERE name = ?

-- :name create_collection
INSERT INTO collection (name, encoder, dimension) VALUES (:name, :encoder, :dimension) RETURNING id

-- :name changed
UPDATE collection
SET version = version + 1, removals = removals + (:removed > 0), passages = passages + :added - :removed
WHERE id = :collection

-- :name drop_empty_collection
DELETE FROM collection WHERE id = :collection
AND NOT EXISTS (SELECT 1 FROM document WHERE document.collection = :collection)

-- :name create_terms
-- The terms come stemmed: the tokenizer only parts them, at spaces and control characters. The audience stands beside
-- them, so that the index itself passes over what the asker may not read.
CREATE VIRTUAL TABLE terms_N USING fts5 (
    terms, audience, tokenize = "ascii tokenchars '!""#$%&''()*+,-./:;<=>?@[\]^_`{|}~'"
)

-- :name rank_terms
-- An audience has no weight in the score.
INSERT INTO terms_N (terms_N, rank) VALUES ('rank', 'bm25(1.0, 0.0)')

-- :name secure_terms
-- The words of a deleted document leave the index with it, not when its segments are next merged.
INSERT INTO terms_N (terms_N, rank) VALUES ('secure-delete', 1)

-- :name drop_terms
DROP TABLE terms_N

-- :name audience
SELECT id FROM audience WHERE groups = ?

-- :name create_audience
INSERT INTO audience (groups) VALUES (?) RETURNING id

-- :name create_members
INSERT INTO member (name, audience) SELECT value, :audience FROM json_each(:groups)

-- :name drop_empty_audience
DELETE FROM audience WHERE id = :audience
AND NOT EXISTS (SELECT 1 FROM document WHERE document.audience = :audience)

-- :name insert_document
INSERT INTO document (
    collection, audience, passages, name, title, url, language, label, groups, metadata, digest, source, updated, text
) VALUES (
    :collection, :audience, :passages, :name, :title, :url, :language, :label, :groups, :metadata, :digest, :source,
    :updated, :text
) RETURNING id

-- :name insert_passage
INSERT INTO passage (document, audience, position, heading, first, past, text) VALUES (?, ?, ?, ?, ?, ?, ?)
RETURNING id

-- :name insert_vector
INSERT INTO vector (passage, collection, audience, embedding) VALUES (?, ?, ?, ?)

-- :name insert_terms
INSERT INTO terms_N (rowid, terms, audience) VALUES (?, ?, ?)

-- :name find_document
SELECT id, audience, passages FROM document WHERE collection = ? AND name = ?

-- :name delete_terms
DELETE FROM terms_N WHERE rowid IN (SELECT id FROM passage WHERE document = ?)

-- :name delete_document
-- Its passages and vectors go with it.
DELETE FROM document WHERE id = ?

-- :name vacuum
PRAGMA incremental_vacuum(256)

-- :name readable
-- The audiences a principal belongs to.
SELECT id FROM audience WHERE groups = '[]'
UNION SELECT audience FROM member WHERE name IN (SELECT value FROM json_each(:groups))
UNION SELECT id FROM audience WHERE :admin

-- :name reads_everything
SELECT NOT EXISTS (SELECT 1 FROM audience WHERE id NOT IN (SELECT value FROM json_each(?)))

-- :name get
SELECT name, title, url, language, label, groups, metadata, digest, source, updated, text FROM document
WHERE collection = (SELECT id FROM collection WHERE name = :collection) AND name = :name
AND audience IN (SELECT value FROM json_each(:readable))

-- :name list
SELECT name, title, url, language, label, groups, metadata, digest, source, updated, '' FROM document
WHERE collection = (SELECT id FROM collection WHERE name = :collection) AND name > :after
AND audience IN (SELECT value FROM json_each(:readable))
ORDER BY name LIMIT :limit

-- :name collections
SELECT collection.name, count(*), sum(document.passages), encoder, dimension
FROM document JOIN collection ON collection.id = document.collection
WHERE audience IN (SELECT value FROM json_each(:readable))
GROUP BY collection.id ORDER BY collection.name

-- :name nearest
-- A vector of zeros has no direction: sqlite-vec says NULL, which is at a right angle to everything here.
SELECT passage, 1.0 - coalesce(vec_distance_cosine(embedding, :vector), 1.0) AS cosine FROM vector
WHERE collection = :collection AND audience IN (SELECT value FROM json_each(:readable))
ORDER BY cosine DESC, passage LIMIT :limit

-- :name version
SELECT version, removals, passages FROM collection WHERE id = ?

-- :name passages_of_collection
SELECT passage FROM vector WHERE collection = ?

-- :name vectors_after
SELECT passage, audience, embedding FROM vector WHERE collection = :collection AND passage > :last ORDER BY passage

-- :name best
-- CROSS JOIN: the full-text index leads, in order of rank, and each of its passages is looked at for its readers.
SELECT passage.id, -terms_N.rank FROM terms_N CROSS JOIN passage ON passage.id = terms_N.rowid
WHERE terms_N MATCH :query AND passage.audience IN (SELECT value FROM json_each(:readable))
ORDER BY terms_N.rank LIMIT :limit

-- :name hit
SELECT document.name, position, passage.text, label, title, url, heading, language
FROM passage JOIN document ON document.id = passage.document WHERE passage.id = ?
