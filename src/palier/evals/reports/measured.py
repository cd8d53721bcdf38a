"""Statistics of each case as a report keeps them, so that two reports can be compared when their texts are gone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from palier import registry
from palier.cases import Case, Outcome
from palier.errors import PalierError
from palier.evals.estimates.comparing import scored
from palier.evals.figures import Measured, Report
from palier.interfaces.measuring import Floats, Metric

Combine = Callable[[Floats], Floats]
NEAR = 1e-6
"""A figure that is put together again must be the reported one, to this share of it."""


def measure(metric: Metric, cases: Sequence[Case], outcomes: Mapping[str, Mapping[str, Outcome]]) -> Measured:
    """What `metric` says of each case and candidate."""
    rows = {name: scored(metric, cases, of) for name, of in outcomes.items()}
    length = next((len(row) for of in rows.values() for row in of.values()), 0)
    return Measured(
        name=metric.name,
        kind=metric.kind,
        better=metric.better,
        low=metric.low if math.isfinite(metric.low) else None,
        high=metric.high if math.isfinite(metric.high) else None,
        length=length,
        statistics={
            name: {case: tuple((i, float(x)) for i, x in enumerate(row) if x) for case, row in of.items()}
            for name, of in rows.items()
        },
    )


def dense(measured: Measured, candidate: str) -> dict[str, tuple[float, ...]]:
    """The statistics of a candidate, by case, of `length` numbers each."""
    found = {}
    for case, row in measured.statistics.get(candidate, {}).items():
        places = dict(row)
        found[case] = tuple(places.get(i, 0.0) for i in range(measured.length))
    return found


def values(metric: Metric, measured: Measured, candidate: str) -> dict[str, float]:
    """The figure of each case alone, for the cases page; what is not defined of one case is left out."""
    rows = dense(measured, candidate)
    if not rows:
        return {}
    alone = metric.combine(np.array(list(rows.values()), dtype=np.float64))
    return {case: float(value) for case, value in zip(rows, alone, strict=True) if math.isfinite(value)}


class Kept:
    """A metric of a report that was read: its statistics are kept, and what puts them together is found again."""

    def __init__(self, measured: Measured, combine: Combine) -> None:
        self.name = measured.name
        self.kind = measured.kind
        self.better = measured.better
        self.low = -math.inf if measured.low is None else measured.low
        self.high = math.inf if measured.high is None else measured.high
        self._rows = {candidate: dense(measured, candidate) for candidate in measured.statistics}
        self.combine = combine

    def statistics(self, case: Case, outcome: Outcome) -> Sequence[float] | None:
        """Of the candidate and case that `outcome` names."""
        return self._rows.get(outcome.candidate, {}).get(case.id)


def kept(report: Report, measured: Measured) -> Kept | None:
    """The metric again; None where what makes its figure of sums is not installed, or makes another figure now."""
    for combine in _ways(report, measured):
        if _agrees(report, measured, combine):
            return Kept(measured, combine)
    return None


def _ways(report: Report, measured: Measured) -> Sequence[Combine]:
    ways: list[Combine] = []
    if report.settings is not None:
        try:
            metric: Metric = registry.find("metrics", measured.name)(report.settings)
            ways.append(metric.combine)
        except PalierError:  # an extra or a plug-in that is not installed here
            pass
    if measured.kind != "corpus" and measured.length == 2:
        ways.append(_mean)
    return ways


def _mean(sums: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def _agrees(report: Report, measured: Measured, combine: Combine) -> bool:
    """Whether it gives the figures that the report states."""
    for candidate in report.candidates:
        stated = candidate.metrics.get(measured.name, {}).get("all")
        rows = dense(measured, candidate.name)
        if stated is None or stated.value is None or not rows:
            continue
        try:
            again = float(combine(np.sum(list(rows.values()), axis=0)))
        except (ValueError, IndexError):
            return False
        if not abs(again - stated.value) <= NEAR * max(1.0, abs(stated.value)):
            return False
    return True
