"""What the benchmarks of students share: parts with as much of each label, a head taught, and what that took.

Time is of the processor, since others use the machine: what the clock says stands beside it. Energy is the product's own
estimate, declared power x busy time: 20 W for both cores, an upper figure for one that is busy.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.heads import Text, embed
from palier.cards import ModelCard
from palier.heads import file as head_file
from palier.metrics.energy import energy
from palier.metrics.intervals import wilson
from palier.retrieval import sentence_model
from palier.training import heads
from palier.training.examples import Example, gathered

WATTS, DOLLARS_AN_HOUR = 20.0, 0.05
"""Declared, as in the sample company's configuration and in the tables: a small server of two cores."""
CARD = ModelCard(name="student", kind="head", watts=WATTS, dollars_per_hour=DOLLARS_AN_HOUR)


class Embedded:
    """The encoder, each text read once; `each` is the processor's seconds for one."""

    def __init__(self, texts: Sequence[Text]) -> None:
        embed(["warm"])
        started = time.process_time()
        vectors = embed([text.text for text in texts])
        self.each = (time.process_time() - started) / len(texts)
        self.known = {text.text: vector for text, vector in zip(texts, vectors, strict=True)}

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self.known[text] for text in texts])


def parts(texts: Sequence[Text], count: int, seed: int = 0) -> np.ndarray:
    """A part for each text, each label spread evenly over them: stratified folds, drawn by `seed`."""
    found = np.empty(len(texts), np.intp)
    dealt: Counter[str] = Counter()
    for at in np.random.default_rng(seed).permutation(len(texts)):
        label = texts[at].label
        found[at] = (dealt[label] + len(label)) % count
        dealt[label] += 1
    return found


def taught_head(taught: Sequence[Text], judged: Sequence[Text], embedded: Embedded, name: str) -> dict[str, Any]:
    """Teach a head, with its settings chosen and its figures made as `palier distill` does; and judge it."""
    started, clock = time.process_time(), time.perf_counter()
    made = heads.teach(
        gathered(Example(text=t.text, label=t.label) for t in taught), embedded, sentence_model.name(), source=name
    )
    seconds = time.process_time() - started + embedded.each * len(taught)
    clock = time.perf_counter() - clock
    head = head_file.parse(made.content)
    texts = [t.text for t in judged]
    started = time.process_time()
    p = head.probabilities(texts, embedded(texts))
    each = (time.process_time() - started) / len(texts) + embedded.each
    right = [head.header.labels[i] == t.label for i, t in zip(p.argmax(axis=1), judged, strict=True)]
    return {
        "right": right,
        "seconds": seconds,
        "clock": clock,
        "each": each,
        "reads": f"{made.report.reads}, penalty {made.report.ridge:g}",
        "bytes": len(made.content),
    }


def share(right: Sequence[bool]) -> list[float]:
    """The share with its 95 % interval (Wilson)."""
    low, high = wilson(sum(right), len(right))
    return [round(value, 4) for value in (sum(right) / len(right), low, high)]


def watt_hours(seconds: float) -> float:
    """Estimated, at the declared power."""
    return round(energy(CARD, seconds * 1000).value or 0.0, 4)
