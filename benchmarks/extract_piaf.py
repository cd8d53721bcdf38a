"""The extract tier on PIAF: how often the chosen sentence holds the answer, and what its confidence is worth.

    python -m benchmarks.extract_piaf --data DIR          # report, on the articles that nothing was fitted on
    python -m benchmarks.extract_piaf --data DIR --fit    # fit the weights of the sentences, on the others

All 940 paragraphs are the collection. Intervals: bootstrap over whole articles, 95 %.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import piaf
from benchmarks.quotations import PASSAGES, SEARCHED, Row, rows, sentences_of, vector
from benchmarks.results import data_folder, keep
from palier.models import extract
from palier.models.quoting import SIGNALS, weigh
from palier.routing.confidence import FittedConfidence
from palier.types import Hit

WEIGHTS = Path(extract.__file__).parent / "fitted" / "extract.json"
Pairs = list[tuple[piaf.Question, list[Hit]]]
Array = NDArray[np.float64]


async def found(folder: Path, *, fit: bool) -> Pairs:
    """The questions of one part, each with what the retriever finds for it."""
    paragraphs, questions = piaf.load(folder)
    async with piaf.indexed(paragraphs) as retriever:
        return [(q, await piaf.search(retriever, q.text, SEARCHED)) for q in questions if q.fits is fit]


def fit(pairs: Pairs, *, ridge: float = 1e-3) -> dict[str, object]:
    """Weights by which the right sentence wins among those of its question (conditional logit, by Newton's method)."""
    blocks = [block for pair in pairs if (block := _choices(*pair))[1].any()]
    signals = np.concatenate([signals for signals, _ in blocks])
    means, scales = signals.mean(0), signals.std(0) + 1e-9
    standard = [((rows_ - means) / scales, right) for rows_, right in blocks]
    weights = np.zeros(signals.shape[1])
    loss = _loss(standard, weights, ridge)
    for _ in range(50):
        gradient, curvature = ridge * weights, ridge * np.eye(len(weights))
        for x, right in standard:
            p = _softmax(x @ weights)
            q = p * right / (p * right).sum()
            gradient += x.T @ (p - q) / len(blocks)
            # Of the denominator alone: positive, so that every step goes down.
            curvature += (x.T @ (x * p[:, None]) - np.outer(x.T @ p, x.T @ p)) / len(blocks)
        step = np.linalg.solve(curvature, gradient)
        while (after := _loss(standard, weights - step, ridge)) > loss and np.abs(step).max() > 1e-9:
            step /= 2
        weights -= step
        if loss - after < 1e-7:
            break
        loss = after
    return {
        "signals": [*SIGNALS, "cosine"],
        "means": [round(float(m), 6) for m in means],
        "scales": [round(float(s), 6) for s in scales],
        "weights": [round(float(w), 6) for w in weights],
        "fitted_on": f"{len(blocks)} questions of PIAF v1.1 whose sentence was among {PASSAGES} passages found",
        "by": "python -m benchmarks.extract_piaf --fit",
        "licence": "statistics of PIAF (MIT); no text of it",
    }


def _loss(blocks: Sequence[tuple[Array, Array]], weights: Array, ridge: float) -> float:
    losses = [-np.log((_softmax(x @ weights) * right).sum() + 1e-300) for x, right in blocks]
    return float(np.mean(losses) + ridge / 2 * weights @ weights)


def _choices(question: piaf.Question, hits: Sequence[Hit]) -> tuple[Array, Array]:
    """Signals of every sentence found for a question, and which of them hold its answer in its own paragraph."""
    evidence = [extract.as_evidence(hit) for hit in hits[:PASSAGES]]
    weighed = weigh(question.text, "fr", evidence)
    texts = sentences_of(weighed, range(len(weighed.sentences)), evidence)
    cosines = np.array([vector(text) @ vector(question.text) for text in texts])
    own = [hits[s.passage].document == question.paragraph for s in weighed.sentences]
    right = [float(o and piaf.holds(text, question.answers)) for o, text in zip(own, texts, strict=True)]
    return np.c_[weighed.signals, cosines], np.array(right)


def _softmax(scores: Array) -> Array:
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum()


def auroc(scores: Array, positive: Array) -> float:
    """The chance that a positive scores above a negative; ties count half."""
    order = np.unique(scores, return_inverse=True)[1]
    counts = np.bincount(order)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[order]
    n = positive.sum()
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


def precision_at(coverage: float) -> Callable[[Array, Array], float]:
    """The share that is right among the most confident `coverage` of the answers."""
    return lambda scores, right: float(right[np.argsort(-scores)[: max(1, round(coverage * len(right)))]].mean())


def interval(
    measure: Callable[[Array, Array], float], scores: Array, right: Array, articles: Sequence[str], repeats: int = 1000
) -> dict[str, float]:
    """A measure with its 95 % interval: articles are drawn whole, for their questions are alike."""
    members: dict[str, list[int]] = {}
    for index, article in enumerate(articles):
        members.setdefault(article, []).append(index)
    groups = [np.array(group) for group in members.values()]
    random = np.random.default_rng(7)
    drawn = []
    for _ in range(repeats):
        chosen = np.concatenate([groups[i] for i in random.integers(len(groups), size=len(groups))])
        drawn.append(measure(scores[chosen], right[chosen]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": round(measure(scores, right), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def report(pairs: Pairs) -> dict[str, object]:
    """Every figure, on questions that nothing was fitted on."""
    judged = list(rows(pairs))
    confidence = FittedConfidence()
    probability = np.array([confidence.probability(row.features, generates=False) for row in judged])
    answerable = np.array([row.answerable for row in judged])
    right = np.array([row.right for row in judged])
    articles = [row.question.title for row in judged if row.answerable]
    sure, true = probability[answerable], right[answerable]
    everywhere = [row.question.title for row in judged]

    def share(of: Callable[[Row], bool]) -> dict[str, float]:
        hits = np.array([of(row) for row in judged if row.answerable])
        return interval(lambda _, values: float(values.mean()), sure, hits, articles)

    thresholds = {
        f"{threshold:.1f}": {
            "kept_of_answerable": round(float((sure >= threshold).mean()), 4),
            "right_of_kept": round(float(true[sure >= threshold].mean()), 4) if (sure >= threshold).any() else None,
            "kept_of_unanswerable": round(float((probability[~answerable] >= threshold).mean()), 4),
        }
        for threshold in (0.3, 0.5, 0.6, 0.7, 0.8)
    }
    return {
        "questions": int(answerable.sum()),
        "articles": len(set(articles)),
        "own_paragraph_found": round(
            float(np.mean([any(h.document == q.paragraph for h in hits[:PASSAGES]) for q, hits in pairs])), 4
        ),
        "sentence_holds_answer": share(lambda row: row.right),
        "sentence_of_own_paragraph_holds_answer": share(lambda row: row.right_there),
        "one_of_three_holds_answer": share(lambda row: row.any_of),
        "auroc": interval(auroc, sure, true, articles),
        "precision_at_20": interval(precision_at(0.2), sure, true, articles),
        "precision_at_40": interval(precision_at(0.4), sure, true, articles),
        "brier": round(float(((sure - true) ** 2).mean()), 4),
        "unanswerable_auroc": interval(auroc, probability, answerable, everywhere),
        "unanswerable_against_right_auroc": interval(
            auroc,
            probability[right | ~answerable],
            right[right | ~answerable],
            [a for a, r in zip(everywhere, right | ~answerable, strict=True) if r],
        ),
        "at_threshold": thresholds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--fit", action="store_true", help="write the weights instead of reporting")
    arguments = parser.parse_args()
    pairs = asyncio.run(found(data_folder(arguments.data), fit=arguments.fit))
    if arguments.fit:
        WEIGHTS.write_text(json.dumps(fit(pairs), indent=2) + "\n")
    else:
        keep("extract_piaf", report(pairs))


if __name__ == "__main__":
    main()
