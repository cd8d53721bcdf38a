"""What personal data is, and what finds it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from palier.types import Data


class Entity(Data, frozen=True):
    """A stretch of a text that tells of a person: characters `start` to `end`, `score` from 0 to 1."""

    type: str
    start: int
    end: int
    text: str
    score: float = 1.0


class Recogniser(Protocol):
    """Finds some types of personal data. Built by `build(settings: config.Redaction) -> Recogniser`."""

    types: tuple[str, ...]
    """What it may find, in capitals: `EMAIL`."""

    def find(self, text: str) -> Iterable[Entity]:
        """What stands in `text`, in any order; overlaps and scores below 0.5 are sorted out by whoever asks.

        `text` is what a reader sees: nothing invisible; digits, dashes, dots and spaces are those of ASCII. Spans are
        of it; they are mapped back to what was written. The time must be linear in the length of `text`.
        """
        ...
