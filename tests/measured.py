"""Metrics and cases for tests of the statistics: what an outcome is worth stands in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from palier.cases import Case, Outcome, Split
from palier.types import Quantity


class Score:
    """The mean of a score in [0, 1]; of all or nothing where it is a proportion."""

    def __init__(self, kind="mean", better="higher", low=0.0, high=1.0):
        self.name, self.kind, self.better, self.low, self.high = "score", kind, better, low, high

    def statistics(self, case: Case, outcome: Outcome) -> Sequence[float] | None:
        value = outcome.metrics.get("score", 0.0 if outcome.status == "failed" else None)
        return None if value is None else (value, 1.0)

    def combine(self, sums):
        return np.asarray(sums[..., 0] / sums[..., 1])


class Ratio:
    """A figure of a corpus: the sum of one thing by the sum of another, not defined without the other."""

    name, kind, better, low, high = "ratio", "corpus", "higher", 0.0, float("inf")

    def statistics(self, case, outcome):
        return (outcome.metrics["part"], outcome.metrics["whole"])

    def combine(self, sums):
        return np.asarray(np.where(sums[..., 1] > 0, sums[..., 0] / np.maximum(sums[..., 1], 1e-9), np.nan))


PROPORTION = Score("proportion")
MEAN = Score()


def some_cases(n: int, *, members: int = 1, split: Split = "dev", prefix: str = "c") -> list[Case]:
    """`n` cases, of families of `members`."""
    return [
        Case(id=f"{prefix}{i}", input="?", family=f"{prefix}f{i // members}" if members > 1 else "", split=split)
        for i in range(n)
    ]


def results(name: str, cases: Sequence[Case], scores: Sequence[float], cost=None) -> Mapping[str, Outcome]:
    """By case; `cost` is of each in US dollars, or unknown."""
    paid = Quantity() if cost is None else None
    return {
        case.id: Outcome(
            id=case.id,
            candidate=name,
            output="x",
            metrics={"score": float(score)},
            cost=paid or Quantity(value=cost[i] if np.ndim(cost) else cost, basis="measured"),
        )
        for i, (case, score) in enumerate(zip(cases, scores, strict=True))
    }


def pairs_of(cases: Sequence[Case], scores: Sequence[float]) -> list[tuple[Case, Outcome]]:
    found = results("it", cases, scores)
    return [(case, found[case.id]) for case in cases]
