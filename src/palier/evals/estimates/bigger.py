"""What would bigger buy? Fronts of quality against what it takes, the price of the next point, and what to take."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from palier.cases import Case, Outcome
from palier.evals.estimates import curve
from palier.evals.estimates.choosing import AXES, Axis, Constraints, amount, choose, named, quality_of
from palier.evals.estimates.comparing import Outcomes, difference, paired, scored
from palier.evals.figures import Bigger, Candidate, Estimate, Step
from palier.interfaces.measuring import Metric
from palier.metrics.differences import fieller
from palier.metrics.intervals import SEED, Array, families_of, student, without_each
from palier.types import JSON

POINT = 0.01
"""Of the quality metric."""


def bigger(
    candidates: Sequence[Candidate],
    quality: Metric,
    constraints: Constraints,
    cases: Sequence[Case],
    outcomes: Outcomes,
    *,
    split: str | None = None,
    seed: int = SEED,
) -> Bigger:
    """From the figures of `candidates`, all filled in, and from the `outcomes` that they have on the same `cases`.

    Quality is that of `split`. Without one it is that of all cases; but that of the holdout where a candidate was tuned
    on dev, which would flatter it.
    """
    notes = []
    tuned = [one for one in candidates if one.tuned_on]
    if split is None:
        split = "holdout" if tuned and any(case.split == "holdout" for case in cases) else "all"
        if split == "holdout":
            notes.append(f"quality is that of the holdout: {_list(tuned)} was tuned on dev")
        elif tuned:
            notes.append(f"{_list(tuned)} was tuned on dev, and there is no holdout to tell what that is worth")
    known = [one for one in candidates if quality_of(one, quality.name, split).value is not None]
    fronts = {axis: _front(known, quality, axis, split) for axis in AXES}
    wanted = [case for case in cases if split in ("all", case.split)]
    steps = tuple(
        _step(base, following, axis, quality, split, wanted, outcomes, seed)
        for axis, front in fronts.items()
        for base, following in itertools.pairwise(front)
    )
    fitted, why = _curve(known, quality, split)
    return Bigger(
        fronts={axis: tuple(one.name for one in front) for axis, front in fronts.items() if front},
        steps=steps,
        curve=fitted,
        choice=choose(candidates, quality, constraints, cases, outcomes, split=split, seed=seed),
        notes=(*notes, *_notes(candidates, known, fronts), *why),
    )


def _front(candidates: Sequence[Candidate], metric: Metric, axis: Axis, split: str) -> list[Candidate]:
    """The Pareto front: those of which no other is as good for less, or better for as much; cheapest first."""
    sign = 1.0 if metric.better == "higher" else -1.0
    points = sorted(
        (takes, -sign * (quality_of(one, metric.name, split).value or 0.0), place)
        for place, one in enumerate(candidates)
        if (takes := amount(one, axis)) is not None
    )
    front: list[Candidate] = []
    best = math.inf
    for _, poor, place in points:
        if poor < best:
            best = poor
            front.append(candidates[place])
    return front


def _step(
    base: Candidate,
    following: Candidate,
    axis: Axis,
    metric: Metric,
    split: str,
    cases: Sequence[Case],
    outcomes: Outcomes,
    seed: int,
) -> Step:
    """From one candidate of a front to the next. `gain` is above 0 where the next is better, whichever way that is."""
    extra = _less(amount(following, axis), amount(base, axis))
    asked = (outcomes.get(following.name, {}), outcomes.get(base.name, {}))
    scores = [scored(metric, cases, results) for results in asked]
    pair = paired(cases, *scores)
    sign = 1.0 if metric.better == "higher" else -1.0
    if pair is None:
        values = [quality_of(one, metric.name, split).value for one in (following, base)]
        gain = Estimate(value=sign * (_less(*values) or 0.0), method="no interval: no case in common")
        return _of(base, following, axis, gain, extra, Estimate(value=None, method=gain.method))
    gain = _turned(difference(metric, pair, seed=seed).estimate, sign)
    if gain.low is None or gain.value is None:
        return _of(base, following, axis, gain, extra, Estimate(value=None, method=gain.method))
    if gain.low <= 0:
        return _of(base, following, axis, gain, extra, Estimate(value=None, method="the gain may be nothing"))
    shared = [case for case in cases if all(case.id in score for score in scores)]
    metered = any(one.resources.energy.basis == "measured" for one in (following, base))
    paid = [None if metered else _paid(axis, shared, results) for results in asked]  # a meter reads no single request
    if paid[0] is not None and paid[1] is not None:
        each = paid[0] - paid[1]
        extra = float(each.mean())
    else:
        each = np.full(len(shared), extra if extra is not None else math.nan)
    rows = np.column_stack((pair.first, pair.second, each, np.ones(len(shared))))
    return _of(base, following, axis, gain, extra, _price(rows, pair.groups, metric, sign))


def _price(rows: Array, groups: list[str], metric: Metric, sign: float) -> Estimate:
    """What a point takes, from rows (n, 2k + 2) of both candidates' statistics, the extra amount, and 1.

    The ratio of two means of the same families, by Fieller (1954), their covariance by the jackknife.
    """
    width = (rows.shape[1] - 2) // 2

    def figures(sums: Array) -> tuple[Array, Array]:
        gain = metric.combine(sums[..., :width]) - metric.combine(sums[..., width : 2 * width])
        return np.asarray(sums[..., -2] / sums[..., -1]), np.asarray(sign * gain)

    sums, alike = families_of(rows, groups)
    count = int(alike.sum())
    extra, gain = (float(figure) for figure in figures(np.asarray(alike @ sums)))
    left = np.concatenate([np.stack(figures(rest)) for rest in without_each(sums, alike)], axis=1)
    apart = left - (left @ alike / count)[:, None]
    covariance = (count - 1) / count * (apart * alike) @ apart.T
    low, high = fieller(extra, gain, covariance, student(0.975, count - 1))
    if not math.isfinite(low):
        return Estimate(value=None, n=len(rows), families=count, method="the gain may be nothing")
    return Estimate(
        value=extra / gain * POINT, low=low * POINT, high=high * POINT, n=len(rows), families=count, method="Fieller"
    )


def _paid(axis: Axis, cases: Sequence[Case], results: Mapping[str, Outcome]) -> Array | None:
    """What each case took, where that is known of all; a percentile and a size are of no single case."""
    if axis not in ("cost", "carbon"):
        return None
    taken = [getattr(results[case.id], axis).value for case in cases]
    return None if None in taken else np.array(taken, dtype=np.float64)


def _curve(known: Sequence[Candidate], metric: Metric, split: str) -> tuple[JSON | None, tuple[str, ...]]:
    """The curve, or why there is none. Only of single models that were measured, each by its usual prompt."""
    models = [
        curve.Sized(one.name, one.parameters, quality_of(one, metric.name, split))
        for one in known
        if one.parameters and one.kind in ("tier", "model", "imported") and not (one.simulated or one.variant_of)
    ]
    sizes = len({model.parameters for model in models})
    if sizes < curve.SIZES:
        return None, (f"no curve of quality against size: {sizes} sizes were measured, and {curve.SIZES} are needed",)
    if not math.isfinite(metric.high - metric.low):
        return None, (f"no curve of quality against size: {metric.name} has no greatest value",)
    fitted = curve.fit(models, metric.low, metric.high)
    if fitted["slope_low"] <= 0 <= fitted["slope_high"]:
        return fitted, ("the curve may be flat: by these models size is not shown to matter",)
    return fitted, ()


def _notes(
    candidates: Sequence[Candidate], known: Sequence[Candidate], fronts: Mapping[Axis, Sequence[Candidate]]
) -> list[str]:
    """What a reader of the fronts must know."""
    notes = []
    if unmeasured := [one for one in candidates if one not in known]:
        notes.append(f"on no front, for their quality is unknown: {_list(unmeasured)}")
    notes += [
        f"not on the front of {axis}, which is unknown of them: {_list(absent)}"
        for axis in AXES
        if (absent := [one for one in known if amount(one, axis) is None])
    ]
    shown = {one.name: one for front in fronts.values() for one in front}.values()
    if simulated := [one for one in shown if one.simulated]:
        notes.append(f"simulated, not measured: {_list(simulated)}")
    if published := [one for one in shown if one.kind == "published"]:
        notes.append(f"measured by others on their own cases, and compared with none of these: {_list(published)}")
    if len({one.latency.concurrency for one in known if one.latency and one.latency.total}) > 1:
        notes.append("latencies were measured with different numbers of questions at once, and compare badly")
    return notes


def _of(
    base: Candidate, following: Candidate, axis: Axis, gain: Estimate, extra: float | None, per_point: Estimate
) -> Step:
    return Step(base=base.name, next=following.name, axis=axis, gain=gain, extra=extra, per_point=per_point)


def _turned(figure: Estimate, sign: float) -> Estimate:
    """The same with the other sign, where lower is better."""
    if sign > 0 or figure.value is None:
        return figure
    low, high = (None if end is None else -end for end in (figure.high, figure.low))
    return msgspec.structs.replace(figure, value=-figure.value, low=low, high=high)


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _list(candidates: Sequence[Candidate]) -> str:
    return ", ".join(named(one) for one in candidates)
