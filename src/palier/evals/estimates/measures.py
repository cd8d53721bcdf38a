"""Figures of answers that are known one by one, so that they get their intervals as every other metric does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from palier.cases import Case, Outcome
from palier.interfaces.measuring import Floats

PerAnswer = tuple[float, ...]


def ratio(sums: Floats) -> Floats:
    """The first sum by the second; NaN by 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)


class Of:
    """A `Metric` (`interfaces.measuring`) of given statistics, by candidate and id of the case; of others: nothing."""

    def __init__(
        self,
        name: str,
        values: Mapping[tuple[str, str], PerAnswer],
        combine: Callable[[Floats], Floats] = ratio,
        *,
        kind: Literal["proportion", "mean", "corpus"] = "corpus",
        better: Literal["higher", "lower"] = "higher",
        low: float = 0.0,
        high: float = 1.0,
    ) -> None:
        self.name = name
        self.kind = kind
        self.better = better
        self.low = low
        self.high = high
        self._values = values
        self._combine = combine

    def statistics(self, case: Case, outcome: Outcome) -> Sequence[float] | None:
        """See `Metric`."""
        return self._values.get((outcome.candidate, case.id))

    def combine(self, sums: Floats) -> Floats:
        """See `Metric`."""
        return self._combine(sums)


def share(name: str, values: Mapping[tuple[str, str], float]) -> Of:
    """Mean of figures in [0, 1]; a proportion where each is 0 or 1."""
    whole = all(value in (0.0, 1.0) for value in values.values())
    return Of(name, {place: (value, 1.0) for place, value in values.items()}, kind="proportion" if whole else "mean")


def mean(name: str, values: Mapping[tuple[str, str], float], *, low: float, high: float) -> Of:
    """Mean of figures in [low, high]."""
    given = {place: (value, 1.0) for place, value in values.items()}
    return Of(name, given, kind="mean", low=low, high=high)
