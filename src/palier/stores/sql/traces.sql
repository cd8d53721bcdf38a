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
SELECT id FROM ending JOIN trace ON trace.rowid = ending.trace WHERE digits = :digits
UNION ALL SELECT id FROM trace WHERE rowid > (SELECT trace FROM indexed) AND substr(id, -12) = :digits
LIMIT 2

-- :name index
-- ids.SHORT_ID digits of the next so many.
INSERT OR IGNORE INTO ending
SELECT substr(id, -12) AS digits, rowid FROM trace WHERE rowid > :after AND rowid <= :until ORDER BY 1

-- :name indexed
SELECT indexed.trace, (SELECT ifnull(max(rowid), 0) FROM trace) FROM indexed

-- :name set_indexed
UPDATE indexed SET trace = ?

-- :name list
-- `filters` is replaced by the conditions that were asked for.
SELECT figures FROM trace WHERE filters ORDER BY created DESC, id DESC LIMIT :limit

-- :name search
-- Of the newest so many: by id, by the words, by how the name of who asked begins. `filters` as in `list`.
SELECT figures, words FROM
    (SELECT id, created, figures FROM trace WHERE filters ORDER BY created DESC, id DESC LIMIT :window) AS newest
    LEFT JOIN content ON content.trace = newest.id
WHERE instr(newest.id, :text) OR instr(figures, :name) OR instr(lower(CAST(words AS TEXT)), :words)
ORDER BY created DESC, newest.id DESC LIMIT :limit

-- :name search_end
SELECT created, id FROM trace WHERE filters ORDER BY created DESC, id DESC LIMIT 1 OFFSET :window - 1

-- :name count
SELECT count(*) FROM (SELECT 1 FROM trace WHERE filters LIMIT :window)

-- :name asked
SELECT EXISTS (SELECT 1 FROM trace WHERE instr(figures, ?) AND (CAST(figures AS TEXT) ->> '$.principal') = ?)

-- :name expire
DELETE FROM content WHERE trace IN (SELECT trace FROM content WHERE expires <= :now LIMIT :limit)

-- :name vacuum
PRAGMA incremental_vacuum(1024)

-- :name free_pages
PRAGMA freelist_count

-- :name record_mark
INSERT OR REPLACE INTO answer_mark (trace, rank, expires, marks) VALUES (?, ?, ?, ?)

-- :name record_turn
INSERT INTO turn (digest, trace, rank, expires) VALUES (?, ?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET
    trace = excluded.trace, rank = max(rank, excluded.rank), expires = max(expires, excluded.expires)

-- :name rank_of_turns
SELECT max(rank) FROM turn WHERE digest IN (SELECT unhex(value) FROM json_each(?))

-- :name highest_mark
SELECT max(rank) FROM answer_mark

-- :name last_mark
SELECT ifnull(max(id), 0) FROM answer_mark

-- :name count_marks
SELECT count(*) FROM answer_mark

-- :name marks_after
SELECT id, marks FROM answer_mark WHERE id > ? ORDER BY id

-- :name ranks_of_marks
SELECT id, rank FROM answer_mark WHERE id IN (SELECT value FROM json_each(?))

-- :name expire_marks
DELETE FROM answer_mark WHERE id IN (SELECT id FROM answer_mark WHERE expires <= :now LIMIT :limit)

-- :name expire_turns
DELETE FROM turn WHERE digest IN (SELECT digest FROM turn WHERE expires <= :now LIMIT :limit)

-- :name surplus_marks
-- The oldest answers, those beyond so many bytes of marks in all.
DELETE FROM answer_mark WHERE id IN (
    SELECT id FROM (SELECT id, sum(length(marks)) OVER (ORDER BY id DESC) AS kept FROM answer_mark) WHERE kept > :bytes
    LIMIT :limit)
