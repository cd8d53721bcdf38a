-- :name keys
SELECT hash, terms FROM key ORDER BY id

-- :name insert_key
INSERT INTO key (hash, terms) VALUES (?, ?)

-- :name change_key
UPDATE key SET terms = ? WHERE hash = ?

-- :name drop_key
DELETE FROM key WHERE hash = ?

-- :name memberships
SELECT name, member FROM membership ORDER BY name, member

-- :name join
INSERT INTO membership (name, member) VALUES (?, ?) ON CONFLICT DO NOTHING

-- :name leave
DELETE FROM membership WHERE name = ? AND member = ?

-- :name spent_since
SELECT key, day, cost, tokens FROM spent WHERE day >= ?

-- :name spend
-- What the process counted replaces what it wrote before: written twice, it counts once.
INSERT INTO spent (key, day, cost, tokens) VALUES (?, ?, ?, ?)
ON CONFLICT (day, key) DO UPDATE SET cost = excluded.cost, tokens = excluded.tokens

-- :name forget_spent
DELETE FROM spent WHERE day < ?
