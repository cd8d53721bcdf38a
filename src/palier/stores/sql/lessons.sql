-- :name is_known
SELECT EXISTS (SELECT 1 FROM origin WHERE name = :origin) OR EXISTS (SELECT 1 FROM lesson WHERE id = :id)

-- :name count_route
SELECT count(*) FROM lesson WHERE route = ?

-- :name add
INSERT INTO lesson (id, origin, route, state, kind, trace, who, reviewer, expires, revision, words, encoder, vector)
VALUES (:id, :origin, :route, :state, :kind, :trace, :who, :reviewer, :expires, :revision, :words, :encoder, :vector)

-- :name add_origin
INSERT INTO origin (name, trace) VALUES (:origin, :trace) ON CONFLICT DO NOTHING

-- :name add_source
INSERT INTO source (lesson, collection, document) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- :name get
SELECT words FROM lesson WHERE id = ?

-- :name ending
SELECT words FROM lesson WHERE id LIKE ? LIMIT 2

-- :name list
SELECT words FROM lesson WHERE filters ORDER BY id LIMIT :limit

-- :name change
UPDATE lesson SET state = :state, reviewer = :reviewer, expires = :expires, revision = :revision, words = :words
WHERE id = :id AND revision = :revision - 1

-- :name change_vector
UPDATE lesson SET encoder = :encoder, vector = :vector WHERE id = :id

-- :name forget_sources
DELETE FROM source WHERE lesson = ?

-- :name asking
SELECT id, encoder, vector FROM lesson WHERE route = ? ORDER BY id

-- :name origins
SELECT name FROM origin WHERE name IN (SELECT value FROM json_each(?))

-- :name count
SELECT state, kind, CAST(words AS TEXT) ->> '$.label', CAST(words AS TEXT) ->> '$.language',
    CAST(words AS TEXT) ->> '$.teacher.model', count(*)
FROM lesson WHERE :route = '' OR route = :route GROUP BY 1, 2, 3, 4, 5

-- :name users
SELECT count(*), ifnull(max(n), 0) FROM (
    SELECT count(*) AS n FROM lesson
    WHERE who <> '' AND state <> 'rejected' AND (:route = '' OR route = :route) GROUP BY who)

-- :name expire
DELETE FROM lesson WHERE id IN (SELECT id FROM lesson WHERE expires <= :now LIMIT :limit)

-- :name concerned
-- Those of requests that are forgotten, of the user, and those that stand on the document.
SELECT id FROM lesson WHERE trace IN (SELECT value FROM json_each(:requests))
UNION SELECT id FROM lesson WHERE who = :who AND who <> ''
UNION SELECT lesson FROM source WHERE collection = :collection AND document = :document

-- :name forget
DELETE FROM lesson WHERE id IN (SELECT value FROM json_each(?))

-- :name forget_origins
DELETE FROM origin WHERE trace <> '' AND trace IN (SELECT value FROM json_each(?))

-- :name reviewed_by
SELECT id, words FROM lesson WHERE reviewer = :user AND id NOT IN (SELECT value FROM json_each(:gone)) LIMIT :limit

-- :name count_reviewed_by
SELECT count(*) FROM lesson WHERE reviewer = :user AND id NOT IN (SELECT value FROM json_each(:gone))

-- :name unname
UPDATE lesson SET reviewer = :reviewer, words = :words WHERE id = :id

-- :name vacuum
PRAGMA incremental_vacuum(1024)

-- :name free_pages
PRAGMA freelist_count

-- :name above
SELECT id, CAST(words AS TEXT) ->> '$.label' FROM lesson
WHERE CAST(words AS TEXT) ->> '$.label' IN (SELECT value FROM json_each(?))
