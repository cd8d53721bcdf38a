"""The reference: how each signal was, as counts of bins, and the topics that questions were about.

A third of what the window holds, drawn by chance, says what the bins and topics are; the rest is counted in them. So
what is counted then, and what comes after, are alike as long as nothing changes, which is what the tests need. A
question's vector is reduced to two numbers, its topic and how far it is from all topics: to reduce first and to test
each number, corrected for how many they are, finds as much as a test of whole vectors, and says what has changed
(Rabanser, Günnemann & Lipton 2019, "Failing loudly"; topics are its "BBSDh", with clusters for a classifier's labels).

What is kept are means of several questions' vectors and counts: no single request can be told from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from palier.drift.report import KINDS, Kind, Window
from palier.drift.signals import Observed

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

LEAST = 30
"""Values below which nothing is said of a signal."""
BINS = 32
TOPICS, MEMBERS = 128, 5
"""Topics at most, so many that what is new is far from all; a topic is of at least so many questions."""
_ROUNDS = 8
_HALVES = np.array([0.5])


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """Of one signal: the bins end at `edges`, the last one nowhere; `counts` of those that were counted."""

    kind: Kind
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    centre: float
    """A share, or the median of a number."""

    @property
    def n(self) -> int:
        return sum(self.counts)


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """See the module."""

    window: Window
    scales: dict[str, Scale]
    topics: bytes = b""
    """Unit vectors, float32, one after the other."""
    dimension: int = 0
    encoder: str = ""

    @property
    def centres(self) -> Vectors:
        """(topics, dimension)."""
        found: Vectors = np.frombuffer(self.topics, np.float32).reshape(-1, max(self.dimension, 1))
        return found

    def values(self, observed: Sequence[Observed], vectors: Vectors | None) -> dict[str, Floats]:
        """Of each scaled signal the values (n,), NaN where one is not known. `vectors` (n, d), NaN likewise."""
        return _values(observed, vectors, self.centres if self.topics else None)

    def bins(self, values: Mapping[str, Floats]) -> dict[str, list[int]]:
        """Of each scaled signal the bins of its known values, in their order."""
        return {name: _binned(values[name], scale.edges) for name, scale in self.scales.items() if name in values}


def fit(
    window: Window, observed: Sequence[Observed], vectors: Vectors | None = None, encoder: str = "", seed: int = 7
) -> Reference:
    """What a window says. `vectors` (n, d) are those of the questions, a row of NaN where there is none.

    A signal with fewer than `LEAST` values on either side has no scale. The order of the requests changes which third
    says what the bins are, and nothing else.
    """
    rng = np.random.default_rng(seed)
    first = np.zeros(len(observed), bool)
    first[rng.permutation(len(observed))[: len(observed) // 3]] = True
    centres = None
    if vectors is not None:
        known = vectors[first & ~np.isnan(vectors).any(axis=1)]
        centres = _topics(known, rng) if len(known) >= LEAST else None
    scales = {}
    for name, values in _values(observed, vectors, centres).items():
        known = ~np.isnan(values)
        learnt, counted = values[known & first], values[known & ~first]
        if min(len(learnt), len(counted)) < LEAST:
            continue
        scales[name] = _scale(KINDS[name], learnt, counted, 0 if centres is None else len(centres))
    return Reference(
        window=msgspec.structs.replace(window, n=window.n or len(observed)),
        scales=scales,
        topics=b"" if centres is None else centres.astype(np.float32).tobytes(),
        dimension=0 if centres is None else centres.shape[1],
        encoder=encoder if centres is not None else "",
    )


def _values(observed: Sequence[Observed], vectors: Vectors | None, centres: Vectors | None) -> dict[str, Floats]:
    found = {
        name: np.array([one.values.get(name, np.nan) for one in observed], np.float64)
        for name in KINDS
        if any(name in one.values for one in observed)
    }
    if centres is not None and vectors is not None and len(vectors):
        alike = vectors @ centres.T
        known = ~np.isnan(alike).any(axis=1)
        nearest = np.where(known, np.nan_to_num(alike, nan=0.0).argmax(axis=1).astype(np.float64), np.nan)
        found = {"topics": nearest, "novelty": 1.0 - alike.max(axis=1).astype(np.float64), **found}
    return found


def _scale(kind: Kind, learnt: Floats, counted: Floats, topics: int) -> Scale:
    edges: NDArray[np.floating]
    if kind == "topics":
        edges = np.arange(topics - 1) + 0.5
    elif kind == "share":
        edges = _HALVES
    else:  # the ends are edges too: what lies beyond all that was seen has bins of its own
        inner = np.quantile(learnt, np.linspace(0, 1, BINS - 1), method="inverted_cdf")
        edges = np.unique(np.append(inner, np.nextafter(learnt.min(), -np.inf)))
    counts = np.bincount(_binned(counted, edges), minlength=len(edges) + 1)
    centre = np.median(counted) if kind == "ordered" else np.mean(counted > _HALVES[0])
    return Scale(
        kind=kind,
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        centre=0.0 if kind == "topics" else float(centre),
    )


def _binned(values: Floats, edges: Sequence[float] | NDArray[np.floating]) -> list[int]:
    known = values[~np.isnan(values)]
    found: list[int] = np.searchsorted(np.asarray(edges), known, side="left").tolist()
    return found


def _topics(vectors: Vectors, rng: np.random.Generator) -> Vectors:
    """Means of the vectors that lie together (spherical k-means; Dhillon & Modha 2001), each of at least `MEMBERS`."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    centres = unit[rng.choice(len(unit), max(min(TOPICS, len(unit) // (2 * MEMBERS)), 1), replace=False)]
    for turn in range(_ROUNDS):
        nearest = (unit @ centres.T).argmax(axis=1)
        _, starts, members = np.unique(np.sort(nearest), return_index=True, return_counts=True)
        sums = np.add.reduceat(unit[np.argsort(nearest, kind="stable")], starts, axis=0)
        kept = sums[members >= (MEMBERS if turn >= _ROUNDS - 2 else 1)]
        centres = kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-12)
    found: Vectors = centres.astype(np.float32)
    return found
