"""What an assistant is for, taught by examples of what it is asked: a head that may say "none of these".

Five heads on embeddings and n-grams, each taught on four fifths of the examples; their mean, which is a head too, is
the one that serves. How far in the assistant's own questions lie is known from each example's score by the one head
that it was not taught: a head taught on all would score higher than those, and refuse less than it says. Examples of
what is out of scope are not needed. Where there are some, they are not taught: they say how many of them are refused.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from palier.errors import InvalidRequest
from palier.heads import file as head_file
from palier.heads.excerpt import Excerpt
from palier.heads.file import FORMAT, Header, Reject, Trained
from palier.heads.ngrams import Ngrams, count, rarity
from palier.heads.sketch import sketch
from palier.interfaces import Vectors
from palier.metrics.intervals import wilson
from palier.training import softmax
from palier.training.examples import Example, Examples, key
from palier.training.heads import BUCKETS, Done, Interval, labelled
from palier.training.softmax import Floats, Rows
from palier.types import Data

RIDGE = 0.1
REFUSED = 0.02
"""The share of the assistant's own questions that is refused by default."""
LEAST = 20
FEW = 200
"""Examples below which what is said of the lowest of them is a guess."""
PARTS = 5
"""Each example is left out of the teaching of one head in so many."""
EXCERPT = Excerpt()
KEPT = (0.9, 0.95, 0.98, 0.99, 0.995)


class Point(Data, frozen=True, kw_only=True):
    """Where so many of the assistant's own questions are kept: how many of them are kept under the right label, and how
    many of the others are refused.
    """

    kept: float
    right: Interval
    refused_outside: Interval | None = None


class Report(Data, frozen=True, kw_only=True):
    """What was made and what it is worth; figures are of examples that were not taught."""

    n: int
    labels: int
    outside: int
    accuracy: Interval
    refused: float
    auroc: float | None
    """Inside against outside; None without examples of what is outside."""
    curve: tuple[Point, ...]
    seconds: float
    size: int
    digest: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """The guard as the bytes of its file, and what is said of it."""

    content: bytes
    report: Report


def fit(
    examples: Examples,
    embed: Callable[[Sequence[str]], Vectors],
    encoder: str,
    *,
    outside: str = "",
    refused: float = REFUSED,
    licence: str = "",
    source: str = "",
    done: Done = lambda _: None,
) -> Fitted:
    """Make a scope of `examples`; those with the label `outside` are of what is out of it.

    Raises `InvalidRequest` where there are too few examples, one label alone, or a label with one example, and where
    most contradict each other.
    """
    started = time.perf_counter()
    inside = Examples(tuple(row for row in examples.rows if not outside or row.label != outside))
    strange = [row.text for row in examples.rows if outside and row.label == outside]
    _check(inside.rows, outside, strange, refused)
    _agree(examples)
    labels, y = labelled(inside.rows)
    done("reading the examples")
    task = _Task(inside.rows, embed)
    coefficients, linear = _taught(task.rows, y, len(labels), _parts(inside.rows, y), done)
    others = softmax.scores(task.of(strange, embed), coefficients).max(axis=1) if strange else np.empty(0, np.float32)
    scores, right = linear.max(axis=1), linear.argmax(axis=1) == y
    limit = float(np.quantile(scores, refused))
    header = _header(examples, labels, y, task, encoder, licence=licence, source=source)
    header = msgspec.structs.replace(
        header,
        reject=Reject(
            inside=head_file.inside(scores),
            refused=refused,
            examples=len(y),
            outside=len(others),
            recall=round(float((others < limit).mean()), 5) if len(others) else None,
        ),
        languages=inside.languages,
        trained=msgspec.structs.replace(header.trained, accuracy=round(float(right.mean()), 5)),
    )
    arrays = {
        "bias": coefficients[-1],
        "embedding": coefficients[: header.dimension],
        "ngrams": coefficients[header.dimension : -1],
        "rarity": task.rarity,
    }
    content = head_file.dump(header, arrays)
    report = Report(
        n=len(y),
        labels=len(labels),
        outside=len(others),
        accuracy=_share(right),
        refused=refused,
        auroc=_auroc(scores, others) if len(others) else None,
        curve=tuple(_point(kept, scores, right, others) for kept in KEPT),
        seconds=round(time.perf_counter() - started, 2),
        size=len(content),
        digest=examples.digest,
        notes=(*examples.notes, *_notes(len(y), others)),
    )
    return Fitted(content, report)


def _header(
    examples: Examples,
    labels: tuple[str, ...],
    y: NDArray[np.intp],
    task: _Task,
    encoder: str,
    *,
    licence: str,
    source: str,
) -> Header:
    """What is known before anything is taught."""
    return Header(
        palier_head=FORMAT,
        labels=labels,
        reads="both",
        temperature=1.0,
        encoder=encoder,
        dimension=task.vectors.shape[1],
        ngrams=task.ngrams,
        excerpt=EXCERPT,
        trained=Trained(
            examples=len(y),
            digest=examples.digest,
            counts=tuple(np.bincount(y, minlength=len(labels)).tolist()),
            date=datetime.now(UTC).date().isoformat(),
            licence=licence,
            source=source,
            sketch=sketch(row.text for row in examples.rows),
        ),
    )


class _Task:
    """The examples as they are read."""

    def __init__(self, rows: Sequence[Example], embed: Callable[[Sequence[str]], Vectors]) -> None:
        texts = [row.text for row in rows]
        self.ngrams = Ngrams(dimension=BUCKETS)
        self.vectors = embed([EXCERPT.of(text) for text in texts])
        counted = count(texts, self.ngrams)
        self.rarity = rarity(counted)
        self.rows = Rows(self.vectors, counted.weighted(self.rarity))

    def of(self, texts: Sequence[str], embed: Callable[[Sequence[str]], Vectors]) -> Rows:
        return Rows(embed([EXCERPT.of(text) for text in texts]), count(texts, self.ngrams).weighted(self.rarity))


def _check(rows: Sequence[Example], outside: str, strange: Sequence[str], refused: float) -> None:
    if not 0 < refused < 0.5:
        raise InvalidRequest(f"{refused:g} of the assistant's own questions are to be refused", hint="0.02, say")
    if outside and not strange:
        raise InvalidRequest(f"no example has the label `{outside}`", hint="what is out of scope, by its label")
    counts = Counter(row.label for row in rows)
    if len(rows) < LEAST or len(counts) < 2:
        raise InvalidRequest(
            f"there are {len(rows)} examples of {len(counts)} labels",
            hint=f"at least {LEAST}, under two or more labels of what is asked: each is left out in turn to judge by",
            param="label",
        )


def _agree(examples: Examples) -> None:
    if examples.torn > len(examples.rows) / 2:
        raise InvalidRequest(
            f"{examples.torn} of {len(examples.rows)} examples contradict each other: their text has another label too,"
            " and of each but one label can be learnt",
            hint="give each text one label; texts that are asked for both go under a label of their own",
            param="label",
        )


def _taught(rows: Rows, y: NDArray[np.intp], labels: int, part: NDArray[np.intp], done: Done) -> tuple[Floats, Floats]:
    """The mean of the heads, and of each example the linear scores of the one that it was not taught."""
    linear = np.empty((len(y), labels), np.float32)
    total: Floats | None = None
    for number in range(PARTS):
        done(f"teaching {number + 1} of {PARTS}")
        left, kept = np.flatnonzero(part == number), np.flatnonzero(part != number)
        found = softmax.fit(rows.take(kept), y[kept], labels, RIDGE)
        linear[left] = softmax.scores(rows.take(left), found)
        total = found if total is None else total + found
    assert total is not None
    return (total / PARTS).astype(np.float32), linear


def _parts(rows: Sequence[Example], y: NDArray[np.intp]) -> NDArray[np.intp]:
    """The part of each example, each label spread evenly; texts that read the same stay together."""
    families: dict[str, int] = {}
    dealt: Counter[int] = Counter()
    for row, label in zip(rows, y.tolist(), strict=True):
        if (name := key(row.text)) not in families:
            families[name] = (dealt[label] + label) % PARTS
            dealt[label] += 1
    return np.array([families[key(row.text)] for row in rows], np.intp)


def _point(kept: float, scores: Floats, right: NDArray[np.bool_], others: Floats) -> Point:
    limit = float(np.quantile(scores, 1 - kept))
    return Point(
        kept=kept,
        right=_share(right & (scores >= limit)),
        refused_outside=_share(others < limit) if len(others) else None,
    )


def _share(held: NDArray[np.bool_]) -> Interval:
    low, high = wilson(int(held.sum()), len(held))
    return Interval(value=round(float(held.mean()), 5), low=round(low, 5), high=round(high, 5))


def _auroc(scores: Floats, others: Floats) -> float:
    """The chance that one inside scores higher than one outside; ties count half (Mann and Whitney, 1947)."""
    above = np.searchsorted(np.sort(others), scores, side="left").sum()
    beside = np.searchsorted(np.sort(others), scores, side="right").sum() - above
    return round(float((above + beside / 2) / (len(scores) * len(others))), 5)


def _notes(count: int, others: Floats) -> list[str]:
    notes = []
    if count < FEW:
        notes.append(
            f"{count} examples are few to calibrate by: what is said of the lowest 2 in 100 of them is a guess; {FEW}"
            " would do"
        )
    if not len(others):
        notes.append("no example is of what is out of scope: how much of it is refused is not known")
    return notes
