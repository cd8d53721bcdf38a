-- In the file of the traces. `rowid` is the order of recording: no trace is ever deleted, and a clock may step.

-- :name count_between
SELECT count(*) FROM trace
WHERE created >= :since AND created < :until AND route = :route AND status IN ('answered', 'abstained')

-- :name between
SELECT figures, words FROM (
    SELECT rowid AS place, row_number() OVER (ORDER BY created, id) AS n FROM trace
    WHERE created >= :since AND created < :until AND route = :route AND status IN ('answered', 'abstained')
) AS chosen JOIN trace ON trace.rowid = place LEFT JOIN content ON content.trace = trace.id
WHERE n % :step = 0 ORDER BY n

-- :name count_after
SELECT count(*) FROM trace
WHERE rowid > :after AND rowid <= :last AND route = :route AND status IN ('answered', 'abstained')

-- :name after
SELECT figures, words FROM (
    SELECT rowid AS place, row_number() OVER (ORDER BY rowid) AS n FROM trace
    WHERE rowid > :after AND rowid <= :last AND route = :route AND status IN ('answered', 'abstained')
) AS chosen JOIN trace ON trace.rowid = place LEFT JOIN content ON content.trace = trace.id
WHERE n % :step = 0 ORDER BY n

-- :name last
SELECT (SELECT coalesce(max(rowid), 0) FROM trace), (SELECT coalesce(max(created), 0.0) FROM judgement),
    (SELECT coalesce(max(created), 0.0) FROM feedback)

-- :name judged_between
SELECT coalesce(score, correct) FROM (
    SELECT score, correct, audit.created AS asked, audit.trace AS id FROM audit
    JOIN judgement ON judgement.trace = audit.trace AND source = :source
        AND judgement.tier = CAST(audit.figures AS TEXT) ->> '$.served'
    WHERE route = :route AND audit.created >= :since AND audit.created < :until
    ORDER BY audit.created DESC, audit.trace DESC LIMIT :limit)
ORDER BY asked, id

-- :name judged_after
SELECT coalesce(score, correct) FROM (
    SELECT score, correct, judgement.created AS said, audit.trace AS id FROM audit
    JOIN judgement ON judgement.trace = audit.trace AND source = :source
        AND judgement.tier = CAST(audit.figures AS TEXT) ->> '$.served'
    WHERE route = :route AND judgement.created > :after AND judgement.created <= :last
    ORDER BY judgement.created DESC, audit.trace DESC LIMIT :limit)
ORDER BY said, id

-- :name rated_between
SELECT down FROM (
    SELECT rating = 'down' AS down, trace.created AS asked, id, feedback.principal AS who
    FROM feedback JOIN trace ON trace.id = feedback.trace
    WHERE route = :route AND trace.created >= :since AND trace.created < :until AND rating IS NOT NULL
    ORDER BY asked DESC, id DESC, who DESC LIMIT :limit)
ORDER BY asked, id, who

-- :name rated_after
SELECT down FROM (
    SELECT rating = 'down' AS down, feedback.created AS said, id, feedback.principal AS who
    FROM feedback JOIN trace ON trace.id = feedback.trace
    WHERE route = :route AND feedback.created > :after AND feedback.created <= :last AND rating IS NOT NULL
    ORDER BY said DESC, id DESC, who DESC LIMIT :limit)
ORDER BY said, id, who

-- :name census
-- In the file of the documents. Of those that a principal may read; of all where `readable` is null.
SELECT name, count(*), total(updated < :stale), total(passages = 0), total(again) FROM (
    SELECT collection.name AS name, updated, document.passages AS passages,
        digest <> '' AND row_number() OVER (PARTITION BY collection.id, digest ORDER BY document.id) > 1 AS again
    FROM document JOIN collection ON collection.id = document.collection
    WHERE collection.name IN (SELECT value FROM json_each(:collections))
        AND (:readable IS NULL OR audience IN (SELECT value FROM json_each(:readable)))
) GROUP BY name ORDER BY name
