"""A text as a reader sees it, with the way back to where each character was written.

Numbers are hidden, by chance or on purpose, by characters that nobody sees or tells from others: zero-width ones
inside, no-break and thin spaces, typographic dashes, full-width or Arabic digits, Cyrillic letters, an O for a 0. They
are read alike here, in a time linear in the text, and every span found is one of the original.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache

_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20d0-\u20f0\u3164\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uffa0\ufff9-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
"""Controls but white space, combining marks (an accent apart from its letter is one), fillers, joiners, tags."""

_OTHER = re.compile("[\u00a0\u00b2\u00b3\u00b7\u00b9\u0250-\u2fff\u3000-\u33ff\ua000-\uabff\ud7b0-\U0001ffff]")
"""What may be another character's look-alike; Latin letters and ideographs are not."""

_ALIKE = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаеѕіјорсухԁԛԝһӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧαονι٫․‧•・。−⁃‐‑‒–—―˗⁄∕",
        "ABESIJKMHOPCTYXaesijopcyxdqwhlABEZHIKMNOPTYXaovi......---------//",
        strict=True,
    )
)
_DOTS = "\u00b7\uff61"

_WORD_OF_DIGITS = re.compile(r"(?<![^\W_])(?=[OoIl]*[0-9])[0-9OoIl]*[OoIl][0-9OoIl]*(?![^\W_])")
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9][ .\-])[OoIl]{2,5}(?=[ .\-][0-9])")
_AS_DIGITS = str.maketrans("OoIl", "0011")


class Reading:
    """`seen` is the text without what is invisible, look-alikes folded; `text` besides reads an O among digits as 0.

    Both have the same length; `span` leads from their positions to those of the original.
    """

    def __init__(self, original: str) -> None:
        self.original = original
        self._starts = [0]
        self._shifts = [0]
        kept = original
        if _INVISIBLE.search(original):
            kept = self._without_invisible()
        self.seen = kept if kept.isascii() else _OTHER.sub(lambda match: _seen(match.group()), kept)
        folded = _WORD_OF_DIGITS.sub(lambda match: match.group().translate(_AS_DIGITS), self.seen)
        self.text = _BETWEEN_DIGITS.sub(lambda match: match.group().translate(_AS_DIGITS), folded)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where characters `start` to `end` (not empty) of `text` stand in the original."""
        return self._place(start), self._place(end - 1) + 1

    def _place(self, position: int) -> int:
        return position + self._shifts[bisect_right(self._starts, position) - 1]

    def _without_invisible(self) -> str:
        pieces, length, last = [], 0, 0
        for match in _INVISIBLE.finditer(self.original):
            pieces.append(self.original[last : match.start()])
            length += match.start() - last
            last = match.end()
            self._starts.append(length)
            self._shifts.append(last - length)
        pieces.append(self.original[last:])
        return "".join(pieces)


@lru_cache(maxsize=4096)
def _seen(character: str) -> str:
    """One character for one: a digit as its value, any space as a space, any dash as a hyphen."""
    if character in _ALIKE:
        return _ALIKE[character]
    if character in _DOTS:
        return "."
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    match unicodedata.category(character):
        case "Zs":
            return " "
        case "Pd":
            return "-"
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character
