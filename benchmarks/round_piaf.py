"""One round with a teacher that is a model: PIAF's questions climb, what climbed is taught, the same others are asked again.

    python -m benchmarks.round_piaf --data FOLDER --teacher FILE [--lessons 40] [--judged 40] [--minutes 10] [--threads 2]

A staircase over public text alone: what the documents say word for word (`quote`), SmolLM2-135M (`small`), and above them
the weights of FILE, served by the engine child and declared as weights whose terms let one train on what they write. The
first questions climb, `palier lessons harvest` and `export` take what the teacher answered, and `palier distill
--student lora` teaches an adapter of the small model by it. Questions of other articles are asked before and after, all
through the pipeline. Thresholds are the packaged ones, calibrated on nothing; no gate is asked, since so few cases would
tell it nothing: what came of it is reported as it is.

A right answer holds one of PIAF's accepted spans, word for word; F1 of words is to the nearest of them. Cost and energy
are the product's estimates: 20 W and $0.05 an hour declared for the machine, times the time that a tier was busy.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import piaf
from benchmarks.results import data_folder, keep
from benchmarks.students import share
from benchmarks.table_sets import CONFIG, QUOTE, lines, palier
from palier import Palier
from palier.metrics.intervals import bca
from palier.metrics.text import token_f1
from palier.models import weights
from palier.models.weights import hash_once
from palier.types import Result

ROUTE = "piaf"
SYSTEM = "Réponds à la question en une phrase courte, d'après les passages."
MODELS = """
[models.small]
kind = "engine"
weights = "smollm2-135m"
{adapters}
[models.teacher]
kind = "engine"
weights = "{teacher}"
sha256 = "{sha256}"
title = "the teacher"
may_train_on_outputs = true
"""
ENGINE = """watts = 20
dollars_per_hour = 0.05
threads = {threads}
parallel = 1
context = 2048
start_timeout_s = 300.0
first_token_timeout_s = 900.0
total_timeout_s = 900.0
"""
STAIRS = """
[server]
request_timeout_s = 1800.0
[routes.piaf]
collections = ["piaf"]
system = "{system}"
message_label = "public"
passages = 1
max_tokens = 48
audit = 0
languages = ["fr"]
[[routes.piaf.tiers]]
model = "quote"
[[routes.piaf.tiers]]
model = "small"
{adapter}
[[routes.piaf.tiers]]
model = "teacher"
highest_label = "public"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder of public data")
    parser.add_argument("--teacher", type=Path, required=True, help="weights (GGUF) above the small model")
    parser.add_argument("--lessons", type=int, default=40, help="questions of round 0")
    parser.add_argument("--judged", type=int, default=40, help="questions asked before and after")
    parser.add_argument("--minutes", type=float, default=10.0, help="of teaching, at most")
    parser.add_argument("--threads", type=int, default=2, help="of the engine, and of teaching")
    args = parser.parse_args()
    weights.pull("smollm2-135m")
    with tempfile.TemporaryDirectory(prefix="palier-round-") as folder:
        keep("round_piaf", asyncio.run(measured(args, Path(folder))))


async def measured(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    paragraphs, questions = piaf.load(data_folder(args.data))
    unseen = [q for q in questions if not q.fits]
    titles = sorted({q.title for q in unseen})
    np.random.default_rng(0).shuffle(titles)
    asked = [q for q in unseen if q.title in titles[::2]]
    judged = [q for q in unseen if q.title in titles[1::2]]
    asked, judged = spread(asked, args.lessons), spread(judged, args.judged)
    documents = [{"id": p.id, "title": p.title, "text": p.text, "language": "fr"} for p in paragraphs]
    lines(folder / "documents.jsonl", documents)
    configure(folder, args)
    palier(folder, "ingest", "documents.jsonl", "--collection", "piaf", "--label", "public")
    climbed = await all_of(folder, asked, "round 0")
    harvested = json.loads(palier(folder, "lessons", "harvest", ROUTE, "--json"))
    lessons = palier(folder, "lessons", "export", "--route", ROUTE, "--state", "accepted")
    (folder / "lessons.jsonl").write_text(lessons, encoding="utf-8")
    before = await all_of(folder, judged, "before")
    started = time.perf_counter()
    student = ["distill", ROUTE, "--student", "lora", "--lessons", "lessons.jsonl", "-o", "student", "--json"]
    said = json.loads(
        palier(folder, *student, "--minutes", f"{args.minutes:g}", "--threads", str(args.threads), "--check", "0")
    )
    seconds = time.perf_counter() - started
    configure(folder, args, "student/adapter.gguf")
    after = await all_of(folder, judged, "after")
    return {
        "teacher": {"sha256": hash_once(args.teacher)[:16], "bytes": args.teacher.stat().st_size},
        "round 0": {"questions": len(asked), "tiers": tiers(climbed)},
        "harvest": {
            "of": harvested["looked_at"],
            "refused": harvested["refused"],
            "lessons": len(lessons.splitlines()),
        },
        "teaching": {
            "seconds by the clock": round(seconds),
            "loss": said["loss"],
            "held_out_loss": said["held_out_loss"],
            "tokens a second": said["tokens_per_s"],
        },
        "before": figures(before, judged),
        "after": figures(after, judged),
        "after less before": changes(before, after, judged),
    }


def configure(folder: Path, args: argparse.Namespace, adapter: str = "") -> None:
    """The installation, with an adapter of the small model or without."""
    teacher, engine = args.teacher, ENGINE.format(threads=args.threads)
    adapters = f'adapters = {{ taught = "{adapter}" }}\n' if adapter else ""
    models = MODELS.format(adapters=adapters + engine, teacher=teacher.absolute(), sha256=hash_once(teacher)) + engine
    stairs = STAIRS.format(system=SYSTEM, adapter='adapter = "taught"' if adapter else "")
    (folder / "palier.toml").write_text(CONFIG + QUOTE + models + stairs, encoding="utf-8")


def spread(questions: Sequence[piaf.Question], count: int) -> list[piaf.Question]:
    """`count` of them, drawn."""
    return [questions[i] for i in np.random.default_rng(1).permutation(len(questions))[:count]]


async def all_of(folder: Path, questions: Sequence[piaf.Question], what: str) -> list[tuple[Result, float]]:
    """Each question's result, and its seconds; one after the other, as each tier works on one at a time."""
    found = []
    async with Palier.open(folder / "palier.toml") as p:
        for number, question in enumerate(questions, 1):
            started = time.perf_counter()
            result = await p.ask(question.text, route=ROUTE, language="fr", temperature=0.0)
            found.append((result, time.perf_counter() - started))
            print(f"{what}: {number}/{len(questions)} {result.tier} {found[-1][1]:.1f} s", file=sys.stderr)
    return found


def tiers(found: Sequence[tuple[Result, float]]) -> dict[str, int]:
    return dict(Counter(result.model or "none" for result, _ in found))


def right(found: Sequence[tuple[Result, float]], questions: Sequence[piaf.Question]) -> list[bool]:
    return [piaf.holds(result.text, q.answers) for (result, _), q in zip(found, questions, strict=True)]


def f1(found: Sequence[tuple[Result, float]], questions: Sequence[piaf.Question]) -> list[float]:
    return [
        max((token_f1(result.text, answer) for answer in q.answers), default=0.0)
        for (result, _), q in zip(found, questions, strict=True)
    ]


def figures(found: Sequence[tuple[Result, float]], questions: Sequence[piaf.Question]) -> dict[str, Any]:
    """Climbing to the teacher, quality, cost, time and energy of all questions."""
    of_small = [
        (one, q)
        for one, q in zip(found, questions, strict=True)
        if one[0].model == "small" and one[0].status == "answered"
    ]
    return {
        "questions": len(found),
        "climbed to the teacher": share([result.model == "teacher" for result, _ in found]),
        "answered by": tiers(found),
        "holds the answer": share(right(found, questions)),
        "holds the answer, of what small answered": [sum(right([one], [q])[0] for one, q in of_small), len(of_small)],
        "token F1": mean(f1(found, questions)),
        "dollars a question, estimated": mean([result.cost.value or 0.0 for result, _ in found], 8),
        "watt-hours a question, estimated": mean([result.energy.value or 0.0 for result, _ in found], 5),
        "seconds a question": mean([seconds for _, seconds in found], 2),
    }


def changes(
    before: Sequence[tuple[Result, float]], after: Sequence[tuple[Result, float]], questions: Sequence[piaf.Question]
) -> dict[str, list[float]]:
    """The paired differences."""

    def less(one: Sequence[float], other: Sequence[float], places: int = 4) -> list[float]:
        return mean([a - b for a, b in zip(one, other, strict=True)], places)

    return {
        "climbed to the teacher": less(*([r.model == "teacher" for r, _ in found] for found in (after, before))),
        "holds the answer": less(right(after, questions), right(before, questions)),
        "token F1": less(f1(after, questions), f1(before, questions)),
        "dollars a question": less(*([r.cost.value or 0.0 for r, _ in found] for found in (after, before)), 8),
        "watt-hours a question": less(*([r.energy.value or 0.0 for r, _ in found] for found in (after, before)), 5),
        "seconds a question": less(*([seconds for _, seconds in found] for found in (after, before)), 2),
    }


def mean(values: Sequence[float], places: int = 4) -> list[float]:
    """With its 95 % interval; one that cannot be told is left out."""
    table = np.array([[float(value), 1.0] for value in values])
    found = bca(table, lambda sums: sums[..., 0] / np.maximum(sums[..., 1], 1), np.arange(len(table)))
    return [round(float(value), places) for value in found if not np.isnan(value)]


if __name__ == "__main__":
    main()
