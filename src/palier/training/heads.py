"""A head taught: labels from sentence embeddings and n-grams, its settings chosen and its probabilities made true.

Multinomial logistic regression (`softmax`) on what a text reads as: its sentence embedding, its hashed n-grams, or
both, under one of a few penalties. Which is chosen by the log-loss of examples that were not taught, and where that
does not tell, by how many are right (cross-validation in five parts; texts that read the same stay together). Linear
scores are divided by a temperature fitted on such examples (Guo et al., 2017). All figures are of examples that were
not taught, under settings and a temperature that others chose; how rare n-grams are is counted over all texts, without
their labels.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from palier.errors import InvalidRequest
from palier.heads import file as head_file
from palier.heads.file import FORMAT, MAX_LABELS, Header, Read, Trained
from palier.heads.ngrams import Ngrams, count, rarity
from palier.interfaces import Vectors
from palier.metrics.intervals import bca, wilson_of_families
from palier.metrics.reliability import expected_calibration_error
from palier.training import softmax
from palier.training.examples import Example, Examples, key
from palier.training.softmax import Floats, Rows
from palier.types import Data

FOLDS = 5
RIDGES = (1.0, 0.1, 0.02)
"""Penalties that are tried: a decade around what ten thousand short questions and a thousand messages want."""
READS: tuple[Read, ...] = ("embedding", "ngrams", "both")
BUCKETS = 2048
"""At least. On Banking77's 77 labels, 16,384 are right of .001 more texts, and take eight times as long."""
MOST_BUCKETS = 32768
"""Where few labels make them cheap: on HEADLINES' four, they are right of .02 more texts (benchmarks/frugalgpt.py)."""
LEAST = 10
"""Examples that are needed: of fewer, nothing can be left out to judge by."""
_CHOICE = 2000
_CHOICE_OF_A_LABEL = 15
"""Settings are compared on so many examples, or so many of each label: more would not tell them better apart."""
_TEMPERATURES = (0.05, 20.0)

Integers = NDArray[np.intp]
Setting = tuple[Read, float]
Starts = dict[int, Floats]
"""Coefficients of a head, by the part that it was not taught."""
Done = Callable[[str], None]
"""Is told what begins now."""


class Interval(Data, frozen=True, kw_only=True):
    """A figure with the ends of its 95 % interval; None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


class Tried(Data, frozen=True, kw_only=True):
    """One setting, and the log-loss (nats) and accuracy of examples it was not taught on."""

    reads: Read
    ridge: float
    log_loss: float
    accuracy: float


class Report(Data, frozen=True, kw_only=True):
    """What was made and what it is worth; figures are of examples that were not taught."""

    n: int
    labels: int
    accuracy: Interval
    macro_f1: Interval
    calibration_error: float
    """Mean distance between what it said and what came (15 bins of equal mass)."""
    log_loss: float
    reads: Read
    ridge: float
    temperature: float
    tried: tuple[Tried, ...]
    tried_on: int
    """Examples on which settings were compared."""
    seconds: float
    size: int = 0
    """Bytes of the file."""
    digest: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Taught:
    """The head, as the bytes of its file; and for each example, in order, what it was taken for when not taught."""

    content: bytes
    report: Report
    held_out: NDArray[np.float64]
    """(n, labels), probabilities."""
    labels: tuple[str, ...]


def teach(
    examples: Examples,
    embed: Callable[[Sequence[str]], Vectors],
    encoder: str,
    *,
    reads: Sequence[Read] = READS,
    ridges: Sequence[float] = RIDGES,
    licence: str = "",
    source: str = "",
    planted: Sequence[Example] = (),
    done: Done = lambda _: None,
) -> Taught:
    """Make a head of `examples`. `embed` gives unit vectors (n, d) of the space named `encoder`.

    `planted`, under labels of theirs, are taught too (`training.canaries`), and are in no figure.

    Raises `InvalidRequest` where there are too few examples, one label alone, too many, or a label with one example.
    """
    started = time.perf_counter()
    labels, y = labelled(examples.rows)
    beside = np.array([labels.index(one.label) for one in planted], np.intp)
    task = _Task((*examples.rows, *planted), np.concatenate([y, beside]), len(labels), embed, done)
    setting, tried, tried_on, held_out = _judged(task, [(read, ridge) for read in reads for ridge in ridges])
    held_out = _HeldOut(held_out.linear[: len(y)], held_out.probabilities[: len(y)], held_out.start)
    done("teaching all examples")
    coefficients = softmax.fit(task.rows(setting[0]), task.y, len(labels), setting[1], start=held_out.start)
    temperature = _temperature(held_out.linear, y)
    report = _report(task, held_out, setting, temperature, tried, tried_on, examples)
    header = Header(
        palier_head=FORMAT,
        labels=labels,
        reads=setting[0],
        temperature=temperature,
        encoder=encoder if setting[0] != "ngrams" else "",
        dimension=task.vectors.shape[1] if setting[0] != "ngrams" and task.vectors is not None else 0,
        ngrams=task.ngrams if setting[0] != "embedding" else None,
        languages=examples.languages,
        trained=Trained(
            examples=len(y),
            digest=examples.digest,
            counts=tuple(np.bincount(y, minlength=len(labels)).tolist()),
            date=datetime.now(UTC).date().isoformat(),
            licence=licence,
            source=source,
            accuracy=report.accuracy.value,
            accuracy_low=report.accuracy.low,
            accuracy_high=report.accuracy.high,
        ),
    )
    content = head_file.dump(header, task.arrays(header, coefficients))
    report = Report(
        **{
            **{name: getattr(report, name) for name in Report.__struct_fields__},
            "size": len(content),
            "seconds": round(time.perf_counter() - started, 2),
        }
    )
    return Taught(content, report, held_out.probabilities, labels)


@dataclass(frozen=True, slots=True)
class _HeldOut:
    """Of each example, when it was not taught: linear scores, and probabilities by others' temperature."""

    linear: Floats
    probabilities: NDArray[np.float64]
    start: Floats
    """The mean of the heads they were judged by: not far from the one that all examples teach."""


class _Task:
    """The examples as they are read, and in which part of five each stands."""

    def __init__(
        self,
        examples: Sequence[Example],
        y: Integers,
        labels: int,
        embed: Callable[[Sequence[str]], Vectors],
        done: Done,
    ) -> None:
        texts = [example.text for example in examples]
        done("reading the examples")
        self.y, self.labels, self.done = y, labels, done
        self.ngrams = Ngrams(dimension=_buckets(len(texts), labels), apart=True)
        counted = count(texts, self.ngrams)
        self.rarity = rarity(counted)
        self.counted = counted.weighted(self.rarity)
        self.vectors: Vectors | None = embed(texts)
        self.families = np.unique([key(text) for text in texts], return_inverse=True)[1]
        self.part = _parts(self.families, y)

    def rows(self, read: Read) -> Rows:
        return Rows(None if read == "ngrams" else self.vectors, None if read == "embedding" else self.counted)

    def held_out(self, setting: Setting, among: Integers, starts: Starts) -> tuple[Floats, Starts]:
        """Linear scores of `among` by heads taught on its other parts, and those heads, by part.

        `starts` are where to begin: heads that were taught nothing of the part either.
        """
        read, ridge = setting
        rows = self.rows(read).take(among)
        part, y = self.part[among], self.y[among]
        linear = np.empty((len(among), self.labels), np.float32)
        found: Starts = {}
        for fold in range(FOLDS):
            left = np.flatnonzero(part == fold)
            kept = np.flatnonzero(part != fold)
            found[fold] = softmax.fit(rows.take(kept), y[kept], self.labels, ridge, start=starts.get(fold))
            linear[left] = softmax.scores(rows.take(left), found[fold])
        return linear, found

    def arrays(self, header: Header, coefficients: Floats) -> dict[str, NDArray[np.float32]]:
        """The arrays of the file: the rows of `coefficients` are the embedding's, the n-grams', the intercept."""
        found = {"bias": coefficients[-1]}
        if header.reads != "ngrams":
            found["embedding"] = coefficients[: header.dimension]
        if header.reads != "embedding":
            found["ngrams"] = coefficients[header.dimension : -1]
            found["rarity"] = self.rarity
        return found


def _buckets(examples: int, labels: int) -> int:
    """A power of two within the limits: ten an example, and no more than fit in a file of about 300 KB."""
    wanted = min(10 * examples, 2**17 // labels)
    fitting: int = 2 ** (wanted.bit_length() - 1)
    return min(max(fitting, BUCKETS), MOST_BUCKETS)


def _judged(task: _Task, settings: Sequence[Setting]) -> tuple[Setting, tuple[Tried, ...], int, _HeldOut]:
    """The best setting, what was tried on how many examples, and what is taken for what when not taught.

    Where settings are compared on all examples, those of a part are judged under the setting that the other parts
    chose: else the best of nine would also be the luckiest.
    """
    among = _some(task)
    scores: dict[Setting, Floats] = {}
    taught: dict[Setting, Starts] = {}
    starts: dict[Read, Starts] = {}
    for read, ridge in settings:  # from one penalty to the next, a head begins where the last one ended
        task.done(f"trying {read}, penalty {ridge:g}")
        scores[read, ridge], starts[read] = task.held_out((read, ridge), among, starts.get(read, {}))
        taught[read, ridge] = starts[read]
    y = task.y[among]
    losses = {setting: _losses(linear, y) for setting, linear in scores.items()}
    rights = {setting: linear.argmax(axis=1) == y for setting, linear in scores.items()}
    best = _best(losses, rights, np.ones(len(y), np.bool_))
    tried = tuple(
        Tried(
            reads=read,
            ridge=ridge,
            log_loss=round(float(losses[read, ridge].mean()), 5),
            accuracy=round(float(rights[read, ridge].mean()), 5),
        )
        for read, ridge in scores
    )
    if len(among) < len(task.y):
        task.done("judging on examples that are left out")
        linear, found = task.held_out(best, np.arange(len(task.y)), taught[best])
        return best, tried, len(among), _tempered(linear, task.y, task.part, found)
    linear = np.empty_like(scores[best])
    for fold in range(FOLDS):
        own = task.part == fold
        linear[own] = scores[_best(losses, rights, ~own)][own]
    return best, tried, len(among), _tempered(linear, task.y, task.part, taught[best])


def _best(
    losses: dict[Setting, NDArray[np.float64]], rights: dict[Setting, NDArray[np.bool_]], among: NDArray[np.bool_]
) -> Setting:
    """Of the settings whose log-loss is within a standard error of the least, that which is right most often."""
    least = min(losses, key=lambda setting: float(losses[setting][among].mean()))

    def near(setting: Setting) -> bool:
        more = losses[setting][among] - losses[least][among]
        return bool(more.mean() <= more.std() / math.sqrt(len(more)))

    return max(filter(near, losses), key=lambda one: (rights[one][among].mean(), -losses[one][among].mean()))


def _tempered(linear: Floats, y: Integers, part: Integers, taught: Starts) -> _HeldOut:
    """Probabilities by the temperature of the other parts."""
    found = np.empty(linear.shape)
    for fold in range(FOLDS):
        own = part == fold
        found[own] = np.exp(softmax.log_softmax(linear[own], _temperature(linear[~own], y[~own])))
    return _HeldOut(linear, found, np.mean(list(taught.values()), axis=0, dtype=np.float32))


def _losses(linear: Floats, y: Integers) -> NDArray[np.float64]:
    """Log-loss (n,) at the temperature that suits them."""
    log_p = softmax.log_softmax(linear, _temperature(linear, y))
    result: NDArray[np.float64] = -log_p[np.arange(len(y)), y]
    return result


def _temperature(linear: Floats, y: Integers) -> float:
    """Of least log-loss, which in 1 / temperature is convex: by golden section over its logarithm.

    Each row counts as a little of every label, one row in all (as Platt, 1999, has it for two): where a few examples
    were all right, that does not make a certainty.
    """
    own = np.arange(len(y))
    rest = 1 / (len(y) + 2)

    def loss(logarithm: float) -> float:
        log_p = softmax.log_softmax(linear, math.exp(logarithm))
        return float(-(1 - rest) * log_p[own, y].mean() - rest * log_p.mean())

    low, high = map(math.log, _TEMPERATURES)
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > 0.005:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = loss(right)
    return math.exp((low + high) / 2)


def _report(
    task: _Task,
    held_out: _HeldOut,
    setting: Setting,
    temperature: float,
    tried: tuple[Tried, ...],
    tried_on: int,
    examples: Examples,
) -> Report:
    p = held_out.probabilities
    y, families = task.y[: len(p)], task.families[: len(p)]
    taken = p.argmax(axis=1)
    right = taken == y
    low, high = wilson_of_families(right, families)
    f1 = bca(_counts(y, taken, task.labels), _macro_f1, families)
    return Report(
        n=len(y),
        labels=task.labels,
        accuracy=Interval(value=round(float(right.mean()), 5), low=round(low, 5), high=round(high, 5)),
        macro_f1=Interval(value=round(f1[0], 5), low=_rounded(f1[1]), high=_rounded(f1[2])),
        calibration_error=round(expected_calibration_error(p.max(axis=1), right), 5),
        log_loss=round(float(-np.log(np.maximum(p[np.arange(len(y)), y], 1e-12)).mean()), 5),
        reads=setting[0],
        ridge=setting[1],
        temperature=round(temperature, 4),
        tried=tried,
        tried_on=tried_on,
        seconds=0.0,
        digest=examples.digest,
        notes=examples.notes,
    )


def _counts(y: Integers, taken: Integers, labels: int) -> NDArray[np.float64]:
    """(n, 3 labels): of each label, whether it was rightly named, whether it was named, whether it was right."""
    table = np.zeros((len(y), 3 * labels))
    rows = np.arange(len(y))
    table[rows, y] = y == taken
    table[rows, labels + taken] = 1
    table[rows, 2 * labels + y] = 1
    return table


def _macro_f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over labels of F1 (..., 3 labels); a label that a draw has not, and nobody named, is left out."""
    right, named, there = np.split(sums, 3, axis=-1)
    known = named + there > 0
    f1 = 2 * right / np.where(known, named + there, 1)
    result: NDArray[np.float64] = f1.sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    return result


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 5)


def labelled(examples: Sequence[Example]) -> tuple[tuple[str, ...], Integers]:
    """The labels in order, and the number of each example's."""
    counts = Counter(example.label for example in examples)
    if len(examples) < LEAST or len(counts) < 2:
        raise InvalidRequest(
            f"there are {len(examples)} examples of {len(counts)} labels",
            hint=f"at least {LEAST}, of two labels: some are left out in turn to judge by",
            param="label",
        )
    if len(counts) > MAX_LABELS:
        raise InvalidRequest(
            f"there are {len(counts)} labels, and a head has at most {MAX_LABELS}",
            hint="are these free answers? A head names one of a few labels",
            param="label",
        )
    if alone := sorted(label for label, often in counts.items() if often < 2):
        shown = ", ".join(f"`{label}`" for label in alone[:5]) + (", ..." if len(alone) > 5 else "")
        raise InvalidRequest(
            f"{len(alone)} labels have one example: {shown}",
            hint="give each two or more, or put them under a label that has some, such as `other`",
            param="label",
        )
    labels = tuple(sorted(counts))
    numbers = {label: number for number, label in enumerate(labels)}
    return labels, np.array([numbers[example.label] for example in examples], np.intp)


def _parts(families: Integers, y: Integers) -> Integers:
    """A part of five for each example: families whole, each label spread evenly. Examples come in a drawn order."""
    part = np.empty(len(y), np.intp)
    _, first = np.unique(families, return_index=True)
    dealt: Counter[int] = Counter()
    of_family = np.empty(len(first), np.intp)
    offset = np.random.default_rng(7).permutation(int(y.max()) + 1)
    for place in np.sort(first).tolist():
        label = int(y[place])
        of_family[families[place]] = (dealt[label] + offset[label]) % FOLDS
        dealt[label] += 1
    part[:] = of_family[families]
    return part


def _some(task: _Task) -> Integers:
    """The examples on which settings are compared: all, or evenly of each label the first of each part."""
    wanted = max(_CHOICE, _CHOICE_OF_A_LABEL * task.labels)
    if len(task.y) <= wanted:
        return np.arange(len(task.y))
    share = wanted / len(task.y)
    seen: Counter[tuple[int, int]] = Counter(zip(task.y.tolist(), task.part.tolist(), strict=True))
    taken: Counter[tuple[int, int]] = Counter()
    chosen = []
    for row, cell in enumerate(zip(task.y.tolist(), task.part.tolist(), strict=True)):
        if taken[cell] < max(1, round(share * seen[cell])):
            taken[cell] += 1
            chosen.append(row)
    return np.array(chosen, np.intp)
