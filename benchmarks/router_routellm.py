"""Who should climb, said before anything is generated: the router of questions on RouteLLM's recorded answers to MMLU.

    python -m benchmarks.router_routellm --data DIR [--vectors FILE]    # FILE keeps the vectors for another run

Mixtral-8x7B-Instruct is the lower tier, GPT-4 the upper one (Ong et al., RouteLLM, 2024). Of the rows that the authors
did not find contaminated, some are drawn for fitting, by a seed; the others are the test, but for those whose very
prompt was drawn. A question's vector is the mean direction of two: its stem, and all of it without the closing
"Answer:". Subjects are not looked at.

APGR and CPT as `routellm/evals/evaluate.py` and `benchmarks.py` compute them: the score's eleven quantiles at every
tenth are thresholds; who reaches one is sent to the upper tier (at the last, who exceeds it), which gives eleven shares
of upper calls and eleven accuracies. APGR is the area under accuracy against share (trapezoids), less the lower
tier's accuracy, over the difference of the tiers' accuracies; CPT(x) is where linear interpolation of those points
meets that part x of the difference. Both accuracies are those of the test.

Errors are standard errors over the seeds. All splits share the same 8,413 rows, so they do not say how another file of
questions would differ: `error_of_questions`, from a bootstrap of the first test, does.

Nothing was tuned on these splits: bandwidth and noise are chosen within the rows that are fitted on; which texts are
embedded, the width of the space, what is fitted (gains), the usual bandwidth and noise and when the base rate is kept
were chosen on splits of the seeds 100 to 109, 200 to 209 and 300 to 319 of the same file, whose rows are of course
these.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import data_folder, keep, mean_and_error
from palier.interfaces import Vectors
from palier.retrieval import sentence_model
from palier.routing.questions import fit_questions, gains

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

LABELS = {300: 20, 1500: 20, 4000: 5}
"""Rows to fit on, and splits: with 4,000 each takes a minute."""
NEIGHBOURS = 100
_FIRST_CHOICE = re.compile(r"\nA\. ")
_CLOSING = re.compile(r"\s*\nAnswer:\s*$")


class Recorded(NamedTuple):
    """Rows of the file: prompts, and whether the lower and the upper tier answered each, 0 or 1."""

    prompts: list[str]
    lower: Array
    upper: Array


def load(folder: Path) -> Recorded:
    """The rows that are not contaminated; says what to fetch where the file is not there."""
    file = folder / "routellm" / "mmlu_dev.jsonl.gz"
    if not file.exists():
        sys.exit(
            f"{file.name} is not there: make it of routellm/evals/mmlu of github.com/lm-sys/RouteLLM (Apache-2.0), one "
            "line a question with prompt, weak_correct, strong_correct, contaminated (see benchmarks/README.md)"
        )
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if not row["contaminated"]]
    lower, upper = (np.array([float(row[name]) for row in rows]) for name in ("weak_correct", "strong_correct"))
    return Recorded([row["prompt"] for row in rows], lower, upper)


def vectors_of(prompts: list[str], kept: Path | None) -> Vectors:
    """One unit vector a question; read from `kept` or written to it where it is given."""
    if kept and kept.exists():
        vectors: Vectors = np.load(kept)
        if len(vectors) != len(prompts):
            sys.exit(f"{kept.name} holds {len(vectors)} vectors, not {len(prompts)}: give another file")
        return vectors
    whole = [_CLOSING.sub("", prompt).strip() for prompt in prompts]
    stems = [_FIRST_CHOICE.split(text)[0] for text in whole]
    vectors = _embedded(whole) + _embedded(stems)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if kept:
        np.save(kept, vectors)
    return vectors


def _embedded(texts: list[str]) -> Vectors:
    """Sixteen of like length at a time: a batch takes as long as its longest."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    parts = [sentence_model.embed([texts[i] for i in order[s : s + 16]]) for s in range(0, len(order), 16)]
    vectors = np.empty((len(texts), sentence_model.DIMENSION), np.float32)
    vectors[order] = np.concatenate(parts)
    return vectors


def split(prompts: list[str], labels: int, seed: int) -> tuple[Indices, Indices]:
    """Rows to fit on and rows to test on; no prompt is in both."""
    order = np.random.default_rng(seed).permutation(len(prompts))
    drawn = {prompts[i] for i in order[:labels]}
    return order[:labels], np.array([i for i in order[labels:] if prompts[i] not in drawn])


def routed(score: Array, lower: Array, upper: Array, thresholds: int = 10) -> dict[str, float]:
    """APGR and CPT (%) of sending up those with the highest `score`, as RouteLLM computes them."""
    shares, accuracies = [], []
    for i, threshold in enumerate(np.quantile(score, np.linspace(0, 1, thresholds + 1))):
        up = score >= threshold if i < thresholds else score > threshold
        shares.append(up.mean())
        accuracies.append(np.where(up, upper, lower).mean())
    order = np.argsort(shares, kind="stable")
    share, accuracy = np.array(shares)[order], np.array(accuracies)[order]
    low, gap = lower.mean(), upper.mean() - lower.mean()
    calls = {f"cpt_{x}": float(np.interp(low + x / 100 * gap, accuracy, share)) * 100 for x in (20, 50, 80)}
    return {"apgr": float((np.trapezoid(accuracy, share) - low) / gap), **calls}


Router = Callable[[Indices, Indices], Array]


def routers(vectors: Vectors, recorded: Recorded) -> dict[str, Router]:
    """Each takes rows to fit on and rows to score; the higher a score, the sooner a question is sent up."""
    gain = gains(recorded.lower, recorded.upper)

    def by_gain(fit: Indices, test: Indices) -> Array:
        return fit_questions(vectors[fit], gain[fit]).probability(vectors[test])

    def by_lower(fit: Indices, test: Indices) -> Array:
        return -fit_questions(vectors[fit], recorded.lower[fit]).probability(vectors[test])

    def neighbours(fit: Indices, test: Indices) -> Array:
        nearest = np.argpartition(-(vectors[test] @ vectors[fit].T), NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        return gain[fit][nearest].mean(1)

    def chance(fit: Indices, test: Indices) -> Array:
        return np.random.default_rng(fit[0]).random(len(test))

    return {
        "router": by_gain,
        "router_of_the_lower_tier_alone": by_lower,
        f"nearest_{NEIGHBOURS}": neighbours,
        "random": chance,
    }


def report(recorded: Recorded, vectors: Vectors) -> dict[str, object]:
    """Every router at 1,500 labels; the router alone at fewer and more."""
    scorers = routers(vectors, recorded)
    figures: dict[str, object] = {
        "rows": len(recorded.prompts),
        "lower_right": round(float(recorded.lower.mean()), 4),
        "upper_right": round(float(recorded.upper.mean()), 4),
        "published_best": {"apgr": 0.603, "cpt_50": 35.4},
    }
    for labels, splits in LABELS.items():
        names = scorers if labels == 1500 else ("router",)
        figures[f"labels_{labels}"] = {name: over_splits(scorers[name], recorded, labels, splits) for name in names}
    fit, test = split(recorded.prompts, 1500, 0)
    score = scorers["router"](fit, test)
    figures["error_of_questions"] = bootstrap(score, recorded.lower[test], recorded.upper[test])
    return figures


def over_splits(router: Router, recorded: Recorded, labels: int, splits: int) -> dict[str, object]:
    """Mean of every measure over the seeds 0 to `splits` - 1, with its standard error."""
    found = []
    for seed in range(splits):
        fit, test = split(recorded.prompts, labels, seed)
        found.append(routed(router(fit, test), recorded.lower[test], recorded.upper[test]))
    return {name: mean_and_error([one[name] for one in found]) for name in found[0]}


def bootstrap(score: Array, lower: Array, upper: Array, repeats: int = 300) -> dict[str, float]:
    """Standard deviation of the measures when the questions of the test are drawn again."""
    random = np.random.default_rng(7)
    drawn = (random.integers(len(score), size=len(score)) for _ in range(repeats))
    found = [routed(score[i], lower[i], upper[i]) for i in drawn]
    return {name: round(float(np.std([one[name] for one in found], ddof=1)), 4) for name in ("apgr", "cpt_50")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--vectors", type=Path, help="a .npy file to keep the vectors in between runs")
    arguments = parser.parse_args()
    recorded = load(data_folder(arguments.data))
    keep("router_routellm", report(recorded, vectors_of(recorded.prompts, arguments.vectors)))


if __name__ == "__main__":
    main()
