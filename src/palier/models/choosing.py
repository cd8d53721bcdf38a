"""Which sentence answers: a fitted linear score of the candidates, and the signals of how sure that choice is."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palier.models.composing import compose
from palier.models.quoting import SIGNALS, Evidence, Weighed
from palier.types import Features

EMBEDDED = 4
"""Candidates of a question that are compared by meaning, the best by words: twice as many choose no better."""

Scores = NDArray[np.float64]

FEATURES = (
    "quoted",
    "coverage",
    "passage_coverage",
    "title_coverage",
    "kind_met",
    "kind_missed",
    "score",
    "score_margin",
    "cosine",
    "best",
    "margin",
    "share",
    "passage_share",
    "agreement",
    "lexical_best",
    "terms",
    "names_missed",
)
"""What the confidence of a quotation is made of, in the order of `_features`."""


class Scorer(NamedTuple):
    """A linear model over standardised signals, read from fitted/extract.json.

    Fitted as a choice among the sentences of one question (conditional logit; McFadden, 1974), so that a difference of
    scores is the logarithm of a ratio of chances: benchmarks/extract_piaf.py.
    """

    means: Scores
    scales: Scores
    weights: Scores

    def scores(self, signals: NDArray[np.float64], cosines: Scores | None = None) -> Scores:
        """One a row of `signals` (n, len(SIGNALS)); without `cosines` (n,), as if each were ordinary."""
        last = np.full((len(signals), 1), self.means[-1]) if cosines is None else cosines.reshape(-1, 1)
        scores: Scores = ((np.hstack([signals, last]) - self.means) / self.scales) @ self.weights
        return scores


@cache
def scorer() -> Scorer:
    """The fitted weights. Raises `ValueError` where they are not for the signals of `quoting`."""
    fitted = json.loads(files("palier.models").joinpath("fitted/extract.json").read_text(encoding="utf-8"))
    if tuple(fitted["signals"]) != (*SIGNALS, "cosine"):
        raise ValueError("fitted/extract.json was fitted on other signals: run benchmarks.extract_piaf --fit")
    return Scorer(*(np.array(fitted[name], np.float64) for name in ("means", "scales", "weights")))


class Quotation(NamedTuple):
    """What is answered: the text, the passages it cites (1-based), the signals of its confidence (`FEATURES`)."""

    text: str
    passages: tuple[int, ...]
    features: Features


NOTHING = Quotation("", (), dict.fromkeys(FEATURES, 0.0))
"""The quotation of no passage at all."""


def shortlist(weighed: Weighed) -> list[int]:
    """The best candidates by words, best first, and as many in another language: positions in `weighed.sentences`."""
    order = [int(i) for i in np.argsort(-scorer().scores(weighed.signals), kind="stable")]
    foreign = [weighed.foreign[weighed.sentences[i].passage] for i in order]
    native = [i for i, other in zip(order, foreign, strict=True) if not other][:EMBEDDED]
    return native + [i for i, other in zip(order, foreign, strict=True) if other][:EMBEDDED]


def choose(weighed: Weighed, kept: Sequence[int], cosines: Scores, evidence: Sequence[Evidence]) -> Quotation:
    """The best of the candidates `kept`, with what belongs to it; `cosines` (len(kept),) are with the question."""
    scores = scorer().scores(weighed.signals)
    scores[list(kept)] = scorer().scores(weighed.signals[list(kept)], cosines)
    place = int(np.argmax(scores[list(kept)]))
    sentence = weighed.sentences[kept[place]]
    text = compose(evidence[sentence.passage].text, sentence.start, sentence.end, sentence.passage + 1)
    return Quotation(text, (sentence.passage + 1,), _features(weighed, scores, kept, place, cosines, evidence))


def _features(
    weighed: Weighed,
    scores: Scores,
    kept: Sequence[int],
    place: int,
    cosines: Scores,
    evidence: Sequence[Evidence],
) -> Features:
    best = kept[place]
    passage = weighed.sentences[best].passage
    row = dict(zip(SIGNALS, (float(value) for value in weighed.signals[best]), strict=True))
    chances = np.exp(scores - scores.max())
    chances /= chances.sum()
    same = np.array([sentence.passage == passage for sentence in weighed.sentences])
    rivals = np.delete(scores[list(kept)], place)
    others = [hit.score for index, hit in enumerate(evidence) if index != passage]
    return {
        "quoted": 1.0,
        **{name: row[name] for name in ("coverage", "passage_coverage", "title_coverage", "kind_met", "kind_missed")},
        "score": row["score"],
        "score_margin": evidence[passage].score - max(others, default=0.0),
        "cosine": float(cosines[place]),
        "best": float(scores[best]),
        "margin": float(scores[best] - rivals.max()) if len(rivals) else 0.0,
        "share": float(chances[best]),
        "passage_share": float(chances[same].sum()),
        "agreement": float(int(np.argmax(cosines)) == place),
        "lexical_best": float(all(hit.bm25 <= evidence[passage].bm25 for hit in evidence)),
        "terms": math.log1p(weighed.terms),
        "names_missed": math.log1p(weighed.missed[passage]),
    }
