-- In the first three `rows` is replaced by as many rows of marks as are inserted.

-- :name record
INSERT INTO trace (id, created, route, status, tier, figures) VALUES rows
ON CONFLICT (id) DO UPDATE SET
    created = excluded.created, route = excluded.route, status = excluded.status, tier = excluded.tier,
    figures = excluded.figures

-- :name record_content
INSERT INTO content (trace, label, expires, words) VALUES rows
ON CONFLICT (trace) DO UPDATE SET label = excluded.label, expires = excluded.expires, words = excluded.words

-- :name record_answer
INSERT INTO answer (digest, rank) VALUES rows
ON CONFLICT (digest) DO UPDATE SET rank = max(rank, excluded.rank)

-- :name forget_content
DELETE FROM content WHERE trace = ?

-- :name rank_of_answers
SELECT max(rank) FROM answer WHERE digest IN (SELECT value FROM json_each(?))

-- :name get
SELECT figures, words FROM trace LEFT JOIN content ON content.trace = trace.id WHERE id = ?

-- :name ending
SELECT id FROM trace WHERE id LIKE ? LIMIT 2

-- :name list
-- `filters` is replaced by the conditions that were asked for.
SELECT figures FROM trace WHERE filters ORDER BY created DESC, id DESC LIMIT :limit

-- :name expire
DELETE FROM content WHERE trace IN (SELECT trace FROM content WHERE expires <= :now LIMIT :limit)

-- :name vacuum
PRAGMA incremental_vacuum(1024)

-- :name free_pages
PRAGMA freelist_count
