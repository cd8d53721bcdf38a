"""What the runner of `palier bench` adds to the time that the models take: its run against the same requests made
plainly (`palier.answer`), at the same concurrency, by turns, with scripted models that take 20 to 200 ms.

    python -m benchmarks.runner_overhead [--seconds 0.5] [--repeats 40]

Each turn has as many cases as take `--seconds` at that concurrency.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results import keep
from palier import Palier
from palier.app.bench import Bench, open_bench
from palier.cases import Case, Suite
from palier.config import Settings, parse
from palier.evals.runs import candidates
from palier.evals.runs.kept import Results
from palier.evals.runs.running import Entrant, Options, pose
from palier.types import Document, Label

LATENCIES = {"20 ms": (0.02, 0.02), "20 to 200 ms": (0.02, 0.2), "200 ms": (0.2, 0.2)}
CONCURRENCIES = (1, 4, 16)
LIMIT = 0.05
STUDENT = {8: 2.365, 12: 2.201, 20: 2.093, 30: 2.045, 40: 2.023, 60: 2.001, 120: 1.980}
"""Student's t at 97.5 %, by the number of repeats."""
Took = tuple[float, float]
"""Seconds that passed, and of this process's processor."""


def installation(folder: Path, cases: int, least_s: float, most_s: float) -> tuple[Settings, Suite]:
    """One scripted tier over a few documents; the time of a case goes by the last two digits of its number."""
    drawn = random.Random(7)
    rules = [
        {
            "pattern": f"{n:02d}[?]$",
            "answer": f"It costs {n} euros a month [1]",
            "first_s": drawn.uniform(least_s, most_s),
        }
        for n in range(100)
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
    asked = tuple(Case(id=str(n), input=f"What is the price of offer {n:04d}?") for n in range(cases))
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


async def measure(seconds: float, repeats: int, least_s: float, most_s: float, concurrency: int) -> dict[str, float]:
    """Seconds of both, and the share that the runner adds with its 95 % interval over the repeats."""
    cases = round(seconds * concurrency / ((least_s + most_s) / 2))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings, suite = installation(folder, cases, least_s, most_s)
        documents = [
            Document(id=f"{n}.md", collection="offers", text=f"Offer {n} costs {n} euros a month.", label=Label.PUBLIC)
            for n in range(100)
        ]
        async with Palier.open(settings) as palier:
            await palier.put_documents(documents)
        async with open_bench(settings, candidates.resolve(suite, settings)) as bench:
            (entrant,) = await bench.entrants()
            await plainly(bench, suite, entrant, concurrency)
            plain: list[Took] = []
            runner: list[Took] = []
            for n in range(repeats):
                turns = [True, False] if n % 2 else [False, True]
                for by_runner in turns:
                    if by_runner:
                        runner.append(await by_the_runner(bench, suite, entrant, concurrency, folder / f"results-{n}"))
                    else:
                        plain.append(await plainly(bench, suite, entrant, concurrency))
    return _figures(plain, runner, cases, (least_s + most_s) / 2)


def _figures(plain: list[Took], runner: list[Took], cases: int, model_s: float) -> dict[str, float]:
    """Of each pair of neighbours the share of time that was added, and the processor's part of it; their means, and
    95 % intervals by Student's t. `of_models_time`: the processor's time that a case adds, as a share of the time that
    its model takes.
    """
    mean, half = _mean([after[0] / before[0] - 1 for before, after in zip(plain, runner, strict=True)])
    busy, busy_half = _mean([(after[1] - before[1]) / before[0] for before, after in zip(plain, runner, strict=True)])
    a_case, a_case_half = _mean([(after[1] - before[1]) / cases for before, after in zip(plain, runner, strict=True)])
    return {
        "cases": cases,
        "plain_s": round(statistics.fmean(took[0] for took in plain), 4),
        "runner_s": round(statistics.fmean(took[0] for took in runner), 4),
        "added": round(mean, 4),
        "added_low": round(mean - half, 4),
        "added_high": round(mean + half, 4),
        "added_processor": round(busy, 4),
        "added_processor_low": round(busy - busy_half, 4),
        "added_processor_high": round(busy + busy_half, 4),
        "added_processor_ms_a_case": round(1000 * a_case, 3),
        "of_models_time": round(a_case / model_s, 4),
        "of_models_time_high": round((a_case + a_case_half) / model_s, 4),
    }


def _mean(values: list[float]) -> tuple[float, float]:
    """And half of its 95 % interval."""
    return statistics.fmean(values), STUDENT[len(values)] * statistics.stdev(values) / math.sqrt(len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--repeats", type=int, default=40, choices=STUDENT)
    arguments = parser.parse_args()
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for name, times in LATENCIES.items():
        for concurrency in CONCURRENCIES:
            found = asyncio.run(measure(arguments.seconds, arguments.repeats, *times, concurrency))
            figures.setdefault(name, {})[f"{concurrency} at once"] = found
            print(name, concurrency, found, file=sys.stderr, flush=True)
    every = [one for at in figures.values() for one in at.values()]
    keep(
        "runner_overhead",
        {
            "what": "share of time that the runner adds to the same requests made by palier.answer, by turns",
            "seconds_a_turn": arguments.seconds,
            "repeats": arguments.repeats,
            "by_model_latency": figures,
            "highest_added": max(one["added"] for one in every),
            "highest_upper_bound": max(one["added_high"] for one in every),
            "highest_of_models_time": max(one["of_models_time_high"] for one in every),
            "limit": LIMIT,
            "holds": all(max(one["added"], one["of_models_time_high"]) < LIMIT for one in every),
            "holds_by_upper_bounds_of_time": all(one["added_high"] < LIMIT for one in every),
        },
    )


if __name__ == "__main__":
    main()
