"""`palier calibrate` and `palier replay`: a threshold with a guarantee, and what it does on other records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from palier.cli import files, terminal
from palier.cli.session import CONFIG, Config, Json, session
from palier.errors import ConfigurationError, InvalidRequest, NotFound

if TYPE_CHECKING:
    from palier.calibrate import Reading, Replayed
    from palier.calibrate.replay import Saving
    from palier.calibrate.report import Report, ReportTier, Segment
    from palier.interfaces import Vectors
    from palier.policies import RouteStatus
    from palier.routing.records import Record

NOT_CERTIFIABLE = 3

Records = Annotated[Path, typer.Option("--records", "-r", help="Records, JSON lines; `-`: standard input.")]
Risk = Annotated[float, typer.Option("--risk", help="The share of wrong answers that is allowed, between 0 and 1.")]
Confidence = Annotated[float, typer.Option("--confidence", help="How sure that must be.")]
Target = Annotated[str, typer.Option("--target", help="kept, regret or total: whose errors are bounded.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The policy.")]
Route = Annotated[str, typer.Option("--route", help="The route it is for.", show_default="the only one, if any")]
Questions = Annotated[bool, typer.Option("--questions", help="Let the question be a signal: records need `text`.")]
Mode = Annotated[str, typer.Option("--mode", help="cascade: judge drafts; route: choose a tier by the question alone.")]
Segments = Annotated[bool, typer.Option("--segments", help="Bound the error within each segment, too.")]
AbstainLoss = Annotated[float, typer.Option("--abstain-loss", help="What an abstention counts as, in `total`.")]
Source = Annotated[str, typer.Option("--label-source", help="Labels of this source.", show_default="the only one")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out lines that cannot be read.")]
Picture = Annotated[Path | None, typer.Option("--svg", help="Draw the diagrams.", show_default=False)]
PolicyFile = Annotated[Path, typer.Option("--policy", "-p", help="The policy.")]
CostRange = Annotated[str, typer.Option("--cost-range", metavar="LO,HI", help="Of auc_norm.", show_default="its own")]


def calibrate(
    records: Records,
    risk: Risk = 0.10,
    confidence: Confidence = 0.95,
    target: Target = "kept",
    output: Output = Path("policy.json"),
    route: Route = "",
    config: Config = CONFIG,
    mode: Mode = "cascade",
    questions: Questions = False,
    segments: Segments = False,
    abstain_loss: AbstainLoss = 1.0,
    label_source: Source = "",
    skip_bad: SkipBad = False,
    svg: Picture = None,
    as_json: Json = False,
) -> None:
    """Find the threshold from which answers kept at home are wrong at most so often, and prove it."""

    async def main() -> int:
        from palier import calibrate as calibration
        from palier.calibrate import drawing
        from palier.routing import policy as policies
        from palier.routing.fitting import Aim

        aim = Aim(risk, confidence, _target(target), abstain_loss)
        way = _mode(mode)
        files.check_folders(output, svg)
        with files.lines(records) as lines:
            reading = calibration.read(lines, label_source=label_source, skip_bad=skip_bad)
        if not reading.records:
            raise InvalidRequest("there are no records", hint="palier sample says what was drawn and judged so far")
        in_project = bool(route) or config.exists()
        status = await _status(config, route, reading) if in_project else None
        outcome = calibration.calibrate(
            reading,
            aim,
            route=status.route if status else "",
            fingerprint=status.fingerprint if status else None,
            questions=_embedded(reading.records) if questions or way == "route" else None,
            mode=way,
            segments=segments,
        )
        if svg is not None:
            files.write(svg, drawing.svg(outcome.report).encode())
        if outcome.policy is not None:
            files.write(output, policies.dump(outcome.policy), private=calibration.needs_questions(outcome.policy))
            if calibration.needs_questions(outcome.policy):
                terminal.note(f"{output} holds what is left of the questions' vectors: as confidential as they are")
        if as_json:
            terminal.json_line(outcome.report)
        else:
            _show(outcome.report, output, str(outcome.policy.guarantee) if outcome.policy else "")
        for note in outcome.report.notes:
            terminal.note(note)
        if outcome.policy is None and output.exists():
            terminal.note(f"{output} is left as it was")
        if outcome.policy is not None and status is None:
            terminal.note("it does not say what it was fitted on: --route names the route a gateway may use it for")
        return 0 if outcome.policy is not None else NOT_CERTIFIABLE

    terminal.run(main)


def replay(
    records: Records,
    policy: PolicyFile,
    cost_range: CostRange = "",
    label_source: Source = "",
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Apply a policy to other records, by the gateway's own decision."""

    def main() -> None:
        from palier import calibrate as calibration
        from palier.routing import policy as policies

        limits = _range(cost_range)
        made = policies.load(policy)
        with files.lines(records) as lines:
            reading = calibration.read(lines, label_source=label_source, skip_bad=skip_bad)
        found = calibration.replay(
            reading.records,
            made,
            questions=_embedded(reading.records) if calibration.needs_questions(made) else None,
            cost_range=limits,
            fingerprint=reading.fingerprint,
        )
        if as_json:
            terminal.json_line(found)
        else:
            _show_replay(found, str(made.guarantee))
        if reading.label_source != (source := made.guarantee.label_source):
            terminal.note(
                f"these records are judged by `{reading.label_source}`, the policy by `{source}`: of those it promises"
                " nothing"
            )
        for note in reading.notes:
            terminal.note(note)

    terminal.run(main)


# --- files -----------------------------------------------------------------------------------------------------------


async def _status(config: Path, route: str, reading: Reading) -> RouteStatus | None:
    """The route a policy is for. None where none is named and not just one has the records' tiers."""
    async with session(config) as p:
        found = {status.route: status for status in await p.status()}
    tiers = reading.records[0].named
    if not route:
        alike = [status for status in found.values() if status.tiers == tiers]
        return alike[0] if len(alike) == 1 else None
    if route not in found:
        raise NotFound(f"there is no route `{route}`", hint=f"routes: {', '.join(found)}")
    if found[route].tiers != tiers:
        raise InvalidRequest(
            f"the records have the tiers {', '.join(tiers)}, and route `{route}` has {', '.join(found[route].tiers)}",
            hint="palier traces export --records writes those of a route",
            param="tiers",
        )
    return found[route]


def _embedded(records: Sequence[Record]) -> Vectors:
    """The questions' vectors, with a bar meanwhile: some hundred are made in a second."""
    from rich.progress import Progress

    from palier.calibrate import vectors

    with Progress(console=terminal.err(), transient=True) as bar:
        task = bar.add_task("reading the questions", total=len(records))
        return vectors(records, done=lambda count: bar.advance(task, count))


def _mode(name: str) -> Literal["cascade", "route"]:
    match name:
        case "cascade" | "route":
            return name
    raise InvalidRequest(f"--mode is `{name}`", hint="cascade or route", param="mode")


def _target(name: str) -> Literal["kept", "regret", "total"]:
    match name:
        case "kept" | "regret" | "total":
            return name
    raise InvalidRequest(f"--target is `{name}`", hint="kept, regret or total", param="target")


def _range(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise ConfigurationError(f"--cost-range is `{text}`", hint="two numbers: --cost-range 0.1,0.9") from None
    if not 0 <= low < high < math.inf:
        raise ConfigurationError(f"--cost-range is `{text}`", hint="the lower one first, from 0")
    return low, high


# --- for a person ----------------------------------------------------------------------------------------------------


def _show(report: Report, output: Path, promise: str) -> None:
    out = terminal.out()
    if report.policy:
        out.print(terminal.styled(("certified: ", "bold green"), promise), soft_wrap=True)
        bound = "" if report.upper is None else f", at most {report.upper:.1%} with that confidence"
        kept = f"kept {report.coverage:.1%} of {report.certified} rows; {report.observed or 0:.1%} was the risk{bound}"
        out.print(terminal.styled(kept), soft_wrap=True)
        out.print(terminal.styled(f"written to {output}"), soft_wrap=True)
    else:
        _show_shortfall(report)
    if report.cost is not None and report.cost_top:
        saved = 1 - report.cost / report.cost_top
        words = f"cost ${report.cost:.6g} a question; always the top ${report.cost_top:.6g} ({saved:+.0%} saved)"
        out.print(terminal.styled(words), soft_wrap=True)
    for tier in report.tiers:
        _show_tier(tier)
    if report.segments:
        rows = [_segment_row(segment) for segment in report.segments]
        out.print()
        terminal.columns(("segment", "rows", "kept", "wrong", "at most", "within risk"), rows)
    if len(report.curve) > 1:
        _show_curve(report)


def _segment_row(segment: Segment) -> tuple[str, ...]:
    return (
        segment.name or "(none)",
        str(segment.rows),
        str(segment.kept),
        _share(segment.observed),
        _share(segment.upper),
        "yes" if segment.holds else "no",
    )


def _show_shortfall(report: Report) -> None:
    out = terminal.out()
    shortfall = report.shortfall
    assert shortfall is not None
    asked = f"risk {report.risk:.3g} with confidence {report.confidence:.3g}"
    out.print(
        terminal.styled(("not certifiable: ", "bold red"), asked, f" from {report.records} records"), soft_wrap=True
    )
    most = 1.0 - shortfall.abstention_at_least
    words = f"of all drafts {shortfall.mean_risk:.1%} are wrong"
    if most < 1.0:
        words += f"; no threshold whatsoever could keep more than {most:.1%} at this risk"
    out.print(terminal.styled(words), soft_wrap=True)
    labels = shortfall.labels_needed
    told = "no threshold of these records comes near: a better tier, more risk, or --target regret"
    if labels:
        told = f"about {labels} labels would do (an estimate)"
    out.print(terminal.styled(told), soft_wrap=True)
    until = (
        'until then nothing is promised; without_policy = "climb" keeps nothing, and abstains where it may not climb'
    )
    out.print(terminal.styled(until), soft_wrap=True)


def _show_tier(tier: ReportTier) -> None:
    out = terminal.out()
    out.print()
    auroc = "unknown" if tier.auroc is None else f"{tier.auroc:.3f}"
    reached = "" if tier.threshold is None else f" (from {tier.threshold:.3f})"
    out.print(
        terminal.styled(
            (tier.name, "bold"),
            f": keeps {tier.kept:.1%}{reached}; right {tier.right:.1%} of {tier.rows}; AUROC {auroc},"
            f" Brier {tier.brier:.3f},"
            f" ECE {tier.ece:.3f} ({tier.kind})",
        ),
        soft_wrap=True,
    )
    for bar in tier.bins:
        full = round(30 * bar.observed)
        said = round(30 * bar.predicted)
        cells = ["█" if i < full else " " for i in range(31)]
        cells[said] = "│"
        line = f"  said {bar.predicted:.2f}  was {bar.observed:.2f} {''.join(cells)} {bar.count:>6}"
        out.print(terminal.styled(line), soft_wrap=True)


def _show_curve(report: Report) -> None:
    """Quality against cost, a line each for a few costs."""
    out = terminal.out()
    out.print()
    points = report.curve
    least, most = min(p.quality for p in points), max(p.quality for p in points)
    step = max((len(points) - 1) // 9, 1)
    for point in points[::step]:
        bar = "█" * (1 + round(29 * (point.quality - least) / max(most - least, 1e-9)))
        mark = "  ◀ about here" if report.cost is not None and point is _nearest(report) else ""
        line = f"  ${point.cost:<10.4g} right {point.quality:.3f} {bar}{mark}"
        out.print(terminal.styled(line), soft_wrap=True)


def _nearest(report: Report) -> object:
    points = report.curve[:: max((len(report.curve) - 1) // 9, 1)]
    return min(points, key=lambda point: abs(point.cost - (report.cost or 0.0)))


def _show_replay(found: Replayed, promise: str) -> None:
    out = terminal.out()
    out.print(terminal.styled(("the policy: ", "bold"), promise), soft_wrap=True)
    risk = "unknown" if found.risk is None else f"{found.risk:.1%} [{found.risk_low:.1%}, {found.risk_high:.1%}]"
    rows = [
        ("records", str(found.n)),
        ("risk", f"{risk}{'' if found.holds is not False else ': above what was promised'}"),
        ("kept", f"{found.coverage:.1%}"),
        ("cost", "unknown" if found.cost is None else f"${found.cost:.6g} a question"),
        ("right", "unknown" if found.quality is None else f"{found.quality:.1%}"),
        ("served by", ", ".join(f"{name} {share:.1%}" for name, share in found.shares.items())),
        ("auc_norm", "unknown" if found.auc_norm is None else f"{found.auc_norm:.4f}"),
        *((f"against {name}", _saved(saving)) for name, saving in found.savings.items()),
    ]
    for name, value in rows:
        out.print(terminal.styled((f"{name:<15} ", "bold"), value), soft_wrap=True)


def _saved(saving: Saving) -> str:
    cost = "cost unknown" if saving.share is None else f"{saving.share:+.1%} of its cost saved"
    quality = "quality unknown" if saving.quality is None else f"{100 * saving.quality:+.1f} points of quality"
    return f"{cost}, {quality}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
