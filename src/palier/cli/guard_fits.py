"""What `palier guard fit` fits, by kind: read, fit, write, tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palier.cli import files, terminal
from palier.errors import InvalidRequest
from palier.training import examples as reading
from palier.training import grounding, grounding_rows, scope


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was given. `refused`: None is the kind's own."""

    examples: Path
    output: Path
    outside: str
    refused: float | None
    licence: str
    source: str
    skip_bad: bool


def _scope(asked: Asked, *, as_json: bool) -> scope.Report:
    from palier.cli.distill import embed
    from palier.heads.file import MAX_LABEL
    from palier.retrieval import sentence_model

    with files.lines(asked.examples) as given:
        found = reading.read(given, longest_label=MAX_LABEL, skip_bad=asked.skip_bad)
    with terminal.err().status("reading the examples") as status:
        fitted = scope.fit(
            found,
            embed,
            sentence_model.name(),
            outside=asked.outside,
            refused=scope.REFUSED if asked.refused is None else asked.refused,
            licence=asked.licence,
            source=asked.source,
            done=lambda words: status.update(terminal.one_line(words, 100)),
        )
    files.write(asked.output, fitted.content)
    if not as_json:
        _show_scope(fitted.report, asked.output)
    return fitted.report


def _grounding(asked: Asked, *, as_json: bool) -> grounding.Report:
    from palier.cli.distill import embed
    from palier.retrieval import sentence_model

    if asked.outside:
        raise InvalidRequest("--outside is of a scope", hint="`expected` labels what grounding learns", param="outside")
    with files.lines(asked.examples) as given:
        found = grounding_rows.read(given, skip_bad=asked.skip_bad)
    with terminal.err().status("reading the examples") as status:
        fitted = grounding.fit(
            found,
            embed,
            sentence_model.name(),
            refused=grounding.REFUSED if asked.refused is None else asked.refused,
            licence=asked.licence,
            source=asked.source,
            done=lambda words: status.update(terminal.one_line(words, 100)),
        )
    files.write(asked.output, fitted.content)
    if not as_json:
        _show_grounding(fitted.report, asked.output)
    return fitted.report


KINDS: Mapping[str, Callable[..., scope.Report | grounding.Report]] = {"scope": _scope, "grounding": _grounding}


def _show_grounding(report: grounding.Report, output: Path) -> None:
    out = terminal.out()
    size = f"{report.size / 1e3:.0f} kB, {report.seconds:.0f} s"
    words = f": {report.n} examples in {report.groups} groups, {report.supported} of them supported; {size}"
    out.print(terminal.styled((str(output), "bold"), words), soft_wrap=True)
    told = (
        f"of examples whose group it was not taught: AUROC {_of(report.auroc)}, by the weights of the package"
        f" {_of(report.general)}; the difference {_of(report.gain)}; what it says of itself is off by"
        f" {report.calibration_error:.3f}"
    )
    out.print(terminal.styled(told), soft_wrap=True)
    out.print()
    terminal.columns(
        ("supported and refused", "threshold", "unsupported and found", ""),
        [
            (f"{p.refused:.1%}", f"{p.threshold:.3f}", _of(p.found), _mark(p.refused, report.refused))
            for p in report.curve
        ],
    )


def _show_scope(report: scope.Report, output: Path) -> None:
    out = terminal.out()
    size = f"{report.size / 1e6:.2f} MB, {report.seconds:.0f} s"
    out.print(
        terminal.styled((str(output), "bold"), f": {report.labels} labels from {report.n} examples; {size}"),
        soft_wrap=True,
    )
    auroc = f"; inside against outside AUROC {report.auroc:.3f}" if report.auroc is not None else ""
    words = f"of examples that it was not taught {_of(report.accuracy)} are given the right label{auroc}"
    out.print(terminal.styled(words), soft_wrap=True)
    out.print()
    terminal.columns(
        ("kept of its own", "kept and right", "refused of the others", ""), [_row(p, report) for p in report.curve]
    )


def _row(point: scope.Point, report: scope.Report) -> tuple[str, str, str, str]:
    others = _of(point.refused_outside) if point.refused_outside else "not known"
    return f"{point.kept:.1%}", _of(point.right), others, _mark(point.kept, 1 - report.refused)


def _mark(share: float, default: float) -> str:
    return "default" if abs(share - default) < 1e-9 else ""


def _of(found: Any) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
