-- :name page
-- What is looked for is compared in Python: a name may hold any character, and SQLite's functions end at some.
SELECT created, id, json_array(
    CAST(figures AS TEXT) -> '$.principal', CAST(figures AS TEXT) -> '$.evidence', CAST(figures AS TEXT) -> '$.answers'
), EXISTS (SELECT 1 FROM content WHERE trace = id) FROM trace
WHERE created <= :before AND (created, id) > (:after, :after_id) ORDER BY created, id LIMIT :limit

-- :name forgotten
SELECT id FROM trace WHERE CAST(figures AS TEXT) ->> '$.forgotten'

-- :name words
SELECT trace, words FROM content WHERE trace IN (SELECT value FROM json_each(?)) ORDER BY trace

-- :name figures
SELECT figures FROM trace WHERE id IN (SELECT value FROM json_each(?))

-- :name keep_figures
UPDATE trace SET figures = ? WHERE id = ?

-- :name contents
DELETE FROM content WHERE trace IN (SELECT value FROM json_each(?))

-- :name audit_contents
DELETE FROM audit_content WHERE trace IN (SELECT value FROM json_each(?))

-- :name drafts
-- Their judgements go with them.
DELETE FROM draft WHERE trace IN (SELECT value FROM json_each(?))

-- :name audits
UPDATE audit SET state = 'lost',
    figures = CAST(json_set(CAST(figures AS TEXT), '$.state', 'lost', '$.reason', 'forgotten') AS BLOB)
WHERE trace IN (SELECT value FROM json_each(?)) AND (CAST(figures AS TEXT) ->> '$.reason') <> 'forgotten'

-- :name marks
DELETE FROM answer_mark WHERE trace IN (SELECT value FROM json_each(?))

-- :name turns
DELETE FROM turn WHERE trace IN (SELECT value FROM json_each(?))

-- :name shadows
DELETE FROM shadow_content WHERE trace IN (SELECT value FROM json_each(?))

-- :name comments
DELETE FROM feedback_content WHERE trace IN (SELECT value FROM json_each(?))

-- :name comments_of_user
-- Here and below: those on the user's own requests are counted, and gone, before.
DELETE FROM feedback_content WHERE (trace, principal) IN (
    SELECT trace, principal FROM feedback_content
    WHERE principal = :user AND trace NOT IN (SELECT value FROM json_each(:requests)) LIMIT :limit)

-- :name feedback_of_user
-- Two users who are forgotten may have rated one answer.
UPDATE feedback SET principal = CASE
    WHEN EXISTS (SELECT 1 FROM feedback AS other WHERE other.trace = feedback.trace AND other.principal = 'forgotten')
    THEN 'forgotten ' || lower(hex(randomblob(4))) ELSE 'forgotten' END
WHERE (trace, principal) IN (
    SELECT trace, principal FROM feedback WHERE principal = :user LIMIT :limit)

-- :name judgements_of_user
UPDATE judgement SET who = 'forgotten' WHERE (trace, tier, source) IN (
    SELECT trace, tier, source FROM judgement
    WHERE who = :user AND trace NOT IN (SELECT value FROM json_each(:requests)) LIMIT :limit)

-- :name users
SELECT CAST(figures AS TEXT) ->> '$.principal' FROM trace UNION SELECT principal FROM feedback
UNION SELECT who FROM judgement

-- :name evidence
SELECT DISTINCT value FROM trace, json_each(CAST(figures AS TEXT), '$.evidence')

-- :name documents
SELECT collection.name, document.name FROM document JOIN collection ON collection.id = document.collection
