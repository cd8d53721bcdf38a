"""Which candidate to take: of those that meet the constraints, the cheapest that is shown to be as good as the best."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from palier.cases import Case
from palier.evals.estimates.comparing import Outcomes, difference, paired, scored
from palier.evals.figures import Candidate, Choice, Estimate
from palier.interfaces.measuring import Metric
from palier.metrics.differences import needed
from palier.metrics.intervals import SEED
from palier.types import JSON, Data

Axis = Literal["cost", "carbon", "latency", "parameters"]
AXES: tuple[Axis, ...] = ("cost", "carbon", "latency", "parameters")
"""What quality is weighed against. The cheapest is sought by the first of them that is known of all."""
WHOLE = 0.95
"""The share of the cases that a candidate must have results of to be recommended."""
_NORMAL = NormalDist()
_UNSHOWN = "not shown to be within"


class Constraints(Data, frozen=True, kw_only=True):
    """What a candidate must keep to. A figure that is not known keeps to nothing."""

    max_cost: float | None = None
    """US dollars a request."""
    max_latency_ms: float | None = None
    """Of 95 answers in 100."""
    max_carbon: float | None = None
    """Grams of CO2e a request."""
    licences: tuple[str, ...] = ()
    """Every licence of a candidate must be among them."""
    on_premises: bool = False
    min_quality: float | None = None
    """To be kept by the whole interval, not by the figure alone: its lower end, the upper where lower is better."""
    languages: tuple[str, ...] = ()
    """All of them."""
    margin: float = 0.02
    """How much less quality passes for as good, as a share of the metric's range (of 1 where that has no end)."""

    def given(self) -> JSON:
        """Those that were set, as plain values."""
        plain: JSON = msgspec.to_builtins(self)
        standard: JSON = msgspec.to_builtins(Constraints())
        return {name: value for name, value in plain.items() if value != standard[name]}


class Miss(NamedTuple):
    """A constraint that is not met: in words, and by what share of it, to find the nearest."""

    says: str
    by: float


class Rival(NamedTuple):
    """A candidate that meets the constraints, and how much worse it is than the best of them."""

    candidate: Candidate
    worse: Estimate
    """Above 0, it is worse; of the best itself there is no figure."""
    as_good: bool
    needs: int | None = None
    """About so many more cases would show it to be as good, if it is as it seems."""


def quality_of(candidate: Candidate, quality: str, split: str = "all") -> Estimate:
    """The figure of `split`, or the published one."""
    if split in (figures := candidate.metrics.get(quality, {})):
        return figures[split]
    if candidate.published is not None:
        return Estimate(value=candidate.published.quality, n=candidate.published.cases or 0, method="published")
    return Estimate(value=None, method="not measured")


def amount(candidate: Candidate, axis: Axis) -> float | None:
    """What a request takes: US dollars, g CO2e, milliseconds (p95); or the parameters. None where unknown."""
    if axis == "cost":
        measured = candidate.resources.cost.value
        return candidate.published.cost if measured is None and candidate.published else measured
    if axis == "carbon":
        return candidate.resources.carbon.value
    if axis == "latency":
        total = candidate.latency.total if candidate.latency else None
        return total.p95 if total else None
    return candidate.parameters


def said(value: float, axis: Axis) -> str:
    """With its unit."""
    return {
        "cost": f"${value:.3g} a request",
        "carbon": f"{value:.3g} g CO2e a request",
        "latency": f"{value:,.0f} ms (p95)",
        "parameters": f"{value:,.0f} parameters",
    }[axis]


def named(candidate: Candidate) -> str:
    """As in a sentence: what was made up, or measured elsewhere, is never named without that word."""
    mark = " (simulated)" if candidate.simulated else " (published)" if candidate.kind == "published" else ""
    return f"`{candidate.name}`{mark}"


def choose(
    candidates: Sequence[Candidate],
    metric: Metric,
    constraints: Constraints,
    cases: Sequence[Case],
    outcomes: Outcomes,
    *,
    split: str = "all",
    seed: int = SEED,
) -> Choice:
    """The cheapest of those that meet `constraints` and are shown to be within the margin of the best that does.

    "Cannot tell" is not "as good": the whole interval of the paired difference must be within the margin (a test of
    non-inferiority), at a level shared among all that are tried. What was simulated, or measured on other cases, is
    never recommended.
    """
    most = len(cases)
    misses = {one.name: [*_partial(one, most), *unmet(one, metric, constraints, split)] for one in candidates}
    passed = {name: "; ".join(miss.says for miss in missed) for name, missed in misses.items() if missed}
    fit = [one for one in candidates if not misses[one.name]]
    if not fit:
        reason = _nearest(candidates, misses)
        return Choice(constraints=constraints.given(), candidate=None, reason=reason, passed_over=passed)
    margin = constraints.margin * (metric.high - metric.low if math.isfinite(metric.high - metric.low) else 1.0)
    wanted = [case for case in cases if split in ("all", case.split)]
    rivals = _rivals(fit, metric, margin, wanted, outcomes, split, seed)
    best, eligible = rivals[0].candidate, [rival.candidate for rival in rivals if rival.as_good]
    axis = next((a for a in AXES if all(amount(one, a) is not None for one in eligible)), None)
    chosen = best if axis is None else min(eligible, key=lambda one: (amount(one, axis) or 0.0, one is not best))
    for rival in rivals:
        if rival.candidate is not chosen:
            passed[rival.candidate.name] = _passed(rival, best, axis, margin)
    figure, given = quality_of(best, metric.name, split), constraints.given()
    alone = len(fit) == 1 and not given
    reason = _alone(chosen, figure) if alone else _reason(rivals, chosen, figure, axis, margin)
    return Choice(constraints=given, candidate=chosen.name, alone=alone, reason=reason, passed_over=passed)


def _partial(candidate: Candidate, most: int) -> list[Miss]:
    """What stands against a candidate that has results of some cases only: they may be the ones that it can do."""
    if candidate.kind == "published" or not candidate.asked or candidate.asked >= WHOLE * most:
        return []
    return [Miss(f"it has results of {candidate.asked} of {most} cases alone", 100.0)]


def unmet(candidate: Candidate, metric: Metric, constraints: Constraints, split: str = "all") -> list[Miss]:
    """What stands against `candidate`, first what no constraint asks: that it was measured, on these cases."""
    found = []
    if candidate.kind == "published":
        found.append(Miss("measured elsewhere, not on these cases", 100.0))
    if candidate.simulated:
        found.append(Miss("simulated: its answers were made up for a study", 100.0))
    if candidate.asked and not candidate.answered:
        found.append(Miss("it answered nothing", 100.0))
    figure = quality_of(candidate, metric.name, split)
    if figure.value is None:
        found.append(Miss(f"its quality is unknown: {figure.method}", 100.0))
    elif constraints.min_quality is not None:
        found += _poor(figure, metric, constraints.min_quality)
    limits: tuple[tuple[Axis, float | None], ...] = (
        ("cost", constraints.max_cost),
        ("latency", constraints.max_latency_ms),
        ("carbon", constraints.max_carbon),
    )
    for axis, limit in limits:
        if limit is None:
            continue
        value = amount(candidate, axis)
        if value is None:
            found.append(Miss(f"its {axis} is unknown, and at most {said(limit, axis)} was asked", 10.0))
        elif value > limit:
            found.append(Miss(f"{said(value, axis)}, over {said(limit, axis)}", value / limit - 1 if limit else 10.0))
    return found + _of_another_kind(candidate, constraints)


def _poor(figure: Estimate, metric: Metric, limit: float) -> list[Miss]:
    """Said of the figure and of its interval, which is what must keep to the limit."""
    higher = metric.better == "higher"
    sign, end = (1.0, figure.low) if higher else (-1.0, figure.high)
    value = figure.value or 0.0
    by = max(sign * (limit - value), 0.0) / (abs(limit) or 1.0)
    if sign * (value - limit) < 0:
        return [Miss(f"quality {_figure(figure)}, {'under' if higher else 'over'} {limit:.3g}", by)]
    if end is None:
        return [Miss(f"quality {value:.3g} without an interval ({figure.method}): {limit:.3g} is not shown", 0.0)]
    if sign * (end - limit) < 0:
        which = "lower" if higher else "upper"
        return [Miss(f"quality {_figure(figure)}: the figure keeps to {limit:.3g}, its {which} end does not yet", 0.0)]
    return []


def _of_another_kind(candidate: Candidate, constraints: Constraints) -> list[Miss]:
    """Of licence, place and language."""
    found = []
    if constraints.licences:
        allowed = {name.strip().casefold() for name in constraints.licences}
        own = [name for name in re.split(r"\s*[,;+]\s*|\s+and\s+", candidate.licence.strip(), flags=re.I) if name]
        if not own:
            found.append(Miss("its licence is unknown", 1.0))
        elif others := [name for name in own if name.casefold() not in allowed]:
            found.append(Miss(f"its licence is {', '.join(others)}, not one of {', '.join(constraints.licences)}", 1.0))
    if constraints.on_premises and not candidate.on_premises:
        unknown = candidate.on_premises is None
        found.append(Miss("where it runs is unknown" if unknown else "it runs off the premises", 1.0))
    if constraints.languages:
        spoken = {name.casefold() for name in candidate.languages}
        if not spoken:
            found.append(Miss("its languages are unknown", 1.0))
        elif missing := [name for name in constraints.languages if name.casefold() not in spoken]:
            found.append(Miss(f"it is not made for {', '.join(missing)}", 1.0))
    return found


def _rivals(
    fit: Sequence[Candidate],
    metric: Metric,
    margin: float,
    cases: Sequence[Case],
    outcomes: Outcomes,
    split: str,
    seed: int,
) -> list[Rival]:
    """The best first, and the others against it. That it is the best on the very cases is to their disadvantage."""
    sign = 1.0 if metric.better == "higher" else -1.0
    best = _best(fit, metric, cases, outcomes, split)
    level = 0.05 / max(len(fit) - 1, 1)
    top = scored(metric, cases, outcomes.get(best.name, {}))
    rivals = [Rival(best, Estimate(value=None, method="the best itself"), True)]
    for one in fit:
        if one is best:
            continue
        own = scored(metric, cases, outcomes.get(one.name, {}))
        pair = paired(cases, top, own) if sign > 0 else paired(cases, own, top)
        if pair is None:
            rivals.append(Rival(one, Estimate(value=None, method=f"no case in common with {named(best)}"), False))
            continue
        worse, error = difference(metric, pair, confidence=1 - level, seed=seed)
        short = margin - (worse.value or 0.0)
        if worse.high is not None:  # of rare disagreements it is wider than the error says
            error = max(error, (worse.high - (worse.value or 0.0)) / _NORMAL.inv_cdf(1 - level / 2))
        more = needed(short, error, worse.n, worse.families, level=level) if short > 0 else None
        rivals.append(Rival(one, worse, worse.high is not None and worse.high <= margin, more))
    return rivals


def _best(fit: Sequence[Candidate], metric: Metric, cases: Sequence[Case], outcomes: Outcomes, split: str) -> Candidate:
    """The best on the cases that all have a result of: whoever left out what it cannot do is not the better for it."""
    sign = 1.0 if metric.better == "higher" else -1.0
    rows = {one.name: scored(metric, cases, outcomes.get(one.name, {})) for one in fit}
    shared = [case.id for case in cases if all(case.id in found for found in rows.values())]

    def quality(one: Candidate) -> tuple[float, float]:
        own = sign * (quality_of(one, metric.name, split).value or 0.0)
        if not shared:
            return own, own
        sums = np.asarray([rows[one.name][case] for case in shared], dtype=np.float64).sum(axis=0)
        value = sign * float(metric.combine(np.asarray(sums)))
        return (value if math.isfinite(value) else -math.inf), own

    return max(fit, key=quality)


def untold(choice: Choice) -> tuple[str, ...]:
    """The candidates that the cases do not tell from the one that is recommended: neither as good, nor worse."""
    return tuple(name for name, why in choice.passed_over.items() if choice.candidate and why.startswith(_UNSHOWN))


def _alone(chosen: Candidate, figure: Estimate) -> str:
    return (
        f"{named(chosen)} ({_figure(figure)}) is the only one that answered here and is no simulation; whether it is"
        " good enough is not said: --min-quality asks for so much"
    )


def _reason(rivals: list[Rival], chosen: Candidate, figure: Estimate, axis: Axis | None, margin: float) -> str:
    """Why `chosen`, in a sentence; `figure` is the quality of the best of them."""
    best, eligible = rivals[0].candidate, [rival for rival in rivals if rival.as_good]
    if len(rivals) == 1:
        return f"{named(best)} ({_figure(figure)}) is the only candidate that meets what was asked"
    if axis is None:
        return f"{named(best)} has the best quality ({_figure(figure)}); what the others would save is unknown"
    if len(eligible) == 1:
        return (
            f"{named(best)} has the best quality ({_figure(figure)}) of those that meet what was asked, and no other is"
            f" shown to be within {margin:.3g} of it"
        )
    unknown = [named(rival.candidate) for rival in eligible if amount(rival.candidate, "cost") is None]
    instead = f"; by {axis}, the cost of {', '.join(unknown)} being unknown" if unknown else ""
    least = said(amount(chosen, axis) or 0.0, axis)
    if chosen is best:
        return f"{named(best)} has the best quality ({_figure(figure)}), and takes the least ({least}){instead}"
    worse = next(rival.worse for rival in rivals if rival.candidate is chosen)
    return (
        f"{named(chosen)} takes the least ({least}, against {said(amount(best, axis) or 0.0, axis)}) of those shown to"
        f" be at most {margin:.3g} worse than the best, {named(best)} ({_figure(figure)}): worse by"
        f" {_figure(worse)}{instead}"
    )


def _passed(rival: Rival, best: Candidate, axis: Axis | None, margin: float) -> str:
    """Why it is not the one, though it meets the constraints."""
    one, worse = rival.candidate, rival.worse
    if rival.as_good and axis is None:
        return f"as good within {margin:.3g}, but what it would save is unknown"
    if rival.as_good and axis is not None:
        value = said(amount(one, axis) or 0.0, axis)
        return f"{'the best' if one is best else f'as good within {margin:.3g}'}, but takes more: {value}"
    if worse.value is None:
        return worse.method
    if worse.low is not None and worse.low > margin:
        return f"worse than {named(best)} by {_figure(worse)}, more than {margin:.3g}"
    many = f"; about {rival.needs:,} more cases might show it" if rival.needs else ""
    return f"{_UNSHOWN} {margin:.3g} of {named(best)}: worse by {_figure(worse)}{many}"


def _nearest(candidates: Sequence[Candidate], misses: dict[str, list[Miss]]) -> str:
    if not candidates:
        return "there is no candidate"
    near = min(candidates, key=lambda one: (len(misses[one.name]), sum(miss.by for miss in misses[one.name])))
    return (
        f"no candidate meets what was asked; the nearest is {named(near)}:"
        f" {'; '.join(miss.says for miss in misses[near.name])}"
    )


def _figure(estimate: Estimate) -> str:
    """0.84 [0.80, 0.87]."""
    if estimate.value is None:
        return "unknown"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3g}"
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"
