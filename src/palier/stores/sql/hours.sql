-- :name add_hour
INSERT INTO hour VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (at, route, tier, status, key) DO UPDATE SET
    requests = requests + excluded.requests,
    latency_ms = latency_ms + excluded.latency_ms,
    prompt = prompt + excluded.prompt,
    completion = completion + excluded.completion,
    uncounted = uncounted + excluded.uncounted,
    cost = cost + excluded.cost,
    cost_low = cost_low + excluded.cost_low,
    cost_high = cost_high + excluded.cost_high,
    cost_unknown = cost_unknown + excluded.cost_unknown,
    energy = energy + excluded.energy,
    energy_low = energy_low + excluded.energy_low,
    energy_high = energy_high + excluded.energy_high,
    energy_unknown = energy_unknown + excluded.energy_unknown,
    carbon = carbon + excluded.carbon,
    carbon_low = carbon_low + excluded.carbon_low,
    carbon_high = carbon_high + excluded.carbon_high,
    carbon_unknown = carbon_unknown + excluded.carbon_unknown

-- :name add_landing
INSERT INTO landing_hour VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (at, route, tier, outcome) DO UPDATE SET
    steps = steps + excluded.steps,
    latency_ms = latency_ms + excluded.latency_ms,
    cost = cost + excluded.cost,
    cost_squares = cost_squares + excluded.cost_squares,
    cost_unknown = cost_unknown + excluded.cost_unknown,
    energy = energy + excluded.energy,
    energy_squares = energy_squares + excluded.energy_squares,
    energy_unknown = energy_unknown + excluded.energy_unknown,
    carbon = carbon + excluded.carbon,
    carbon_squares = carbon_squares + excluded.carbon_squares,
    carbon_unknown = carbon_unknown + excluded.carbon_unknown

-- :name empty_hours
-- What was taken away by a trace that replaced another.
DELETE FROM hour WHERE at = ? AND requests = 0

-- :name empty_landings
DELETE FROM landing_hour WHERE at = ? AND steps = 0

-- :name newest
SELECT max(id) FROM trace

-- :name known
SELECT id, figures FROM trace WHERE id IN (SELECT value FROM json_each(?))

-- :name rolled
SELECT day FROM rolled WHERE day >= :since AND day + 86400 <= :until ORDER BY day

-- :name next_hour
SELECT at FROM hour WHERE at >= :day ORDER BY at LIMIT 1

-- :name is_rolled
SELECT EXISTS (SELECT 1 FROM rolled WHERE day = :day)

-- :name roll_up
-- `lower` is replaced by `hour` or `day`, `upper` by `day` or `week`; in the next as well.
INSERT INTO upper SELECT :at, route, tier, status, key, sum(requests), sum(latency_ms), sum(prompt), sum(completion), sum(uncounted), sum(cost), sum(cost_low),
    sum(cost_high), sum(cost_unknown), sum(energy), sum(energy_low), sum(energy_high), sum(energy_unknown),
    sum(carbon), sum(carbon_low), sum(carbon_high), sum(carbon_unknown)
FROM lower WHERE at >= :at AND at < :end GROUP BY route, tier, status, key

-- :name roll_up_landings
INSERT INTO landing_upper SELECT :at, route, tier, outcome, sum(steps), sum(latency_ms), sum(cost), sum(cost_squares), sum(cost_unknown), sum(energy),
    sum(energy_squares), sum(energy_unknown), sum(carbon), sum(carbon_squares), sum(carbon_unknown)
FROM landing_lower WHERE at >= :at AND at < :end GROUP BY route, tier, outcome

-- :name roll
INSERT INTO rolled VALUES (:day)

-- :name unroll
DELETE FROM rolled WHERE day = ?

-- :name forget
-- `table` is replaced by `day` or `week`, in the next as well.
DELETE FROM table WHERE at = ?

-- :name forget_landings
DELETE FROM landing_table WHERE at = ?

-- :name next_week
-- The oldest that is over, all of whose days are added up once those before `before` are.
SELECT DISTINCT day / 604800 * 604800 AS week FROM rolled
WHERE week + 604800 <= :before AND week NOT IN (SELECT week FROM rolled_week) ORDER BY week LIMIT 1

-- :name roll_week
INSERT INTO rolled_week VALUES (:at)

-- :name unroll_week
DELETE FROM rolled_week WHERE week = ?

-- :name rolled_weeks
SELECT week FROM rolled_week WHERE week >= :since AND week + 604800 <= :until ORDER BY week

-- :name went_by
-- `weeks` and `days` are those that are rolled; `spans` of hours are what is left between and beside them.
SELECT route, tier, status, key, sum(requests), sum(latency_ms), sum(prompt), sum(completion), sum(uncounted), sum(cost), sum(cost_low),
    sum(cost_high), sum(cost_unknown), sum(energy), sum(energy_low), sum(energy_high), sum(energy_unknown),
    sum(carbon), sum(carbon_low), sum(carbon_high), sum(carbon_unknown)
FROM (
    SELECT hour.* FROM json_each(:spans) AS span JOIN hour ON at >= span.value ->> 0 AND at < span.value ->> 1
    UNION ALL SELECT day.* FROM json_each(:days) AS rolled JOIN day ON day.at = rolled.value
    UNION ALL SELECT week.* FROM json_each(:weeks) AS rolled JOIN week ON week.at = rolled.value)
GROUP BY route, tier, status, key ORDER BY route, tier, status, key

-- :name landed
SELECT route, tier, outcome, sum(steps), sum(latency_ms), sum(cost), sum(cost_squares), sum(cost_unknown), sum(energy),
    sum(energy_squares), sum(energy_unknown), sum(carbon), sum(carbon_squares), sum(carbon_unknown)
FROM (
    SELECT landing_hour.* FROM json_each(:spans) AS span
    JOIN landing_hour ON at >= span.value ->> 0 AND at < span.value ->> 1
    UNION ALL SELECT landing_day.* FROM json_each(:days) AS rolled JOIN landing_day ON landing_day.at = rolled.value
    UNION ALL SELECT landing_week.* FROM json_each(:weeks) AS rolled JOIN landing_week ON landing_week.at = rolled.value)
GROUP BY route, tier, outcome ORDER BY route, tier, outcome

-- :name went_by_each
-- As `went_by`, whatever the key, of one table and one span. Keys are added up in the order that the rows lie in, so that
-- only what is left is sorted. `table` is replaced by `hour` or `day`, in the next as well.
SELECT route, tier, status, '', sum(requests), sum(latency_ms), sum(prompt), sum(completion), sum(uncounted), sum(cost), sum(cost_low),
    sum(cost_high), sum(cost_unknown), sum(energy), sum(energy_low), sum(energy_high), sum(energy_unknown),
    sum(carbon), sum(carbon_low), sum(carbon_high), sum(carbon_unknown)
FROM (
    SELECT route, tier, status, sum(requests) AS requests, sum(latency_ms) AS latency_ms, sum(prompt) AS prompt,
        sum(completion) AS completion, sum(uncounted) AS uncounted, sum(cost) AS cost,
        sum(cost_low) AS cost_low, sum(cost_high) AS cost_high, sum(cost_unknown) AS cost_unknown,
        sum(energy) AS energy, sum(energy_low) AS energy_low, sum(energy_high) AS energy_high,
        sum(energy_unknown) AS energy_unknown, sum(carbon) AS carbon, sum(carbon_low) AS carbon_low,
        sum(carbon_high) AS carbon_high, sum(carbon_unknown) AS carbon_unknown
    FROM table WHERE at >= :since AND at < :until GROUP BY at, route, tier, status)
GROUP BY route, tier, status

-- :name landed_each
SELECT route, tier, outcome, steps, latency_ms, cost, cost_squares, cost_unknown, energy, energy_squares, energy_unknown, carbon,
    carbon_squares, carbon_unknown
FROM landing_table WHERE at >= :since AND at < :until

-- :name newest_hour
SELECT at FROM hour WHERE at < :end ORDER BY at DESC LIMIT 1

-- :name day_holds
-- `filters` is replaced by the conditions that were asked for, in the next as well.
SELECT EXISTS (SELECT 1 FROM day WHERE at = :day AND filters)

-- :name hours_that_hold
SELECT at, sum(requests) FROM hour WHERE at >= :day AND at < :end AND filters GROUP BY at ORDER BY at DESC
