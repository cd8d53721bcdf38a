-- :name about
SELECT installation FROM about

-- :name make
INSERT INTO about (installation, made) VALUES (?, ?)

-- :name last
SELECT sequence, hash FROM entry ORDER BY sequence DESC LIMIT 1

-- :name moved
SELECT 1 FROM entry WHERE sequence > ? AND purpose IS NOT 'head' LIMIT 1

-- :name enter
INSERT INTO entry (sequence, body, hash) VALUES (?, ?, ?)

-- :name keep_payload
INSERT INTO payload (sequence, key, kept, expires, sealed) VALUES (?, ?, ?, ?, ?)

-- :name keep_map
INSERT INTO map (trace, key, kept, expires, sealed) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (trace) DO UPDATE SET
    key = excluded.key, kept = excluded.kept, expires = excluded.expires, sealed = excluded.sealed

-- :name map_of
SELECT CAST(sealed AS BLOB) FROM map WHERE trace = ?

-- :name chain
-- Cast, since who tampers may put anything there.
SELECT sequence, CAST(body AS BLOB), CAST(hash AS BLOB) FROM entry WHERE sequence > :after ORDER BY sequence LIMIT :limit

-- :name list
-- `filters` is replaced by the conditions that were asked for.
SELECT sequence, CAST(body AS BLOB), CAST(hash AS BLOB) FROM entry WHERE filters ORDER BY sequence DESC LIMIT :limit

-- :name get
SELECT sequence, CAST(body AS BLOB), CAST(hash AS BLOB) FROM entry WHERE sequence = ?

-- :name payload
SELECT CAST(sealed AS BLOB), digest FROM payload JOIN entry USING (sequence) WHERE sequence = ?

-- :name expire_payloads
DELETE FROM payload WHERE sequence IN (SELECT sequence FROM payload WHERE expires <= :now LIMIT :limit)

-- :name expire_maps
DELETE FROM map WHERE trace IN (SELECT trace FROM map WHERE expires <= :now LIMIT :limit)

-- :name forget_payloads
DELETE FROM payload WHERE sequence IN (
    SELECT sequence FROM entry WHERE request IN (SELECT value FROM json_each(?))
)

-- :name forget_maps
DELETE FROM map WHERE trace IN (SELECT value FROM json_each(?))

-- :name count_of
SELECT
    (SELECT count(*) FROM payload JOIN entry USING (sequence)
     WHERE request IN (SELECT value FROM json_each(:requests))),
    (SELECT count(*) FROM map WHERE trace IN (SELECT value FROM json_each(:requests)))

-- :name vacuum
PRAGMA incremental_vacuum(1024)

-- :name free_pages
PRAGMA freelist_count

-- :name keys
SELECT id, since, given_up, CAST(sealed AS BLOB) FROM key ORDER BY since

-- :name keep_key
INSERT INTO key (id, since, sealed) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed

-- :name take_back_key
UPDATE key SET given_up = NULL WHERE id = ?

-- :name give_up_key
UPDATE key SET given_up = coalesce(given_up, ?) WHERE id = ?

-- :name sealed_with
SELECT
    (SELECT count(*) FROM payload WHERE key = :key),
    (SELECT count(*) FROM map WHERE key = :key),
    (SELECT min(kept) FROM (SELECT kept FROM payload WHERE key = :key UNION ALL SELECT kept FROM map WHERE key = :key)),
    (SELECT max(kept) FROM (SELECT kept FROM payload WHERE key = :key UNION ALL SELECT kept FROM map WHERE key = :key))

-- :name digests_of
SELECT count(*) FROM entry
WHERE CASE WHEN json_valid(body) THEN body ->> '$.digest_key' END IN (SELECT value FROM json_each(?))

-- :name payloads_to_reseal
SELECT payload.sequence, CAST(payload.sealed AS BLOB), entry.digest FROM payload JOIN entry USING (sequence)
WHERE payload.key <> :key AND payload.sequence > :after ORDER BY payload.sequence LIMIT :limit

-- :name maps_to_reseal
SELECT trace, CAST(sealed AS BLOB) FROM map WHERE key <> :key AND trace > :after ORDER BY trace LIMIT :limit

-- :name reseal_payload
UPDATE payload SET key = ?, sealed = ? WHERE sequence = ?

-- :name reseal_map
UPDATE map SET key = ?, sealed = ? WHERE trace = ?
