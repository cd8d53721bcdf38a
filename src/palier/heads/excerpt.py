"""What is embedded of a long text: its middle, for letters begin and end with what says nothing of what they are about.

Embedding is what takes long, and n-grams read the whole: long texts are known by these better than short ones by both
(benchmarks/scope.py, which also says what the same from the beginning is worth).
"""

from __future__ import annotations

import re

from palier.heads.ngrams import MAX_CHARACTERS
from palier.types import Data

_WHOLE_WORDS = re.compile(r"\S*\s+(\S.*\S)\s+\S*", re.DOTALL)


class Excerpt(Data, frozen=True, kw_only=True):
    """So many `characters` from the middle of a text of more; of one of more than `long`, `of_long`."""

    characters: int = 240
    long: int = 480
    of_long: int = 120

    def __post_init__(self) -> None:
        if not 0 < self.of_long <= self.characters <= self.long:
            raise ValueError("it says what is embedded of long texts by sizes that do not fit each other")

    def of(self, text: str) -> str:
        """The text, or whole words of its middle; of one without end, its first `MAX_CHARACTERS` are read."""
        text = text.strip()[:MAX_CHARACTERS]
        if len(text) <= self.characters:
            return text
        size = self.characters if len(text) <= self.long else self.of_long
        start = (len(text) - size) // 2
        piece = text[start : start + size]
        whole = _WHOLE_WORDS.fullmatch(piece)
        return whole[1] if whole else piece
