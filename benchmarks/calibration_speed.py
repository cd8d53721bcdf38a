"""How long it takes to fit and certify 100,000 records, from JSON lines to a policy; and one decision under it.

    python -m benchmarks.calibration_speed

Records are made up: the truth is logistic in the features, three in ten of which say nothing. Asked for: 60 seconds on
two cores, and 0.2 ms a decision. Seconds of the processor stand beside those of the clock, for a machine that others use.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from benchmarks.results import keep
from palier.calibrate import Outcome, calibrate, read
from palier.routing.cascade import decide
from palier.routing.fitting import Aim
from palier.routing.policy import PolicyTier

RECORDS = 100_000
DECISIONS = 20_000
CASES = {"2 tiers, 10 features": (2, 10), "3 tiers, 1 feature": (3, 1)}
MOST_SECONDS, MOST_MILLISECONDS = 60.0, 0.2


def lines(tiers: int, features: int) -> Iterator[bytes]:
    """Records of an easy world: each tier is more often right than the one below."""
    random = np.random.default_rng(5)
    signals = random.normal(size=(tiers, RECORDS, features))
    says = np.arange(features) >= 0.3 * features if features > 1 else np.ones(1, dtype=bool)
    odds = 1.5 * np.arange(1, tiers + 1)[:, None] + 1.5 * (signals * says).sum(axis=2) / says.sum() ** 0.5
    right = random.random((tiers, RECORDS)) < 1 / (1 + np.exp(-odds))
    names = [f"signal_{number}" for number in range(features)]
    for row in range(RECORDS):
        record = {
            "id": f"made-up-{row}",
            "label_source": "made-up",
            "tiers": [
                {
                    "name": f"tier-{tier}",
                    "features": dict(zip(names, signals[tier, row].tolist(), strict=True)),
                    "correct": bool(right[tier, row]),
                    "cost": 10.0**tier,
                }
                for tier in range(tiers)
            ],
        }
        yield msgspec.json.encode(record)


def fitted(tiers: int, features: int) -> tuple[Outcome, dict[str, Any]]:
    """The policy, and the seconds of reading the lines and of the rest."""
    given = list(lines(tiers, features))
    clocks = (time.monotonic, time.process_time)
    started = [clock() for clock in clocks]
    reading = read(given)
    between = [clock() for clock in clocks]
    outcome = calibrate(reading, Aim(risk=0.1, confidence=0.9))
    ended = [clock() for clock in clocks]
    figures: dict[str, Any] = {
        "seconds": round(ended[0] - started[0], 1),
        "of_which_reading": round(between[0] - started[0], 1),
        "cpu_seconds": round(ended[1] - started[1], 1),
        "coverage": round(outcome.report.coverage, 3),
        "passed": ended[0] - started[0] < MOST_SECONDS,
    }
    return outcome, figures


def decisions(outcome: Outcome) -> dict[str, Any]:
    """Milliseconds of one decision of the lowest tier: from its features to the words of the reason."""
    assert outcome.policy is not None
    tier: PolicyTier = outcome.policy.tiers[0]
    assert tier.calibrator is not None
    guarantee, names = str(outcome.policy.guarantee), tier.calibrator.names
    times = []
    for values in np.random.default_rng(6).normal(size=(DECISIONS, len(names))).tolist():
        features = dict(zip(names, values, strict=True))
        started = time.perf_counter()
        decide(tier.probability(features), tier.threshold, guarantee=guarantee)
        times.append(1000 * (time.perf_counter() - started))
    p50, p99 = np.quantile(times, [0.5, 0.99])
    return {"p50_ms": round(float(p50), 4), "p99_ms": round(float(p99), 4), "passed": bool(p99 < MOST_MILLISECONDS)}


def main() -> None:
    figures: dict[str, Any] = {"records": RECORDS}
    for name, (tiers, features) in CASES.items():
        outcome, seconds = fitted(tiers, features)
        figures[name] = {**seconds, "decision": decisions(outcome)}
    keep("calibration_speed", figures)


if __name__ == "__main__":
    main()
