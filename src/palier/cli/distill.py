"""`palier distill` and `palier predict`: a small model taught by examples, and what it says of texts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from palier.cli import distill_lora, files, jsonl, terminal
from palier.cli.session import CONFIG, Config, Json
from palier.errors import InvalidRequest
from palier.types import JSON

if TYPE_CHECKING:
    from palier.heads.file import Head
    from palier.interfaces import Encoder, Vectors
    from palier.training.heads import Interval, Report

_TOGETHER = 16
"""Texts that are embedded together."""

Route = Annotated[
    str, typer.Argument(metavar="[ROUTE]", help="The route whose embedded model is taught.", show_default=False)
]
Student = Annotated[str, typer.Option("--student", help="What is taught: head or lora.")]
ExamplesFile = Annotated[Path, typer.Option("--examples", "-e", help="Examples, JSON lines; `-`: standard input.")]
HeadExamples = Annotated[
    Path | None,
    typer.Option("--examples", "-e", help="Of a head: JSON lines; `-`: standard input.", show_default=False),
]
LessonsFile = Annotated[
    Path | None, typer.Option("--lessons", help="Of an adapter: JSON lines; `-`: standard input.", show_default=False)
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file of the head, or the folder of the adapter.")]
Licence = Annotated[str, typer.Option("--licence", help="Of the examples, in a few words; kept in the file.")]
Origin = Annotated[str, typer.Option("--source", help="Where the examples come from; kept in the file.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out lines that cannot be read.")]
ModelFile = Annotated[Path, typer.Option("--model", "-m", help="The file of a head.")]
Base = Annotated[str, typer.Option("--base", help="Weights an adapter is taught on.", show_default="the route's")]
Rank = Annotated[int, typer.Option("--rank", min=0, max=256, help="Of an adapter.", show_default="by the lessons")]
Steps = Annotated[int, typer.Option("--steps", min=0, help="Of teaching.", show_default="by the lessons")]
Batch = Annotated[int, typer.Option("--batch", min=0, max=512, help="Lessons of a step.", show_default="8")]
Rate = Annotated[float, typer.Option("--rate", min=0.0, max=1.0, help="Of AdamW.", show_default="0.001")]
Length = Annotated[int, typer.Option("--length", min=0, help="Tokens of a lesson at most.", show_default="1024")]
Minutes = Annotated[
    float, typer.Option("--minutes", min=0.0, help="Make only as many steps as fit.", show_default="no limit")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the order of the lessons, and of the first weights.")]
Threads = Annotated[int, typer.Option("--threads", min=0, max=256, help="Of teaching.", show_default="all")]
Merged = Annotated[bool, typer.Option("--merged", help="Also write base and adapter as one model.")]
Check = Annotated[int, typer.Option("--check", min=0, max=1000, help="Prompts on which both engines are compared.")]
Lines = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="JSON lines; standard input by default.")]
All = Annotated[bool, typer.Option("--probabilities", help="Also the probability of every label.")]


def distill(
    output: Output,
    route: Route = "",
    student: Student = "head",
    examples: HeadExamples = None,
    lessons: LessonsFile = None,
    licence: Licence = "",
    source: Origin = "",
    base: Base = "",
    rank: Rank = 0,
    steps: Steps = 0,
    batch: Batch = 0,
    rate: Rate = 0.0,
    length: Length = 0,
    minutes: Minutes = 0.0,
    seed: Seed = 0,
    threads: Threads = 0,
    merged: Merged = False,
    check: Check = 10,
    config: Config = CONFIG,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Teach a small model: a head by examples, or an adapter of the route's embedded model by lessons.

    A head names one of the labels of its examples, says how sure it is, and generates nothing. An adapter (--student
    lora) writes as its lessons do; its folder holds a GGUF for the embedded engine and a PEFT folder for vLLM. Stopped
    or killed, the same command goes on.
    """

    def main() -> None:
        given_examples = _check(student, examples, lessons)
        files.check_folders(output)
        from palier.heads.file import MAX_LABEL
        from palier.retrieval import sentence_model
        from palier.training import examples as reading
        from palier.training import heads

        with files.lines(given_examples) as given:
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

    if student == "lora" and lessons is not None and examples is None:
        plan = {"rank": rank, "steps": steps, "batch": batch, "rate": rate, "minutes": minutes, "seed": seed}
        distill_lora.distill(
            distill_lora.Wanted(
                *(route, config, lessons, output, base, length, threads, merged, check, skip_bad, as_json), plan=plan
            )
        )
    terminal.run(main)


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


def _check(student: str, examples: Path | None, lessons: Path | None) -> Path:
    """The examples of a head. Raises `InvalidRequest` for another student, and where there are none."""
    if student == "lora":
        raise InvalidRequest("an adapter is taught by --lessons, and nothing else", param="lessons")
    if student != "head":
        raise InvalidRequest(f"--student is `{student[:80]}`", hint="head or lora", param="student")
    if examples is None or lessons is not None:
        raise InvalidRequest("a head is taught by --examples, and nothing else", param="examples")
    return examples


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
