"""How far passages support a sentence: signals in [0, 1], each with the sign it must have, and a fitted sum of them.

All are shares, so that a long sentence and a short one are judged alike. Words are compared by their first letters
(`text.support`), figures by their normal form, and the order of words by what stands together in both. Where passage
and sentence are in two languages, words say little: what is left are figures, names, and the sentence embedding.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from palier.guards.modality import Forces, denied, differ, forces
from palier.text import detect, figures, sentences, tokens
from palier.text.figures import Figure
from palier.text.stopwords import BOTH
from palier.text.support import SHORT, STEM, stands, values

SIGNS: Mapping[str, int] = {
    "words": 1,
    "window": 1,
    "pairs": 1,
    "run": 1,
    "order": 1,
    "letters": 1,
    "links": 1,
    "figures": -1,
    "names": -1,
    "negation": -1,
    "force": -1,
    "altered": -1,
    "renamed": -1,
    "new": -1,
    "longest": -1,
    "person": -1,
    "nearness": 1,
}
"""`words`: share of the content words that the passages have, by letters; `window`: that one or two of their sentences
have; `pairs`: of content words that follow each other, also there; `run`: longest stretch of words that stands there;
`order`: longest common subsequence with the best window; `letters`: stretches of five letters; `links`: function words
that the best window has; `figures`: numbers, dates, amounts missing; `names`: names missing; `altered`, `renamed`: the
same, where one of their sentences says the rest; `negation`: a word is denied in it, and not in the sentence most like
it, or the other way about; `force`: it says all, always, must or may of a word of which that sentence says some, at
times, may or must; `new`: content words neither there nor in the question; `longest`: letters of the longest of
those, of 12; `person`: it speaks of itself, and they do not; `nearness`: cosine with the nearest window."""
COPIED: Mapping[str, float] = {name: float(sign > 0) for name, sign in SIGNS.items() if name != "nearness"}
"""The signals of a sentence that stands there word for word."""
MAX_PASSAGES, MAX_PASSAGE, MAX_WORDS, MAX_WINDOWS = 50, 8_000, 120, 60
"""Passages, characters of each, words of a sentence and windows of a passage that are looked at."""
_PLACES = 100
"""Of a word, places in a passage that are looked at: one that says a word again and again would take forever."""
_HEAVIEST = 9
_LETTERS = 5
_GONE = 12
_ALIKE = 0.6
"""Share of its words from which on a sentence is about the same as another, so that it matters who of them denies."""
_SPEAKS = frozenset({"i", "im", "my", "mine", "me", "je", "j", "mon", "ma", "mes", "moi"})
_FRENCH = "zero un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
_ENGLISH = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_TENS = {"vingt": "20", "trente": "30", "quarante": "40", "cinquante": "50", "soixante": "60", "cent": "100"}
_TENS |= {"twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "hundred": "100", "une": "1"}
_NUMBERS = {word: str(n) for words in (_FRENCH, _ENGLISH) for n, word in enumerate(words.split())} | _TENS


class Window(NamedTuple):
    """One sentence of a passage, or two that follow each other."""

    text: str
    words: tuple[str, ...]
    stems: frozenset[str]
    denied: frozenset[str]
    forces: Forces
    single: bool


class Passage(NamedTuple):
    """A passage as support needs it."""

    line: str
    places: Mapping[str, tuple[int, ...]]
    """Where each stem stands."""
    known: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    letters: frozenset[str]
    values: frozenset[str]
    windows: tuple[Window, ...]
    within: Mapping[str, tuple[int, ...]]
    """In which windows each stem is."""
    language: str


class Sentence(NamedTuple):
    """A sentence as support needs it."""

    words: tuple[str, ...]
    stems: tuple[str, ...]
    content: tuple[str, ...]
    own: tuple[str, ...]
    """The stems of its content words."""
    weights: tuple[float, ...]
    pairs: tuple[tuple[str, str], ...]
    letters: frozenset[str]
    numbers: tuple[Figure, ...]
    names: tuple[Figure, ...]
    denied: frozenset[str]
    """Of these, those that it denies: the one before a word of denial, and the two after."""
    forces: Forces
    language: str


@lru_cache(maxsize=256)
def passage(text: str) -> Passage:
    """Of a passage, its first `MAX_PASSAGE` characters."""
    text = text[:MAX_PASSAGE]
    words = tokens(text)
    stems = [word[:STEM] for word in words]
    spelled = {_NUMBERS[word] for word in words if word in _NUMBERS}
    windows = _windows(text)
    return Passage(
        f" {' '.join(words)} ",
        _index(([stem] for stem in stems), _PLACES),
        frozenset(stems),
        frozenset(_pairs(words)),
        _stretches(words),
        values(text) | spelled,
        windows,
        _index((window.stems for window in windows), len(windows)),
        detect(text),
    )


def _index(of: Iterable[Iterable[str]], most: int) -> dict[str, tuple[int, ...]]:
    """Of each stem, in which of these it is, in order: the first `most`."""
    found: dict[str, list[int]] = {}
    for number, stems in enumerate(of):
        for stem in stems:
            found.setdefault(stem, []).append(number)
    return {stem: tuple(numbers[:most]) for stem, numbers in found.items()}


def _windows(text: str) -> tuple[Window, ...]:
    spans = sentences(text)[:MAX_WINDOWS]
    alone = [(start, end, True) for start, end in spans]
    both = [(spans[n][0], spans[n + 1][1], False) for n in range(len(spans) - 1)]
    found = []
    for start, end, single in (*alone, *both):
        said = text[start:end]
        words = tuple(word[:STEM] for word in tokens(said))
        found.append(Window(said, words, frozenset(words), denied(said), forces(said), single))
    return tuple(found)


@lru_cache(maxsize=256)
def sentence(text: str) -> Sentence:
    """Of a sentence, its first `MAX_WORDS` words."""
    words = tuple(tokens(text)[:MAX_WORDS])
    content = tuple(word for word in words if word not in BOTH)
    facts = figures(text)
    return Sentence(
        words,
        tuple(word[:STEM] for word in words),
        content,
        tuple(word[:STEM] for word in content),
        tuple(float(min(len(word), _HEAVIEST)) for word in content),
        tuple(_pairs(words)),
        _stretches(words),
        tuple(fact for fact in facts if fact.kind != "name"),
        tuple(fact for fact in facts if fact.kind == "name"),
        denied(text),
        forces(text),
        detect(text),
    )


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    stems = [word[:STEM] for word in words if word not in BOTH]
    return list(itertools.pairwise(stems))


def _stretches(words: Sequence[str]) -> frozenset[str]:
    line = " ".join(words)
    return frozenset(line[at : at + _LETTERS] for at in range(len(line) - _LETTERS + 1))


def foreign(said: Sentence, one: Passage) -> bool:
    """Whether the two are known to be in two languages; what stands there word for word is not."""
    if not (said.language and one.language and said.language != one.language):
        return False
    return not _copied(said, one)


class Overlap(NamedTuple):
    """What a sentence and one passage share, from which come the signals of one passage and of several."""

    passage: Passage
    copied: bool
    """Whether it stands there word for word; the rest is then empty."""
    held: frozenset[str] = frozenset()
    """Of its stems, those that are there; of its pairs and stretches likewise."""
    pairs: frozenset[tuple[str, str]] = frozenset()
    letters: frozenset[str] = frozenset()
    run: int = 0
    best: Window | None = None
    """The window that has most of its words: of equal ones the first, and one sentence before two."""
    covered: float = 0.0
    single: Window | None = None
    """Of those of one sentence, likewise."""
    alone: float = 0.0
    alike: float = 0.0
    """Share of its words but figures and names that one of those has, at most."""


def overlap(said: Sentence, one: Passage) -> Overlap:
    """A sentence beside a passage."""
    if _copied(said, one):
        return Overlap(one, copied=True)
    windows = one.windows
    covered = _covered(said.own, said.weights, one)
    places = range(len(windows))
    best = max(places, key=covered.__getitem__, default=None)
    alone = [at for at in places if windows[at].single]
    single = max(alone, key=covered.__getitem__, default=None)
    held = one.known.intersection(said.own)
    return Overlap(
        one,
        copied=False,
        held=held,
        pairs=one.pairs.intersection(said.pairs),
        letters=said.letters & one.letters,
        run=_run(said.stems, one.places),
        best=windows[best] if best is not None else None,
        covered=covered[best] if best is not None else 0.0,
        single=windows[single] if single is not None else None,
        alone=covered[single] if single is not None else 0.0,
        alike=_alike(said, one, alone),
    )


def signals(said: Sentence, question: frozenset[str], among: Sequence[Passage]) -> dict[str, float]:
    """The signals of `SIGNS` but `nearness`, of a sentence against passages taken together. `question`: its stems."""
    return shared(said, question, [overlap(said, one) for one in among])


def shared(said: Sentence, question: frozenset[str], among: Sequence[Overlap]) -> dict[str, float]:
    """As `signals`, of passages beside which it is laid already."""
    if any(one.copied for one in among):
        return dict(COPIED)
    held = frozenset().union(*(one.held for one in among))
    most = max(among, key=lambda one: one.covered, default=None)
    covered, best = (most.covered, most.best) if most else (0.0, None)
    nearest = max((one for one in among if one.single), key=lambda one: one.alone, default=None)
    alone, single = (nearest.alone, nearest.single) if nearest else (0.0, None)
    links = [stem for word, stem in zip(said.words, said.stems, strict=True) if word in BOTH]
    novel = [word for word, stem in zip(said.content, said.own, strict=True) if stem not in held | question]
    letters = frozenset().union(*(one.letters for one in among))
    pairs = frozenset().union(*(one.pairs for one in among))
    speaks = not _SPEAKS.isdisjoint(said.words) and not (best and any(word in best.stems for word in _SPEAKS))
    words = _weighted(said, [stem in held for stem in said.own])
    there = frozenset().union(*(one.passage.values for one in among)) if said.numbers else frozenset()
    unheard = _unheard(said, [one.passage for one in among]) if said.names else 0.0
    alike = max(2 * max((one.alike for one in among), default=0.0) - 1, 0.0)
    about = max(alone - _ALIKE, 0.0) / (1 - _ALIKE)
    return {
        "words": words,
        "window": covered,
        "pairs": _share([pair in pairs for pair in said.pairs], words),
        "run": max((one.run for one in among), default=0) / max(len(said.stems), 1),
        "order": _common(said.stems, best.words) / len(said.stems) if best and said.stems else 0.0,
        "letters": len(letters) / len(said.letters) if said.letters else words,
        "links": _share([stem in best.stems for stem in links] if best else [], 0.0 if links else 1.0),
        "figures": _missing([number for number in said.numbers if len(number.value) >= SHORT], there),
        "names": unheard,
        "altered": _missing(said.numbers, there) * alike,
        "renamed": unheard * alike,
        "negation": _contrary(said, single) * about,
        "force": float(single is not None and differ(said.forces, single.forces)) * about,
        "new": len(novel) / len(said.content) if said.content else 0.0,
        "longest": min(max(map(len, novel), default=0) / _GONE, 1.0),
        "person": float(speaks),
    }


def _copied(said: Sentence, one: Passage) -> bool:
    return bool(said.words) and f" {' '.join(said.words)} " in one.line


def _weighted(said: Sentence, held: Sequence[bool]) -> float:
    total = sum(said.weights)
    return sum(weight for weight, one in zip(said.weights, held, strict=True) if one) / total if total else 0.0


def _covered(stems: Sequence[str], weights: Sequence[float], one: Passage) -> list[float]:
    """Of each window, the share of the weight of `stems` that it has."""
    total = sum(weights)
    found = [0.0] * len(one.windows)
    for stem, weight in zip(stems, weights, strict=True):
        for window in one.within.get(stem, ()):
            found[window] += weight
    return [weight / total for weight in found] if total else found


def _share(held: Sequence[bool], otherwise: float) -> float:
    return sum(held) / len(held) if held else otherwise


def _alike(said: Sentence, one: Passage, alone: Sequence[int]) -> float:
    """Of the windows `alone`, which has most of the words that are neither names nor figures: the share of these."""
    named = {word[:STEM] for name in said.names for word in name.value.split()}
    others = [
        (stem, weight)
        for word, stem, weight in zip(said.content, said.own, said.weights, strict=True)
        if stem not in named and not word[0].isdigit()
    ]
    if not others:
        return 0.0
    stems, weights = zip(*others, strict=True)
    covered = _covered(stems, weights, one)
    return max((covered[at] for at in alone), default=0.0)


def _contrary(said: Sentence, window: Window | None) -> float:
    """Whether a word of both is denied in one of them only."""
    if window is None:
        return 0.0
    shared = window.stems.intersection(said.own)
    return float(bool(shared & (said.denied ^ window.denied)))


def _missing(numbers: Sequence[Figure], known: frozenset[str]) -> float:
    # The root: one wrong figure among four is half as bad as all of them, not a quarter.
    return math.sqrt(_share([not stands(number, known) for number in numbers], 0.0))


def _unheard(said: Sentence, among: Sequence[Passage]) -> float:
    def heard(name: Figure) -> bool:
        if any(f" {name.value} " in one.line for one in among):
            return True
        return all(any(word[:STEM] in one.known for one in among) for word in name.value.split())

    return math.sqrt(_share([not heard(name) for name in said.names], 0.0))


def _run(said: Sequence[str], places: Mapping[str, tuple[int, ...]]) -> int:
    """The longest stretch of words that stands in both; `places`: where each word stands in the other."""
    best, before = 0, dict[int, int]()
    for word in said:
        now = {at: before.get(at - 1, 0) + 1 for at in places.get(word, ())}
        best, before = max(best, *now.values(), 0), now
    return best


def _common(said: Sequence[str], there: Sequence[str]) -> int:
    """The length of the longest common subsequence (Hunt and Szymanski, 1977): quick where little is common."""
    places: dict[str, list[int]] = {}
    for at in range(len(there) - 1, -1, -1):
        places.setdefault(there[at], []).append(at)
    ends: list[int] = []
    for word in said:
        for at in places.get(word, ()):
            low, high = 0, len(ends)
            while low < high:
                middle = (low + high) // 2
                low, high = (middle + 1, high) if ends[middle] < at else (low, middle)
            ends[low : low + 1] = [at]
    return len(ends)
