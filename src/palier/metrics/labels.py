"""Answers that are one of a suite's labels: how many are right, over all cases and label by label."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from palier.cases import Case, Outcome, Suite
from palier.errors import ConfigurationError
from palier.interfaces.measuring import Floats
from palier.metrics.means import Better, Kind, Proportion, answer, only_figures, ratio
from palier.text import fold, tokens

MOST_LABELS = 2_000


class _Found(NamedTuple):
    """Where a label stands."""

    start: int
    end: int
    label: int


class Labels:
    """Reads a label out of an answer."""

    def __init__(self, suite: Suite) -> None:
        """Raises `ConfigurationError` where the suite has no labels, or a case whose reference is none of them."""
        given = suite.labels or tuple(sorted({text for case in suite.cases for text in case.references if text}))
        self.names = tuple(dict.fromkeys(given))
        if not self.names or len(self.names) > MOST_LABELS:
            raise ConfigurationError(
                f"suite {suite.name}: {len(self.names) or 'no'} labels to tell apart",
                hint=f"name them in `labels`, {MOST_LABELS} at most; they are what the cases' references say",
            )
        forms = [_words(name) for name in self.names]
        # "C", "C++" and "C#" are one word: where words do not tell labels apart, they are compared as they are written.
        self._by_words = {form: n for n, form in enumerate(forms) if form.strip() and forms.count(form) == 1}
        self._as_written = {_written(name): n for n, name in enumerate(self.names)}
        shared = set(range(len(self.names))) - set(self._by_words.values())
        self._signs = {text: n for text, n in self._as_written.items() if n in shared}
        self.match = lru_cache(maxsize=2048)(self._match)
        for case in suite.cases:
            if case.answerable and case.references and not self.wanted(case):
                raise ConfigurationError(
                    f"suite {suite.name}, case {case.id}: {case.references[0][:60]!r} is none of its labels",
                    hint="add it to `labels`, or correct the reference",
                )

    def wanted(self, case: Case) -> tuple[int, ...]:
        """The labels that are right, by their place."""
        if not case.answerable:
            return ()
        found = (self.match(reference) for reference in case.references)
        return tuple(dict.fromkeys(label for label in found if label is not None))

    def _match(self, text: str) -> int | None:
        """The label that `text` is, else the only one that stands in it as whole words; None for none or several.

        A label within a longer one ("billing" in "billing dispute") does not count.
        """
        written = _written(text)
        words = _words(text)
        if (exact := self._as_written.get(written, self._by_words.get(words))) is not None:
            return exact
        outer = _outermost([found for form, n in self._by_words.items() for found in _places(form, words, n)])
        outer |= _outermost([found for sign, n in self._signs.items() for found in _bounded(sign, written, n)])
        return outer.pop() if len(outer) == 1 else None


class Accuracy(Proportion):
    """The answer names the right label, and no other. Where there is none to find: it abstained."""

    name = "accuracy"

    def __init__(self, suite: Suite) -> None:
        super().__init__(suite)
        self._labels = Labels(suite)

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        if not case.answerable:
            return float(outcome.status == "abstained")
        wanted = self._labels.wanted(case)
        return float(self._labels.match(answer(outcome)) in wanted) if wanted else None


class OutOfLabels(Proportion):
    """The answer names no label, or several."""

    name = "out_of_labels"
    better: Better = "lower"

    def __init__(self, suite: Suite) -> None:
        super().__init__(suite)
        self._labels = Labels(suite)

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        return float(self._labels.match(answer(outcome)) is None) if case.answerable else None


class MacroF1:
    """The mean over labels of their F1, rare ones counting as much as common ones.

    Kept are true positives, false positives and false negatives of each label. A label that is neither wanted nor
    named among the cases counts not at all; one that is wanted and never found counts 0. Of several right labels the
    one that was named is wanted, else the first.
    """

    name = "macro_f1"
    kind: Kind = "corpus"
    better: Better = "higher"
    low = 0.0
    high = 1.0

    def __init__(self, suite: Suite) -> None:
        self._labels = Labels(suite)
        self._size = len(self._labels.names)

    def statistics(self, case: Case, outcome: Outcome) -> tuple[float, ...] | None:
        """Of length three times the labels: true positives, false positives, false negatives."""
        wanted = self._labels.wanted(case)
        if not wanted or only_figures(outcome):
            return None
        named = self._labels.match(answer(outcome))
        counts = [0.0] * (3 * self._size)
        if named is not None:
            counts[named if named in wanted else self._size + named] = 1.0
        if named not in wanted:
            counts[2 * self._size + wanted[0]] = 1.0
        return tuple(counts)

    def combine(self, sums: Floats) -> Floats:
        """See `interfaces.Metric`."""
        right, more, missed = (sums[..., n * self._size : (n + 1) * self._size] for n in range(3))
        scores = ratio(2 * right, 2 * right + more + missed)
        there = ~np.isnan(scores)
        return ratio(np.where(there, scores, 0.0).sum(axis=-1), there.sum(axis=-1))


def _words(text: str) -> str:
    return f" {' '.join(tokens(text))} "


def _written(text: str) -> str:
    return " ".join(fold(text).split()).strip(" .\"'`*\u00ab\u00bb\u201c\u201d")


def _places(form: str, words: str, label: int) -> list[_Found]:
    """Every place of ` form ` in the words; neighbours share the space between them."""
    found, start = [], words.find(form)
    while start >= 0:
        found.append(_Found(start, start + len(form), label))
        start = words.find(form, start + len(form) - 1)
    return found


def _bounded(sign: str, text: str, label: int) -> list[_Found]:
    """Every place of `sign` that no letter or digit touches."""
    found, start = [], text.find(sign) if sign else -1
    while start >= 0:
        end = start + len(sign)
        if not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()):
            found.append(_Found(start, end, label))
        start = text.find(sign, end)
    return found


def _outermost(found: list[_Found]) -> set[int]:
    """The labels that stand somewhere outside of every longer one."""
    outer: set[int] = set()
    reach = -1
    for place in sorted(found, key=lambda place: (place.start, -place.end)):
        if place.end > reach:
            outer.add(place.label)
            reach = place.end
    return outer
