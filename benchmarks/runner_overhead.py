"""What the runner of `palier bench` adds to the time that the models take: its run against the same requests made
plainly (`palier.answer`), at the same concurrency, by turns, with scripted models that take 20 to 200 ms.

    python -m benchmarks.runner_overhead [--cases 80] [--repeats 8]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.results import keep
from palier.app.bench import Bench, open_bench
from palier.cases import Case, Suite
from palier.config import Settings, parse
from palier.evals import candidates
from palier.evals.kept import Results
from palier.evals.running import Entrant, Options, pose
from palier.types import Document, Label

LATENCIES = {"20 ms": (0.02, 0.02), "20 to 200 ms": (0.02, 0.2), "200 ms": (0.2, 0.2)}
CONCURRENCIES = (1, 4, 16)
LIMIT = 0.05
STUDENT = {6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262, 11: 2.228, 12: 2.201}
"""Student's t at 97.5 %, by the number of repeats."""
Took = tuple[float, float]
"""Seconds that passed, and of this process's processor."""


def installation(folder: Path, cases: int, least_s: float, most_s: float) -> tuple[Settings, Suite]:
    """One scripted tier over a few documents; every case has a time of its own."""
    drawn = random.Random(7)
    rules = [
        {"match": f"What is the price of offer {n}?", "answer": f"Offer {n} costs {n} euros a month [1]", "first_s": t}
        for n in range(cases)
        for t in [drawn.uniform(least_s, most_s)]
    ]
    (folder / "script.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in rules))
    tree = {
        "data": "data",
        "models": {"scripted": {"kind": "fake", "file": "script.jsonl"}},
        "routes": {
            "support": {
                "collections": ["offers"],
                "tiers": [{"model": "scripted", "highest_label": "internal"}],
            }
        },
    }
    asked = tuple(Case(id=str(n), input=rule["match"]) for n, rule in enumerate(rules))  # type: ignore[arg-type]
    return parse(tree, root=folder), Suite(name="overhead", route="support", cases=asked)


async def plainly(bench: Bench, suite: Suite, entrant: Entrant, concurrency: int) -> Took:
    """The same requests without the runner."""
    await bench.ready()
    queue = iter([pose(suite, entrant, case, bench).request for case in suite.cases])

    async def work() -> None:
        for request in queue:
            await bench.palier.answer(request())

    started, before = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return time.perf_counter() - started, time.process_time() - before


async def by_the_runner(bench: Bench, suite: Suite, entrant: Entrant, concurrency: int, folder: Path) -> Took:
    """The runner, from looking for what is kept to the last line on the disk."""
    await bench.ready()
    bench.results = Results(folder)
    started, before = time.perf_counter(), time.process_time()
    await bench.run(suite, suite.cases, [entrant], Options(concurrency=concurrency))
    return time.perf_counter() - started, time.process_time() - before


async def measure(cases: int, repeats: int, least_s: float, most_s: float) -> dict[str, dict[str, float]]:
    """By concurrency: seconds of both, and the share that the runner adds with its 95 % interval over the repeats."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings, suite = installation(folder, cases, least_s, most_s)
        documents = [
            Document(id=f"{n}.md", collection="offers", text=f"Offer {n} costs {n} euros a month.", label=Label.PUBLIC)
            for n in range(cases)
        ]
        from palier import Palier

        async with Palier.open(settings) as palier:
            await palier.put_documents(documents)
        async with open_bench(settings, candidates.resolve(suite, settings)) as bench:
            (entrant,) = await bench.entrants()
            await plainly(bench, suite, entrant, 16)
            for concurrency in CONCURRENCIES:
                plain: list[Took] = []
                runner: list[Took] = []
                for n in range(repeats):
                    turns = [("plain", plain), ("runner", runner)]
                    for which, into in turns if n % 2 else reversed(turns):
                        if which == "plain":
                            into.append(await plainly(bench, suite, entrant, concurrency))
                        else:
                            kept = folder / f"results-{concurrency}-{n}"
                            into.append(await by_the_runner(bench, suite, entrant, concurrency, kept))
                found[f"{concurrency} at once"] = _figures(plain, runner, cases)
                print(concurrency, found[f"{concurrency} at once"], flush=True)
    return found


def _figures(plain: list[Took], runner: list[Took], cases: int) -> dict[str, float]:
    """Of each pair of neighbours the share that was added; their mean, and its interval by Student's t."""
    added = [after[0] / before[0] - 1 for before, after in zip(plain, runner, strict=True)]
    mean = statistics.fmean(added)
    half = STUDENT[len(added)] * statistics.stdev(added) / math.sqrt(len(added))
    processor = statistics.fmean(after[1] - before[1] for before, after in zip(plain, runner, strict=True))
    return {
        "plain_s": round(statistics.fmean(took[0] for took in plain), 4),
        "runner_s": round(statistics.fmean(took[0] for took in runner), 4),
        "added": round(mean, 4),
        "added_low": round(mean - half, 4),
        "added_high": round(mean + half, 4),
        "added_processor_ms_a_case": round(1000 * processor / cases, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=80)
    parser.add_argument("--repeats", type=int, default=8, choices=STUDENT)
    arguments = parser.parse_args()
    figures = {
        name: asyncio.run(measure(arguments.cases, arguments.repeats, *times)) for name, times in LATENCIES.items()
    }
    worst = max(one["added_high"] for at in figures.values() for one in at.values())
    keep(
        "runner_overhead",
        {
            "what": "share of time that the runner adds to the same requests made by palier.answer, by turns",
            "cases": arguments.cases,
            "repeats": arguments.repeats,
            "by_model_latency": figures,
            "highest_upper_bound": worst,
            "limit": LIMIT,
            "holds": worst < LIMIT,
        },
    )


if __name__ == "__main__":
    main()
