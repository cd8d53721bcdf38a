"""Two reports of one suite: is each candidate better, worse, or can it not be told?

Paired by case, by the statistics that reports keep, so that reports without texts can be compared too. Holm corrects
over all comparisons of the two.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from palier.cases import Case, Outcome
from palier.errors import ConfigurationError
from palier.evals.estimates.comparing import LEVEL, Difference, Scored, difference, paired
from palier.evals.figures import Candidate, Comparison, Estimate, Report
from palier.evals.reports.measured import dense, kept
from palier.interfaces.measuring import Floats, Metric
from palier.metrics.differences import DRAWS, holm, holm_levels, needed, paired_p
from palier.types import Data

COST = "cost"
"""Compared beside the metrics, where it is known of the same cases on both sides."""


class Change(Data, frozen=True, kw_only=True):
    """One candidate by one metric. `why` there is no comparison, where there is none."""

    candidate: str
    metric: str
    before: Estimate | None
    after: Estimate | None
    comparison: Comparison | None = None
    why: str = ""


class Changes(Data, frozen=True, kw_only=True):
    """What became of the candidates that both reports have."""

    suite: str
    headline: str
    rows: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return tuple(row.comparison for row in self.rows if row.comparison)


class _Cost:
    """US dollars of a request, as a metric: (dollars, 1) of each case."""

    name = COST
    kind: Literal["proportion", "mean", "corpus"] = "mean"
    better: Literal["higher", "lower"] = "lower"
    low, high = 0.0, math.inf

    def statistics(self, case: Case, outcome: Outcome) -> Sequence[float] | None:
        """None where it is unknown."""
        return None if outcome.cost.value is None else (outcome.cost.value, 1.0)

    def combine(self, sums: Floats) -> Floats:
        """The mean."""
        return np.asarray(
            np.divide(sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] > 0)
        )


class _Raw(Data, frozen=True, kw_only=True):
    """A comparison before the correction, and where it belongs."""

    row: int
    metric: str
    candidate: str
    found: Difference
    better: str
    p: float


def differ(before: Report, after: Report) -> str:
    """Why the two are not of one suite; empty where they are."""
    one, other = before.suite, after.suite
    if one.name != other.name:
        return f"the suites are `{one.name}` and `{other.name}`"
    if one.digest != other.digest:
        said = (f"{suite.version}: {suite.digest[:12]}" for suite in (one, other))
        return f"suite `{one.name}` changed in between ({', then '.join(said)})"
    if before.quality != after.quality:
        return f"quality is `{before.quality}` in one, and `{after.quality}` in the other"
    return ""


def changes(
    before: Report,
    after: Report,
    *,
    renamed: Mapping[str, str] | None = None,
    compared: Collection[str] = (),
    anyway: bool = False,
) -> Changes:
    """`after` against `before`, for each candidate of both: by quality, and by the metrics that `compared` names.

    The figures of the others are shown beside: each further question makes every verdict harder to reach. A candidate
    with the same models, prompts and documents is not compared with itself. `renamed` says which candidate of `before`
    one of `after` is to be compared with, where its name is another. Raises `ConfigurationError` where the two are not
    of one suite, unless `anyway` (then of the cases that both asked), or have no candidate in common.
    """
    why = differ(before, after)
    if why and not anyway:
        raise ConfigurationError(
            f"the reports cannot be compared: {why}", hint="--anyway compares the cases whose ids are in both"
        )
    pairs = _pairs(before, after, renamed or {})
    if unknown := sorted(set(compared) - set(_names(before, after))):
        raise ConfigurationError(
            f"--compare {unknown[0]}: no such metric in both", hint=f"one of {', '.join(_names(before, after))}"
        )
    rows: list[Change] = []
    raw: list[_Raw] = []
    for old, new in pairs:
        for metric in _names(before, after):
            row = Change(candidate=new.name, metric=metric, before=_figure(old, metric), after=_figure(new, metric))
            if why_not := _not_asked(old, new, metric, (after.quality, *compared)):
                rows.append(msgspec.structs.replace(row, why=why_not))
                continue
            found = _difference(before, after, old.name, new.name, metric)
            if isinstance(found, str):
                row = msgspec.structs.replace(row, why=found)
            else:
                raw.append(msgspec.structs.replace(found, row=len(rows)))
            rows.append(row)
    for one, comparison in zip(raw, _corrected(raw), strict=True):
        rows[one.row] = msgspec.structs.replace(rows[one.row], comparison=comparison)
    notes = [f"compared all the same, though {why}"] if why else []
    notes += _left(before, after, pairs)
    return Changes(
        suite=after.suite.title or after.suite.name, headline=_headline(rows), rows=tuple(rows), notes=tuple(notes)
    )


def _not_asked(old: Candidate, new: Candidate, metric: str, compared: Sequence[str]) -> str:
    """Why no comparison is made; empty where one is."""
    if metric not in compared:
        return f"shown, not compared (--compare {metric})"
    if new.fingerprint and new.fingerprint == old.fingerprint:
        return "the same models, prompts and documents"
    return ""


def _pairs(before: Report, after: Report, renamed: Mapping[str, str]) -> list[tuple[Candidate, Candidate]]:
    known = {c.name: c for c in before.candidates if c.kind != "published"}
    for new, old in renamed.items():
        if old not in known or new not in {c.name for c in after.candidates}:
            raise ConfigurationError(
                f"there is no candidate `{old}` before, or no `{new}` after",
                hint=f"before: {', '.join(known)}; after: {', '.join(c.name for c in after.candidates)}",
            )
    found = [
        (known[renamed.get(c.name, c.name)], c)
        for c in after.candidates
        if renamed.get(c.name, c.name) in known and c.kind != "published"
    ]
    if not found:
        later = ", ".join(c.name for c in after.candidates)
        raise ConfigurationError(
            f"no candidate is in both: {', '.join(known) or 'none'} before, {later} after",
            hint="--as NEW=OLD names two that are to be compared",
        )
    return found


def _names(before: Report, after: Report) -> list[str]:
    """Metrics of both, quality first; and cost."""
    there = {m.name for m in before.measured}
    names = [m.name for m in after.measured if m.name in there]
    return [*names, COST]


def _figure(candidate: Candidate, metric: str) -> Estimate | None:
    if metric != COST:
        return candidate.metrics.get(metric, {}).get("all")
    cost = candidate.resources.cost
    return Estimate(value=cost.value, n=candidate.asked, method=cost.method)


def _difference(before: Report, after: Report, old: str, new: str, name: str) -> _Raw | str:
    metric, first, second = _statistics(before, after, old, new, name)
    if metric is None:
        return "cannot tell: what it is computed with is not installed here, or changed"
    pair = paired(after.cases, first, second)
    if pair is None:
        return "cannot tell: known of no case on both sides"
    found = difference(metric, pair)
    if found.estimate.value is None:
        return f"cannot tell: {found.estimate.method}"
    p = paired_p(*pair[:2], metric.combine, pair.groups, draws=2 * DRAWS)
    return _Raw(row=0, metric=name, candidate=new, found=found, better=metric.better, p=p)


def _statistics(before: Report, after: Report, old: str, new: str, name: str) -> tuple[Metric | None, Scored, Scored]:
    """The metric, and the statistics of the later and the earlier candidate."""
    if name == COST:
        cost = _Cost()
        return cost, _costs(after, new, cost), _costs(before, old, cost)
    one = next(m for m in before.measured if m.name == name)
    other = next(m for m in after.measured if m.name == name)
    metric = kept(after, other)
    if metric is None or (one.kind, one.better, one.length) != (other.kind, other.better, other.length):
        return None, {}, {}
    return metric, dense(other, new), dense(one, old)


def _costs(report: Report, candidate: str, cost: _Cost) -> dict[str, Sequence[float]]:
    cases = {case.id: case for case in report.cases}
    rows = {
        o.id: cost.statistics(cases[o.id], o) for o in report.outcomes if o.candidate == candidate and o.id in cases
    }
    return {case: row for case, row in rows.items() if row is not None}


def _corrected(raw: Sequence[_Raw]) -> list[Comparison]:
    p = [one.p for one in raw]
    if not p:
        return []
    found = []
    for one, adjusted, level in zip(raw, holm(p), holm_levels(p, LEVEL), strict=True):
        estimate = one.found.estimate
        value = estimate.value or 0.0
        told = adjusted <= LEVEL and value != 0.0
        verdict: Literal["better", "worse", "cannot tell"] = "cannot tell"
        if told:
            verdict = "better" if (value > 0) == (one.better == "higher") else "worse"
        more = None if told else needed(value, one.found.error, estimate.n, estimate.families, level=float(level))
        found.append(
            Comparison(
                metric=one.metric,
                split="all",
                candidate=one.candidate,
                baseline=f"{one.candidate}, before",
                difference=estimate,
                p=one.p,
                adjusted=float(adjusted),
                verdict=verdict,
                needs=more,
            )
        )
    return found


def _headline(rows: Sequence[Change]) -> str:
    told = [row.comparison for row in rows if row.comparison]
    worse = [f"{c.candidate} by {c.metric}" for c in told if c.verdict == "worse"]
    better = [f"{c.candidate} by {c.metric}" for c in told if c.verdict == "better"]
    parts = [f"Worse: {', '.join(worse)}" if worse else "", f"better: {', '.join(better)}" if better else ""]
    words = "; ".join(part for part in parts if part)
    if not words:
        same = all(c.difference.value == 0 for c in told) and bool(told)
        return "Nothing changed." if same else "No difference can be told."
    return f"{words[:1].upper()}{words[1:]}."


def _left(before: Report, after: Report, pairs: Sequence[tuple[Candidate, Candidate]]) -> list[str]:
    """What was not compared."""
    old = [c.name for c in before.candidates if c.kind != "published" and c.name not in {o.name for o, _ in pairs}]
    new = [c.name for c in after.candidates if c.kind != "published" and c.name not in {n.name for _, n in pairs}]
    found = [f"only before: {', '.join(old)}"] if old else []
    found += [f"only after: {', '.join(new)}"] if new else []
    ids = {case.id for case in before.cases}, {case.id for case in after.cases}
    if ids[0] != ids[1]:
        found.append(f"{len(ids[0] & ids[1]):,} cases are in both; {len(ids[0] ^ ids[1]):,} are in one alone")
    for report, when in ((before, "before"), (after, "after")):
        if made_up := [c.name for c in report.candidates if c.simulated]:
            found.append(f"simulated, {when}: {', '.join(made_up)}")
    return found
