"""What a small judge is worth where right and wrong are known: python -m benchmarks.judge_by_construction [--cases N].

Questions of the sample company, answered by the fact that the reference holds (right) or by that of another question
(wrong). The truth is by construction, not people's: easier than what a judge meets, so an upper figure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.results import ROOT, keep
from palier.app.bench import open_bench
from palier.cases import Case, Outcome, Suite
from palier.config import parse
from palier.evals.judging.judge import ROUTE, judge, judge_of, route_of
from palier.evals.judging.judged import judged
from palier.evals.judging.people import Scored, Scores
from palier.evals.runs.candidates import resolve
from palier.types import Label

ANSWERS = ROOT / "examples/armorique/teacher.jsonl"


def cases(count: int) -> list[Case]:
    """Facts that are told in a few words, in English: the small model's card says that it speaks no French."""
    lines = [json.loads(line) for line in ANSWERS.read_text(encoding="utf-8").splitlines()]
    facts = [line for line in lines if line.get("must_contain") and line["kind"] == "fact"]
    chosen = [line for line in facts if line["language"] == "en"][:count]
    return [
        Case(
            id=line["id"],
            input=line["question"],
            references=(line["answer"],),
            language=line["language"],
            must_contain=tuple(line["must_contain"]),
            label=Label.PUBLIC,
        )
        for line in chosen
    ]


def answered(asked: list[Case]) -> tuple[dict[str, dict[str, Outcome]], Scores]:
    """A right and a wrong answer to each, and who is right."""
    chance = random.Random(7)
    outcomes: dict[str, dict[str, Outcome]] = {"right": {}, "wrong": {}}
    for case in asked:
        others = [one for one in asked if one.must_contain != case.must_contain]
        for name, fact in (("right", case), ("wrong", chance.choice(others))):
            text = ", ".join(fact.must_contain)
            outcomes[name][case.id] = Outcome(id=case.id, candidate=name, output=text, label=Label.PUBLIC)
    truth = [Scored(id=c, candidate=name, score=float(name == "right")) for name, of in outcomes.items() for c in of]
    return outcomes, Scores(scores=tuple(truth))


async def measure(count: int) -> dict[str, Any]:
    asked = cases(count)
    suite = Suite(name="by construction", cases=tuple(asked))
    outcomes, truth = answered(asked)
    with tempfile.TemporaryDirectory() as folder:
        tree = {
            "data": "data",
            "models": {"small": {"kind": "engine", "weights": "smollm2-135m", "watts": 20.0}},
            "routes": {"judge": {"tiers": [{"model": "small"}]}},
        }
        settings = parse(tree, root=Path(folder))
        (alone,) = resolve(suite, settings, ["small"])
        assert alone.route is not None
        route = route_of(settings, "small", alone.route)
        async with open_bench(settings, (), further={ROUTE: route}) as bench:
            key = (await bench.keys())[ROUTE]
            by = judge_of("small", route, bench.palier.cards(ROUTE)[0], key)
            verdicts = await judge(by, suite, asked, outcomes, bench, bench.results, concurrency=2)
    figures = judged(verdicts, asked, outcomes, people=truth)
    scores = {name: [s for (n, _), s in verdicts.scores().items() if n == name] for name in outcomes}
    return {
        "judge": "SmolLM2-135M-Instruct Q4_1",
        "answers": 2 * len(asked),
        "mean_score": {name: round(sum(of) / len(of), 3) if of else None for name, of in scores.items()},
        **{
            name: value
            for name, value in msgspec.to_builtins(figures).items()
            if name not in ("judge", "notes", "cost", "carbon", "energy")
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=40)
    keep("judge_by_construction", asyncio.run(measure(parser.parse_args().cases)))


if __name__ == "__main__":
    main()
