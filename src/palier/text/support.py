"""Whether what a text says stands in another: its words by their first letters, its figures by their normal form."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from palier.text.figures import Figure, figures
from palier.text.stopwords import BOTH
from palier.text.words import tokens

STEM = 6
"""Letters words are compared by: measured as good as stemming for this, and the same for every language."""
SHORT = 2
"""A figure of fewer characters is often no fact: a list's number, "one of 2"."""


class Read(NamedTuple):
    """A text as support needs it: its words in one line with spaces around, and the stems of those that matter."""

    line: str
    stems: frozenset[str]


def read(text: str) -> Read:
    """The words of `text`, folded; stop words (French and English) have no stem."""
    words = tokens(text)
    return Read(f" {' '.join(words)} ", frozenset(word[:STEM] for word in words if word not in BOTH))


def values(text: str) -> frozenset[str]:
    """The normal forms of the figures of `text` that are no names."""
    return frozenset(figure.value for figure in figures(text, names=False))


def share(words: frozenset[str], among: frozenset[str]) -> float:
    """How much of `words` is `among` the others; 0 without words."""
    return len(words & among) / len(words) if words else 0.0


def stands(figure: Figure, among: Collection[str]) -> bool:
    """Whether `among` has the figure, or a date or amount that says more than it."""
    if figure.value in among:
        return True
    if figure.kind == "date":
        return any(value.startswith(figure.value) or value.endswith(figure.value.lstrip("-")) for value in among)
    return figure.kind == "number" and any(
        value.startswith((f"{figure.value} ", f"{figure.value}%", f"{figure.value}-")) for value in among
    )
