"""Calibrated escalation on MMLU: the error-cost curve of cascades of two, three and five Llama models.

    python -m benchmarks.escalation_curves --data DIR

Fitted on the 285 rows of `cascade_logprob`'s train part, judged on the 1,531 of its test part, over the ranges of cost of
the published results (Zellinger and Thomson, 2025; costs in US dollars per million queries). `auc_norm` is the normalised
area under the curve: lower is better. Intervals: paired bootstrap over questions, 95 %.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.escalation_policy import climbing
from benchmarks.results import data_folder, keep
from palier.metrics.curves import auc_norm, best_thresholds, threshold_curve, two_tier_curve
from palier.metrics.reliability import auroc, brier, expected_calibration_error, log_loss
from palier.retrieval import sentence_model
from palier.routing.calibration import cross_fitted, fit_calibrator

Array = NDArray[np.float64]

PAIRS = ((3, 4), (2, 3), (2, 4))
LADDERS = ((0, 2, 4), (0, 1, 2, 3, 4))
COMPONENTS = 16
"""Of the questions' vectors: 285 labels carry no 512."""
REPEATS = 1000


class Rows(NamedTuple):
    """One part: of n questions and 5 models (n, 5), the vectors (n, 512), and the tokens of each prompt (n,)."""

    right: Array
    logprob: Array
    cost: Array
    tokens: Array
    vectors: Array


def load(folder: Path, part: str) -> Rows:
    lines = read(folder / "cascade_logprob" / f"mmlu_llama_chain_{part}.jsonl.gz")

    def of(field: str) -> Array:
        return np.array([[float(model[field]) for model in line["models"].values()] for line in lines])

    questions = [line["prompt"].partition("Question:")[2].removesuffix("Answer: ").strip() for line in lines]
    vectors = [sentence_model.embed(questions[at : at + 64]) for at in range(0, len(questions), 64)]
    return Rows(
        of("correct"),
        of("logprob"),
        of("cost_usd") * 1e6,
        of("tokens_in")[:, 0],
        np.concatenate(vectors).astype(np.float64),
    )


def read(file: Path) -> list[dict[str, Any]]:
    with gzip.open(file, "rt") as lines:
        return [json.loads(line) for line in lines]


def question_signal(train: Rows, test: Rows, outcomes: Array) -> tuple[Array, Array]:
    """One feature of the question alone, in log-odds: out of fold on train, so that it can be combined there."""
    mean = train.vectors.mean(axis=0)
    axes = np.linalg.svd(train.vectors - mean, full_matrices=False)[2][:COMPONENTS].T
    names = [f"component_{i}" for i in range(COMPONENTS)]
    here, there = (train.vectors - mean) @ axes, (test.vectors - mean) @ axes
    inside = cross_fitted(names, here, outcomes)
    outside = fit_calibrator(names, here, outcomes).probabilities(there)
    return np.log(inside / (1 - inside)), np.log(outside / (1 - outside))


def right_by_question(train: Rows, test: Rows, small: int, of: int) -> Array:
    """P(model `of` is right), on test, from the log-probability of `small` and from the question."""
    inside, outside = question_signal(train, test, train.right[:, of])
    model = fit_calibrator(
        ["logprob", "question"], np.column_stack((train.logprob[:, small], inside)), train.right[:, of]
    )
    return model.probabilities(np.column_stack((test.logprob[:, small], outside)))


def orders(train: Rows, test: Rows, small: int, large: int) -> dict[str, Array]:
    """What the rows of test may be ordered by, those that stay first: each (n,), higher stays.

    A budget of mean cost is spent best on the rows that gain most for what climbing costs; what it costs is known
    before, by the prompt's tokens.
    """
    logprob, there = train.logprob[:, [small]], test.logprob[:, [small]]
    right = fit_calibrator(["logprob"], logprob, train.right[:, small]).probabilities(there)
    # (1 + small - large) / 2 is 0 where climbing mends the answer, 1 where it spoils it.
    loss = (1 + train.right[:, small] - train.right[:, large]) / 2
    kept = fit_calibrator(["logprob"], logprob, loss).probabilities(there)
    by_question = right_by_question(train, test, small, small)
    gained = right_by_question(train, test, small, large) - by_question
    return {
        "log_probability": there[:, 0],
        "calibrated": right,
        "gain_per_cost": (2 * kept - 1) / test.tokens,
        "wrong_per_cost": (right - 1) / test.tokens,
        "with_question": by_question,
        "with_question_gain": -gained,
        "with_question_wrong_per_cost": (by_question - 1) / test.tokens,
    }


def of_pair(train: Rows, test: Rows, small: int, large: int, published: dict[str, Any]) -> dict[str, Any]:
    tiers, bounds = [small, large], published["cost_bounds"]
    candidates = orders(train, test, small, large)

    def area(order: Array, rows: NDArray[np.intp]) -> float:
        curve = two_tier_curve(order[rows], test.right[np.ix_(rows, tiers)], test.cost[np.ix_(rows, tiers)])
        return auc_norm(curve, bounds)

    every = np.arange(len(test.right))
    random = np.random.default_rng(0)
    drawn = [random.integers(len(every), size=len(every)) for _ in range(REPEATS)]
    base = np.array([area(candidates["log_probability"], rows) for rows in drawn])
    figures: dict[str, Any] = {"cost_bounds": bounds, "published": published["auc_norm"]}
    for name, order in candidates.items():
        value = area(order, every)
        differences = np.array([area(order, rows) for rows in drawn]) - base
        figures[name] = {
            "auc_norm": round(value, 4),
            "against_published": round(value - published["auc_norm"], 4),
            "against_log_probability": interval(value - area(candidates["log_probability"], every), differences),
        }
    return figures


def of_ladder(train: Rows, test: Rows, tiers: list[int], published: dict[str, Any]) -> dict[str, Any]:
    """Three tiers or five: thresholds of a grid search on train, and climbing by expected gain."""
    chosen = best_thresholds(train.logprob[:, tiers], train.right[:, tiers], train.cost[:, tiers])
    grid = threshold_curve(test.logprob[:, tiers], test.right[:, tiers], test.cost[:, tiers], chosen)
    even = climbing(train, test, tiers, np.ones_like(train.tokens), np.ones_like(test.tokens))
    sized = climbing(train, test, tiers, train.tokens, test.tokens)
    return {
        "cost_bounds": published["cost_bounds"],
        "published": published["auc_norm"],
        **{
            name: {
                "auc_norm": round((area := auc_norm(curve, published["cost_bounds"])), 4),
                "against_published": round(area - published["auc_norm"], 4),
                "points": len(curve.cost),
            }
            for name, curve in (("grid_of_thresholds", grid), ("gain", even), ("gain_per_cost", sized))
        },
    }


def of_probability(train: Rows, test: Rows, tier: int) -> dict[str, Any]:
    """What the probability that this model is right is worth on test: raw is the exponential of its log-probability."""
    model = fit_calibrator(["logprob"], train.logprob[:, [tier]], train.right[:, tier])
    measures: dict[str, Callable[[Array, Array], float | None]] = {
        "ece": expected_calibration_error,
        "ece_debiased": lambda p, y: expected_calibration_error(p, y, debiased=True),
        "brier": brier,
        "log_loss": log_loss,
        "auroc": auroc,
    }
    said = {"raw": np.exp(test.logprob[:, tier]), "calibrated": model.probabilities(test.logprob[:, [tier]])}
    return {
        "kind": model.kind,
        **{
            name: {m: round(f(p, test.right[:, tier]) or 0.0, 4) for m, f in measures.items()}
            for name, p in said.items()
        },
    }


def interval(value: float, drawn: Array) -> dict[str, float]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": round(value, 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    folder = data_folder(parser.parse_args().data)
    records = read(folder / "cascade_logprob" / "published_records.jsonl.gz")
    published = {
        tuple(r["cascade"]): r
        for r in records
        if (r["benchmark"], r["method"]) == ("mmlu", "gridsearch") and isinstance(r["cascade"][0], int)
    }
    train, test = load(folder, "train"), load(folder, "test")

    def named(tiers: tuple[int, ...]) -> str:
        return "+".join(map(str, tiers))

    keep(
        "escalation_curves",
        {
            "rows": {"train": len(train.right), "test": len(test.right)},
            "pairs": {named(pair): of_pair(train, test, *pair, published[pair]) for pair in PAIRS},
            "ladders": {named(t): of_ladder(train, test, list(t), published[t]) for t in LADDERS},
            "probabilities": {str(tier): of_probability(train, test, tier) for tier in range(5)},
        },
    )


if __name__ == "__main__":
    main()
