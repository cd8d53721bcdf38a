"""The command line of `palier bench` to what is to be done: all that can be wrong is found before anything is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from palier.cases import Case, Outcome, Suite
from palier.config import Settings, load
from palier.errors import ConfigurationError
from palier.evals.runs import candidates, running, throughput
from palier.evals.runs.candidates import Planned

if TYPE_CHECKING:
    from palier.config import Route
    from palier.evals.estimates.choosing import Constraints
    from palier.interfaces.measuring import Metric
    from palier.versions import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The command line."""

    suite: Path
    candidates: str
    split: str
    limit: int | None
    concurrency: int
    user: str
    groups: list[str] | None
    again: bool
    retry_failed: bool
    results: Path | None
    report: Path | None
    html: Path | None
    markdown: Path | None
    without_texts: bool
    baseline: str
    compare: str
    fail_if: list[str] | None
    max_cost: float | None
    max_latency: str
    max_carbon: float | None
    licence: str
    on_premises: bool
    min_quality: float | None
    judge: str
    human: Path | None
    corrections: Path | None
    latency_limit: str
    declared: bool
    skip_bad: bool
    config: Path
    as_json: bool

    def names(self, text: str) -> list[str]:
        """The parts of a list of names."""
        return [name.strip() for name in text.split(",") if name.strip()]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that was checked before anything is asked."""

    settings: Settings
    live: Mapping[str, Version]
    """Students that answer, by candidate."""
    suite: Suite
    cases: tuple[Case, ...]
    planned: tuple[Planned, ...]
    given: dict[str, Mapping[str, Outcome]]
    metrics: tuple[Metric, ...]
    constraints: Constraints
    judge: Route | None
    latency_ms: float | None
    notes: tuple[str, ...]

    @property
    def versions(self) -> dict[str, str]:
        """Students that answer, by route."""
        return {version.route: version.id for version in self.live.values()}


def _check_written(wanted: Wanted) -> None:
    page = wanted.html or (wanted.report and wanted.report.with_suffix(".html"))
    options = {"--report": wanted.report, "--html": page, "--markdown": wanted.markdown, "--results": wanted.results}
    taken: dict[Path, str] = {}
    for option, path in options.items():
        if path is None:
            continue
        if not path.absolute().parent.is_dir():
            raise ConfigurationError(f"{path} cannot be written: {path.parent} is no folder")
        if (other := taken.setdefault(path.resolve(), option)) != option:
            raise ConfigurationError(
                f"{path} is both that of {other} and of {option}",
                hint="--report is JSON, and its page is a file beside it: --report x.json, or --html x.html alone",
            )


async def plan(wanted: Wanted) -> Plan:
    """Raises `ConfigurationError` and `InvalidRequest` for whatever is wrong."""
    from palier.app.served import live_in, served
    from palier.app.students import Taught
    from palier.evals import scoring
    from palier.evals.reports import conditions
    from palier.evals.suites import suite as suites

    declared = load(wanted.config)
    now = Taught(declared) if wanted.declared else await served(declared)
    settings = now.settings
    loaded = suites.read(wanted.suite, skip_bad=wanted.skip_bad)
    suite = loaded.suite
    planned = candidates.resolve(suite, settings, wanted.names(wanted.candidates), declared=declared)
    live = live_in(planned, now)
    measured = scoring.measured(suite)
    names = [one.name for one in planned]
    metrics = [metric.name for metric in measured.metrics]
    for condition in wanted.fail_if or ():
        conditions.check(condition, names, [*metrics, *(["judge"] if wanted.judge else [])])
    if wanted.baseline and wanted.baseline not in names:
        raise ConfigurationError(f"--baseline {wanted.baseline} is no candidate", hint=f"one of {', '.join(names)}")
    if unknown := [name for name in wanted.names(wanted.compare) if name not in metrics]:
        raise ConfigurationError(f"--compare {unknown[0]}: no such metric", hint=f"one of {', '.join(metrics)}")
    _check_written(wanted)
    for option, value in (
        ("--min-quality", wanted.min_quality),
        ("--max-cost", wanted.max_cost),
        ("--max-carbon", wanted.max_carbon),
    ):
        if value is not None and not math.isfinite(value):
            raise ConfigurationError(f"{option} {value} is no number to hold anything against")
    cases = running.select(suite, _split(wanted.split), wanted.limit)
    if not cases:
        raise ConfigurationError(f"suite `{suite.name}` has no case in --split {wanted.split}")
    given, notes = _imported(suite, planned)
    return Plan(
        settings=settings,
        live=live,
        suite=suite,
        cases=cases,
        planned=planned,
        given=given,
        metrics=measured.metrics,
        constraints=_constraints(wanted),
        judge=_judging_route(wanted, suite, declared),
        latency_ms=throughput.limit(wanted.latency_limit) if wanted.latency_limit else None,
        notes=(
            *(f"{fault.file}, line {fault.line} is left out: {fault.error.message}" for fault in loaded.faults),
            *measured.notes,
            *notes,
            *_served(live, now.problems, candidates.route_name(suite, settings)),
            *filter(None, (candidates.blocked(one, settings) for one in planned)),
            *([f"{len(cases)} of {len(suite.cases)} cases are asked"] if len(cases) < len(suite.cases) else []),
        ),
    )


def _served(live: Mapping[str, Version], problems: Mapping[str, str], route: str) -> list[str]:
    """Which students are measured; and why one that should be is not."""
    answering = {version.route: version.id for version in live.values()}
    told = "as it is live: --declared measures the settings' own"
    notes = [f"{version} answers on {name}, {told}" for name, version in answering.items()]
    if route in problems:
        notes.append(f"route `{route}` is measured as the settings say: {problems[route]}")
    return notes


def _split(name: str) -> Literal["dev", "holdout"] | None:
    match name:
        case "dev" | "holdout":
            return name
        case "all":
            return None
    raise ConfigurationError(f"--split {name} is unknown", hint="dev, holdout or all")


def _imported(suite: Suite, planned: Sequence[Planned]) -> tuple[dict[str, Mapping[str, Outcome]], list[str]]:
    from palier.evals.elsewhere import importing

    given: dict[str, Mapping[str, Outcome]] = {}
    notes: list[str] = []
    for one in planned:
        if one.kind == "imported":
            found = importing.read_results(Path(one.results), suite, candidate=one.name)
            given[one.name] = found
            notes += found.notes
    return given, notes


def _constraints(wanted: Wanted) -> Constraints:
    from palier.evals.estimates.choosing import Constraints

    return Constraints(
        max_cost=wanted.max_cost,
        max_latency_ms=throughput.limit(wanted.max_latency) if wanted.max_latency else None,
        max_carbon=wanted.max_carbon,
        licences=tuple(wanted.names(wanted.licence)),
        on_premises=wanted.on_premises,
        min_quality=wanted.min_quality,
    )


def _judging_route(wanted: Wanted, suite: Suite, settings: Settings) -> Route | None:
    if not wanted.judge:
        if "judge" in (suite.quality, *suite.metrics):
            raise ConfigurationError(f"suite `{suite.name}` is measured by a judge", hint="say who: --judge TIER")
        return None
    from palier.evals.judging.judge import route_of

    (alone,) = candidates.resolve(suite, settings, [wanted.judge])
    if alone.route is None:
        raise ConfigurationError(f"--judge {wanted.judge} cannot judge: it is not asked here")
    home = settings.routes[candidates.route_name(suite, settings)]
    return route_of(settings, wanted.judge, alone.route, home)
