"""Is a figure one of the cases it was tuned on, of one wording, of one prompt? Gap, stability and spread."""

from __future__ import annotations

import math
from collections.abc import Sequence

from palier.evals.estimates.estimating import Pairs, estimate, table
from palier.evals.figures import Candidate, Estimate
from palier.interfaces.measuring import Metric
from palier.metrics.intervals import SEED, wilson

ALIKE = 0.1
"""What scores of one family may be apart, of the metric's range, and still be alike."""


def gap(metric: Metric, pairs: Pairs, *, seed: int = SEED) -> Estimate | None:
    """The figure on dev less that on the holdout; above 0, dev looks better than it is. None without cases of both.

    Turned around where lower is better, so that above 0 always means the same. The interval is made of those of the
    two splits, which share no family and so are independent: Newcombe's (1998, method 10) for proportions, and for
    other figures the same made of theirs (Zou and Donner, 2008).
    """
    dev, holdout = (
        estimate(metric, [pair for pair in pairs if pair[0].split == split], seed=seed) for split in ("dev", "holdout")
    )
    if dev.value is None or holdout.value is None:
        return None
    n, families = dev.n + holdout.n, dev.families + holdout.families
    one, other = (dev, holdout) if metric.better == "higher" else (holdout, dev)
    if dev.low is None or holdout.low is None:
        why = next(part.method for part in (dev, holdout) if part.low is None)
        return Estimate(value=_less(one.value, other.value), n=n, families=families, method=why)
    low, high = apart(one, other)
    method = dev.method if dev.method == holdout.method else f"{dev.method}; {holdout.method}"
    return Estimate(
        value=_less(one.value, other.value),
        low=low,
        high=high,
        n=n,
        families=families,
        method=f"Newcombe, of two splits ({method})",
    )


def apart(one: Estimate, other: Estimate) -> tuple[float, float]:
    """The interval of the difference of two independent figures, from theirs. Both must have one."""
    value = _less(one.value, other.value)
    down = math.hypot(_less(one.value, one.low), _less(other.high, other.value))
    up = math.hypot(_less(one.high, one.value), _less(other.value, other.low))
    return value - down, value + up


def stability(metric: Metric, pairs: Pairs) -> Estimate | None:
    """The share of families of several cases that are answered alike, each wording as well as the others.

    Of a proportion, all right or all wrong; else within a tenth of the metric's range (0.1 where it has none) of one
    another. None without such a family. Wilson's interval, a family being one trial.
    """
    rows, groups = table(metric, pairs)
    members: dict[str, list[float]] = {}
    for group, value in zip(groups, metric.combine(rows) if len(rows) else (), strict=True):
        members.setdefault(group, []).append(float(value))
    several = [values for values in members.values() if len(values) > 1 and all(map(math.isfinite, values))]
    if not several:
        return None
    width = metric.high - metric.low
    limit = 0.0 if metric.kind == "proportion" else ALIKE * (width if math.isfinite(width) else 1.0)
    alike = sum(max(values) - min(values) <= limit + 1e-9 for values in several)
    low, high = wilson(alike, len(several))
    return Estimate(
        value=alike / len(several),
        low=low,
        high=high,
        n=sum(map(len, several)),
        families=len(several),
        method="Wilson, of families",
    )


def spread(candidates: Sequence[Candidate], quality: str, *, split: str = "all") -> dict[str, float]:
    """Quality of the best less that of the worst among a candidate and its prompt variants, by candidate.

    Only of those that have a variant, and of figures that are known: nothing is said of a single prompt.
    """
    known = {c.name: value for c in candidates if (value := _quality(c, quality, split)) is not None}
    found = {}
    for base in dict.fromkeys(c.variant_of for c in candidates if c.variant_of):
        values = [known[c.name] for c in candidates if base in (c.name, c.variant_of) and c.name in known]
        if len(values) > 1:
            found[base] = max(values) - min(values)
    return found


def _quality(candidate: Candidate, quality: str, split: str) -> float | None:
    figure = candidate.metrics.get(quality, {}).get(split)
    return figure.value if figure else None


def _less(one: float | None, other: float | None) -> float:
    if one is None or other is None:
        raise ValueError("a figure without an interval has no difference with one")
    return one - other
