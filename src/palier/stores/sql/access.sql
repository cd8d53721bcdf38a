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

-- :name act
INSERT INTO action (at, who, role, what, about, outcome) VALUES (?, ?, ?, ?, ?, ?)

-- :name trim_actions
-- What says that something was ever done stays: a few rows.
DELETE FROM action WHERE id <= (SELECT max(id) FROM action) - :kept AND what <> :stays

-- :name actions
SELECT id, at, who, role, what, about, outcome FROM action
WHERE id < :before AND (:who = '' OR who = :who) AND (:what = '' OR what = :what) ORDER BY id DESC LIMIT :limit

-- :name count_actions_of
SELECT count(*) FROM action WHERE at <= :before AND ((:user <> '' AND (who = :user OR about = :user))
    OR (:document <> '' AND about = :document))

-- :name forget_actor
UPDATE action SET who = :nobody WHERE who = :user AND :user <> '' AND at <= :before

-- :name forget_about
UPDATE action SET about = :nobody
WHERE ((about = :user AND :user <> '') OR (about = :document AND :document <> '')) AND at <= :before
