"""Hybrid retrieval against its two halves, on the French questions of PIAF: recall at 1 and 5, reciprocal rank.

    python -m benchmarks.retrieval_piaf --data FOLDER [--fit]

Every paragraph is a document, indexed as `palier ingest` does it; a question is answered by the paragraph it was asked
on. The weights in `retrieval/hybrid.py` were fitted on the articles of `Question.fits` (`--fit` shows that again) and
the figures are those of the other articles. Intervals are 95 %, by resampling whole articles 2,000 times.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.piaf import COLLECTION, READER, LocalEncoder, Paragraph, Question, load
from benchmarks.results import data_folder, keep
from palier import text
from palier.retrieval import hybrid, sentence_model
from palier.retrieval.indexing import index_documents
from palier.stores.knowledge import SqliteKnowledge
from palier.types import Document, Hit

Ranks = np.ndarray
"""Rank of the right paragraph for each question, 1 the best; infinite where it was not among the candidates."""


class Searched:
    """One question with what the two searches found for it."""

    def __init__(self, question: Question, near: list[Hit], found: list[Hit]) -> None:
        self.question = question
        self.asked = hybrid.Question.of(question.text)
        self.near, self.found = near, found

    def rank(self, hits: Sequence[Hit]) -> float:
        documents = list(dict.fromkeys(hit.document for hit in hits))
        right = self.question.paragraph
        return documents.index(right) + 1 if right in documents else float("inf")

    def fused(self) -> list[Hit]:
        return hybrid.fuse(self.asked, self.near, self.found, wanted=hybrid.CANDIDATES)

    def by_rank(self, weight: float, k: int = 60) -> list[Hit]:
        """Reciprocal rank fusion (Cormack et al., 2009), BM25 having `weight` of the whole."""
        scores: dict[str, float] = {}
        for share, hits in ((weight, self.found), (1 - weight, self.near)):
            for place, hit in enumerate(hits, 1):
                scores[hit.key] = scores.get(hit.key, 0.0) + share / (k + place)
        return sorted({hit.key: hit for hit in (*self.found, *self.near)}.values(), key=lambda hit: -scores[hit.key])


async def search_all(paragraphs: Sequence[Paragraph], questions: Sequence[Question], *, titles: bool) -> list[Searched]:
    """What both searches find for every question, by the store itself."""
    encoder = LocalEncoder()
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteKnowledge.open(Path(folder) / "knowledge.db", encoder.name, encoder.dimension, text.terms)
        documents = [
            Document(id=p.id, collection=COLLECTION, text=p.text, title=p.title if titles else "", language="fr")
            for p in paragraphs
        ]
        for start in range(0, len(documents), 64):
            await index_documents(documents[start : start + 64], encoder, store)
        searched = []
        vectors = sentence_model.embed([question.text for question in questions])
        for question, vector in zip(questions, vectors, strict=True):
            terms = hybrid.Question.of(question.text).terms
            near = await store.by_vector([COLLECTION], vector, hybrid.CANDIDATES, READER)
            found = await store.by_terms([COLLECTION], terms, hybrid.CANDIDATES, READER)
            searched.append(Searched(question, near, found))
        await store.close()
    return searched


def figures(searched: Sequence[Searched]) -> dict[str, dict[str, object]]:
    """Each way of searching, with intervals; and what hybrid has more than each of its halves."""
    ranks = {
        "hybrid": np.array([s.rank(s.fused()) for s in searched]),
        "bm25": np.array([s.rank(s.found) for s in searched]),
        "vectors": np.array([s.rank(s.near) for s in searched]),
        "reciprocal ranks, equal": np.array([s.rank(s.by_rank(0.5)) for s in searched]),
    }
    draws = resampled([s.question.title for s in searched])
    measures = {
        "recall@1": lambda r: r <= 1,
        "recall@5": lambda r: r <= 5,
        "mrr@10": lambda r: np.where(r <= 10, 1 / r, 0.0),
    }
    table: dict[str, dict[str, object]] = {
        way: {name: interval(measure(rank).astype(float), draws) for name, measure in measures.items()}
        for way, rank in ranks.items()
    }
    for other in ("bm25", "vectors"):
        table[f"hybrid - {other}"] = {
            name: interval(measure(ranks["hybrid"]).astype(float) - measure(ranks[other]), draws)
            for name, measure in measures.items()
        }
    return table


def resampled(articles: Sequence[str], times: int = 2000) -> np.ndarray:
    """How often each question counts in each of `times` draws of articles with replacement; (times, questions)."""
    names, member = np.unique(articles, return_inverse=True)
    random = np.random.default_rng(7)
    return random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=times)[:, member].astype(np.float32)


def interval(values: np.ndarray, draws: np.ndarray) -> list[float]:
    """Mean, and the 2.5 % and 97.5 % quantiles of its resampled means."""
    means = draws @ values / draws.sum(axis=1)
    return [round(float(x), 4) for x in (values.mean(), *np.quantile(means, [0.025, 0.975]))]


def fit(searched: Sequence[Searched]) -> dict[str, object]:
    """The weight of BM25 per term by recall@1 on the fitting articles, and the logistic of the sum at each weight."""
    kept = hybrid._LEXICAL
    table: dict[str, object] = {}
    for weight in (0.05, 0.1, 0.15, 0.2, 0.3):
        hybrid._LEXICAL = weight
        recall = np.mean([s.rank(s.fused()) <= 1 for s in searched])
        sums, right = [], []
        for s in searched:
            for hit in s.fused():
                # back from the score to the sum that it is the logistic of
                sums.append((np.log(hit.score / (1 - hit.score)) - hybrid._INTERCEPT) / hybrid._SLOPE)
                right.append(hit.document == s.question.paragraph)
        slope, intercept = logistic(np.array(sums), np.array(right, float))
        table[str(weight)] = {"recall@1": round(float(recall), 4), "slope": slope, "intercept": intercept}
    hybrid._LEXICAL = kept
    return table


def logistic(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of greatest likelihood, by Newton's method."""
    design, weights = np.column_stack([x, np.ones_like(x)]), np.zeros(2)
    for _ in range(30):
        p = 1 / (1 + np.exp(-design @ weights))
        hessian = (design * (p * (1 - p))[:, None]).T @ design
        weights += np.linalg.solve(hessian, design.T @ (y - p))
    return round(float(weights[0]), 2), round(float(weights[1]), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder of public data")
    parser.add_argument("--fit", action="store_true", help="also show what the weights were chosen from")
    arguments = parser.parse_args()
    paragraphs, questions = load(data_folder(arguments.data))
    measured: dict[str, object] = {}
    for name, titles in (("paragraphs alone", False), ("with the title of their article", True)):
        searched = asyncio.run(search_all(paragraphs, questions, titles=titles))
        held_out = [s for s in searched if not s.question.fits]
        measured[name] = {"questions": len(held_out), **figures(held_out)}
        if arguments.fit and titles:
            measured["fit, on the other articles"] = fit([s for s in searched if s.question.fits])
    keep("retrieval_piaf", {"paragraphs": len(paragraphs), **measured})


if __name__ == "__main__":
    main()
