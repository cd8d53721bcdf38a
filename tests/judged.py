"""Records whose truth is known, for the tests of calibration: a small tier that knows how sure it may be, a larger one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from palier.routing.records import Record, parse

ABOVE = 0.95
"""How often the top is right, whatever the question."""


def chance(sure: Any) -> Any:
    """The probability that an answer with the signal `sure` (standard normal) is right; 0.72 in the mean."""
    return 1 / (1 + np.exp(-(1.5 + 2.0 * np.asarray(sure))))


def rows(count: int, *, seed: int = 0, signals: int = 1, tiers: int = 2, **fields: Any) -> list[dict[str, Any]]:
    """`count` records as JSON trees. The first signal of each tier below the top is its truth, the others are noise."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        lower = [_tier(random, f"t{j + 1}", signals, float(10**j)) for j in range(tiers - 1)]
        top = {"name": f"t{tiers}", "correct": bool(random.random() < ABOVE), "cost": float(10 ** (tiers - 1))}
        found.append({"id": f"q{seed}-{number}", "tiers": [*lower, top], **fields})
    return found


def _tier(random: np.random.Generator, name: str, signals: int, cost: float) -> dict[str, Any]:
    values = random.normal(size=signals).tolist()
    right = bool(random.random() < chance(values[0]))
    names = ["sure", *(f"noise{i}" for i in range(1, signals))]
    return {"name": name, "features": dict(zip(names, values, strict=True)), "correct": right, "cost": cost}


def records(trees: Iterable[dict[str, Any]]) -> list[Record]:
    """As they are read from lines."""
    return [parse(json.dumps(tree), number) for number, tree in enumerate(trees, 1)]


def lines(trees: Iterable[dict[str, Any]]) -> list[bytes]:
    """As lines of a file."""
    return [json.dumps(tree).encode() + b"\n" for tree in trees]
