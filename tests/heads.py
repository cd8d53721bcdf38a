"""A small head for tests: two languages, four labels, and an encoder of words that needs no model."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

import numpy as np

from palier.interfaces import Vectors
from palier.text import tokens
from palier.training import heads
from palier.training.examples import Example, Examples, gathered

TOPICS = {
    "terminate my contract": ("cancel", "terminate", "end", "leave", "stop"),
    "report a failure": ("broken", "down", "dead", "failing", "outage"),
    "ask for the price": ("price", "cost", "much", "euros", "expensive"),
    "change the address": ("move", "moving", "address", "flat", "house"),
}
FILLERS = ("my fibre", "the box", "our line", "this offer", "the mobile plan", "the television", "it all", "the modem")
ENCODER = "words/1"
DIMENSION = 64


def embed(texts: Sequence[str]) -> Vectors:
    """Unit vectors by the words of a text, each word having its own direction."""
    found = np.zeros((len(texts), DIMENSION), np.float32)
    for row, text in enumerate(texts):
        for word in tokens(text) or [""]:
            seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:8], "big")
            found[row] += np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


class WordEncoder:
    """`interfaces.Encoder`."""

    name = ENCODER
    dimension = DIMENSION

    async def encode(self, texts: Sequence[str]) -> Vectors:
        return embed(texts)


def examples(each: int = 20) -> Examples:
    """`each` texts of every label."""
    return gathered(
        Example(text=f"{words[i % 5]} {FILLERS[(i + j) % 8]} {FILLERS[(i * 3) % 8]} number {i}", label=label)
        for j, (label, words) in enumerate(TOPICS.items())
        for i in range(each)
    )


@functools.cache
def taught(reads: tuple[heads.Read, ...] = ("both",), each: int = 20) -> heads.Taught:
    """A head of those."""
    return heads.teach(examples(each), embed, ENCODER, reads=reads, ridges=(0.1,))
