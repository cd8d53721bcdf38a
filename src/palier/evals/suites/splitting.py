"""Which cases belong together, and on which side of the split they stand.

Near-duplicates are found lexically: texts as sets of their words and pairs of words (folded: small letters, no
accents), by Jaccard similarity. The join is exact, by prefix filtering over the rarest elements (Chaudhuri, Ganti and
Kaushik, "A Primitive Operator for Similarity Joins in Data Cleaning", ICDE 2006), and bounded.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from palier.cases import Split
from palier.text import tokens

HOLDOUT = 0.4
NEAR = 0.75
"""Similarity from which two texts are near-duplicates."""
_MAX_WORDS = 300
"""Of a text, that are compared."""
_MAX_COMPARISONS = 5_000_000


class Pair(NamedTuple):
    """Two texts by their places, the earlier first, and how similar they are: 1 for the same words in one order."""

    first: int
    second: int
    similarity: float


class Pairs(NamedTuple):
    """What was found; not `complete` where the texts are so alike that comparing them all was given up."""

    found: list[Pair]
    complete: bool


def split_of(family: str, holdout: float = HOLDOUT) -> Split:
    """The side of a family: `holdout` of them are held out, by a hash of the name, the same ones for ever."""
    digest = hashlib.sha256(f"palier-split-1\n{family}".encode("utf-8", "surrogatepass")).digest()
    return "holdout" if int.from_bytes(digest[:8], "big") < holdout * 2**64 else "dev"


def near_duplicates(texts: Sequence[str], near: float = NEAR, limit: int = _MAX_COMPARISONS) -> Pairs:
    """Pairs of texts at least `near` alike (Jaccard, in (0, 1]), in order; numbers must agree.

    Of more than two that have the same words in one order, each is paired with the first only: texts that are copied
    a thousand times make a thousand pairs, not half a million. At most `limit` pairs of candidates are compared.
    """
    words = [tuple(tokens(text)[:_MAX_WORDS]) for text in texts]
    first: dict[tuple[str, ...], int] = {}
    same: list[Pair] = []
    for place, told in enumerate(words):
        if told and first.setdefault(told, place) != place:
            same.append(Pair(first[told], place, 1.0))
    near_ones, complete = _join({place: told for told, place in first.items()}, near, limit)
    return Pairs(sorted(same + near_ones), complete)


def _join(words: dict[int, tuple[str, ...]], near: float, limit: int) -> tuple[list[Pair], bool]:
    """The pairs among distinct texts. Each shares an element among the rarest of both, or is too far apart."""
    numbers = {place: frozenset(word for word in told if any(map(str.isdigit, word))) for place, told in words.items()}
    sets = {place: _shingles(told) for place, told in words.items()}
    rarity = Counter(element for elements in sets.values() for element in elements)
    index: dict[str, list[int]] = defaultdict(list)
    found: list[Pair] = []
    compared = 0
    for place in sorted(sets, key=lambda place: (len(sets[place]), place)):
        elements = sets[place]
        rarest = sorted(elements, key=lambda element: (rarity[element], element))
        prefix = rarest[: len(elements) - math.ceil(near * len(elements)) + 1]
        candidates = {other for element in prefix for other in index[element]}
        compared += len(candidates)
        if compared > limit:
            return found, False
        for other in candidates:
            theirs = sets[other]
            if len(theirs) < near * len(elements) or numbers[place] != numbers[other]:
                continue
            shared = len(elements & theirs)
            similarity = shared / (len(elements) + len(theirs) - shared)
            if similarity >= near:
                found.append(Pair(min(place, other), max(place, other), similarity))
        for element in prefix:
            index[element].append(place)
    return found, True


def _shingles(words: Sequence[str]) -> frozenset[str]:
    return frozenset(words) | frozenset(f"{a} {b}" for a, b in itertools.pairwise(words))


def united(names: Sequence[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each of `names` to the first, in their order, of all it is joined with through `pairs`."""
    leader = {name: name for name in names}
    order = {name: place for place, name in enumerate(names)}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for one, other in pairs:
        first, second = sorted((find(one), find(other)), key=order.__getitem__)
        leader[second] = first
    return {name: find(name) for name in names}
