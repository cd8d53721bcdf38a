"""What guards cost a stream: until its first words, and until its end.

    python -m benchmarks.guard_streams

The small model on this machine answers the sample company's questions through the whole pipeline, streamed, in turn:
without guards; with guards that look at sentences, released after their check (the default) or at once (`then_retract`);
and with one that looks at the whole. The same questions, temperature 0, in an order drawn anew for each; the difference
to the stream without guards is taken question by question.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.results import ROOT, keep
from palier import Palier
from palier.config import parse
from palier.types import Delta

QUESTIONS, SEED = 24, 5
GUARDS: dict[str, dict[str, Any]] = {
    "no guards": {},
    "sentences, after their check": {"output": ["toxicity", "promises"]},
    "sentences, released at once": {"output": ["toxicity", "promises"], "release": "then_retract"},
    "the whole": {"output": ["toxicity", "promises", "length"]},
}
RULES = '[[rules]]\nname = "promises"\nwords = ["we guarantee"]\nexamples = ["You will get your money back whatever happens."]\n'


def settings(folder: Path) -> Any:
    (folder / "rules.toml").write_text(RULES)
    tiers = [{"model": "small", "highest_label": "restricted", "max_tokens": 80}]
    return parse(
        {
            "data": str(folder),
            "models": {"small": {"kind": "engine", "weights": "smollm2-135m"}},
            "guards": {
                "toxicity": {"kind": "toxicity"},
                "promises": {"kind": "policy", "file": "rules.toml"},
                "length": {"kind": "form", "most": 10_000},
            },
            "routes": {
                name.replace(", ", "-").replace(" ", "-"): {"tiers": tiers, "guards": guards, "audit": 0}
                for name, guards in GUARDS.items()
            },
        },
        root=folder,
    )


async def streamed(p: Palier, route: str, question: str) -> tuple[float, float, int]:
    """Milliseconds to the first words and to the end, and the characters."""
    started, first, length = time.perf_counter(), 0.0, 0
    async for event in p.stream(p.request(question, route=route, stream=True, temperature=0)):
        if isinstance(event, Delta) and event.text:
            first = first or (time.perf_counter() - started) * 1000
            length += len(event.text)
    return first, (time.perf_counter() - started) * 1000, length


async def measured(questions: list[str]) -> dict[str, list[tuple[float, float, int]]]:
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in GUARDS}
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder:
        async with Palier.open(settings(Path(folder))) as p:
            routes = dict(zip(GUARDS, p.routes, strict=True))
            await p.warm()
            for name in GUARDS:
                await streamed(p, routes[name], "Warm up, please.")
            for question in questions:
                for name in rng.sample(list(GUARDS), len(GUARDS)):
                    found[name].append(await streamed(p, routes[name], question))
    return found


def main() -> None:
    teacher = ROOT / "examples" / "armorique" / "teacher.jsonl"
    rows = [json.loads(line) for line in teacher.read_text("utf-8").splitlines()]
    questions = [row["question"] for row in rows if row["language"] == "en"][:QUESTIONS]
    found = asyncio.run(measured(questions))
    plain = found["no guards"]
    shown = {}
    for name, rows in found.items():
        firsts = [a[0] - b[0] for a, b in zip(rows, plain, strict=True)]
        ends = [a[1] - b[1] for a, b in zip(rows, plain, strict=True)]
        shown[name] = {
            "first_ms_median": round(statistics.median(row[0] for row in rows), 1),
            "end_ms_median": round(statistics.median(row[1] for row in rows), 1),
            "first_later_by_ms_median": round(statistics.median(firsts), 1),
            "first_later_by_ms_p90": round(statistics.quantiles(firsts, n=10)[-1], 1) if any(firsts) else 0.0,
            "end_later_by_ms_median": round(statistics.median(ends), 1),
        }
    characters = statistics.median(row[2] for row in plain)
    keep(
        "guard_streams",
        {
            "what": "first words and end of streams under guards",
            "questions": len(questions),
            "characters_median": characters,
            "by guards": shown,
        },
    )


if __name__ == "__main__":
    main()
