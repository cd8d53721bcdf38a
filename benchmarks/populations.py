"""Populations whose truth is known: recorded answers, and two made up to be hard. Calibration sets are drawn from them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palier.routing.table import Signals, Table

Array = NDArray[np.float64]
MODELS = {2: ("llama3.1-8b", "llama3.1-405b"), 3: ("llama3.1-8b", "llama3.1-70b", "llama3.1-405b")}


@dataclass(frozen=True)
class Population:
    """Rows (n,) of which all is known; `features` (n, k) of each tier below the top, `losses` and `costs` (n, tiers)."""

    tiers: tuple[str, ...]
    names: tuple[str, ...]
    features: tuple[Array, ...]
    losses: Array
    costs: Array

    def __len__(self) -> int:
        return len(self.losses)

    @property
    def single(self) -> bool:
        """Whether a single signal orders all rows: nothing needs to be fitted then."""
        return len(self.features) == 1 and len(self.names) == 1

    def table(self, rows: NDArray[np.intp]) -> Table:
        """The rows drawn as records would be tabulated; one drawn twice is two, with ids of their own."""
        every = np.arange(len(rows))
        return Table(
            ids=tuple(map(str, every.tolist())),
            tiers=self.tiers,
            signals=tuple(Signals(self.names, matrix[rows], every) for matrix in self.features),
            losses=self.losses[rows],
            costs=self.costs[rows],
            present=np.ones((len(rows), len(self.tiers)), dtype=bool),
            segments=("",) * len(rows),
        )


def recorded(folder: Path, questions: str, tiers: int, names: Sequence[str] = ("logprob",)) -> Population:
    """The test rows of answers recorded by Zellinger and Thomson (2025); a feature `noise_N` is drawn, and says nothing."""
    with gzip.open(folder / "cascade_logprob" / f"{questions}_llama_chain_test.jsonl.gz", "rt") as lines:
        models = [json.loads(line)["models"] for line in lines]
    random = np.random.default_rng(3)

    def column(model: str, name: str) -> Array:
        if name.startswith("noise"):
            return random.normal(size=len(models))
        return np.array([float(row[model][name]) for row in models])

    chosen = MODELS[tiers]
    return Population(
        tiers=chosen,
        names=tuple(names),
        features=tuple(np.column_stack([column(model, name) for name in names]) for model in chosen[:-1]),
        losses=1.0 - np.column_stack([column(model, "correct") for model in chosen]),
        costs=1e6 * np.column_stack([column(model, "cost_usd") for model in chosen]),
    )


ROWS = 20_000


def made_up(risks: Array, scores: Array) -> Population:
    """A score, and answers wrong as often as these risks (n,), evenly: of every stretch the share is what it should be.

    Who climbs is wrong in one of ten.
    """
    small = np.diff(np.floor(np.cumsum(risks) + 1e-9), prepend=0.0)
    losses = np.column_stack((small, np.arange(len(risks)) % 10 == 0)).astype(np.float64)
    return Population(("small", "large"), ("score",), (scores[:, None],), losses, np.tile([1.0, 10.0], (len(risks), 1)))


def not_monotone(alpha: float) -> Population:
    """Above the target among the most confident, then well below it, then above: the walk's second and later starts."""
    at = (np.arange(ROWS) + 0.5) / ROWS  # the share that is kept down to here
    return made_up(alpha * np.where(at < 0.1, 1.6, np.where(at < 0.45, 0.55, 2.2)), 1.0 - at)


def tied(alpha: float) -> Population:
    """A score of ten values, as of a judge who gives marks: the risk jumps over the target within a tie."""
    at = np.floor(np.arange(ROWS) * 10 / ROWS) / 9
    return made_up(alpha * (0.4 + 1.9 * at), 1.0 - at)


def tied_not_monotone(alpha: float) -> Population:
    """Five marks that are wrong about each other: down to each, 3, 1.01, 1.12, 0.93 and 1.25 times the target is wrong.

    Where a start falls depends on how many rows of the second mark, wrong 0.21 times the target, were drawn.
    """
    marks = np.repeat(np.arange(5), np.array([2000, 5000, 2000, 5000, 6000]))
    return made_up(alpha * np.array([3.0, 0.214, 1.5, 0.6, 2.0])[marks], 1.0 - marks / 5)
