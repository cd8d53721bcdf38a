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

-- :name known
SELECT figures FROM trace WHERE id IN (SELECT value FROM json_each(?))

-- :name went_by
SELECT route, tier, status, key, sum(requests), sum(latency_ms), sum(prompt), sum(completion), sum(uncounted), sum(cost), sum(cost_low),
    sum(cost_high), sum(cost_unknown), sum(energy), sum(energy_low), sum(energy_high), sum(energy_unknown),
    sum(carbon), sum(carbon_low), sum(carbon_high), sum(carbon_unknown)
FROM hour WHERE at >= :since AND at < :until GROUP BY route, tier, status, key ORDER BY route, tier, status, key

-- :name landed
SELECT route, tier, outcome, sum(steps), sum(latency_ms), sum(cost), sum(cost_squares), sum(cost_unknown), sum(energy),
    sum(energy_squares), sum(energy_unknown), sum(carbon), sum(carbon_squares), sum(carbon_unknown)
FROM landing_hour WHERE at >= :since AND at < :until GROUP BY route, tier, outcome ORDER BY route, tier, outcome
