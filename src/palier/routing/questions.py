"""Before anything is generated: from a question's vector to the probability that an answer would be good enough.

Gaussian-process regression of the outcomes, which is kernel ridge regression (Rasmussen & Williams, Gaussian Processes
for Machine Learning, 2006, chapter 2): a smooth nearest-neighbour estimate that returns to the base rate far from every
question it knows. Bandwidth and noise are judged by the squared error when each question is left out, in closed form
(section 5.4.2): the best where they beat the usual ones by two standard errors, for questions of one subject err
together. Where the chosen do not beat the base rate, the base rate is the model.

To rank who should climb, fit `gains(lower, upper)`: a question that every tier fails is not worth climbing for, and the
probability that the lower tier is right cannot tell it from one that only the upper tier answers.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from palier.errors import InvalidRequest
from palier.interfaces import Vectors
from palier.types import Data

Array = NDArray[np.float64]

MIN_ROWS = 20
"""Fewer outcomes say nothing but their mean, and that badly."""
_AXES = 128
"""Principal axes that are kept: of 512, they hold what separates questions in a quarter of the space and time."""
_CHOSEN_ON = 1500
"""Questions that bandwidth and noise are chosen on: neither depends on how many there are; the time does, cubed."""
_BANDWIDTHS = (0.125, 0.25, 0.5, 1.0)
"""In median squared distances between questions, so that every encoder has its own scale."""
_NOISES = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Variance of an outcome around its probability, in variances of the probability itself."""
_USUAL = (0.25, 10.0)
"""Bandwidth and noise without evidence for others: of a few hundred questions, the least error is mostly luck."""


class QuestionModel(Data, frozen=True, kw_only=True, dict=True):
    """A fitted model, as plain data: `msgspec.json` writes and reads it (0.4 MB for 1,500 questions of 512 numbers).

    The questions themselves are not in it; their projected vectors are, rounded to 8 bits: as confidential as they.
    `known` is empty where the base rate was the best model. Raises `ValueError` where the parts do not fit together.
    """

    dimension: int
    questions: int
    base_rate: float
    bandwidth: float = 1.0
    noise: float = 1.0
    axes_scale: float = 1.0
    known_scale: float = 1.0
    axes: bytes = b""
    """int8, shape (dimension, axes); times `axes_scale`."""
    known: bytes = b""
    """int8, shape (distinct questions, axes); times `known_scale`."""
    weights: bytes = b""
    """float32, little-endian, one a row of `known`."""

    def __post_init__(self) -> None:
        width, rows = len(self.axes) // max(self.dimension, 1), len(self.weights) // 4
        scales = (self.bandwidth, self.noise, self.axes_scale, self.known_scale)
        fits = (
            self.dimension >= 1
            and self.questions >= MIN_ROWS
            and 0 < self.base_rate < 1
            and all(0 < scale < math.inf for scale in scales)
            and (len(self.axes), len(self.known), len(self.weights)) == (self.dimension * width, rows * width, rows * 4)
            and bool(np.isfinite(np.frombuffer(self.weights, "<f4")).all())
        )
        if not fits:
            raise ValueError("question model: its parts do not fit together; fit it again")

    @property
    def informed(self) -> bool:
        """Whether questions change the probability: False where the base rate was the best model."""
        return bool(self.weights)

    def probability(self, vectors: Vectors) -> Array:
        """For each question, in (0, 1): shape (m, dimension) to (m,). Only the direction of a vector counts.

        Never nearer to 0 or 1 than 1 / (questions + 2): so many questions cannot show more. Raises `InvalidRequest`
        for another shape and for numbers that are not finite.
        """
        unit = _unit(vectors, self.dimension)
        if not self.informed:
            return np.full(len(unit), self.base_rate)
        axes, known, squares, weights = self._parts
        projected = unit @ axes
        squared = squares - 2 * projected @ known.T + np.einsum("ij,ij->i", projected, projected)[:, None]
        return _bounded(self.base_rate + np.exp(squared / -self.bandwidth) @ weights, self.questions)

    @cached_property
    def _parts(self) -> tuple[Vectors, Vectors, Vectors, Vectors]:
        axes = _restored(self.axes, self.axes_scale, self.dimension)
        known = _restored(self.known, self.known_scale, len(self.weights) // 4)
        return axes, known, (known**2).sum(1), np.frombuffer(self.weights, "<f4")


def gains(lower: ArrayLike, upper: ArrayLike) -> Array:
    """Outcomes to fit who should climb on: (1 + upper - lower) / 2, shapes (n,) to (n,), all in [0, 1].

    Of a model fitted on them, 2 probability - 1 is what climbing is expected to gain. Raises `InvalidRequest` for
    shapes that differ; what is not an outcome, `fit_questions` refuses.
    """
    low, high = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
    if low.shape != high.shape:
        raise InvalidRequest(f"outcomes of two tiers differ in shape: {low.shape} and {high.shape}")
    return (1.0 + high - low) / 2.0


def fit_questions(vectors: Vectors, outcomes: ArrayLike, *, seed: int = 0) -> QuestionModel:
    """Fit on vectors (n, d) and outcomes (n,) in [0, 1] of n >= 20 questions, in any order: about 5 s for 1,500.

    Of more, `seed` draws those that settings are chosen on. Raises `InvalidRequest` for other shapes, numbers that are
    not finite or no outcomes, fewer questions, and outcomes that are all the same.
    """
    return cross_fit_questions(vectors, outcomes, seed=seed)[0]


def cross_fit_questions(vectors: Vectors, outcomes: ArrayLike, *, seed: int = 0) -> tuple[QuestionModel, Array]:
    """What `fit_questions` does, and for each row the probability, shape (n,), of a model that its question is not in.

    These are what another model may be stacked on: on rows it has seen, a model looks better than it is. Equal vectors
    are one question and left out together. Settings and base rate are those of all rows: a base rate without the row
    would betray its outcome, for it is higher where that was a failure.
    """
    unit, y = _checked(vectors, outcomes)
    base_rate = float(_bounded(math.fsum(y) / len(y), len(y)))
    asked, which = np.unique(unit, axis=0, return_inverse=True)
    kept, known = _space(asked)
    counts = np.bincount(which).astype(np.float64)
    order = np.lexsort((y, which))  # sums must not depend on the order of the rows
    residuals = np.bincount(which[order], y[order]) / counts - base_rate
    part: NDArray[np.intp] = np.arange(len(asked))
    if len(asked) > _CHOSEN_ON:
        part = np.sort(np.random.default_rng(seed).choice(len(asked), _CHOSEN_ON, replace=False))
    setting = _choose(known[part], residuals[part], counts[part])
    base = QuestionModel(dimension=unit.shape[1], questions=len(y), base_rate=base_rate)
    if setting is None:
        return base, np.full(len(y), base_rate)
    bandwidth, noise = setting
    root = np.sqrt(counts)
    kernel = np.exp(_squared_distances(known) / -bandwidth) * np.outer(root, root)
    inverse = np.linalg.inv(kernel + noise * np.eye(len(root)))
    solved = inverse @ (root * residuals)
    left_out = base_rate + residuals - solved / (np.diag(inverse) * root)
    weights = (root * solved).astype("<f4").tobytes()
    fitted = {"bandwidth": bandwidth, "noise": noise, "weights": weights, **kept}
    return msgspec.structs.replace(base, **fitted), _bounded(left_out, len(y))[which]


def _space(asked: Vectors) -> tuple[dict[str, Any], Vectors]:
    """The distinct questions on their first principal axes: as a model keeps both, and as it restores the questions."""
    _, spread, axes = np.linalg.svd(asked - asked.mean(0), full_matrices=False)
    width = max(1, min(_AXES, int((spread > 1e-5 * max(1.0, spread[0])).sum())))
    packed, axes_scale = _packed(axes[:width].T)
    known, known_scale = _packed(asked @ _restored(packed, axes_scale, asked.shape[1]))
    kept = {"axes": packed, "axes_scale": axes_scale, "known": known, "known_scale": known_scale}
    return kept, _restored(known, known_scale, len(asked))


def _choose(known: Vectors, residuals: Array, counts: Array) -> tuple[float, float] | None:
    """The bandwidth and noise for these questions; None where the base rate is as good when each is left out."""
    root = np.sqrt(counts)
    target = root * residuals
    squared = _squared_distances(known)
    typical = float(np.median(squared[np.triu_indices(len(known), 1)])) if len(known) > 1 else 0.0
    if not typical:
        return None
    errors = {}
    for share in _BANDWIDTHS:
        values, directions = np.linalg.eigh(np.exp(squared / -(share * typical)) * np.outer(root, root))
        along, energy = directions.T @ target, directions**2
        for noise in _NOISES:
            shrunk = 1.0 / (values + noise)
            errors[share, noise] = (directions @ (along * shrunk) / (energy @ shrunk)) ** 2
    least = min(errors, key=lambda setting: float(errors[setting].sum()))
    share, noise = least if _beats(errors[least], errors[_USUAL]) else _USUAL
    return (share * typical, noise) if errors[share, noise].sum() < (target**2).sum() else None


def _beats(errors: Array, others: Array) -> bool:
    """Whether they are smaller by more than two standard errors of the difference.

    What is usual has the benefit of the doubt (Breiman et al., Classification and Regression Trees, 1984).
    """
    gained = others - errors
    return bool(gained.mean() > 2 * gained.std(ddof=1) / len(gained) ** 0.5)


def _checked(vectors: Vectors, outcomes: ArrayLike) -> tuple[Vectors, Array]:
    y = np.asarray(outcomes, np.float64)
    shape = np.shape(vectors)
    if len(shape) != 2 or y.ndim != 1 or len(y) != shape[0]:
        raise InvalidRequest(f"vectors (n, d) and outcomes (n,) are needed, not {shape} and {y.shape}")
    if len(y) < MIN_ROWS:
        raise InvalidRequest(
            f"{len(y)} questions are too few to fit a router on", hint=f"give at least {MIN_ROWS} with their outcomes"
        )
    if not (np.isfinite(y).all() and (y >= 0).all() and (y <= 1).all()):
        raise InvalidRequest("outcomes must be numbers in [0, 1]")
    if (y == y[0]).all():
        raise InvalidRequest(
            f"all {len(y)} outcomes are {y[0]:g}: nothing tells one question from another",
            hint="give questions that were answered well and questions that were not",
        )
    return _unit(vectors, shape[1]), y


def _unit(vectors: Vectors, dimension: int) -> Vectors:
    """Vectors of length one, as they are compared; a vector of zeros stays one."""
    array = np.asarray(vectors, np.float32)
    if array.ndim != 2 or array.shape[1] != dimension or not dimension:
        raise InvalidRequest(f"vectors of shape (n, {dimension or 'd'}) are needed, not {array.shape}")
    # Divided by the largest first: squares of float32 leave its range long before the numbers do.
    largest = np.abs(array).max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        raise InvalidRequest("vectors must be finite numbers")
    largest[largest == 0] = 1
    unit: Vectors = array / largest
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1)
    return unit


def _bounded(probability: ArrayLike, questions: int) -> Array:
    edge = 1.0 / (questions + 2)
    bounded: Array = np.clip(np.asarray(probability, np.float64), edge, 1.0 - edge)
    return bounded


def _squared_distances(known: Vectors) -> Array:
    exact = known.astype(np.float64)
    squares = (exact**2).sum(1)
    squared: Array = np.maximum(squares[:, None] + squares - 2 * exact @ exact.T, 0.0)
    return squared


def _packed(matrix: Vectors) -> tuple[bytes, float]:
    """As int8 with one scale for all."""
    scale = float(np.abs(matrix).max()) / 127 or 1.0
    return np.rint(matrix / scale).astype(np.int8).tobytes(), scale


def _restored(packed: bytes, scale: float, rows: int) -> Vectors:
    return np.frombuffer(packed, np.int8).reshape(rows, -1).astype(np.float32) * np.float32(scale)
