"""Whether an adapter is the same to the embedded engine (GGUF) as to torch (the PEFT folder): log-probabilities of the same tokens.

    python -m benchmarks.adapter_fidelity [--examples FILE] [--folder FOLDER] [--steps N]

SmolLM2-135M is taught the sample company's intents (examples/armorique/messages.jsonl, those whose split is train) for a few
steps; then 50 messages of the other split are answered greedily by the engine, with and without the adapter, and torch
reads the same tokens: from the PEFT folder, and from the merged model in bfloat16. The base alone shows how far the two engines are apart by themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

import msgspec

from benchmarks.results import ROOT, keep
from palier.config import Model
from palier.interfaces import Resources
from palier.models import engine, weights
from palier.models.engine import Engine
from palier.models.engine_tokens import EngineTokens
from palier.privacy.connector import HttpConnector
from palier.training import fidelity, lora, lora_lessons, lora_train

BASE, PROMPTS, LENGTH, RATE = "smollm2-135m", 50, 256, 5e-4
SYSTEM = "Name the intent of the customer's message in a few words."


def lines(rows: list[dict[str, Any]]) -> list[bytes]:
    return [
        msgspec.json.encode({"question": row["text"], "answer": row["intent"].replace("_", " "), "label": "public"})
        for row in rows
    ]


def _told(line: bytes) -> lora_train.Told:
    return msgspec.json.decode(line, type=lora_train.Told)


def progress(told: lora_train.Told) -> None:
    if told.event in ("begun", "estimate", "checkpoint", "note"):
        print(told.event, told.step, told.words, told.seconds or "", told.held_out_loss or "", file=sys.stderr)


def opened(connector: HttpConnector, threads: int, **adapters: str) -> Engine:
    settings = Model(kind="engine", weights=BASE, threads=threads, parallel=1, context=512, adapters=adapters)
    return engine.build("small", settings, Resources(connector, None, None, Path(), Path))


async def measured(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    rows = [msgspec.json.decode(line) for line in args.examples.read_bytes().splitlines()]
    taught = lora_lessons.read(lines([row for row in rows if row["split"] == "train"][: args.lessons]), system=SYSTEM)
    judged = lora_lessons.read(lines([row for row in rows if row["split"] != "train"][:PROMPTS]), system=SYSTEM)
    base = weights.path_of(BASE)
    connector = HttpConnector()
    model = opened(connector, args.threads)
    tokens = EngineTokens(model)
    teaching = await lora.as_tokens(tokens, taught, LENGTH)
    prompts = [await tokens.prompt(row.messages) for row in judged.rows]
    await model.close()
    plan = lora.prepare(folder, teaching, base=BASE, weights=base, steps=args.steps, rate=RATE)
    made = await lora.teach(folder, taught, base, threads=args.threads, tell=progress)
    steps = [told for told in map(_told, (folder / lora.CURVE).read_bytes().splitlines()) if told.event == "step"]
    merged = await lora.merge(made, base, threads=args.threads)
    model = opened(connector, args.threads, v1=str(made.adapter))
    found = await fidelity.compare(
        EngineTokens(model), "v1", prompts, weights=base, peft=made.peft, merged=merged, threads=args.threads
    )
    await model.close()
    await connector.close()
    return {
        "what": f"{BASE}, rank {plan.rank}, {plan.steps} steps of {plan.batch} lessons; greedy answers of at most {fidelity.LIMIT} tokens",
        "seconds_a_step": round(
            median(later.seconds - one.seconds for one, later in pairwise(steps) if later.seconds > one.seconds), 2
        ),
        "tokens_a_second": steps[-1].tokens_per_s,
        "loss, first and last five steps": [
            round(mean(told.loss for told in part), 3) for part in (steps[:5], steps[-5:])
        ],
        "threads": args.threads,
        "lessons": made.lineage.lessons,
        "adapter_mb": round(made.adapter.stat().st_size / 1e6, 2),
        **msgspec.to_builtins(found),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=Path, default=ROOT / "examples" / "armorique" / "messages.jsonl")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--lessons", type=int, default=200)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    weights.pull(BASE)
    with tempfile.TemporaryDirectory() as scratch:
        keep("adapter_fidelity", asyncio.run(measured(args, args.folder or Path(scratch) / "student")))


if __name__ == "__main__":
    main()
