"""How well each sentence of the passages answers a question: signals by words, before any embedding."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palier.models.asking import asked, offered
from palier.text import sentences, terms, tokens

MAX_SENTENCES = 400
"""Sentences that are weighed for one question."""
_STEM = 4
"""Letters that two stems must share from the start to be taken for related."""


class Evidence(NamedTuple):
    """A passage as the scoring needs it: plain values, which travel to a worker."""

    text: str
    title: str
    language: str
    score: float
    cosine: float
    bm25: float


class Sentence(NamedTuple):
    """A candidate: its passage (0-based), where it stands there."""

    passage: int
    start: int
    end: int


SIGNALS = (
    "coverage",
    "near",
    "passage_coverage",
    "title_coverage",
    "overlap",
    "plain",
    "pairs",
    "kind_met",
    "kind_missed",
    "length",
    "first",
    "score",
    "margin",
    "passage_cosine",
    "rank",
)  # fmt: skip


class Weighed(NamedTuple):
    """The candidates of one question and their signals, one row each, in the order of `SIGNALS`."""

    sentences: list[Sentence]
    signals: NDArray[np.float64]
    terms: int
    asked: bool


def weigh(question: str, language: str, passages: Sequence[Evidence]) -> Weighed:
    """Signals of every sentence of `passages` for `question`. A few milliseconds for six passages: runs in a worker."""
    wanted = list(dict.fromkeys(terms(question, language))) or tokens(question)
    kinds = asked(question)
    bodies = [_words(passage, language) for passage in passages]
    rarity = _rarity(wanted, bodies)
    best = max((passage.score for passage in passages), default=0.0)
    found: list[Sentence] = []
    rows: list[list[float]] = []
    for index, (passage, words) in enumerate(zip(passages, bodies, strict=True)):
        rest = MAX_SENTENCES - len(found)
        spans = sentences(passage.text)[:rest]
        whole = _coverage(_matches(wanted, set(words)), rarity)
        titled = _coverage(_matches(wanted, set(terms(passage.title, passage.language or language))), rarity)
        place = [_logit(passage.score), _logit(passage.score) - _logit(best), passage.cosine, 1.0 / (1 + index)]
        stems = [terms(passage.text[start:end], passage.language or language) for start, end in spans]
        matched = [_matches(wanted, set(row)) for row in stems]
        for position, (start, end) in enumerate(spans):
            row = stems[position]
            own = matched[position]
            signals = [
                _coverage(own, rarity),
                _coverage(_around(matched, position), rarity),
                whole,
                titled,
                _overlap(own, rarity, len(row)),
                sum(own) / max(len(own), 1),
                _pairs(wanted, row),
            ]
            met = offered(kinds, passage.text[start:end]) if kinds else 0.0
            signals += [met, (1.0 - met) if kinds else 0.0, math.log1p(len(row)), float(position == 0), *place]
            found.append(Sentence(index, start, end))
            rows.append(signals)
    return Weighed(found, np.array(rows, np.float64).reshape(len(rows), len(SIGNALS)), len(wanted), bool(kinds))


def _words(passage: Evidence, language: str) -> list[str]:
    return terms(passage.text, passage.language or language)


def _rarity(wanted: Sequence[str], bodies: Sequence[Sequence[str]]) -> list[float]:
    """What each term of the question is worth: rare among the passages, and long, which stands for rare elsewhere."""
    counts: Counter[str] = Counter()
    for body in bodies:
        counts.update(set(body))
    n = len(bodies)
    return [
        math.log(1 + (n - counts[term] + 0.5) / (counts[term] + 0.5)) + 0.5 + 0.1 * min(len(term), 10)
        for term in wanted
    ]


def _matches(wanted: Sequence[str], words: Set[str]) -> list[float]:
    """1 for each term of the question that is among `words`, less for one of the same family, 0 else."""
    stems: Mapping[str, list[str]] | None = None
    result = []
    for term in wanted:
        if term in words:
            result.append(1.0)
            continue
        if len(term) < _STEM or term[0].isdigit():
            result.append(0.0)
            continue
        if stems is None:
            stems = _by_stem(words)
        result.append(max((_kinship(term, word) for word in stems.get(term[:_STEM], ())), default=0.0))
    return result


def _by_stem(words: Set[str]) -> dict[str, list[str]]:
    families: dict[str, list[str]] = {}
    for word in words:
        if len(word) >= _STEM:
            families.setdefault(word[:_STEM], []).append(word)
    return families


def _kinship(a: str, b: str) -> float:
    shared = _STEM
    for x, y in zip(a[_STEM:], b[_STEM:], strict=False):
        if x != y:
            break
        shared += 1
    share = shared / max(len(a), len(b))
    return 0.8 * share if share > 0.5 else 0.0


def _coverage(matched: Sequence[float], rarity: Sequence[float]) -> float:
    return sum(m * r for m, r in zip(matched, rarity, strict=True)) / max(sum(rarity), 1e-9)


def _around(matched: Sequence[Sequence[float]], position: int) -> list[float]:
    """The matches of a sentence, lent by its neighbours: what it is about is often named just before."""
    near = list(matched[position])
    for offset, share in ((-1, 0.6), (-2, 0.3), (1, 0.4)):
        if 0 <= position + offset < len(matched):
            near = [max(own, share * other) for own, other in zip(near, matched[position + offset], strict=True)]
    return near


def _overlap(matched: Sequence[float], rarity: Sequence[float], length: int) -> float:
    """Coverage as BM25 counts it: a match in a long sentence says less."""
    return _coverage(matched, rarity) * 2.2 / (1 + 1.2 * (0.25 + 0.75 * length / 14))


def _pairs(wanted: Sequence[str], row: Sequence[str]) -> float:
    """The share of neighbouring terms of the question that are neighbours in the sentence too."""
    places = {word: place for place, word in enumerate(row)}
    pairs = list(pairwise(wanted))
    near = sum(1 for a, b in pairs if a in places and b in places and 0 < abs(places[a] - places[b]) <= 2)
    return near / max(len(pairs), 1)


def _logit(score: float) -> float:
    bounded = min(max(score, 1e-4), 1 - 1e-4)
    return math.log(bounded / (1 - bounded))
