"""Sentences of a text that comes in pieces: where they end depends on the text alone, never on the pieces."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 4_000
"""Characters of a sentence that has no end; it is cut there, and its parts are looked at each by itself."""
OVERLAP = 200
"""Characters on either side of such a cut that are looked at together: what lies across it is in one text there."""
_AHEAD = 64
"""Characters beyond a cut that say whether a sentence ends before it."""
_END = re.compile(
    r"""(?: (?<![\s(][A-Z]\.) (?<!^[A-Z]\.) (?<=[.!?\u2026]) ["'\u201d\u2019\u00bb)\]]* (?:\s*\[\d{1,3}\])* [ \t\u00a0]+
        | (?<!\s) \s* \n [^\S\n]* \n \s*
        | (?<!\s) [^\S\n]* \n [^\S\n]* (?![\sa-z\u00df-\u00f6\u00f8-\u00ff]) )
    (?=[^\s\[\u00bb])""",
    re.VERBOSE,
)
"""Where a sentence ends: after its stop, closing quotation marks and citations once the next
begins; or with its line, unless the next goes on with a small letter."""


class Sentences:
    """Cuts a text that comes in pieces where its sentences end, wherever its pieces do."""

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self._left = ""
        self.seam = ""
        """Of a sentence that was cut, where it was: its last characters and those that follow. Empty where it ends."""

    def feed(self, text: str) -> Iterator[str]:
        """The sentences that are complete now, with the space after them."""
        self._left += text
        if self._whole:
            return
        while cut := self._cut():
            sentence, self._left = self._left[:cut], self._left[cut:]
            yield sentence

    def end(self) -> Iterator[str]:
        """The last one."""
        self.seam = ""
        if self._left:
            left, self._left = self._left, ""
            yield left

    def _cut(self) -> int:
        self.seam = ""
        match = _END.search(self._left, 1, LONGEST + _AHEAD)
        if match is not None and match.end() <= LONGEST:
            return match.end()
        if len(self._left) < LONGEST + OVERLAP:
            return 0
        self.seam = self._left[LONGEST - OVERLAP : LONGEST + OVERLAP]
        return LONGEST
