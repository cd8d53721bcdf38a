"""The guard `grounding` fitted to a company's own labels: what it calls supported, where the package's weights err.

A logistic regression on the signals of the guard, on how a sentence is said, and on its embedding, by Newton's method;
a ridge holds it near to nothing where there are few examples, and a signal of the guard whose weight would come out
against its sign is left out: labels may not teach that a wrong figure speaks for a sentence. It is judged, calibrated
(Platt, 1999) and given its threshold by models that saw nothing of an example's group.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from palier.errors import InvalidRequest
from palier.guards import weighing
from palier.guards.supporting import MAX_WORDS
from palier.guards.taught import READ, Origin, Taught, sign
from palier.heads.sketch import sketch
from palier.interfaces import Vectors
from palier.metrics.intervals import wilson_of_families
from palier.metrics.reliability import auroc, brier, expected_calibration_error
from palier.training.grounding_rows import Laid, Row, Rows, groups, lay_all
from palier.training.heads import Done, Interval
from palier.types import Data

Array = NDArray[np.float64]
Integers = NDArray[np.intp]

RIDGE = 30.0
"""Of the sum over examples, on signals of unit variance."""
_NEAR = 6.0
"""By which the numbers of a unit vector are multiplied beside those."""
_INTERCEPT = 1e-3
REFUSED = 0.125
"""The share of supported sentences that is called unsupported by default, as of the package's weights."""
LEAST = 10
"""Examples of each label, below which nothing is fitted."""
FEW = 200
PARTS = 10
LEAST_GROUPS = 5
_LARGE = 0.3
"""A group with a larger share of the examples is told of."""
DRAWS = 1000
SHARES = (0.01, 0.02, 0.05, 0.125, 0.2)


class Point(Data, frozen=True, kw_only=True):
    """Where this share of supported sentences is refused: the threshold, and how much of the others is found."""

    refused: float
    threshold: float
    found: Interval


class Report(Data, frozen=True, kw_only=True):
    """What was made and what it is worth; figures are of examples whose group was not taught."""

    n: int
    supported: int
    groups: int
    auroc: Interval
    general: Interval
    """The AUROC of the package's weights on the same examples."""
    gain: Interval
    """By how much it is higher, drawn together."""
    calibration_error: float
    brier: float
    refused: float
    curve: tuple[Point, ...]
    seconds: float
    size: int
    digest: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """The guard's file as bytes, what is said of it, and by place in the rows the support of each example that could be
    judged, by a model that saw nothing of its group."""

    content: bytes
    report: Report
    held_out: dict[int, float]


def fit(
    rows: Rows,
    embed: Callable[[Sequence[str]], Vectors],
    encoder: str,
    *,
    refused: float = REFUSED,
    licence: str = "",
    source: str = "",
    done: Done = lambda _: None,
) -> Fitted:
    """Fit the guard to `rows`, beside the weights of the package.

    Raises `InvalidRequest` where there are too few examples of a label, too few groups, labels that contradict each
    other, or nothing that can be learnt.
    """
    started = time.perf_counter()
    if not 0 < refused < 0.5:
        raise InvalidRequest(f"{refused:g} of what is supported are to be refused", hint=f"{REFUSED}, say")
    _check(np.array([float(row.supported) for row in rows.rows]), "examples")
    _agree(rows)
    base = weighing.load()
    places, laid = lay_all(rows.rows, base.same, done)
    task = _task([rows.rows[at] for at in places], laid, embed, done)
    judged = _judge(task, laid, rows, refused, done)
    done("teaching all of them")
    taught = _made(
        task,
        judged,
        encoder,
        Origin(
            examples=len(task.right),
            supported=int(task.right.sum()),
            groups=task.groups,
            digest=rows.digest,
            date=datetime.now(UTC).date().isoformat(),
            licence=licence,
            source=source,
            auroc=judged.auroc.value,
            auroc_low=judged.auroc.low,
            auroc_high=judged.auroc.high,
            general=judged.general.value,
            sketch=sketch(row.text for row in rows.rows),
        ),
    )
    content = weighing.dump(base, taught)
    report = Report(
        n=len(task.right),
        supported=taught.origin.supported,
        groups=task.groups,
        auroc=judged.auroc,
        general=judged.general,
        gain=judged.gain,
        calibration_error=round(expected_calibration_error(judged.support, task.right, bins=10, debiased=True), 4),
        brier=round(brier(judged.support, task.right), 4),
        refused=refused,
        curve=tuple(_point(share, judged.support, task) for share in sorted({*SHARES, refused})),
        seconds=round(time.perf_counter() - started, 2),
        size=len(content),
        digest=rows.digest,
        notes=(*rows.notes, *_notes(len(rows.rows), laid, task, judged)),
    )
    return Fitted(content, report, dict(zip(places, judged.support.tolist(), strict=True)))


@dataclass(frozen=True, slots=True)
class _Task:
    """Examples as they are taught. `part`: in which of the parts each is left out."""

    signals: Array
    vectors: Array
    right: Array
    group: Integers
    part: Integers

    @property
    def groups(self) -> int:
        return int(self.group.max()) + 1


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was found of examples whose group was not taught: their support, and how linear scores become that."""

    support: Array
    scale: float
    shift: float
    threshold: float
    auroc: Interval
    general: Interval
    gain: Interval


def _check(right: Array, what: str) -> None:
    ones = int(right.sum())
    if min(ones, len(right) - ones) < LEAST:
        raise InvalidRequest(
            f"there are {len(right)} {what}: {ones} supported, {len(right) - ones} not",
            hint=f"at least {LEAST} of each; `expected` is `pass` where the passages support the text",
            param="expected",
        )


def _agree(rows: Rows) -> None:
    if rows.torn > len(rows.rows) / 2:
        raise InvalidRequest(
            f"{rows.torn} of {len(rows.rows)} examples contradict each other: their text is labelled both ways beside"
            " the same passages, and of each but one label can be learnt",
            hint="let two people label them apart, and keep those on which they agree",
            param="expected",
        )


def _task(rows: Sequence[Row], laid: Sequence[Laid], embed: Callable[[Sequence[str]], Vectors], done: Done) -> _Task:
    right = np.array([float(row.supported) for row in rows])
    _check(right, "examples with passages in their language")
    group = np.array(groups(rows), np.intp)
    count = int(group.max()) + 1
    if count < LEAST_GROUPS:
        raise InvalidRequest(
            f"all {len(rows)} examples hang together in {count} groups, by passages and questions that they share",
            hint=f'{LEAST_GROUPS} groups at least, to judge by those not taught; "group" in each line says otherwise',
            param="group",
        )
    done("embedding them")
    signals = np.array([[one.signals[name] for name in READ] for one in laid])
    vectors = np.asarray(embed([one.text for one in laid]), np.float64)
    return _Task(signals, vectors, right, group, parts(group))


def parts(group: Integers, count: int = PARTS) -> Integers:
    """The part of each example, of `count` at most: the largest groups first, each where there is least."""
    sizes = np.bincount(group)
    held = np.zeros(min(count, len(sizes)), np.intp)
    of = np.zeros(len(sizes), np.intp)
    for one in np.argsort(-sizes, kind="stable"):
        of[one] = held.argmin()
        held[of[one]] += sizes[one]
    return of[group]


def _judge(task: _Task, laid: Sequence[Laid], rows: Rows, refused: float, done: Done) -> _Judged:
    linear = np.zeros(len(task.right))
    for part in range(int(task.part.max()) + 1):
        done(f"teaching {part + 1} of {int(task.part.max()) + 2}")
        seen = task.part != part
        if not 0 < task.right[seen].sum() < seen.sum():
            raise InvalidRequest(
                "all examples of one label hang together, by passages and questions that they share",
                hint='"group" in each line says what belongs together',
                param="group",
            )
        weights, own, intercept = _taught(task, seen)
        linear[~seen] = task.signals[~seen] @ weights + task.vectors[~seen] @ own + intercept
    scale, shift = _platt(linear, task.right)
    if scale <= 0:
        apart = f"{rows.torn} of {len(rows.rows)} examples are labelled both ways beside the same passages"
        raise InvalidRequest(
            f"nothing was learnt: of examples not taught, AUROC {auroc(linear, task.right):.3f}, and 0.5 is chance;"
            f" {apart if rows.torn else 'no two examples contradict each other'}",
            hint="keep one label of each text; does each line have the passages that its label is about?"
            if rows.torn
            else "does each line have the passages that its label is about, or are labels drawn by lot?",
            param="expected",
        )
    support = _logistic(scale * linear + shift)
    whole = np.array([one.general for one in laid])
    found, general, gain = _intervals(linear, whole, task)
    return _Judged(support, scale, shift, _limit(support[task.right > 0], refused), found, general, gain)


def _made(task: _Task, judged: _Judged, encoder: str, origin: Origin) -> Taught:
    """What all examples teach, so calibrated as those were that were not taught."""
    weights, own, intercept = _taught(task, np.ones(len(task.right), bool))
    scaled = {name: round(judged.scale * w, 6) for name, w in zip(READ, weights.tolist(), strict=True)}
    return Taught(
        intercept=round(judged.scale * intercept + judged.shift, 6),
        weights={name: w for name, w in scaled.items() if w},
        embedding=tuple(round(w, 6) for w in (judged.scale * own).tolist()),
        encoder=encoder,
        threshold=judged.threshold,
        origin=origin,
    )


# --- the regression --------------------------------------------------------------------------------------------------


def _taught(task: _Task, seen: NDArray[np.bool_]) -> tuple[Array, Array, float]:
    """Weights of the signals and of the vector, and the intercept. One of the wrong sign is 0, and the rest is fitted
    again."""
    signals, y = task.signals[seen], task.right[seen]
    mean, spread = signals.mean(axis=0), signals.std(axis=0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    table = np.column_stack(((signals - mean) / spread, _NEAR * task.vectors[seen], np.ones(len(y))))
    penalty = np.full(table.shape[1], RIDGE)
    penalty[-1] = _INTERCEPT
    signs = np.zeros(table.shape[1])
    signs[: len(READ)] = [sign(name) for name in READ]
    free = np.ones(table.shape[1], bool)
    found = np.zeros(table.shape[1])
    while True:
        found[free] = _newton(table[:, free], y, penalty[free], found[free])
        against = free & (found * signs < 0)
        if not against.any():
            break
        free &= ~against
        found[against] = 0.0
    weights = found[: len(READ)] / spread
    return weights, _NEAR * found[len(READ) : -1], float(found[-1] - weights @ mean)


def _newton(table: Array, y: Array, penalty: Array, at: Array) -> Array:
    """The minimum of the penalised logistic loss, from `at` on."""

    def loss(weights: Array) -> float:
        linear = table @ weights
        return float(np.logaddexp(0.0, linear).sum() - y @ linear + (penalty * weights) @ weights / 2)

    value = loss(at)
    for _ in range(50):
        said = _logistic(table @ at)
        slope = table.T @ (said - y) + penalty * at
        bend = (table * (said * (1 - said))[:, None]).T @ table
        bend[np.diag_indices_from(bend)] += penalty
        step = np.linalg.solve(bend, slope)
        size = 1.0
        while (after := loss(at - size * step)) > value and size > 1e-4:
            size /= 2
        if after >= value - 1e-7 * abs(value):
            break
        at, value = at - size * step, after
    return at


def _platt(linear: Array, right: Array) -> tuple[float, float]:
    """Scale and shift by which linear scores become probabilities (Platt, 1999)."""
    table = np.column_stack((linear, np.ones(len(linear))))
    scale, shift = _newton(table, right, np.full(2, 1e-3), np.zeros(2))
    return float(scale), float(shift)


def _logistic(linear: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-np.clip(linear, -500, 500)))
    return found


# --- what it is worth -----------------------------------------------------------------------------------------------


def _limit(supported: Array, refused: float) -> float:
    """The threshold on 1 - support that this share of what is supported exceeds."""
    return round(float(np.clip(np.quantile(1 - supported, 1 - refused), 1e-4, 1 - 1e-4)), 4)


def _point(share: float, support: Array, task: _Task) -> Point:
    wrong = task.right == 0
    threshold = _limit(support[~wrong], share)
    caught = (1 - support[wrong] > threshold).astype(np.float64)
    low, high = wilson_of_families(caught, task.group[wrong])
    found = Interval(value=round(float(caught.mean()), 4), low=round(low, 4), high=round(high, 4))
    return Point(refused=share, threshold=threshold, found=found)


def _intervals(linear: Array, whole: Array, task: _Task) -> tuple[Interval, Interval, Interval]:
    """The AUROC of both, and of their difference, groups being drawn together."""
    chance = np.random.default_rng(0)
    sorted_rows = [_Ranked.of(linear, task.right), _Ranked.of(whole, task.right)]
    drawn = []
    for _ in range(DRAWS):
        times = np.bincount(chance.integers(0, task.groups, task.groups), minlength=task.groups)[task.group]
        pair = [one.auroc(times) for one in sorted_rows]
        if not any(map(np.isnan, pair)):
            drawn.append(pair)
    once = np.ones(len(linear))
    own, general = (one.auroc(once) for one in sorted_rows)
    table = np.array(drawn)
    columns = (table[:, 0], table[:, 1], table[:, 0] - table[:, 1])
    found = []
    for value, column in zip((own, general, own - general), columns, strict=True):
        low, high = np.quantile(column, (0.025, 0.975))
        found.append(Interval(value=round(value, 4), low=round(float(low), 4), high=round(float(high), 4)))
    return found[0], found[1], found[2]


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Scores ranked once, to be counted often."""

    place: Integers
    right: Array

    @staticmethod
    def of(scores: Array, right: Array) -> _Ranked:
        return _Ranked(np.unique(scores, return_inverse=True)[1], right)

    def auroc(self, times: NDArray[np.integer] | Array) -> float:
        """As `metrics.reliability.auroc`, each row so many times; NaN where only one label is drawn."""
        ones = np.bincount(self.place, weights=times * self.right)
        others = np.bincount(self.place, weights=times * (1 - self.right))
        pairs = ones.sum() * others.sum()
        return float(ones @ (np.cumsum(others) - others / 2) / pairs) if pairs else float("nan")


def _notes(given: int, laid: Sequence[Laid], task: _Task, judged: _Judged) -> list[str]:
    notes, count = [], len(laid)
    if given > count:
        notes.append(
            f"{given - count} of {given} examples have no passage in their language and were not taught: such"
            " sentences are judged by the weights of the package"
        )
    if count < FEW:
        notes.append(f"{count} examples are few: the figures are rough, and so is the threshold; {FEW} would do")
    largest = int(np.bincount(task.group).max())
    if largest > _LARGE * count:
        notes.append(
            f"{largest} of {count} examples hang together by passages or questions that they share: the figures are of"
            " few groups"
        )
    several = sum(one.sentences > 1 for one in laid)
    if several:
        notes.append(f"{several} of {count} examples have several sentences; the guard judges each by itself")
    mute = [right for one, right in zip(laid, task.right, strict=True) if not one.claims]
    if mute:
        notes.append(
            f"{len(mute)} of {count} examples claim nothing, and the guard lets such pass unjudged; {mute.count(0.0)}"
            " of them are labelled unsupported"
        )
    long = sum(one.long for one in laid)
    if long:
        notes.append(f"{long} of {count} examples have more than {MAX_WORDS} words, and only these are read")
    if judged.gain.low is not None and judged.gain.low <= 0:
        notes.append(
            f"it is not shown to be better than the weights of the package: AUROC {judged.auroc.value:.3f} against"
            f" {judged.general.value:.3f}, the difference may be {judged.gain.low:+.3f}"
        )
    return notes
