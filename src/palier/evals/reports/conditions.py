"""Conditions under which a benchmark fails: `--fail-if "quality < 0.8"`, for a pull request or a nightly run.

    condition = figure ("<" | "<=" | ">" | ">=" | "==" | "!=") number ["%"]
              | [subject] ("worse" | "not better") ["than" CANDIDATE]
    figure    = [CANDIDATE "."] NAME ["." SPLIT] ["." ("low" | "high")]
    subject   = CANDIDATE | METRIC | CANDIDATE "." METRIC | "any"

NAME is `quality`, a metric of the suite or one of `FIGURES`; SPLIT is `dev`, `holdout` or `all`. Without a candidate a
condition is about each that was run: published figures are left out. `failed`, `abstained`, `unreached` (abstained
after a model had failed) and `answered` are counts, or with `%` shares of what was asked. A figure that is unknown
makes its condition hold, and says so: a gate never passes for want of a figure. Nothing of a condition is evaluated as
code.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from palier.errors import ConfigurationError
from palier.evals.figures import Candidate, Comparison, Estimate, Latency, Quantiles, Report
from palier.evals.reports import wording
from palier.types import Data, Quantity

LONGEST = 300
"""Characters of one condition."""

_OPERATORS = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_COUNTS = ("asked", "answered", "abstained", "failed", "unreached")
_RESOURCES = ("cost", "energy", "carbon")
_QUANTILES = ("p50", "p95", "p99")
_ESTIMATES = ("gap", "stability", "judge", "edits")
FIGURES = (
    *_COUNTS,
    *_RESOURCES,
    *_QUANTILES,
    *(f"first_{q}" for q in _QUANTILES),
    *(f"token_{q}" for q in _QUANTILES),
    *_ESTIMATES,
    "spread",
    "throughput",
    "parameters",
)
"""Beside `quality` and the metrics: cost in US dollars, energy in Wh and carbon in g of a request, times in ms."""

_SPLITS = ("dev", "holdout", "all")
_BOUNDS = ("low", "high")
_FIGURE = re.compile(
    r"(?P<path>.*?\S)\s*(?P<op><=|>=|==|!=|<|>)\s*(?P<number>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(?P<percent>%?)"
)
_VERDICT = re.compile(r"(?:(?P<subject>.*?\S)\s+)?(?P<word>worse|not\s+better)(?:\s+than\s+(?P<than>.*?\S))?")


class Threshold(Data, frozen=True, kw_only=True):
    """A figure beyond a number; `path` is all before the operator."""

    path: str
    op: str
    number: float
    percent: bool = False

    def __str__(self) -> str:
        return f"{self.path} {self.op} {self.number!r}{'%' if self.percent else ''}"

    @property
    def limit(self) -> float:
        return self.number / 100 if self.percent else self.number


class Told(Data, frozen=True, kw_only=True):
    """A verdict of a comparison. `than` empty: any baseline it was compared with."""

    subject: str = ""
    word: Literal["worse", "not better"]
    than: str = ""

    def __str__(self) -> str:
        words = [self.subject, self.word, f"than {self.than}" if self.than else ""]
        return " ".join(word for word in words if word)


Condition = Threshold | Told


class _Place(Data, frozen=True, kw_only=True):
    """Where a figure stands in the report."""

    candidate: str
    figure: str
    split: str
    bound: str


def parse(text: str) -> Condition:
    """Read one condition. Raises `ConfigurationError` that shows how one looks."""
    flat = " ".join(text.split())
    hint = 'such as "quality < 0.8", "cascade.cost > 0.001", "failed > 1%" or "cascade worse than tier-2"'
    if len(flat) > LONGEST:
        raise ConfigurationError(f"a condition has {len(flat)} characters, more than {LONGEST}", hint=hint)
    if found := _FIGURE.fullmatch(flat):
        try:
            number = float(found["number"])
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ConfigurationError(f"`{flat}`: `{found['number']}` is no number", hint=hint)
        return Threshold(path=found["path"], op=found["op"], number=number, percent=bool(found["percent"]))
    if found := _VERDICT.fullmatch(flat):
        word: Literal["worse", "not better"] = "worse" if found["word"] == "worse" else "not better"
        return Told(subject=found["subject"] or "", word=word, than=found["than"] or "")
    raise ConfigurationError(f"`{wording.one_line(flat, 100)}` is no condition", hint=hint)


def check(text: str, candidates: Sequence[str], metrics: Sequence[str]) -> Condition:
    """`parse`, and see that its names are there: before hours are spent on a run. Raises `ConfigurationError`."""
    condition = parse(text)
    if isinstance(condition, Threshold):
        _place(condition, candidates, metrics)
    else:
        _subject(condition, candidates, metrics)
        if condition.than and condition.than not in candidates:
            raise _unknown(str(condition), condition.than, "candidate", candidates)
    return condition


def failing(report: Report, conditions: str | Iterable[str]) -> list[str]:
    """Why the report fails them, a sentence for each candidate and condition; empty where it passes.

    Raises `ConfigurationError` where a condition cannot be read or names what is not there.
    """
    every = [conditions] if isinstance(conditions, str) else list(conditions)
    names = [candidate.name for candidate in report.candidates]
    metrics = list(dict.fromkeys([report.quality, *wording.columns(report), *(c.metric for c in report.comparisons)]))
    reasons: list[str] = []
    for text in every:
        condition = check(text, names, metrics)
        if isinstance(condition, Threshold):
            reasons += _beyond(report, condition, _place(condition, names, metrics))
        else:
            reasons += _told(report, condition, *_subject(condition, names, metrics))
    return reasons


# --- names -----------------------------------------------------------------------------------------------------------


def _place(condition: Threshold, candidates: Sequence[str], metrics: Sequence[str]) -> _Place:
    """Split `path` from its end, since names of candidates may hold dots."""
    parts = condition.path.split(".")
    bound = parts.pop() if len(parts) > 1 and parts[-1] in _BOUNDS else ""
    split = parts.pop() if len(parts) > 1 and parts[-1] in _SPLITS else ""
    known = ["quality", *metrics, *FIGURES]
    figure = next((f for f in sorted(known, key=len, reverse=True) if _ends(parts, f)), None)
    if figure is None:
        raise _unknown(str(condition), parts[-1], "figure", known)
    candidate = ".".join(parts)[: -len(figure)].removesuffix(".")
    if candidate and candidate not in candidates:
        raise _unknown(str(condition), candidate, "candidate", candidates)
    if split and figure in FIGURES:
        raise ConfigurationError(f"`{condition}`: `{figure}` has no splits")
    if bound and figure not in ("quality", *metrics, *_RESOURCES, *_ESTIMATES):
        raise ConfigurationError(f"`{condition}`: `{figure}` has no interval")
    if condition.percent and figure == "asked":
        raise ConfigurationError(f"`{condition}`: a share of what was asked is always 100 %")
    return _Place(candidate=candidate, figure=figure, split=split or "all", bound=bound)


def _ends(parts: Sequence[str], figure: str) -> bool:
    path = ".".join(parts)
    return path == figure or path.endswith(f".{figure}")


def _subject(condition: Told, candidates: Sequence[str], metrics: Sequence[str]) -> tuple[str, str]:
    """Candidate and metric, each empty for any."""
    subject = condition.subject
    if not subject:
        return "", "quality"
    if subject == "any":
        return "", ""
    if subject in candidates:
        return subject, "quality"
    if subject in ("quality", *metrics):
        return "", subject
    for metric in ("quality", *metrics, "any"):
        if subject.endswith(f".{metric}") and subject.removesuffix(f".{metric}") in candidates:
            return subject.removesuffix(f".{metric}"), "" if metric == "any" else metric
    raise _unknown(str(condition), subject, "candidate or metric", [*candidates, "quality", *metrics])


def _unknown(condition: str, name: str, kind: str, known: Sequence[str]) -> ConfigurationError:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    maybe = f"did you mean `{close[0]}`? " if close else ""
    return ConfigurationError(
        f"`{condition}`: there is no {kind} `{name}`", hint=f"{maybe}one of {', '.join(dict.fromkeys(known))}"
    )


# --- figures ---------------------------------------------------------------------------------------------------------


def _beyond(report: Report, condition: Threshold, place: _Place) -> list[str]:
    if place.candidate:
        about = [c for c in report.candidates if c.name == place.candidate]
    else:
        about = [c for c in report.candidates if c.kind != "published"]
    if not about:
        return [f"{condition}: nothing was run that it could be said of"]
    reasons = []
    for candidate in about:
        value = _value(report, candidate, place, share=condition.percent)
        if value is None or not math.isfinite(value):
            reasons.append(f"{condition}: {place.figure} of {wording.name(candidate)} is unknown")
        elif _OPERATORS[condition.op](value, condition.limit):
            said = f"{100 * value:.4g} %" if condition.percent else f"{value:.6g}"
            what = ".".join(w for w in (place.figure, place.split if place.split != "all" else "", place.bound) if w)
            reasons.append(f"{condition}: {what} of {wording.name(candidate)} is {said}")
    return reasons


def _value(report: Report, candidate: Candidate, place: _Place, *, share: bool) -> float | None:
    figure = place.figure
    if figure in _COUNTS:
        count: int = getattr(candidate, figure)
        if candidate.asked == 0:
            return None
        return count / candidate.asked if share else count
    if figure in _RESOURCES:
        return _bound(getattr(candidate.resources, figure), place.bound)
    if figure in _ESTIMATES:
        return _bound(getattr(candidate, figure), place.bound)
    if figure in ("spread", "parameters"):
        value: float | None = getattr(candidate, figure)
        return value
    if figure == "throughput":
        return candidate.throughput.per_second if candidate.throughput else None
    if figure.endswith(_QUANTILES) and figure in FIGURES:
        return _time(candidate.latency, figure)
    metric = report.quality if figure == "quality" and "quality" not in candidate.metrics else figure
    return _bound(candidate.metrics.get(metric, {}).get(place.split), place.bound)


def _bound(figure: Estimate | Quantity | None, bound: str) -> float | None:
    if figure is None or figure.value is None:
        return None
    return figure.low if bound == "low" else figure.high if bound == "high" else figure.value


def _time(latency: Latency | None, figure: str) -> float | None:
    if latency is None:
        return None
    kind, _, quantile = figure.rpartition("_")
    of: Quantiles | None = {"": latency.total, "first": latency.first, "token": latency.per_token}[kind]
    value: float | None = getattr(of, quantile) if of else None
    return value


def _told(report: Report, condition: Told, candidate: str, metric: str) -> list[str]:
    wanted = report.quality if metric == "quality" else metric
    found = [
        turned
        for comparison in report.comparisons
        for turned in (comparison, _turned(comparison))
        if (not wanted or turned.metric == wanted)
        and (not candidate or turned.candidate == candidate)
        and (turned.baseline == condition.than if condition.than else turned is comparison)
    ]
    if not found:
        return [f"{condition}: unknown, they were not compared"]
    fails = ("worse",) if condition.word == "worse" else ("worse", "cannot tell")
    return [
        f"{condition}: {c.metric} of {wording.named(report, c.candidate)} against {wording.named(report, c.baseline)}"
        f" ({c.split}): {wording.verdict(c)}, {wording.estimate(c.difference, sign=True)}"
        for c in found
        if c.verdict in fails
    ]


_TURNED: dict[str, Literal["better", "worse", "cannot tell"]] = {"better": "worse", "worse": "better"}


def _turned(comparison: Comparison) -> Comparison:
    """The same, seen from the baseline."""
    d = comparison.difference
    return Comparison(
        metric=comparison.metric,
        split=comparison.split,
        candidate=comparison.baseline,
        baseline=comparison.candidate,
        difference=Estimate(
            value=None if d.value is None else -d.value,
            low=None if d.high is None else -d.high,
            high=None if d.low is None else -d.low,
            n=d.n,
            families=d.families,
            method=d.method,
        ),
        p=comparison.p,
        adjusted=comparison.adjusted,
        verdict=_TURNED.get(comparison.verdict, "cannot tell"),
        needs=comparison.needs,
    )
