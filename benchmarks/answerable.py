"""Questions that the documents answer and those they do not, told apart by the whole pipeline: it answers, or abstains.

    python -m benchmarks.answerable --data FOLDER [--tiers quote,small]

MTRAG-UN (Rosenthal et al., Apache-2.0): the passages of all its tasks are one collection, through the real ingest; each
task's conversation is asked as a client would, and goes through retrieval, the tiers (quotations, then a small model
on this machine) and their confidences; nobody is above them. `ANSWERABLE` and `PARTIAL` are to be answered,
`UNANSWERABLE` is not; `UNDERSPECIFIED` is shown apart: either may be right.

`as it is`: thresholds of 0.5 on the packaged confidence, which saw nothing of this. `fitted`: a logistic model on the
signals of all tiers, by five folds of whole conversations; its threshold is chosen within the folds it learns from.
Intervals: percentile bootstrap over conversations.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import data_folder, keep
from palier import Palier
from palier.config import parse
from palier.metrics.reliability import auroc
from palier.routing.regression import penalised_logistic
from palier.types import Document, Label, Message

FOLDS, DRAWS, SEED = 5, 2_000, 17
ROLES = {"user": "user", "agent": "assistant"}
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def settings(folder: Path, tiers: Sequence[str]) -> Any:
    models = {"quote": {"kind": "extract"}, "small": {"kind": "engine", "weights": "smollm2-135m", "threads": 1}}
    return parse(
        {
            "data": str(folder),
            "models": {name: models[name] for name in tiers},
            "workers": {"count": 1},
            "routes": {
                "ask": {
                    "collections": ["mtrag"],
                    "languages": ["en"],
                    "passages": 3,
                    "max_tokens": 64,
                    "tiers": [{"model": name, "name": name, "threshold": 0.5} for name in tiers],
                }
            },
        },
        root=folder,
    )


async def asked(rows: Sequence[dict[str, Any]], tiers: Sequence[str]) -> list[dict[str, Any]]:
    """Of each task: whether it was answered, by whom, and the signals of every tier."""
    found = []
    documents = {c["document_id"]: c for row in rows for c in row["contexts"]}
    with tempfile.TemporaryDirectory() as folder:
        async with Palier.open(settings(Path(folder), tiers)) as p:
            batch = [
                Document(collection="mtrag", id=key, text=c["text"], title=c.get("title") or "", label=Label.PUBLIC)
                for key, c in documents.items()
            ]
            for at in range(0, len(batch), 50):
                await p.put_documents(batch[at : at + 50])
            for n, row in enumerate(rows):
                messages = [Message(role=ROLES[turn["speaker"]], content=turn["text"]) for turn in row["input"]]
                result = await p.ask(messages, language="en")
                heard = {step.tier: step.features for step in result.steps}
                for tier in tiers:
                    if tier not in heard:
                        heard |= {
                            step.tier: step.features for step in (await p.ask(messages, tier=tier, language="en")).steps
                        }
                features = {f"{tier}:{name}": value for tier, of in heard.items() for name, value in of.items()}
                best = max((source.score for source in result.sources), default=0.0)
                found.append(
                    {
                        "answered": result.status == "answered",
                        "tier": result.tier,
                        "best": best,
                        "features": features,
                        "ms": result.timings["total_ms"],
                    }
                )
                print(f"{n + 1} of {len(rows)}", end="\r", file=sys.stderr)
    return found


def f1(truth: Bools, said: Bools) -> float:
    """F1 of what is true; 0 where nothing is found."""
    hits = float((truth & said).sum())
    return 2 * hits / float(truth.sum() + said.sum()) if hits else 0.0


def figures(truth: Bools, said: Bools, groups: NDArray[np.intp]) -> dict[str, list[float]]:
    """F1 of both classes and their mean, each with its interval."""
    measures: dict[str, Callable[[Bools, Bools], float]] = {
        "answerable_f1": f1,
        "unanswerable_f1": lambda t, s: f1(~t, ~s),
        "macro_f1": lambda t, s: (f1(t, s) + f1(~t, ~s)) / 2,
        "accuracy": lambda t, s: float((t == s).mean()),
    }
    rng = np.random.default_rng(SEED)
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    draws = [np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))]) for _ in range(DRAWS)]
    shown = {}
    for name, measure in measures.items():
        spread = np.quantile([measure(truth[d], said[d]) for d in draws], [0.025, 0.975])
        shown[name] = [round(float(x), 3) for x in (measure(truth, said), *spread)]
    return shown


def best_threshold(scores: Floats, truth: Bools) -> float:
    """Of the highest mean F1, among the scores themselves."""
    candidates = np.unique(np.quantile(scores, np.linspace(0.02, 0.98, 49)))
    return float(max(candidates, key=lambda c: f1(truth, scores >= c) + f1(~truth, scores < c)))


def out_of_fold(table: Floats, truth: Bools, groups: NDArray[np.intp], ridge: float = 0.05) -> tuple[Floats, Bools]:
    """Probabilities, and what is answered, of models and thresholds that saw no task of the same conversation."""
    fold = np.random.default_rng(SEED).permutation(groups.max() + 1)[groups] % FOLDS
    probability, said = np.zeros(len(truth)), np.zeros(len(truth), bool)
    for number in range(FOLDS):
        held, taught = fold == number, fold != number
        mean, scale = table[taught].mean(0), table[taught].std(0)
        x = (table - mean) / np.where(scale > 0, scale, 1.0)
        beta = penalised_logistic(x[taught], truth[taught].astype(float), ridge)
        score = x @ beta[:-1] + beta[-1]
        probability[held] = 1 / (1 + np.exp(-score[held]))
        said[held] = score[held] >= best_threshold(score[taught], truth[taught])
    return probability, said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--tiers", default="quote,small")
    given = parser.parse_args()
    tiers = given.tiers.split(",")
    with gzip.open(data_folder(given.data) / "mtrag_un" / "tasks_dev.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    started = time.perf_counter()
    found = asyncio.run(asked(rows, tiers))
    kinds = np.array([row["answerability"] for row in rows])
    conversations = {row["task_id"].partition("<::>")[0]: 0 for row in rows}
    numbers = {name: n for n, name in enumerate(conversations)}
    groups = np.array([numbers[row["task_id"].partition("<::>")[0]] for row in rows])
    judged = np.isin(kinds, ("ANSWERABLE", "PARTIAL", "UNANSWERABLE"))
    truth, group = (kinds != "UNANSWERABLE")[judged], groups[judged]
    answered = np.array([one["answered"] for one in found])
    names = sorted({name for one in found for name in one["features"]})
    table = np.array([[one["features"].get(name, 0.0) for name in names] + [one["best"]] for one in found])
    score = np.array([one["best"] for one in found])[judged]
    probability, fitted = out_of_fold(table[judged], truth, group)
    _, by_score = out_of_fold(score[:, None], truth, group)
    suffix = "" if tiers == ["quote", "small"] else "_" + "_".join(tiers)
    keep(
        f"answerable{suffix}",
        {
            "what": "MTRAG-UN dev: F1 of answering what is answerable and of abstaining from what is not",
            "tiers": tiers,
            "tasks": {kind: int((kinds == kind).sum()) for kind in sorted(set(kinds))},
            "conversations": len(numbers),
            "documents": len({c["document_id"] for row in rows for c in row["contexts"]}),
            "always answer": figures(truth, np.ones(len(truth), bool), group),
            "best score of a passage, fitted": figures(truth, by_score, group),
            "as it is": figures(truth, answered[judged], group),
            "fitted": figures(truth, fitted, group),
            "auroc": {
                "best score of a passage": round(auroc(score, truth) or 0.0, 3),
                "fitted": round(auroc(probability, truth) or 0.0, 3),
            },
            "answered of": {kind: round(float(answered[kinds == kind].mean()), 3) for kind in sorted(set(kinds))},
            "signals": len(names) + 1,
            "median_ms": round(float(np.median([one["ms"] for one in found])), 1),
            "minutes": round((time.perf_counter() - started) / 60, 1),
        },
    )


if __name__ == "__main__":
    main()
