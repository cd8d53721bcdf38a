"""Banking77: adapters of SmolLM2-135M against lessons, with heads of the same lessons beside.

    python -m benchmarks.banking77_lora --data FOLDER [--lessons 100,300,1000] [--minutes 8] [--judged 300]

The lessons are those of `banking77`'s first draw, the judged texts a fixed 300 of its tenth fold: a right answer is the
intent's words and nothing else, written greedily by the embedded engine from the exported adapter. Each adapter is taught
by `palier distill --student lora`'s own plan, but for so many minutes at most: on two cores and under load that is far
fewer steps than the plan wants, and what was made stands beside what was wanted.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec
import numpy as np

from benchmarks.adapter_fidelity import opened
from benchmarks.banking77 import drawn, read, taught_and_judged
from benchmarks.heads import Text
from benchmarks.results import data_folder, keep
from benchmarks.students import Embedded, share, taught_head, watt_hours
from palier.models import weights
from palier.models.engine_tokens import EngineTokens
from palier.privacy.connector import HttpConnector
from palier.training import lora, lora_lessons, lora_plan, lora_train

BASE, LENGTH, JUDGED = "smollm2-135m", 256, 300
SYSTEM = "Name the intent of the customer's message."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder of public data")
    parser.add_argument("--lessons", default="100,300,1000")
    parser.add_argument("--minutes", type=float, default=8.0, help="of teaching each, at most; 0: as the plan wants")
    parser.add_argument("--rate", type=float, default=lora_plan.RATE)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--judged", type=int, default=JUDGED, help="texts of the fixed 300 that are judged")
    args = parser.parse_args()
    apart, judged = taught_and_judged(read(data_folder(args.data)))
    judged = [judged[i] for i in np.random.default_rng(0).permutation(len(judged))[: args.judged]]
    weights.pull(BASE)
    with tempfile.TemporaryDirectory() as scratch:
        sizes = [int(size) for size in args.lessons.split(",")]
        keep("banking77_lora", asyncio.run(measured(apart, judged, sizes, args, Path(scratch))))


async def measured(
    apart: Sequence[Text], judged: Sequence[Text], sizes: Sequence[int], args: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    figures: dict[str, Any] = {"judged": len(judged), "base": BASE, "lessons": {}}
    for size in sizes:
        lessons = drawn(apart, size, 0)
        head = taught_head(lessons, judged, Embedded([*lessons, *judged]), "banking77")
        found = await adapter(lessons, judged, args, folder / str(size))
        figures["lessons"][str(size)] = {
            "lora": found,
            "head": {
                "accuracy": share(head["right"]),
                "processor seconds": round(head["seconds"], 1),
                "watt-hours, estimated": watt_hours(head["seconds"]),
            },
        }
        print(size, figures["lessons"][str(size)], file=sys.stderr)
    return figures


async def adapter(
    taught: Sequence[Text], judged: Sequence[Text], args: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Teach one, and judge it by what the embedded engine writes."""
    lessons = lora_lessons.read(map(line, taught), system=SYSTEM)
    base, connector = weights.path_of(BASE), HttpConnector()
    model = opened(connector, args.threads)
    tokens = EngineTokens(model)
    rows = await lora.as_tokens(tokens, lessons, LENGTH)
    asked = lora_lessons.read(map(line, judged), system=SYSTEM).rows
    prompts = [await tokens.prompt(row.messages) for row in asked]
    answers = [await tokens.answer(row.answer) for row in asked]
    await model.close()
    wanted = lora_plan.sized(rows.rows, base=BASE, base_sha256="", rate=args.rate)
    plan = lora.prepare(folder, rows, base=BASE, weights=base, rate=args.rate, minutes=args.minutes)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    made = await lora.teach(folder, lessons, base, threads=args.threads, tell=progress)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    told = [msgspec.json.decode(one, type=lora_train.Told) for one in (folder / lora.CURVE).read_bytes().splitlines()]
    steps = [one for one in told if one.event == "step"]
    model = opened(connector, args.threads, v1=str(made.adapter))
    tokens, right, first = EngineTokens(model), [], []
    for prompt, answer in zip(prompts, answers, strict=True):
        written = (await tokens.greedy(prompt, len(answer) + 1, "v1")).tokens
        right.append(written[: len(answer)] == answer or written == answer[:-1])
        first.append(written[:1] == answer[:1])
    await model.close()
    await connector.close()
    return {
        "accuracy": share(right),
        "first token right": share(first)[0],
        "steps made": steps[-1].step,
        "steps that the plan wants": wanted.steps,
        "lessons of a step": plan.batch,
        "rank": plan.rank,
        "rate": plan.rate,
        "loss, first and last five steps": [round(mean(s.loss for s in part), 3) for part in (steps[:5], steps[-5:])],
        "tokens a second": steps[-1].tokens_per_s,
        "seconds by the clock": round(steps[-1].seconds or 0.0),
        "processor seconds": round(seconds),
        "watt-hours, estimated": watt_hours(seconds),
    }


def line(text: Text) -> bytes:
    return msgspec.json.encode({"question": text.text, "answer": text.label.replace("_", " "), "label": "public"})


def progress(told: lora_train.Told) -> None:
    if told.event in ("begun", "estimate", "checkpoint", "note"):
        print(told.event, told.step, told.words, told.seconds or "", told.held_out_loss or "", file=sys.stderr)


if __name__ == "__main__":
    main()
