"""What words do in a text: commands, targets, rules, secrets, harm; read beside its sentence embedding.

`fitted/signs.toml` sorts some two thousand words of French and English into classes. A text is read as the classes that
are in it and each two that are in it together, so that what was learnt of "how do I poison my neighbour" is known of
other verbs and other people; classes of classes (`bad`, `mild`) carry it to kinds of harm that no text spoke of.
Sentence embeddings alone do not tell "kill a process" from "kill a person".
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palier.interfaces import Vectors
from palier.text import tokens

FILE = Path(__file__).parent / "fitted" / "signs.toml"
_MARKS = 3
"""Beside the classes: a question mark, a command at the start, a question word at the start."""
_COMMANDS = ("order", "add", "change", "ignore", "reveal", "tool")
_QUESTIONS = ("how", "why")
_WEIGHT = np.float32(0.2)
"""A text has a dozen signs, an embedding is of length 1: so that neither drowns the other."""
_WORDS = 400
"""Of a text, so many words are read."""


def name() -> str:
    """Names the reading; what was fitted to another is of no use with it."""
    return f"signs/{hashlib.sha256(_content()).hexdigest()[:8]}"


def dimension() -> int:
    """Numbers of a text: a constant, each sign, each two signs."""
    signs = len(_classes()[0]) + _MARKS
    return 1 + signs * (signs + 1) // 2


def read(texts: Sequence[str]) -> Vectors:
    """(n, `dimension`), float32. The constant is 1, signs are 0 or `_WEIGHT`."""
    return pairs(present(texts))


def present(texts: Sequence[str]) -> NDArray[np.bool_]:
    """(n, signs): which are in each text."""
    names = _classes()[0]
    signs = len(names) + _MARKS
    commands, questions = _mask(_COMMANDS), _mask(_QUESTIONS)
    size = -(-signs // 8)
    rows = bytearray()
    for text in texts:
        words = tokens(text)[:_WORDS]
        found = 0
        for word in words:
            found |= _of(word)
        first = _of(words[0]) if words else 0
        found |= ("?" in text) << len(names)
        found |= bool(first & commands) << (len(names) + 1)
        found |= bool(first & questions) << (len(names) + 2)
        rows += found.to_bytes(size, "little")
    bits = np.unpackbits(np.array(rows, np.uint8).reshape(len(texts), size), axis=1, bitorder="little")
    return bits[:, :signs].astype(bool)


def pairs(there: NDArray[np.bool_]) -> Vectors:
    """(n, `dimension`) of those that are present."""
    signs = there.shape[1]
    one, other = _pairs(signs)
    result = np.empty((len(there), dimension()), np.float32)
    result[:, 0] = 1
    result[:, 1 : signs + 1] = there * _WEIGHT
    result[:, signs + 1 :] = (there[:, one] & there[:, other]) * _WEIGHT
    return result


class Scorer:
    """What `pairs(there) @ weights` is, without the pairs: for many texts, nearly all without a sign."""

    def __init__(self, weights: NDArray[np.floating]) -> None:
        """`weights`: (`dimension`,)."""
        signs = len(_classes()[0]) + _MARKS
        self._constant = float(weights[0])
        self._each = np.zeros((signs, signs), np.float32)
        self._each[np.diag_indices(signs)] = weights[1 : signs + 1]
        self._each[_pairs(signs)] = weights[signs + 1 :]

    def __call__(self, there: NDArray[np.bool_]) -> NDArray[np.float32]:
        """(n,) of (n, signs)."""
        held = there.astype(np.float32)
        result: NDArray[np.float32] = self._constant + _WEIGHT * ((held @ self._each) * held).sum(axis=1)
        return result


def vocabulary() -> frozenset[str]:
    """All words that have a class, without those of which only the beginning is given."""
    return frozenset(_classes()[1])


@cache
def _content() -> bytes:
    return FILE.read_bytes()


@cache
def _classes() -> tuple[tuple[str, ...], dict[str, int], dict[str, int]]:
    """Names of classes; the classes of whole words and of beginnings, as bits."""
    sections = {name: words.split() for name, words in tomllib.loads(_content().decode()).items()}
    names = tuple(sections)
    whole: dict[str, int] = {}
    beginnings: dict[str, int] = {}
    for number, (name, words) in enumerate(sections.items()):
        bits = 1 << number | sum(1 << n for n, other in enumerate(sections.values()) if f"@{name}" in other)
        for word in words:
            if word.startswith("@"):
                continue
            table = beginnings if word.endswith("*") else whole
            folded = "".join(tokens(word.rstrip("*")))
            table[folded] = table.get(folded, 0) | bits
    return names, whole, beginnings


@cache
def _mask(names: tuple[str, ...]) -> int:
    known = _classes()[0]
    return sum(1 << known.index(name) for name in names)


@cache
def _pairs(signs: int) -> tuple[np.ndarray, np.ndarray]:
    one, other = np.triu_indices(signs, 1)
    return one, other


@lru_cache(maxsize=65536)
def _of(word: str) -> int:
    _, whole, beginnings = _classes()
    found = whole.get(word, 0)
    for size in range(2, len(word) + 1):
        found |= beginnings.get(word[:size], 0)
    return found
