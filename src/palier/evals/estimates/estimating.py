"""The figure of a metric over cases, with its 95 % interval, or why there is none.

- A proportion has Wilson's interval, with an effective sample size where families have several members.
- Anything else has BCa's, families being drawn whole.
- Where the bootstrap can say nothing of a mean within limits (all cases alike, few families), Wilson's interval of the
  families is taken: no scores within these limits are more uncertain than as many that are all or nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from palier.cases import Case, Outcome
from palier.evals.figures import Estimate
from palier.interfaces.measuring import Floats, Metric
from palier.metrics.intervals import SEED, resample, wilson, wilson_of_families

Pairs = Sequence[tuple[Case, Outcome]]

FAMILIES = 10
"""Below so many the bootstrap is not trusted: it has seen too little of what could be drawn."""


def estimates(metric: Metric, pairs: Pairs, *, seed: int = SEED) -> dict[str, Estimate]:
    """By split, for those that have cases, and `all` of them together."""
    parts = {split: [pair for pair in pairs if pair[0].split == split] for split in ("dev", "holdout")}
    found = {split: estimate(metric, part, seed=seed) for split, part in parts.items() if part}
    if len(found) == 1:
        return {**found, "all": next(iter(found.values()))}
    return {**found, "all": estimate(metric, pairs, seed=seed)}


def estimate(metric: Metric, pairs: Pairs, *, seed: int = SEED) -> Estimate:
    """The figure over the cases that `metric` says something of; failed outcomes are among them, and count as wrong."""
    rows, groups = table(metric, pairs)
    if not len(rows):
        return Estimate(value=None, method="no case has what it goes by")
    families = len(set(groups))
    value = float(metric.combine(rows.sum(axis=0)))
    if not math.isfinite(value):
        return Estimate(value=None, n=len(rows), families=families, method="not defined on these cases")
    if metric.kind == "proportion":
        low, high = wilson_of_families(metric.combine(rows), groups)
        method = "Wilson" if families == len(rows) else "Wilson, families as clusters"
    else:
        low, high, method = _resampled(metric, rows, groups, value, seed)
    known = math.isfinite(low)
    return Estimate(
        value=value,
        low=low if known else None,
        high=high if known else None,
        n=len(rows),
        families=families,
        method=method,
    )


def table(metric: Metric, pairs: Pairs) -> tuple[Floats, list[str]]:
    """The statistics of those cases that `metric` says something of (n, k), and the family of each."""
    rows, groups = [], []
    for case, outcome in pairs:
        row = metric.statistics(case, outcome)
        if row is not None:
            rows.append(row)
            groups.append(case.group)
    return np.array(rows, dtype=np.float64), groups


def _resampled(metric: Metric, rows: Floats, groups: list[str], value: float, seed: int) -> tuple[float, float, str]:
    """The ends, and how they were found; NaN with why not."""
    found = resample(rows, metric.combine, groups, seed=seed)
    few = found.families < FAMILIES
    if not (few or found.unknown):
        return (*found.interval(), "BCa")
    why = f"fewer than {FAMILIES} families" if few else found.unknown
    width = metric.high - metric.low
    if metric.kind == "mean" and math.isfinite(width) and width > 0:
        share = (value - metric.low) / width
        sizes = np.unique(groups, return_counts=True)[1]
        effective = float(sizes.sum() ** 2 / (sizes @ sizes))  # a family that holds most cases is most of the figure
        low, high = wilson(share * effective, effective)
        return metric.low + width * low, metric.low + width * high, f"Wilson, wider than needed: {why}"
    return math.nan, math.nan, f"no interval: {why}"
