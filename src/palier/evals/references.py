"""Drafts judged by the references of a suite, one by one: what a bound may rest on where nobody else judges."""

from __future__ import annotations

import math

import numpy as np

from palier.cases import Case, Outcome, Suite
from palier.errors import InvalidRequest
from palier.evals import scoring


class References:
    """Judges by the suite's quality. Raises `InvalidRequest` where that is a figure of all cases together."""

    def __init__(self, suite: Suite) -> None:
        metric = scoring.measured(suite).metrics[0]
        if metric.kind == "corpus" or not math.isfinite(metric.high - metric.low):
            raise InvalidRequest(
                f"{metric.name} of suite `{suite.name}` cannot be told case by case",
                hint="another `quality` of the suite can: accuracy, correct, token_f1",
            )
        self._metric = metric

    @property
    def source(self) -> str:
        """Names them as a label source."""
        return f"references by {self._metric.name}"

    def judges(self, case: Case) -> bool:
        """Whether a case has what it takes."""
        return self.score(case, "something") is not None

    def score(self, case: Case, draft: str) -> float | None:
        """How right a draft is, in [0, 1]: of a share of cases 0 or 1. None where the case has no reference."""
        metric = self._metric
        said = Outcome(
            id=case.id,
            candidate="draft",
            status="answered" if draft.strip() else "abstained",
            output=draft,
        )
        statistics = metric.statistics(case, said)
        if statistics is None:
            return None
        value = float(metric.combine(np.array([statistics], dtype=np.float64))[0])
        if math.isnan(value):
            return None
        share = (value - metric.low) / (metric.high - metric.low)
        return min(max(share if metric.better == "higher" else 1.0 - share, 0.0), 1.0)

    @property
    def binary(self) -> bool:
        """Whether a draft is right or wrong, and nothing between."""
        return self._metric.kind == "proportion"
