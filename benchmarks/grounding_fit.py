"""What `palier guard fit grounding` makes of FaithDial's labels: the guard fitted to whoever labels.

    python -m benchmarks.grounding_fit --data FOLDER

Two readings of FaithDial's audit, as in `grounding`: `entailment` alone against the rest, as the issue's bar counts, in which 87
responses that are wholly entailed but `uncooperative` (copied, and no answer) are in the rest; and `supported`, entailed and
nothing else. Each response is judged by a model that saw none of its group (what shares its knowledge, its question or
its text), as `fit` itself judges. Then once more whole: fitted to four fifths of the groups, written, loaded and put on the texts
of the fifth, whose score is that of the worst sentence. And fitted to fewer examples, measured on all the rest. What the package's weights
have out of fold, `grounding` says (here they have seen these rows). Intervals are 95 %, of knowledge snippets.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks import grounding_texts as texts
from benchmarks.grounding import auroc, guard, interval
from benchmarks.results import data_folder, keep
from palier.config import Guard as Settings
from palier.guards import weighing
from palier.guards.grounding import Grounding
from palier.interfaces import Vectors
from palier.interfaces.guarding import Context
from palier.retrieval import sentence_model
from palier.training import grounding as training
from palier.training.grounding import Fitted
from palier.training.grounding_rows import Row, gathered, groups, lay

Array = NDArray[np.float64]
FLOOR = 0.84
FOLDS = 5
FEW, DRAWS = (100, 200, 400), 3
TIMED = 200


def embed(written: Sequence[str]) -> Vectors:
    return np.concatenate([sentence_model.embed(written[at : at + 64]) for at in range(0, len(written), 64)])


def fit(rows: Sequence[Row]) -> Fitted:
    return training.fit(gathered(rows), embed, sentence_model.name())


def labelled(folder: Path, *, whole: bool) -> list[Row]:
    """The lines that the command would read."""
    return [
        Row(text=case.text, question=case.question, evidence=case.evidence, supported=case.right)
        for case in texts.faithdial(folder, whole=whole)
    ]


def truths(rows: Sequence[Row]) -> Array:
    return np.array([float(row.supported) for row in rows])


def snippets(rows: Sequence[Row]) -> list[str]:
    return [row.evidence[0] for row in rows]


def out_of_fold(rows: Sequence[Row], found: Fitted) -> dict[str, Any]:
    """The support of each row by a model that saw none of its group; 0 of what `fit` does not judge (passages in
    another language)."""
    place = {row: at for at, row in enumerate(gathered(rows).rows)}
    held = np.array([found.held_out.get(place[row], 0.0) for row in rows])
    said = msgspec.to_builtins(msgspec.structs.replace(found.report, seconds=round(found.report.seconds)))
    return {
        "n": len(rows),
        "right": int(truths(rows).sum()),
        "auroc": interval(held, truths(rows), snippets(rows)),
        "what the command says": said,
    }


async def served(rows: Sequence[Row]) -> dict[str, Any]:
    """The guard's own score, from files that were fitted to the other four fifths of the groups."""
    part = training.parts(np.array(groups(rows)), FOLDS)
    scores, judged = np.zeros(len(rows)), np.zeros(len(rows), bool)
    with tempfile.TemporaryDirectory() as folder:
        for fold in range(FOLDS):
            file = Path(folder) / f"{fold}.json"
            file.write_bytes(fit([rows[n] for n in np.flatnonzero(part != fold)]).content)
            one = guard(Settings(kind="grounding", file=str(file)))
            for n in np.flatnonzero(part == fold):
                verdict = await one.check(rows[n].text, Context(question=rows[n].question, evidence=rows[n].evidence))
                judged[n] = verdict.score is not None
                scores[n] = 1 - (verdict.score or 0.0)
    right, of, kept = truths(rows), snippets(rows), np.flatnonzero(judged)
    return {
        "all, what claims nothing passing with 0": interval(scores, right, of),
        "n that claim": len(kept),
        "those that claim": interval(scores[kept], right[kept], [of[n] for n in kept]),
    }


def few(rows: Sequence[Row]) -> dict[str, Any]:
    """AUROC on the rest, by how many examples were fitted to: draws of groups, their mean and ends."""
    group = np.array(groups(rows))
    report: dict[str, Any] = {}
    for wanted in FEW:
        found = []
        for seed in range(DRAWS):
            order = np.random.default_rng(seed).permutation(group.max() + 1)
            sizes = np.cumsum(np.bincount(group)[order])
            taught = np.isin(group, order[: int(np.searchsorted(sizes, wanted)) + 1])
            content = fit([rows[n] for n in np.flatnonzero(taught)]).content
            rest = [rows[n] for n in np.flatnonzero(~taught)]
            found.append(auroc(by(msgspec.json.decode(content, type=weighing.Weights), rest), truths(rest)))
        report[str(wanted)] = [round(float(value), 4) for value in (np.mean(found), min(found), max(found))]
    return report


def by(weights: weighing.Weights, rows: Sequence[Row]) -> Array:
    """The support of texts taken whole, by what was fitted; 0 where their passages are in another language."""
    assert weights.taught is not None
    laid = [lay(row, weights.same) for row in rows]
    vectors = embed([one.text if one is not None else " " for one in laid])
    return np.array(
        [
            weights.taught.support(one.signals, vector) if one is not None else 0.0
            for one, vector in zip(laid, vectors, strict=True)
        ]
    )


async def milliseconds(one: Grounding, rows: Sequence[Row]) -> dict[str, float]:
    """Of the processor, a check of a response beside its knowledge."""
    took = []
    for row in rows[:TIMED]:
        began = time.process_time()
        await one.check(row.text, Context(question=row.question, evidence=row.evidence))
        took.append((time.process_time() - began) * 1000)
    return {f"p{q}": round(float(np.percentile(took, q)), 2) for q in (50, 99)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    folder = data_folder(parser.parse_args().data)
    embed(["warm"])

    def at(part: str) -> None:
        print(time.strftime("%X"), part, file=sys.stderr)

    at("the bar's reading")
    rows = labelled(folder, whole=False)
    fitted = fit(rows)
    bar = out_of_fold(rows, fitted)
    at("the other reading")
    other = labelled(folder, whole=True)
    whole = out_of_fold(other, fit(other))
    at("few examples")
    by_number = few(rows)
    at("milliseconds")
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "fitted.json"
        file.write_bytes(fitted.content)
        took = {
            "fitted": asyncio.run(milliseconds(guard(Settings(kind="grounding", file=str(file))), rows)),
            "the weights of the package": asyncio.run(milliseconds(guard(), rows)),
        }
    at("served")
    figures = {
        "what": "AUROC of support: value, and 95 % interval by knowledge snippet",
        "entailment alone against the rest": bar,
        "supported, uncooperative or not": whole,
        "fitted and served, the guard's worst sentence": asyncio.run(served(rows)),
        "fitted to so many examples, AUROC on the rest: mean, least and most of the draws": by_number,
        "ms of the processor a check": took,
        "floor": FLOOR,
        "holds": bar["auroc"][0] >= FLOOR,
    }
    keep("grounding_fit", figures)


if __name__ == "__main__":
    main()
