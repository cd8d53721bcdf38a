-- :name add
INSERT INTO version (id, route, created, words) VALUES (?, ?, ?, ?)

-- :name get
SELECT version.words, calibration.words, raised.words, untold.version IS NOT NULL FROM version
LEFT JOIN calibration ON calibration.version = id LEFT JOIN raised ON raised.version = id
LEFT JOIN untold ON untold.version = id WHERE id = ?

-- :name list
SELECT version.words, calibration.words, raised.words, untold.version IS NOT NULL FROM version
LEFT JOIN calibration ON calibration.version = id LEFT JOIN raised ON raised.version = id
LEFT JOIN untold ON untold.version = id
WHERE :route = '' OR route = :route ORDER BY created DESC, id DESC LIMIT :limit

-- :name calibrate
INSERT INTO calibration (version, words) VALUES (:version, :words)
ON CONFLICT (version) DO UPDATE SET words = excluded.words

-- :name calibration
SELECT words FROM calibration WHERE version = ?

-- :name happen
INSERT INTO happened (version, route, state, at, who, why, ruling) VALUES (?, ?, ?, ?, ?, ?, ?)

-- :name state
SELECT state FROM happened WHERE version = ? ORDER BY sequence DESC LIMIT 1

-- :name shadowing
SELECT version FROM happened WHERE route = :route AND state = 'shadow' AND version <> :live AND sequence = (
    SELECT max(sequence) FROM happened AS later WHERE later.version = happened.version)
ORDER BY sequence DESC LIMIT 1

-- :name history
SELECT version, state, at, who, why, ruling FROM happened
WHERE route = :route AND (:version = '' OR version = :version) ORDER BY sequence

-- :name judge
INSERT INTO judged (route, holdout, version, basis, at) VALUES (:route, :holdout, :version, :basis, :at)
ON CONFLICT DO NOTHING

-- :name used
SELECT count(*) FROM judged JOIN holdout USING (route, holdout)
WHERE route = :route AND family = :family AND NOT (holdout = :holdout AND version = :version AND basis = :basis)

-- :name hold
INSERT INTO holdout (route, holdout, family, alpha, uses) VALUES (:route, :holdout, :family, :alpha, :uses)

-- :name hold_case
INSERT INTO held (route, mark, holdout) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- :name family
SELECT family FROM holdout WHERE route = ? AND holdout = ?

-- :name alike
SELECT family, count(*) FROM held JOIN holdout USING (route, holdout) JOIN json_each(:marks) ON mark = json_each.value
WHERE route = :route GROUP BY holdout ORDER BY family

-- :name join
UPDATE holdout SET family = :into WHERE route = :route AND family = :family

-- :name shared
SELECT min(alpha), max(uses) FROM holdout WHERE route = ? AND family = ?

-- :name promoted
SELECT position, version, best FROM promoted WHERE route = ? ORDER BY position DESC LIMIT 2

-- :name promote
INSERT INTO promoted (route, position, version, best) VALUES (?, ?, ?, ?)

-- :name take_back
DELETE FROM promoted WHERE route = ? AND position = ?

-- :name add_source
INSERT INTO source (version, collection, document) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- :name sources
SELECT DISTINCT collection, document FROM source ORDER BY collection, document

-- :name taught_on
SELECT version FROM source WHERE collection = ? AND document = ?

-- :name raise
INSERT INTO raised (version, words) VALUES (:version, :words)
ON CONFLICT (version) DO UPDATE SET words = excluded.words

-- :name count_sources
SELECT count(*) FROM source WHERE collection = ? AND document = ?

-- :name forget_sources
DELETE FROM source WHERE collection = ? AND document = ?

-- :name add_lesson
INSERT INTO learnt (version, lesson) VALUES (?, ?) ON CONFLICT DO NOTHING

-- :name is_told
DELETE FROM untold WHERE version = ?

-- :name taught_by
SELECT DISTINCT version FROM learnt WHERE lesson IN (SELECT value FROM json_each(?))

-- :name perhaps_taught
-- Of those that do not know by which lessons they were taught, those that these may have been among.
SELECT id FROM version JOIN untold ON untold.version = id WHERE route = ? AND created >= ?

-- :name lessons
SELECT lesson FROM learnt WHERE version = ?

-- :name told
SELECT version.words, NULL, raised.words, 0 FROM version LEFT JOIN raised ON raised.version = id
WHERE EXISTS (SELECT 1 FROM learnt WHERE learnt.version = id)

-- :name learners
-- Those taught on the document or by any of the lessons, by how many; and those of which it is not known.
SELECT id, (SELECT count(*) FROM learnt WHERE version = id AND lesson IN (SELECT value FROM json_each(:lessons))) AS n,
    EXISTS (SELECT 1 FROM source WHERE version = id AND collection = :collection AND document = :document) AS stands,
    untold.version IS NOT NULL AND NOT EXISTS (SELECT 1 FROM source WHERE version = id) AS unknown
FROM version LEFT JOIN untold ON untold.version = id
WHERE n > 0 OR stands OR untold.version IS NOT NULL ORDER BY id
