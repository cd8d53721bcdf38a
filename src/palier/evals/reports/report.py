"""The report of a run: every figure of every candidate, what tells them apart, and what is not known.

Pages, tables and gates are drawn from it and compute nothing. The file is JSON, whole or not there, its owner's alone.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from palier.cases import Case, Outcome, Suite
from palier.errors import ConfigurationError
from palier.evals.elsewhere.importing import published
from palier.evals.estimates import overfit
from palier.evals.estimates.bigger import bigger as would_buy
from palier.evals.estimates.choosing import Constraints
from palier.evals.estimates.comparing import compare
from palier.evals.estimates.estimating import estimate, estimates
from palier.evals.figures import FORMAT, Bigger, Candidate, Comparison, Judged, Measured, Report, Run, SuiteSummary
from palier.evals.reports import tallies
from palier.evals.reports.measured import measure, values
from palier.interfaces.measuring import Metric
from palier.types import Label

if TYPE_CHECKING:
    from palier.metrics.zones import Zone

MAX_BYTES = 1 << 30
LATEST = 1e11
"""Seconds since 1970: later than any report is made."""
"""Of a report that is read."""
MAX_TEXT = 50_000
"""Characters of a text that a report keeps."""
MAX_TAGS = 60
MAX_CODE = 40
"""Characters of the code of an error."""
FEW = 100
"""Cases below which a note says that they are few."""

Outcomes = Mapping[str, Mapping[str, Outcome]]


class _Format(msgspec.Struct):
    format: str = ""


def assemble(
    run: Run,
    metrics: Sequence[Metric],
    *,
    baseline: str | None = None,
    constraints: Constraints | None = None,
    judged: Judged | None = None,
    texts: bool = True,
    compared: Sequence[str] | None = None,
    zone: Zone | None = None,
) -> Report:
    """All figures of `run`; the first of `metrics` is quality.

    `baseline` is what the others are compared with (without: the last tier that is no simulation and did not fail on
    all), by quality, and by the metrics that `compared` names: each further question makes every verdict harder to
    reach. Where a candidate was tuned on dev, only the holdout is compared. `zone` is where the measured energy was
    taken. Without `texts` the report holds figures alone, of each case too. Raises `ConfigurationError` where
    `baseline` was not run.
    """
    outcomes = {c.name: _of(run, c.name) for c in run.candidates if c.kind != "published"}
    quality = metrics[0]
    measured = tuple(measure(metric, run.cases, outcomes) for metric in metrics)
    candidates = tuple(
        _published(candidate, quality)
        if candidate.kind == "published"
        else _filled(candidate, run, metrics, outcomes[candidate.name], zone)
        for candidate in run.candidates
    )
    candidates = _spread(candidates, quality.name)
    tuned = any(candidate.tuned_on for candidate in candidates)
    split = "holdout" if tuned and any(case.split == "holdout" for case in run.cases) else "all"
    asked = [metric for metric in metrics if metric is quality or metric.name in (compared or ())]
    comparisons = _compared(asked, run.cases, outcomes, candidates, baseline, split)
    report = Report(
        suite=_summary(run),
        quality=quality.name,
        better=quality.better,
        candidates=candidates,
        comparisons=comparisons,
        bigger=_bigger(candidates, quality, constraints, run.cases, outcomes),
        judged=judged,
        machine=run.machine,
        command=run.command,
        created=run.created,
        version=version("palier"),
        collections=run.collections,
        versions=run.versions,
        carbon_method="; ".join(
            dict.fromkeys(c.resources.carbon.method for c in candidates if c.resources.carbon.method)
        ),
        notes=(*run.notes, *tallies.notes(run, candidates, outcomes, few=FEW)),
        measured=measured,
        settings=_settings(run.suite),
        cases=tuple(_cut_case(case) for case in run.cases),
        outcomes=_kept(metrics, measured, run.cases, outcomes),
    )
    return report if texts else without_texts(report)


def _codes(errors: Mapping[str, int]) -> dict[str, int]:
    """Errors by the stable word they begin with: what follows may repeat a text."""
    found: dict[str, int] = {}
    for error, count in errors.items():
        code = error.partition(":")[0]
        code = code if code.replace("_", "").isalpha() and code.isascii() and len(code) <= MAX_CODE else "others"
        found[code] = found.get(code, 0) + count
    return found


def without_texts(report: Report) -> Report:
    """The report with figures alone: nothing that a document, a case or a model said."""
    cases = tuple(
        Case(
            id=case.id,
            split=case.split,
            family=case.family,
            kind=case.kind,
            answerable=case.answerable,
            language=case.language,
            tags=case.tags,
        )
        for case in report.cases
    )
    outcomes = tuple(
        msgspec.structs.replace(outcome, output="", said="", error="", retrieved=(), label=Label.INTERNAL)
        for outcome in report.outcomes
    )
    candidates = tuple(
        msgspec.structs.replace(candidate, errors=_codes(candidate.errors)) for candidate in report.candidates
    )
    judged = report.judged
    return msgspec.structs.replace(
        report,
        texts=False,
        judged=judged and msgspec.structs.replace(judged, reasons=_codes(judged.reasons)),
        cases=cases,
        outcomes=outcomes,
        candidates=candidates,
        suite=msgspec.structs.replace(report.suite, label=Label.INTERNAL),
    )


# --- the file --------------------------------------------------------------------------------------------------------


def load(path: Path) -> Report:
    """Read a report. Raises `ConfigurationError` where it is none, or one of another format."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigurationError(f"{path} has more than {MAX_BYTES} bytes: no report")
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    hint = "`palier bench SUITE` writes report.json"
    try:
        found = msgspec.json.decode(content, type=_Format).format
        if found != FORMAT:
            raise ConfigurationError(f"{path} is no report of a benchmark: its format is `{found[:60]}`", hint=hint)
        report = msgspec.json.decode(content, type=Report)
        if not 0 <= report.created <= LATEST:
            raise ConfigurationError(
                f"{path} is no report of a benchmark: it was made at {report.created:g}", hint=hint
            )
        return report
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is no report of a benchmark: {error}", hint=hint) from None
    except RecursionError:
        raise ConfigurationError(f"{path} is nested too deeply: no report", hint=hint) from None


def write(report: Report, path: Path) -> None:
    """As JSON, by `save`."""
    save(msgspec.json.encode(report), path)


def save(content: bytes, path: Path) -> None:
    """Whole or not at all, and for its owner alone. Raises `ConfigurationError`."""
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).rename(path)
        except OSError:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None


# --- candidates ------------------------------------------------------------------------------------------------------


def _of(run: Run, candidate: str) -> dict[str, Outcome]:
    """What was asked of it, in the order of the cases."""
    found = run.outcomes.get(candidate, {})
    return {case.id: found[case.id] for case in run.cases if case.id in found}


def _filled(
    candidate: Candidate, run: Run, metrics: Sequence[Metric], outcomes: Mapping[str, Outcome], zone: Zone | None
) -> Candidate:
    pairs = [(case, outcomes[case.id]) for case in run.cases if case.id in outcomes]
    quality = metrics[0]
    figures = {metric.name: estimates(metric, pairs) for metric in metrics}
    whole = {name: found["all"] for name, found in figures.items()}
    found = list(outcomes.values())
    metered = [one for one in run.metered if one.candidate == candidate.name]
    return msgspec.structs.replace(
        candidate,
        metrics=figures,
        by_tag={tag: estimate(quality, part) for tag, part in tallies.by_tag(pairs, MAX_TAGS).items()},
        **tallies.counts(found),
        errors=tallies.errors(found),
        shares=tallies.shares(found),
        guarded=tallies.guarded(found),
        resources=tallies.resources(found, metered, zone, candidate.away),
        latency=None if len(candidate.replayed) == len(candidate.models) > 0 else tallies.latency(found),
        throughput=run.throughputs.get(candidate.name, candidate.throughput),
        gap=overfit.gap(quality, pairs),
        stability=overfit.stability(quality, pairs),
        judge=whole.get("judge", candidate.judge),
        edits=whole.get("edits", candidate.edits),
        reliability=tallies.reliability(quality, pairs),
    )


def _published(candidate: Candidate, quality: Metric) -> Candidate:
    figures = candidate.published
    if figures is None:
        raise ConfigurationError(f"candidate `{candidate.name}` is published, and has no figures")
    found = published(figures, proportion=quality.kind == "proportion")
    return msgspec.structs.replace(
        candidate, metrics={quality.name: {"all": found}}, resources=tallies.published(figures)
    )


def _spread(candidates: tuple[Candidate, ...], quality: str) -> tuple[Candidate, ...]:
    """Each with what its prompt variants differ by, where it has any."""
    found = overfit.spread(candidates, quality)
    return tuple(msgspec.structs.replace(c, spread=found[c.name]) if c.name in found else c for c in candidates)


def _compared(
    metrics: Sequence[Metric],
    cases: Sequence[Case],
    outcomes: Outcomes,
    candidates: Sequence[Candidate],
    baseline: str | None,
    split: str,
) -> tuple[Comparison, ...]:
    if len(outcomes) < 2:
        return ()
    if baseline is None:
        real = [c for c in candidates if not c.simulated and c.name in outcomes and c.failed < c.asked]
        tiers = [c.name for c in real if c.kind == "tier"]
        baseline = tiers[-1] if tiers else real[0].name if real else next(iter(outcomes))
    return compare(metrics, cases, outcomes, baseline=baseline, split=split)


def _bigger(
    candidates: Sequence[Candidate],
    quality: Metric,
    constraints: Constraints | None,
    cases: Sequence[Case],
    outcomes: Outcomes,
) -> Bigger:
    return would_buy(candidates, quality, constraints or Constraints(), cases, outcomes)


# --- what it was run on ----------------------------------------------------------------------------------------------


def _summary(run: Run) -> SuiteSummary:
    suite = run.suite
    labels = [case.label for case in run.cases if case.label is not None]
    for of in run.outcomes.values():
        for outcome in of.values():
            labels += [outcome.label, *(passage.label for passage in outcome.retrieved if passage.text)]
    splits = {split: sum(case.split == split for case in run.cases) for split in ("dev", "holdout")}
    return SuiteSummary(
        name=suite.name,
        version=suite.version,
        task=suite.task,
        digest=suite.digest,
        title=suite.title,
        licence=suite.licence,
        source=suite.source,
        cases={split: count for split, count in splits.items() if count},
        label=Label.highest(*labels) if labels else Label.INTERNAL,
    )


def _settings(suite: Suite) -> Suite:
    """Enough to build its metrics again: labels that only the cases name are kept."""
    labels = suite.labels
    if not labels and suite.task == "classification":
        labels = tuple(sorted({text for case in suite.cases for text in case.references if text}))
    return msgspec.structs.replace(suite, cases=(), candidates={}, labels=labels)


def _cut_case(case: Case) -> Case:
    return msgspec.structs.replace(
        case,
        input=_cut(case.input),
        messages=tuple(msgspec.structs.replace(m, content=_cut(m.content)) for m in case.messages),
        references=tuple(map(_cut, case.references)),
        evidence=tuple(map(_cut, case.evidence)),
    )


def _kept(
    metrics: Sequence[Metric], measured: Sequence[Measured], cases: Sequence[Case], outcomes: Outcomes
) -> tuple[Outcome, ...]:
    """Outcomes, case by case, each with the figure of every metric on it alone; texts cut to their limit."""
    alone = {
        name: {metric.name: values(metric, m, name) for metric, m in zip(metrics, measured, strict=True)}
        for name in outcomes
    }
    found = []
    for case in cases:
        for name, of in outcomes.items():
            if (outcome := of.get(case.id)) is None:
                continue
            figures = {metric: row[case.id] for metric, row in alone[name].items() if case.id in row}
            found.append(
                msgspec.structs.replace(
                    outcome,
                    candidate=name,
                    metrics=figures,
                    output=_cut(outcome.output),
                    said=_cut(outcome.said),
                    error=_cut(outcome.error, 2000),
                    retrieved=tuple(msgspec.structs.replace(p, text=_cut(p.text)) for p in outcome.retrieved),
                )
            )
    return tuple(found)


_LONE = re.compile("[\ud800-\udfff]")
"""Half of a character: no JSON may hold it."""


def _cut(text: str, limit: int = MAX_TEXT) -> str:
    kept = text if len(text) <= limit else f"{text[:limit]}… [cut: it has {len(text):,} characters]"
    return _LONE.sub("\ufffd", kept)
