"""`palier distill` and `palier predict`: a small model taught by examples, and what it says of texts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from palier.cli import files, jsonl, terminal
from palier.cli.session import Json
from palier.errors import InvalidRequest
from palier.types import JSON

if TYPE_CHECKING:
    from palier.heads.file import Head
    from palier.interfaces import Encoder, Vectors
    from palier.training.heads import Interval, Report

LATER = ("lora",)
"""Students that the formats speak of, and that cannot be taught yet."""
_TOGETHER = 16
"""Texts that are embedded together."""

Student = Annotated[str, typer.Option("--student", help="What is taught: head.")]
ExamplesFile = Annotated[Path, typer.Option("--examples", "-e", help="Examples, JSON lines; `-`: standard input.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file of the head.")]
Licence = Annotated[str, typer.Option("--licence", help="Of the examples, in a few words; kept in the file.")]
Origin = Annotated[str, typer.Option("--source", help="Where the examples come from; kept in the file.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out lines that cannot be read.")]
ModelFile = Annotated[Path, typer.Option("--model", "-m", help="The file of a head.")]
Lines = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="JSON lines; standard input by default.")]
All = Annotated[bool, typer.Option("--probabilities", help="Also the probability of every label.")]


def distill(
    examples: ExamplesFile,
    output: Output,
    student: Student = "head",
    licence: Licence = "",
    source: Origin = "",
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Teach a small model by examples: text or messages, and label or answer.

    A head names one of the labels of its examples, says how sure it is, and generates nothing.
    """

    def main() -> None:
        _check(student)
        files.check_folders(output)
        from palier.heads.file import MAX_LABEL
        from palier.retrieval import sentence_model
        from palier.training import examples as reading
        from palier.training import heads

        with files.lines(examples) as given:
            found = reading.read(given, longest_label=MAX_LABEL, skip_bad=skip_bad)
        with terminal.err().status("reading the examples") as status:
            taught = heads.teach(
                found, embed, sentence_model.name(), licence=licence, source=source, done=_progress(status.update)
            )
        files.write(output, taught.content)
        if as_json:
            terminal.json_line(taught.report)
        else:
            _show(taught.report, output)
        for note in taught.report.notes:
            terminal.note(note)

    terminal.run(main, wrong_input=2)


def predict(model: ModelFile, source: Lines = None, probabilities: All = False) -> None:
    """Name the label of each text. Reads id, text; writes id, label, probability, probabilities?."""

    async def main() -> int:
        from palier.heads import file as head_file
        from palier.models.head import check_encoder
        from palier.retrieval.encoder import SentenceEncoder

        head = head_file.load(model)
        encoder = SentenceEncoder(Here())
        check_encoder(head, encoder, str(model))

        async def line(item: JSON) -> JSON:
            return await _named(head, encoder, jsonl.text_field(item, "text"), whole=probabilities)

        return await jsonl.each_line(source, line, concurrency=_TOGETHER)

    terminal.run(main)


class Here:
    """`interfaces.Workers` in this process: a filter has nobody else to answer meanwhile."""

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(0)  # those that came at the same moment are embedded together
        return function(*arguments)

    async def close(self) -> None:
        """Nothing is held."""


async def _named(head: Head, encoder: Encoder, text: str, *, whole: bool) -> JSON:
    vectors = await encoder.encode([text]) if head.embeds else None
    found = head.probabilities([text], vectors)[0]
    best = int(found.argmax())
    answer: JSON = {"label": head.header.labels[best], "probability": round(float(found[best]), 6)}
    if whole:
        answer["probabilities"] = {
            label: round(float(p), 6) for label, p in zip(head.header.labels, found, strict=True)
        }
    return answer


def _check(student: str) -> None:
    if student == "head":
        return
    if student in LATER:
        raise InvalidRequest(
            f"--student {student} is not there yet", hint="--student head names one of a few labels", param="student"
        )
    raise InvalidRequest(f"--student is `{student[:80]}`", hint="head", param="student")


def embed(texts: Sequence[str]) -> Vectors:
    import numpy as np

    from palier.retrieval import sentence_model

    parts = [sentence_model.embed(texts[start : start + 64]) for start in range(0, len(texts), 64)]
    return np.concatenate(parts)


def _progress(update: Callable[[str], None]) -> Callable[[str], None]:
    return lambda words: update(terminal.one_line(words, 100))


def _show(report: Report, output: Path) -> None:
    out = terminal.out()
    out.print(
        terminal.styled((str(output), "bold"), f": {report.labels} labels from {report.n} examples; {_size(report)}"),
        soft_wrap=True,
    )
    out.print(
        terminal.styled(
            f"of examples that it was not taught: accuracy {_interval(report.accuracy)}, "
            f"macro-F1 {_interval(report.macro_f1)}; what it says of itself is off by {report.calibration_error:.3f}"
        ),
        soft_wrap=True,
    )
    rows = [
        (f"{tried.reads}, {tried.ridge:g}", f"{tried.log_loss:.4f}", f"{tried.accuracy:.4f}", _mark(tried, report))
        for tried in report.tried
    ]
    out.print()
    terminal.columns(("reads, penalty", "log-loss", "accuracy", f"on {report.tried_on}"), rows)


def _mark(tried: Any, report: Report) -> str:
    return "chosen" if (tried.reads, tried.ridge) == (report.reads, report.ridge) else ""


def _size(report: Report) -> str:
    return f"{report.size / 1e6:.2f} MB, {report.seconds:.0f} s"


def _interval(found: Interval) -> str:
    if found.low is None or found.high is None:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
