"""Better, worse, or cannot tell: candidates against a baseline, on the cases that both were asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from palier.cases import Case, Outcome
from palier.errors import ConfigurationError
from palier.evals.estimates.estimating import FAMILIES
from palier.evals.figures import Comparison, Estimate
from palier.interfaces.measuring import Floats, Metric
from palier.metrics.differences import DRAWS, holm, holm_levels, needed, paired_p, paired_shares
from palier.metrics.intervals import SEED, Array, Combine, resample, wilson

Outcomes = Mapping[str, Mapping[str, Outcome]]
"""By candidate, then by id of the case."""
Scored = Mapping[str, Sequence[float]]
"""The statistics of one candidate by id of the case, where the metric says something of it."""

LEVEL = 0.05
DRAWS_A_COMPARISON = 100
"""Of a report: the strictest of Holm's levels is then well above the least p-value that can come out."""


class Difference(NamedTuple):
    """What two candidates differ by on the same cases."""

    estimate: Estimate
    """Of the first less the second."""
    error: float
    """The jackknife's standard error; NaN where there is none."""


class Pair(NamedTuple):
    """The statistics of two candidates on the cases of both, (n, k) each, and the family of each case."""

    first: Floats
    second: Floats
    groups: list[str]

    @property
    def families(self) -> int:
        return len(set(self.groups))


class _Compared(NamedTuple):
    """One comparison before the correction: only with all of them is it known what it says."""

    metric: Metric
    split: str
    candidate: str
    baseline: str
    difference: Difference
    p: float


def compare(
    metrics: Sequence[Metric],
    cases: Sequence[Case],
    outcomes: Outcomes,
    *,
    baseline: str | None = None,
    split: str | Sequence[str] = "all",
    seed: int = SEED,
) -> tuple[Comparison, ...]:
    """Each candidate against `baseline` (without: the first), by each metric and on each `split`.

    A failed case counts as a wrong answer; a case that one of the two was never asked is left out. Holm corrects over
    all that one call compares, so a report asks once. What a metric cannot say of the two is not in the list. Raises
    `ConfigurationError` where the baseline has no results.
    """
    names = list(outcomes)
    if baseline is not None and baseline not in outcomes:
        raise ConfigurationError(
            f"there are no results of `{baseline}` to compare with",
            hint=f"the baseline is one of {', '.join(names)}" if names else "no candidate was run",
        )
    base = names[0] if baseline is None and names else baseline
    splits = [split] if isinstance(split, str) else list(split)
    draws = max(DRAWS, DRAWS_A_COMPARISON * len(metrics) * len(splits) * max(len(names) - 1, 0))
    raw: list[_Compared] = []
    for metric in metrics:
        scores = {name: scored(metric, cases, outcomes[name]) for name in names}
        for part in splits:
            wanted = [case for case in cases if part in ("all", case.split)]
            for name in names:
                pair = paired(wanted, scores[name], scores[base]) if base is not None and name != base else None
                if pair is None or base is None:
                    continue
                found = difference(metric, pair, seed=seed)
                if found.estimate.value is not None:
                    p = paired_p(pair.first, pair.second, metric.combine, pair.groups, draws=draws, seed=seed)
                    raw.append(_Compared(metric, part, name, base, found, p))
    adjusted, levels = holm([one.p for one in raw]), holm_levels([one.p for one in raw], LEVEL)
    return tuple(_judged(one, float(a), float(level)) for one, a, level in zip(raw, adjusted, levels, strict=True))


def scored(metric: Metric, cases: Sequence[Case], outcomes: Mapping[str, Outcome]) -> dict[str, Sequence[float]]:
    """The statistics of one candidate, of the cases it was asked and of which `metric` says something."""
    rows = {case.id: metric.statistics(case, outcomes[case.id]) for case in cases if case.id in outcomes}
    return {case: row for case, row in rows.items() if row is not None}


def paired(cases: Sequence[Case], first: Scored, second: Scored) -> Pair | None:
    """Both on the cases that both have; None where there are none."""
    shared = [case for case in cases if case.id in first and case.id in second]
    if not shared:
        return None
    one, other = (np.array([rows[case.id] for case in shared], dtype=np.float64) for rows in (first, second))
    return Pair(one, other, [case.group for case in shared])


def difference(metric: Metric, pair: Pair, *, confidence: float = 0.95, seed: int = SEED) -> Difference:
    """The figure of the first less that of the second, with the interval of a paired bootstrap of whole families.

    For proportions of single cases it is Tango's (1998), which knows of two that answer alike that
    they may yet differ.
    """
    n, families = len(pair.groups), pair.families
    rows, less = np.hstack((pair.first, pair.second)), difference_of(metric.combine, pair.first.shape[1])
    found = resample(rows, less, pair.groups, seed=seed, draws=_draws(confidence))
    if not math.isfinite(found.value):
        return Difference(Estimate(value=None, n=n, families=families, method="not defined on these cases"), math.nan)
    width = metric.high - metric.low
    values = metric.combine(rows.reshape(n, 2, -1)) if metric.kind == "proportion" and families == n else None
    if values is not None and np.isin(values, (0.0, 1.0)).all():  # the mean of several tries is no right or wrong
        low, high = paired_shares(values[:, 0], values[:, 1], confidence)
        method = "Tango, paired"
    elif families >= FAMILIES and not found.unknown:
        low, high = found.interval(confidence)
        method = "BCa, paired"
    elif families >= FAMILIES and metric.kind != "corpus" and math.isfinite(width):
        low, high = _alike(found.value, families, width, confidence)
        method = f"Wilson, wider than needed: {found.unknown}"
    else:
        low, high = math.nan, math.nan
        method = f"no interval: {found.unknown or f'fewer than {FAMILIES} families'}"
    known = math.isfinite(low)
    estimate = Estimate(
        value=found.value,
        low=low if known else None,
        high=high if known else None,
        n=n,
        families=families,
        method=method,
    )
    return Difference(estimate, found.error)


def difference_of(combine: Combine, width: int) -> Combine:
    """The figure of the first `width` sums less that of the others."""

    def less(sums: Array) -> Array:
        return np.asarray(combine(sums[..., :width]) - combine(sums[..., width:]))

    return less


def _alike(value: float, families: int, width: float, confidence: float) -> tuple[float, float]:
    """Where all families differ by `value`: others may not, as many as Wilson allows, and by as much as they can."""
    others = wilson(0, families, confidence)[1]
    return value - others * (value + width), value + others * (width - value)


def _draws(confidence: float) -> int:
    """Enough that fifty of them are beyond each end."""
    return max(2000, math.ceil(100 / (1 - confidence)))


def _judged(one: _Compared, adjusted: float, level: float) -> Comparison:
    value = one.difference.estimate.value or 0.0
    told = adjusted <= LEVEL and value != 0.0
    verdict: Literal["better", "worse", "cannot tell"] = "cannot tell"
    if told:
        verdict = "better" if (value > 0) == (one.metric.better == "higher") else "worse"
    n, families = one.difference.estimate.n, one.difference.estimate.families
    return Comparison(
        metric=one.metric.name,
        split=one.split,
        candidate=one.candidate,
        baseline=one.baseline,
        difference=one.difference.estimate,
        p=one.p,
        adjusted=adjusted,
        verdict=verdict,
        needs=None if told else needed(value, one.difference.error, n, families, level=level),
    )
