"""What a company's own labelled sentences taught the guard `grounding`: a logistic sum of more signals than its own.

It reads what the guard reads, how the sentence is said (`manner`), how far the weights of the package support it, and
its embedding. What it says is calibrated: of sentences it gives .8, about four in five are supported. It judges
sentences by passages in their language; for others the weights of the package stand. Made by `palier guard fit
grounding` (`training.grounding`); plain numbers, kept in the guard's file (`weighing`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from palier.guards.manner import MANNER
from palier.guards.supporting import SIGNS
from palier.types import Data

GENERAL = ("least", "most")
"""The log-odds of the package's weights: of the sentence they support least, and most. Of one sentence the same."""
READ: tuple[str, ...] = (*(name for name in SIGNS if name != "nearness"), *MANNER, *GENERAL)
_SURE = 1e-4
_MAX_DIMENSION = 16_384


class Origin(Data, frozen=True, kw_only=True):
    """What it was taught by, and what that showed of rows it had not seen."""

    examples: int
    supported: int
    """How many of them are."""
    groups: int
    """Rows that share a passage or a question are one; none is parted between teaching and judging."""
    digest: str
    """SHA-256 of the examples."""
    date: str
    licence: str = ""
    source: str = ""
    auroc: float | None = None
    auroc_low: float | None = None
    auroc_high: float | None = None
    general: float | None = None
    """The AUROC of the package's weights on the same rows."""
    sketch: tuple[int, ...] = ()
    """By which one knows some of their texts again (`heads.sketch`)."""


class Taught(Data, frozen=True, kw_only=True):
    """A logistic sum, calibrated."""

    intercept: float
    weights: dict[str, float]
    embedding: tuple[float, ...]
    """One weight for each number of the sentence's vector."""
    encoder: str
    threshold: float
    """The score (1 - support) from which a sentence does not pass."""
    origin: Origin

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if name not in READ or not math.isfinite(weight) or weight * sign(name) < 0:
                raise ValueError(f"the taught weight {weight} of `{name[:40]}` is none it may have")
        if not math.isfinite(self.intercept) or not all(map(math.isfinite, self.embedding)):
            raise ValueError("what was taught holds what is no number")
        if not (self.encoder and 0 < len(self.embedding) <= _MAX_DIMENSION):
            raise ValueError("what was taught names no encoder with its dimension")
        if not 0 < self.threshold < 1:
            raise ValueError(f"the threshold of what was taught is {self.threshold}")

    def support(self, signals: Mapping[str, float], vector: NDArray[np.float32]) -> float:
        """In [0, 1], of a sentence by its signals (`READ`) and its vector."""
        linear = self.intercept + sum(weight * signals[name] for name, weight in self.weights.items())
        linear += float(np.dot(vector, np.asarray(self.embedding, np.float32)))
        return 1 / (1 + math.exp(-max(min(linear, 500.0), -500.0)))


def sign(name: str) -> int:
    """The sign a weight must have: labels may say how much a wrong figure matters, never that it speaks for it."""
    return 1 if name in GENERAL else SIGNS.get(name, 0)


def general(supports: Sequence[float]) -> dict[str, float]:
    """The signals of `GENERAL`, of what the package's weights say of each sentence of a text."""
    return {"least": _odds(min(supports)), "most": _odds(max(supports))}


def _odds(support: float) -> float:
    held = min(max(support, _SURE), 1 - _SURE)
    return math.log(held / (1 - held))
