"""Hybrid retrieval against its two halves on a French public service's answers: recall at 1 and 5, reciprocal rank.

    python -m benchmarks.retrieval_public_service --data FOLDER

512 pages of the CNIL's "Besoin d'aide" (fr_public_service), each with the question it answers. That question is the
page's own title, word for word: with titles indexed it is found by itself, so that the figures that count are those
**without titles**, of the answers' text alone; the others are shown beside. Nothing was fitted on these pages: the
weights in `retrieval/hybrid.py` come from articles of PIAF (benchmarks/retrieval_piaf.py), and `weights` shows what
others would have done. Some pages have the same text under several questions: each question's own page is the right one,
and `or one of the same text` counts its twins as right too. Intervals are 95 %, by resampling questions 2,000 times.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.piaf import Paragraph, Question
from benchmarks.results import data_folder, keep
from benchmarks.retrieval_piaf import Searched, figures, search_all
from palier.retrieval import hybrid

WEIGHTS = (0.05, 0.1, 0.15, 0.2, 0.3)


def load(folder: Path) -> tuple[list[Paragraph], list[Question]]:
    """Every page and its question of `folder`/fr_public_service/cnil_faq.jsonl.gz."""
    with gzip.open(folder / "fr_public_service" / "cnil_faq.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    pages = [Paragraph(row["doc_id"], row["title"], row["context"]) for row in rows]
    # Each question is a draw of its own: its page stands for the article.
    return pages, [Question(qa["question"], (), row["doc_id"], row["doc_id"]) for row in rows for qa in row["qas"]]


def with_twins(searched: Sequence[Searched], pages: Sequence[Paragraph]) -> dict[str, list[float]]:
    """Recall at 1 and 5 of hybrid and BM25, pages of the same text being as right as the question's own."""
    text = {page.id: page.text for page in pages}

    def rank(of: Searched, way: str) -> float:
        hits = of.fused() if way == "hybrid" else of.found
        documents = dict.fromkeys(hit.document for hit in hits)
        right = [place for place, name in enumerate(documents, 1) if text[name] == text[of.question.paragraph]]
        return min(right, default=float("inf"))

    found = {}
    for way in ("hybrid", "bm25"):
        ranks = np.array([rank(s, way) for s in searched])
        found[way] = [round(float((ranks <= k).mean()), 4) for k in (1, 5)]
    return found


def by_weight(searched: Sequence[Searched]) -> dict[str, list[float]]:
    """Recall at 1 and 5 under other weights of BM25: shown, not chosen from."""
    kept, found = hybrid._LEXICAL, {}
    for weight in WEIGHTS:
        hybrid._LEXICAL = weight
        ranks = np.array([s.rank(s.fused()) for s in searched])
        found[f"{weight:g}"] = [round(float((ranks <= k).mean()), 4) for k in (1, 5)]
    hybrid._LEXICAL = kept
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder of public data")
    arguments = parser.parse_args()
    pages, questions = load(data_folder(arguments.data))
    alike = Counter(page.text for page in pages)
    measured: dict[str, object] = {
        "pages": len(pages),
        "questions": len(questions),
        "pages whose text another has": sum(count for count in alike.values() if count > 1),
    }
    for name, titles in (("without titles", False), ("with titles, which are the questions", True)):
        searched = asyncio.run(search_all(pages, questions, titles=titles))
        found: dict[str, object] = {**figures(searched)}
        if not titles:
            found["or one of the same text, recall at 1 and 5"] = with_twins(searched, pages)
            found["weights, recall at 1 and 5 (not fitted on)"] = by_weight(searched)
        measured[name] = found
    keep("retrieval_public_service", measured)


if __name__ == "__main__":
    main()
