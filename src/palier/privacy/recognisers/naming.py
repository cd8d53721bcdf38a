"""Where the name that begins at a place of a text ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from palier.interfaces import Entity
from palier.privacy.recognisers.vocabulary import UPPER, is_common
from palier.text import fold

MOST_PARTS = 4
_PART = re.compile(
    rf"[{UPPER}]\.(?![^\W_])|[{UPPER}](?![\w'’])"  # an initial
    rf"|[{UPPER}]['’]?(?:[^\W\d_]|['’](?!s(?![^\W_]))(?=[^\W\d_])|-(?=[^\W\d_])){{1,30}}+(?![\w@]|-\d)"
)
_LONGEST = 32
_PART_BEFORE = re.compile(
    rf"(?<![\w'’.\-@])(?P<part>[{UPPER}](?:\.|(?:[^\W\d_]|['’](?=[^\W\d_])|-(?=[^\W\d_])){{1,30}}))\Z"
)
_SMALL = re.compile(r"(?:d['’]|[^\W\d_]{1,4} {1,2})")
_LOWER = re.compile(r"[^\W\d_]{2,24}(?:-[^\W\d_]{2,24})?(?![\w'’@])")
_SMALL_PARTS = "al ar ben bin d da dal das de del della den der di do dos du el ibn la le les van von"
_PARTICLES = frozenset(_SMALL_PARTS.split())
_GAP = re.compile(r" {1,2}")
"""Parts stand on one line."""


def name_end(text: str, start: int, *, any_case: bool = False, most: int = MOST_PARTS) -> int:
    """The end of the name at `start`, of at most `most` parts; `start` where there is none.

    With `any_case` a name may be in small letters, up to the first word that is none.
    """
    end = _capitals_end(text, start, most)
    if end == start and any_case:
        position, parts = start, 0
        while parts < most and (match := _LOWER.match(text, position)) and not is_common(match.group()):
            end, parts = match.end(), parts + 1
            gap = _GAP.match(text, end)
            if gap is None:
                break
            position = gap.end()
    return end


def _capitals_end(text: str, start: int, most: int) -> int:
    end, position = start, start
    for _ in range(most + 2):
        position = _after_particles(text, position)
        match = _PART.match(text, position)
        if match is None:
            break
        word = match.group()
        if len(word.rstrip(".")) == 1:
            end = match.end() if end > start and word.endswith(".") else end
        elif fold(word) not in _PARTICLES:
            if is_common(word):
                break
            end, most = match.end(), most - 1
        gap = _GAP.match(text, match.end())
        if gap is None or not most:
            break
        position = gap.end()
    return end


def _after_particles(text: str, position: int) -> int:
    for _ in range(2):
        match = _SMALL.match(text, position)
        if match is None or match.group().rstrip(" '’") not in _PARTICLES:
            break
        position = match.end()
    return position


def name_start(text: str, end: int, most: int = 3) -> int:
    """The start of the name that ends at `end`, of at most `most` parts; `end` where there is none."""
    start, position = end, end
    for _ in range(most + 1):
        match = _PART_BEFORE.search(text, max(0, position - _LONGEST), position)
        if match is None:
            break
        particle = fold(match["part"]) in _PARTICLES
        if not particle and is_common(match["part"]):
            break
        position = match.start("part")
        start = start if particle else position
        if position == 0 or text[position - 1] != " ":
            break
        position -= 1
    return start


def entities(text: str, seen: str, spans: Iterable[tuple[int, int]], score: float) -> Iterator[Entity]:
    """The names of `spans`, found in `seen`: in a text of one case what begins with a small word must be longer."""
    for start, end in spans:
        first, *others = seen[start:end].split()
        if seen is text or len(others) > 1 or (first[0].isupper() and (len(first) > 1 or others)):
            yield Entity("PERSON", start, end, text[start:end], score)
