-- :name known
SELECT NOT ifnull(CAST(figures AS TEXT) ->> '$.forgotten', 0) FROM trace WHERE id = ?

-- :name keep
INSERT INTO shadow (trace, version, created, figures) VALUES (?, ?, ?, ?)
ON CONFLICT (version, created, trace) DO UPDATE SET figures = excluded.figures

-- :name keep_content
INSERT INTO shadow_content (trace, version, label, expires, words) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (trace, version) DO UPDATE SET label = excluded.label, expires = excluded.expires, words = excluded.words

-- :name oldest_kept
SELECT created, trace FROM shadow WHERE version = ? ORDER BY created DESC, trace DESC LIMIT 1 OFFSET ?

-- :name surplus_content
DELETE FROM shadow_content WHERE version = :version AND trace IN (
    SELECT trace FROM shadow WHERE version = :version AND (created, trace) <= (:created, :trace))

-- :name surplus
DELETE FROM shadow WHERE version = :version AND (created, trace) <= (:created, :trace)

-- :name list
SELECT figures, CASE WHEN :words THEN words END
FROM shadow LEFT JOIN shadow_content USING (trace, version)
WHERE version = :version AND (:before IS NULL OR (created, trace) < (:before, :before_id))
ORDER BY created DESC, trace DESC LIMIT :limit

-- :name expire
DELETE FROM shadow_content WHERE (trace, version) IN (
    SELECT trace, version FROM shadow_content WHERE expires <= :now LIMIT :limit)
