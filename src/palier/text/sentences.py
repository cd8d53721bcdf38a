"""Where each sentence stands: prose by its punctuation; headings, list items and table rows as units of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

LONGEST = 400
"""Characters of the longest unit; a longer sentence is cut at its best pause."""

# A line that is a unit by itself: heading, list item, table row, rule.
_MARKED = re.compile(
    r"\s*(?:\#{1,6}\s|[-*+\u2022\u2013\u2014]\s|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s|\|)|.*\t.*\t|\s*(?:-{3,}|={3,}|\*{3,})\s*$"
)
_TITLE_LENGTH = 80

_END = re.compile(  # it begins with characters, and not with what stands before them: those are found at once
    r"[.!?\u2026\u3002\uff01\uff1f](?:(?<=[\u3002\uff01\uff1f])"
    r"|(?:(?<=\u2026)|(?<![.!?][.!?])(?<=[.!?])[.!?]*+)[\"'\u201d\u2019\u00bb)\]]*(?:\s+\u00bb)?(?=\s))"
)
_OPENING = re.compile(r"\s+(?=[\"'\u201c\u2018\u00ab(\[\u2014\u2013-]*\s?[^\Wa-z\u00df-\u00f6\u00f8-\u00ff_])")
_WORD = re.compile(r"\s*\S")
_SHORT = (
    r"MM?|Mmes?|Mlles?|Mgr|Dr|Pr|Me|Ste?|Mrs?|Ms|Prof|Jr|Sr|p\.\s?ex|e\.\s?g|i\.\s?e|c\.-\u00e0-d|cf|vs|env|av|bd|boul|art|al"
    r"|chap|fig|vol|no|n\u00b0|t\u00e9l|tel|ext|ref|r\u00e9f|min|max|ca|approx|Inc|Ltd|Corp|Jan|Feb|Mar|Apr|Jun|Jul|Aug"
    r"|Sept?|Oct|Nov|Dec|janv|f\u00e9vr|avr|juil|d\u00e9c|\u00e9d|coll|trad|hab|pp?"
)
_INITIALS = r"(?-i:(?:[A-Z]\.-?)*[A-Z])"
_ABBREVIATION = re.compile(rf"(?:^|[\s(\[\u00ab\"'\u2019])(?:{_INITIALS}|{_SHORT})$", re.IGNORECASE)
_LONG_WORD = 7
"""Letters that no abbreviation has in a row."""
_PAUSES = (re.compile(r"[;:]\s"), re.compile(r",\s"), re.compile(r"\s"))


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans (start, end) of the sentences of `text`, in order, trimmed of space, none empty nor longer than `LONGEST`.

    Together they hold every character that is not a space. Abbreviations (M., p. ex., e.g.), initials, decimals and
    addresses do not end a sentence; neither does a stop before a small letter.
    """
    return [piece for pieces in _cut(text) for piece in pieces]


@lru_cache(maxsize=16)
def windows(text: str) -> tuple[tuple[int, int], ...]:
    """The `sentences` of `text`, then spans across the places where one that is too long was cut.

    None is longer than `LONGEST`. What is of half that length at most, and in one sentence, stands whole in one of
    them: for who looks for words. The last few are remembered: several guards look at one text.
    """
    found, seams = list[tuple[int, int]](), list[tuple[int, int]]()
    for pieces in _cut(text):
        found += pieces
        for (_, end), (start, _) in pairwise(pieces):
            low, high = max(end - LONGEST // 2, pieces[0][0]), min(start + LONGEST // 2, pieces[-1][1])
            if seam := _trimmed(text, low, min(high, low + LONGEST)):
                seams.append(seam)
    return (*found, *seams)


def _cut(text: str) -> Iterator[list[tuple[int, int]]]:
    """The pieces of each sentence."""
    for start, end in _blocks(text):
        for sentence in _split(text, start, end):
            yield list(_shorten(text, *sentence))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The span without surrounding space; none where nothing is left."""
    piece = text[start:end]
    left = piece.lstrip()
    start += len(piece) - len(left)
    end -= len(left) - len(left.rstrip())
    return (start, end) if start < end else None


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs (soft line breaks joined) and the lines that are units by themselves."""
    start = end = -1
    position = 0
    for line in text.splitlines(keepends=True):
        first, last = position, position + len(line)
        position = last
        blank = not line.strip()
        if start >= 0 and (blank or _stands_alone(line) or _is_title(text[start:end])):
            yield start, end
            start = -1
        if blank:
            continue
        if start < 0:
            start = first
        end = last
    if start >= 0:
        yield start, end


def _stands_alone(line: str) -> bool:
    return _MARKED.match(line) is not None or _is_shouted(line.strip())


def _is_shouted(line: str) -> bool:
    """Whether it is a heading of plain text: few words, all in capitals."""
    return len(line) <= _TITLE_LENGTH and line.isupper()


def _is_title(block: str) -> bool:
    """Whether what was gathered so far ends here: a heading, a table row, or a short line that announces."""
    line = block.strip()
    if line.startswith(("#", "|")) or "\t" in line:
        return True
    return _is_shouted(line) or (len(line) <= _TITLE_LENGTH and line.endswith(":"))


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentences of one block."""
    begin = start
    number = _MARKED.match(text, start, end)
    position = number.end() if number else start
    while match := _END.search(text, position, end):
        position = match.end()
        if _ends_sentence(text, begin, match, end):
            yield begin, position
            begin = position
    yield begin, end


def _ends_sentence(text: str, begin: int, match: re.Match[str], end: int) -> bool:
    mark = match.group()
    if mark[0] in "\u3002\uff01\uff1f":
        return True
    if not _OPENING.match(text, match.end(), end) and _WORD.match(text, match.end(), end):
        return False
    before = text[max(begin, match.start() - 12) : match.start()]
    if mark != "." or (before[-_LONG_WORD:].isalpha() and len(before) >= _LONG_WORD):
        return True
    return _ABBREVIATION.search(before) is None


def _shorten(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span without surrounding space, cut at pauses where it is too long."""
    while trimmed := _trimmed(text, start, end):
        start, end = trimmed
        if end - start <= LONGEST:
            yield start, end
            return
        cut = _pause(text, start, start + LONGEST)
        if piece := _trimmed(text, start, cut):
            yield piece
        start = cut


def _pause(text: str, start: int, end: int) -> int:
    """The best place to cut within [start, end]: after the last strong pause of its second half, else at the end."""
    for pattern in _PAUSES:
        places = [m.end() for m in pattern.finditer(text, start + LONGEST // 2, end)]
        if places:
            return places[-1]
    return end
