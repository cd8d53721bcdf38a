"""Which texts something was fitted to, in a few kilobytes: whether those that it is measured on are among them.

Of the hashes of all texts the lowest are kept (a bottom-k sketch: Broder, 1997). What share of other texts is among
them is told by those whose hash is as low. Hashes have 32 bits: no text can be read off them, and one that was not
there is taken for one that was a few times in a million.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from palier.text import tokens

KEPT = 2_048
_LEAST = 5
"""Texts that can be told of, below which nothing is said."""


def sketch(texts: Iterable[str]) -> tuple[int, ...]:
    """The lowest hashes of the texts, rising; texts that read the same are one."""
    return tuple(sorted({hashed(text) for text in texts})[:KEPT])


def share(kept: tuple[int, ...], others: Iterable[int]) -> float | None:
    """The share of texts, given as they are `hashed`, that are among those of a sketch; None: it cannot be told."""
    last = kept[-1] if len(kept) >= KEPT else 2**32
    low = [found for found in others if found <= last]
    known = frozenset(kept)
    return sum(found in known for found in low) / len(low) if kept and len(low) >= _LEAST else None


def hashed(text: str) -> int:
    """One number for all texts that read the same."""
    read = " ".join(tokens(text)) or text
    return int.from_bytes(hashlib.sha256(read.encode("utf-8", "replace")).digest()[:4], "big")
