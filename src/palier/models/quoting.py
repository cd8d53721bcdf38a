"""How well each sentence of the passages answers a question: signals by words, before any embedding."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palier.text import asking, figures, sentences, terms, tokens

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
    "kind_met",
    "kind_missed",
    "length",
    "score",
    "margin",
    "rank",
)
_LEXICAL = 4
"""The first of them compare words."""
_FOREIGN = 0.45
"""As in retrieval: what a foreign passage is taken to share, as a part of the best that a native one shares."""


class Weighed(NamedTuple):
    """The candidates of one question and their signals, one row each, in the order of `SIGNALS`."""

    sentences: list[Sentence]
    signals: NDArray[np.float64]
    terms: int
    """How many the question has."""
    missed: list[int]
    """Of each passage: how many names and figures of the question neither it nor its title has."""
    foreign: list[bool]
    """Of each passage: whether it is in another language than the question."""


def weigh(question: str, language: str, passages: Sequence[Evidence]) -> Weighed:
    """Signals of every sentence of `passages` for `question`. A few milliseconds for six passages: runs in a worker."""
    wanted = list(dict.fromkeys(terms(question, language))) or tokens(question)
    sought = asking(question)
    named = [set(terms(figure.text, language)) for figure in figures(question)]
    bodies = [terms(passage.text, passage.language or language) for passage in passages]
    rarity = _rarity(wanted, bodies)
    best = max((passage.score for passage in passages), default=0.0)
    weighed = Weighed([], np.empty((0, len(SIGNALS))), len(wanted), [], [])
    rows: list[list[float]] = []
    for index, (passage, words) in enumerate(zip(passages, bodies, strict=True)):
        spoken = passage.language or language
        title = set(terms(passage.title, spoken))
        whole = _coverage(_matches(wanted, set(words)), rarity)
        titled = _coverage(_matches(wanted, title), rarity)
        place = [_logit(passage.score), _logit(passage.score) - _logit(best), 1.0 / (1 + index)]
        spans = sentences(passage.text)[: MAX_SENTENCES - len(weighed.sentences)]
        units = [passage.text[start:end] for start, end in spans]
        stems = [terms(unit, spoken) for unit in units]
        matched = [_matches(wanted, set(row)) for row in stems]
        for position in _answering(units):
            met = sought.offered(units[position]) if sought.kinds else 0.0
            own = _coverage(matched[position], rarity)
            near = _coverage(_around(matched, units, position), rarity)
            missed = 1.0 - met if sought.kinds else 0.0
            rows.append([own, near, whole, titled, met, missed, math.log1p(len(stems[position])), *place])
            weighed.sentences.append(Sentence(index, *spans[position]))
        weighed.missed.append(sum(not name <= title.union(words) for name in named))
        weighed.foreign.append(bool(language and passage.language and passage.language != language))
    signals = np.array(rows, np.float64).reshape(len(rows), len(SIGNALS))
    return weighed._replace(signals=_translated(signals, weighed))


def _answering(units: Sequence[str]) -> list[int]:
    """Which units can be an answer: a heading or a question announces one, and is none."""
    answering = [position for position, unit in enumerate(units) if not _announces(unit)]
    return answering or list(range(len(units)))


def _announces(unit: str) -> bool:
    return unit.startswith("#") or unit.endswith(("?", ":")) or unit.isupper()


def _translated(signals: NDArray[np.float64], weighed: Weighed) -> NDArray[np.float64]:
    """Lends a passage in another language, which cannot share the question's words, a part of the best native match."""
    foreign = np.array([weighed.foreign[sentence.passage] for sentence in weighed.sentences], bool)
    if foreign.any():
        lent = _FOREIGN * (signals[~foreign, :_LEXICAL].max(axis=0) if not foreign.all() else np.ones(_LEXICAL))
        signals[foreign, :_LEXICAL] = np.maximum(signals[foreign, :_LEXICAL], lent)
    return signals


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


def _around(matched: Sequence[Sequence[float]], units: Sequence[str], position: int) -> list[float]:
    """The matches of a sentence, lent by its neighbours: what it is about is often named just before, or announced."""
    lenders = [(position - 1, 0.6), (position - 2, 0.3), (position + 1, 0.4)]
    lenders += [(above, 0.8) for above in range(position - 1, -1, -1) if _announces(units[above])][:2]
    near = list(matched[position])
    for lender, share in lenders:
        if 0 <= lender < len(matched):
            near = [max(own, share * other) for own, other in zip(near, matched[lender], strict=True)]
    return near


def _logit(score: float) -> float:
    bounded = min(max(score, 1e-4), 1 - 1e-4)
    return math.log(bounded / (1 - bounded))
