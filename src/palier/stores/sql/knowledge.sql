-- :name collection
SELECT id, name, encoder, dimension FROM collection WHERE name = ?

-- :name create_collection
INSERT INTO collection (name, encoder, dimension) VALUES (:name, :encoder, :dimension) RETURNING id

-- :name changed
UPDATE collection
SET version = version + 1, removals = removals + (:removed > 0), passages = passages + :added - :removed,
    terms = terms + :terms
WHERE id = :collection

-- :name drop_empty_collection
DELETE FROM collection WHERE id = :collection
AND NOT EXISTS (SELECT 1 FROM document WHERE document.collection = :collection)

-- :name opened
-- Collections that a principal may read, of those that are named; all where `names` is null.
SELECT id, name, encoder, dimension FROM collection
WHERE (:names IS NULL OR name IN (SELECT value FROM json_each(:names))) AND (
    :admin OR NOT EXISTS (SELECT 1 FROM access WHERE access.collection = collection.name AND NOT everyone)
    OR EXISTS (
        SELECT 1 FROM reader
        WHERE reader.collection = collection.name AND reader.name IN (SELECT value FROM json_each(:groups))
    )
)

-- :name is_declared
-- Whether a collection without documents is there all the same, for who may read it.
SELECT everyone OR :admin OR EXISTS (
    SELECT 1 FROM reader
    WHERE reader.collection = access.collection AND reader.name IN (SELECT value FROM json_each(:groups))
)
FROM access WHERE collection = :name

-- :name readers
SELECT access.collection, everyone, json_group_array(name ORDER BY name) FILTER (WHERE name IS NOT NULL)
FROM access LEFT JOIN reader ON reader.collection = access.collection
WHERE :name IS NULL OR access.collection = :name
GROUP BY access.collection ORDER BY access.collection

-- :name count_access
SELECT count(*) FROM access

-- :name set_access
INSERT INTO access (collection, everyone) VALUES (:name, :everyone)
ON CONFLICT (collection) DO UPDATE SET everyone = excluded.everyone

-- :name stay_open
-- An open collection that lost its last document is still there to be written to.
INSERT INTO access (collection, everyone) VALUES (?, 1) ON CONFLICT DO NOTHING

-- :name clear_readers
DELETE FROM reader WHERE collection = ?

-- :name add_reader
INSERT INTO reader (collection, name) VALUES (?, ?) ON CONFLICT DO NOTHING

-- :name remove_reader
DELETE FROM reader WHERE collection = ? AND name = ?

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

-- :name insert_posting
INSERT INTO posting (collection, block, term, passage, audience, frequency, length) VALUES (?, ? / 4096, ?, ?, ?, ?, ?)

-- :name raise_labels
UPDATE document SET label = :label WHERE collection = (SELECT id FROM collection WHERE name = :name)
AND label IN (SELECT value FROM json_each(:lower))

-- :name find_document
SELECT id, audience, passages FROM document WHERE collection = ? AND name = ?

-- :name delete_postings
-- A document's passages were numbered one after the other.
WITH gone AS MATERIALIZED (SELECT min(id) AS first, max(id) AS last FROM passage WHERE document = :document)
DELETE FROM posting
WHERE collection = :collection AND block BETWEEN (SELECT first FROM gone) / 4096 AND (SELECT last FROM gone) / 4096
AND passage BETWEEN (SELECT first FROM gone) AND (SELECT last FROM gone)
RETURNING frequency

-- :name delete_document
-- Its passages and vectors go with it.
DELETE FROM document WHERE id = ?

-- :name vacuum
PRAGMA incremental_vacuum(256)

-- :name readable
-- The audiences a principal belongs to, by its groups and as `user:NAME`.
SELECT id FROM audience WHERE groups = '[]'
UNION SELECT audience FROM member WHERE name IN (SELECT value FROM json_each(:groups))
UNION SELECT id FROM audience WHERE :admin

-- :name get
SELECT name, title, url, language, label, groups, metadata, digest, source, updated, text FROM document
WHERE collection = :collection AND name = :name AND audience IN (SELECT value FROM json_each(:readable))

-- :name is_there
SELECT 1 FROM document
WHERE collection = :collection AND name = :name AND audience IN (SELECT value FROM json_each(:readable))

-- :name list
SELECT name, title, url, language, label, groups, metadata, digest, source, updated, '' FROM document
WHERE collection = :collection AND name > :after AND audience IN (SELECT value FROM json_each(:readable))
ORDER BY name LIMIT :limit

-- :name browse
SELECT name, title, url, language, label, groups, '{}', digest, source, updated, '', passages, stale, again FROM (
    SELECT name, title, url, language, label, groups, digest, source, updated, passages, updated < :stale AS stale,
        digest <> '' AND row_number() OVER (PARTITION BY digest ORDER BY id) > 1 AS again
    FROM document WHERE collection = :collection AND audience IN (SELECT value FROM json_each(:readable))
)
WHERE name > :after AND instr(lower(name || ' ' || title), lower(:words)) AND (:label = '' OR label = :label)
AND CASE :fault WHEN 'stale' THEN stale WHEN 'empty' THEN passages = 0 WHEN 'duplicated' THEN again ELSE 1 END
ORDER BY name LIMIT :limit

-- :name failing
SELECT collection, source, error, at FROM failing
WHERE :admin OR collection IN (SELECT value FROM json_each(:collections)) ORDER BY collection, source LIMIT :limit

-- :name not_failing
DELETE FROM failing WHERE collection = :collection
AND EXISTS (SELECT 1 FROM json_each(:roots) WHERE source = value OR substr(source, 1, length(value) + 1) = value || '/')

-- :name fails
INSERT OR REPLACE INTO failing (collection, source, error, at) VALUES (?, ?, ?, ?)

-- :name failed_long_ago
DELETE FROM failing WHERE collection = ?1
AND source IN (SELECT source FROM failing WHERE collection = ?1 ORDER BY at DESC, source LIMIT -1 OFFSET ?2)

-- :name forget_failing
-- By the name of the file, wherever it lay: a document is called by its path below some folder.
DELETE FROM failing WHERE collection = :collection AND (source = :document OR
    substr(source, -length(:document) - 1) = '/' || :document)

-- :name collections
SELECT collection.name, count(*), sum(document.passages), encoder, dimension
FROM document JOIN collection ON collection.id = document.collection
WHERE collection.id IN (SELECT value FROM json_each(:opened)) AND audience IN (SELECT value FROM json_each(:readable))
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

-- :name corpus
-- What is searched, as its weights see it: all of it, whichever of its documents may be read.
SELECT total(passages), total(terms) FROM collection WHERE id IN (SELECT value FROM json_each(?))

-- :name blocks
-- One look at the index a block, however many postings lie between.
WITH RECURSIVE block (collection, number) AS (
    SELECT value, (SELECT min(block) FROM posting WHERE collection = value) FROM json_each(?)
    UNION ALL
    SELECT collection, (
        SELECT min(block) FROM posting WHERE posting.collection = block.collection AND posting.block > block.number
    )
    FROM block WHERE number IS NOT NULL
)
SELECT collection, number FROM block WHERE number IS NOT NULL

-- :name frequencies
-- In how many passages each term stands. CROSS JOIN here and below: the postings of a term are read by the index.
WITH searched AS MATERIALIZED (SELECT value ->> 0 AS collection, value ->> 1 AS block FROM json_each(:blocks))
SELECT value, count(*) FROM json_each(:terms) CROSS JOIN searched CROSS JOIN posting
ON posting.collection = searched.collection AND posting.block = searched.block AND term = value
GROUP BY value

-- :name best
WITH
searched AS MATERIALIZED (SELECT value ->> 0 AS collection, value ->> 1 AS block FROM json_each(:blocks)),
weighed AS MATERIALIZED (SELECT value ->> 0 AS term, value ->> 1 AS weight FROM json_each(:weights))
SELECT passage, sum(weight * frequency * (:k1 + 1) / (frequency + :k1 * (1 - :b + :b * length / :mean_length))) AS bm25
FROM searched CROSS JOIN weighed CROSS JOIN posting
ON posting.collection = searched.collection AND posting.block = searched.block AND posting.term = weighed.term
WHERE audience IN (SELECT value FROM json_each(:readable))
GROUP BY passage ORDER BY bm25 DESC, passage LIMIT :limit

-- :name standing
-- All that a prompt says of a passage is as it was; where it stands among the others may be another now.
SELECT label FROM passage JOIN document ON document.id = passage.document
WHERE collection = :collection AND name = :name AND document.audience IN (SELECT value FROM json_each(:readable))
AND title = :title AND heading = :heading AND passage.text = :text LIMIT 1

-- :name hit
SELECT collection.name, document.name, position, passage.text, label, title, url, heading, language
FROM passage JOIN document ON document.id = passage.document JOIN collection ON collection.id = document.collection
WHERE passage.id = ?

-- :name source
SELECT document.id, title, label, updated, groups FROM document JOIN collection ON collection.id = document.collection
WHERE collection.name = ? AND document.name = ?

-- :name source_passages
SELECT position, text FROM passage WHERE document = ?

-- :name insert_mark
INSERT INTO mark (document, marker, marks) VALUES (?, ?, ?)

-- :name is_labelled
SELECT EXISTS (SELECT 1 FROM document WHERE label = ?)

-- :name last_mark
SELECT ifnull(max(id), 0) FROM mark

-- :name count_marks
SELECT count(*) FROM mark

-- :name marks_after
SELECT id, marks FROM mark WHERE id > ? ORDER BY id

-- :name labels_of_marks
SELECT mark.id, label FROM mark JOIN document ON document.id = mark.document
WHERE mark.id IN (SELECT value FROM json_each(?))

-- :name unmarked
SELECT id, title, text, url, name FROM document
WHERE id > :after AND NOT EXISTS (SELECT 1 FROM mark WHERE mark.document = document.id AND marker = :marker)
ORDER BY id LIMIT :limit

-- :name remark
INSERT OR REPLACE INTO mark (document, marker, marks) SELECT id, :marker, :marks FROM document
WHERE id = :document AND title = :title AND text = :text AND url = :url AND name = :name
