-- :name keep
INSERT INTO audit (trace, route, created, label, language, state, due, place, cost, figures)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (trace) DO UPDATE SET
    label = excluded.label, state = excluded.state, due = excluded.due, cost = excluded.cost,
    figures = excluded.figures

-- :name state
SELECT state FROM audit WHERE trace = ?

-- :name keep_content
INSERT INTO audit_content (trace, label, expires, words) VALUES (?, ?, ?, ?)
ON CONFLICT (trace) DO UPDATE SET label = excluded.label, expires = excluded.expires, words = excluded.words

-- :name forget_content
DELETE FROM audit_content WHERE trace = ?

-- :name drafted
INSERT OR IGNORE INTO draft (trace, tier) VALUES (?, ?)

-- :name due
SELECT figures, words FROM audit JOIN audit_content USING (trace)
WHERE state = 'drawn' AND due <= ? ORDER BY due, trace LIMIT ?

-- :name done
SELECT figures, CASE WHEN :words THEN words END FROM audit LEFT JOIN audit_content USING (trace)
WHERE state = 'done' AND (created, trace) > (:after, :after_id) AND (:route = '' OR route = :route)
ORDER BY created, trace LIMIT :limit

-- :name served_right
-- What was judged of the answers themselves: of the draft of the tier that answered.
SELECT audit.created, ifnull(j.correct, j.score) FROM audit JOIN trace ON trace.id = audit.trace
    JOIN judgement AS j ON j.trace = audit.trace AND j.tier = trace.tier AND j.source = :source
WHERE audit.state = 'done' AND audit.route = :route AND audit.created >= :since AND audit.created < :until

-- :name judged_sample
-- By their place in the draw, so that the first are a sample; what is large is read only of those that are judged.
SELECT place, trace, figures, said FROM (
    SELECT place, trace, figures, (
        SELECT json_group_object(j.tier, coalesce(j.correct, j.score, 0.0)) FROM judgement AS j
        WHERE j.trace = audit.trace AND j.source = :source
            AND j.tier IN (SELECT value FROM json_each(:tiers))) AS said
    FROM audit INDEXED BY audit_by_place
    WHERE state = 'done' AND route = :route AND (place, trace) > (:after, :after_id))
WHERE said <> '{}' ORDER BY place, trace LIMIT :limit

-- :name queue
SELECT figures, words FROM audit JOIN audit_content USING (trace)
WHERE state = 'done' AND route = :route AND (place, trace) > (:after, :after_id) AND EXISTS (
    SELECT 1 FROM draft WHERE draft.trace = audit.trace AND NOT EXISTS (
        SELECT 1 FROM judgement AS j
        WHERE j.trace = draft.trace AND j.tier = draft.tier AND j.source IN (SELECT value FROM json_each(:sources))))
ORDER BY place, trace LIMIT :limit

-- :name judgements
SELECT trace, tier, source, correct, score, who, created FROM judgement
WHERE trace IN (SELECT value FROM json_each(:traces)) AND (:source = '' OR source = :source)
ORDER BY trace, tier, source

-- :name is_draft
SELECT 1 FROM draft WHERE trace = ? AND tier = ?

-- :name judge
INSERT INTO judgement (trace, tier, source, correct, score, who, created) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (trace, tier, source) DO UPDATE SET
    correct = excluded.correct, score = excluded.score, who = excluded.who, created = excluded.created

-- :name count
SELECT count(*) FILTER (WHERE state = 'drawn'), count(*) FILTER (WHERE state = 'done'),
    count(*) FILTER (WHERE state = 'lost'), total(cost),
    count(*) FILTER (WHERE state = 'done' AND EXISTS (SELECT 1 FROM draft WHERE draft.trace = audit.trace))
FROM audit WHERE :route = '' OR route = :route

-- :name newest
SELECT json_extract(CAST(figures AS TEXT), '$.fingerprint') FROM audit
WHERE state = 'done' AND (:route = '' OR route = :route) ORDER BY created DESC, trace DESC LIMIT 1

-- :name count_unjudged
-- In the order of requests, in which drafts and judgements lie too: in the order of the draw it takes three times as long.
SELECT count(*), count(*) FILTER (WHERE audit_content.trace IS NULL)
FROM audit INDEXED BY audit_by_created LEFT JOIN audit_content USING (trace)
WHERE state = 'done' AND (:route = '' OR route = :route) AND EXISTS (
    SELECT 1 FROM draft WHERE draft.trace = audit.trace AND NOT EXISTS (
        SELECT 1 FROM judgement AS j
        WHERE j.trace = draft.trace AND j.tier = draft.tier AND j.source IN (SELECT value FROM json_each(:sources))))

-- :name expire
DELETE FROM audit_content WHERE trace IN (SELECT trace FROM audit_content WHERE expires <= :now LIMIT :limit)

-- :name lose
UPDATE audit SET state = 'lost', figures = CAST(json_set(CAST(figures AS TEXT), '$.state', 'lost', '$.reason', :reason) AS BLOB)
WHERE state = 'drawn' AND NOT EXISTS (SELECT 1 FROM audit_content WHERE audit_content.trace = audit.trace)

-- :name rate
-- Nothing of what was forgotten since it was looked at, here and below.
INSERT INTO feedback (trace, principal, rating, score, created) SELECT ?1, ?2, ?3, ?4, ?5
WHERE NOT (SELECT ifnull(CAST(figures AS TEXT) ->> '$.forgotten', 0) FROM trace WHERE id = ?1)
ON CONFLICT (trace, principal) DO UPDATE SET
    rating = excluded.rating, score = excluded.score, created = excluded.created

-- :name comment
INSERT INTO feedback_content (trace, principal, label, expires, comment, correction) SELECT ?1, ?2, ?3, ?4, ?5, ?6
WHERE NOT (SELECT ifnull(CAST(figures AS TEXT) ->> '$.forgotten', 0) FROM trace WHERE id = ?1)
ON CONFLICT (trace, principal) DO UPDATE SET
    label = excluded.label, expires = excluded.expires, comment = excluded.comment, correction = excluded.correction

-- :name forget_comment
DELETE FROM feedback_content WHERE trace = ? AND principal = ?

-- :name ratings
SELECT trace, principal, rating, score, ifnull(comment, ''), ifnull(correction, ''), created
FROM feedback LEFT JOIN feedback_content USING (trace, principal) WHERE trace = ? ORDER BY created, principal

-- :name count_ratings
SELECT count(*) FILTER (WHERE rating = 'up'), count(*) FILTER (WHERE rating = 'down'), count(feedback.score),
    avg(feedback.score)
FROM feedback JOIN trace ON trace.id = feedback.trace
WHERE (:route = '' OR trace.route = :route) AND trace.created >= :since AND trace.created < :until

-- :name expire_comments
DELETE FROM feedback_content WHERE (trace, principal) IN (
    SELECT trace, principal FROM feedback_content WHERE expires <= :now LIMIT :limit)

-- :name unwatched
SELECT figures, NULL FROM audit
WHERE watched = 0 AND state = 'done' AND route = :route AND NOT EXISTS (
    SELECT 1 FROM draft WHERE draft.trace = audit.trace AND NOT EXISTS (
        SELECT 1 FROM judgement AS j
        WHERE j.trace = draft.trace AND j.tier = draft.tier AND j.source = :source))
ORDER BY created, trace LIMIT :limit

-- :name watch_state
SELECT state FROM watch WHERE route = ? AND policy = ?

-- :name keep_watch
INSERT INTO watch (route, policy, state) VALUES (?, ?, ?)
ON CONFLICT (route, policy) DO UPDATE SET state = excluded.state

-- :name watched
UPDATE audit SET watched = 1 WHERE trace IN (SELECT value FROM json_each(?))

-- :name took
-- What audits asked themselves of the tiers, by route: not what the request they are of had asked already.
SELECT route, total(cost), total(carbon), sum(uncosted), sum(unweighed) FROM (
    SELECT route, total(tier ->> '$.cost.value') AS cost, total(tier ->> '$.carbon.value') AS carbon,
        max((tier ->> '$.cost.value') IS NULL) AS uncosted, max((tier ->> '$.carbon.value') IS NULL) AS unweighed
    FROM (
        SELECT trace, route, value AS tier FROM audit, json_each(CAST(figures AS TEXT), '$.tiers')
        WHERE created >= ?)
    WHERE tier ->> '$.outcome' = 'drafted' AND NOT ifnull(tier ->> '$.reused', 0)
    GROUP BY trace, route)
GROUP BY route ORDER BY route
