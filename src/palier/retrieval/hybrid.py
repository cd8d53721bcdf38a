"""Question to passages: by meaning and by words, fused into one score that means the same for every question."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from palier import text
from palier.interfaces import Encoder, PassageIndex, Vectors
from palier.types import Data, Hit, Principal

CANDIDATES = 40
"""Passages taken from each search."""
_MAX_QUERY = 2000
"""Characters of a question that are searched for."""

# Fitted on the questions of six in ten articles of PIAF, reported on the others: benchmarks/retrieval_piaf.py --fit.
_LEXICAL = 0.15
"""What BM25 per term of the question weighs beside the cosine. Ranks alone (reciprocal rank fusion, equal weights or
not) lose to BM25 at the first place; a weighted sum of scores does not (Bruch et al., 2023)."""
_SLOPE, _INTERCEPT = 9.2, -8.6
_FOREIGN = 0.45
"""A passage in another language than the question's cannot share its words: it is given this part of the best lexical
score, or none would ever stand before a passage that shares a stray word with the question."""
_CONTEXT = 1.0
"""What the turn before weighs beside a question of one term; a question of many terms speaks for itself."""
_MAX_CONTEXT = 0.7


class HybridRetriever:
    """Implements `interfaces.Retriever` over a `PassageIndex` and the `Encoder` that it was filled by.

    `Hit.score` is between 0 and 1, and comparable between questions: the logistic of cosine + 0.15 BM25 per term,
    fitted to whether a passage holds the answer. It orders and it warns; it is no certified probability, for it was
    not fitted on your documents.
    """

    def __init__(self, index: PassageIndex, encoder: Encoder) -> None:
        self._index = index
        self._encoder = encoder

    async def search(
        self, query: str, collections: Sequence[str], limit: int, principal: Principal, *, context: str = ""
    ) -> list[Hit]:
        """The `limit` best passages that `principal` may read, best first, with `score`, `cosine` and `bm25`.

        `context` is the user turn before, for what "and for the other one?" leaves out: the fewer terms the question
        has, the more it weighs, 0.7 of the question at most. `cosine` or `bm25` is 0 where only the other search found
        the passage. Raises as encoder and index do.
        """
        asked = Question.of(query, context)
        wanted = max(CANDIDATES, limit)
        near, found, recalled = await asyncio.gather(
            self._near(asked, collections, wanted, principal),
            self._index.by_terms(collections, asked.terms, wanted, principal),
            self._index.by_terms(collections, asked.earlier, wanted, principal),
        )
        return fuse(asked, near, found, recalled, wanted=wanted)[:limit]

    async def _near(self, asked: Question, collections: Sequence[str], wanted: int, principal: Principal) -> list[Hit]:
        vectors = await self._encoder.encode([asked.query, asked.context] if asked.weight else [asked.query])
        return await self._index.by_vector(collections, _blend(vectors, asked.weight), wanted, principal)


class Question(Data, frozen=True, kw_only=True):
    """What is searched for: the question with its stemmed terms, and the turn before with those it adds."""

    query: str
    terms: tuple[str, ...]
    language: str = ""
    context: str = ""
    earlier: tuple[str, ...] = ()
    weight: float = 0.0
    """Of the turn before, the question having 1."""

    @classmethod
    def of(cls, query: str, context: str = "") -> Question:
        """Analyse the first 2,000 characters of each."""
        query, context = query[:_MAX_QUERY], context[:_MAX_QUERY]
        language = text.detect(query, text.detect(context))
        terms = tuple(dict.fromkeys(text.terms(query, language)))
        if not context.strip():
            return cls(query=query, terms=terms, language=language)
        earlier = tuple(term for term in dict.fromkeys(text.terms(context, language)) if term not in terms)
        weight = min(_MAX_CONTEXT, _CONTEXT / max(len(terms), 1))
        return cls(query=query, terms=terms, language=language, context=context, earlier=earlier, weight=weight)


def fuse(
    asked: Question, near: Sequence[Hit], found: Sequence[Hit], recalled: Sequence[Hit] = (), *, wanted: int
) -> list[Hit]:
    """All hits of the searches by vector, by terms and by earlier terms, scored, best first.

    A passage that a search left out has at most the last score of its list there, where the list is full (`wanted`).
    """
    hits = {hit.key: hit for hit in (*recalled, *found, *near)}
    cosines, bm25s = {hit.key: hit.cosine for hit in near}, {hit.key: hit.bm25 for hit in found}
    least = near[-1].cosine if len(near) >= wanted else 0.0
    words = _lexical(asked, found, recalled, hits, wanted)
    native = _FOREIGN * max(words.values(), default=0.0)
    scored = []
    for key, hit in hits.items():
        foreign = asked.language and hit.language and hit.language != asked.language
        lexical = max(words[key], native) if foreign else words[key]
        score = _logistic(_SLOPE * (cosines.get(key, least) + _LEXICAL * lexical) + _INTERCEPT)
        known = {"score": score, "cosine": cosines.get(key, 0.0), "bm25": bm25s.get(key, 0.0)}
        scored.append(msgspec.structs.replace(hit, **known))
    return sorted(scored, key=lambda hit: (-hit.score, hit.collection, hit.document, hit.passage))


def _lexical(
    asked: Question, found: Sequence[Hit], recalled: Sequence[Hit], hits: Iterable[str], wanted: int
) -> dict[str, float]:
    """BM25 per term, of the question and, by its weight, of the turn before."""
    words = _per_term(found, len(asked.terms), hits, wanted)
    if not recalled:
        return words
    earlier = _per_term(recalled, len(asked.earlier), hits, wanted)
    return {key: (words[key] + asked.weight * earlier[key]) / (1 + asked.weight) for key in words}


def _per_term(found: Sequence[Hit], terms: int, hits: Iterable[str], wanted: int) -> dict[str, float]:
    least = found[-1].bm25 if len(found) >= wanted else 0.0
    scores = {hit.key: hit.bm25 for hit in found}
    return {key: scores.get(key, least) / max(terms, 1) for key in hits}


def _blend(vectors: Vectors, weight: float) -> Vectors:
    """The question's vector, turned by `weight` towards that of the turn before; of unit length."""
    blended = vectors[0] + np.float32(weight) * vectors[1] if weight else vectors[0]
    return np.asarray(blended / max(float(np.linalg.norm(blended)), 1e-12), np.float32)


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))
