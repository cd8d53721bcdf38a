"""What most metrics are, a value for each case and their mean; and what they take for the words of an answer."""

from __future__ import annotations

import math
import re
from typing import Literal

import numpy as np

from palier.cases import Case, Outcome, Suite
from palier.errors import InvalidRequest
from palier.interfaces.measuring import Floats
from palier.text import detect

Kind = Literal["proportion", "mean", "corpus"]
Better = Literal["higher", "lower"]

LONGEST = 20_000
"""Characters of a text that are measured: no answer may take minutes."""
MOST = 32
"""References of a case that are looked at."""

_CITATIONS = re.compile(r"[ \t]*\[\d{1,3}\]")


class Mean:
    """The mean of `value` over the cases it says something of; kept as (value, 1).

    Results from elsewhere may bring figures in place of an output: where the metric's own is among `outcome.metrics` it
    is taken, and where only others are, nothing is known.
    """

    name = ""
    kind: Kind = "mean"
    better: Better = "higher"
    low: float = 0.0
    high: float = 1.0

    def __init__(self, suite: Suite) -> None:
        self.suite = suite

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """Of one case, in [low, high]; None where it says nothing of it."""
        raise NotImplementedError

    def seen(self, outcome: Outcome) -> bool:
        """Whether the outcome holds what is measured."""
        return bool(outcome.output)

    def statistics(self, case: Case, outcome: Outcome) -> tuple[float, ...] | None:
        """See `interfaces.Metric`. Raises `InvalidRequest` for a given figure that is out of range."""
        if self.seen(outcome):
            value = self.value(case, outcome)
        elif self.name in outcome.metrics:
            value = self._given(outcome)
        else:
            value = None if only_figures(outcome) else self.value(case, outcome)
        return None if value is None else (value, 1.0)

    def combine(self, sums: Floats) -> Floats:
        """See `interfaces.Metric`."""
        return ratio(sums[..., 0], sums[..., 1])

    def _given(self, outcome: Outcome) -> float:
        value = outcome.metrics[self.name]
        if not (math.isfinite(value) and self.low <= value <= self.high):
            raise InvalidRequest(
                f"case {outcome.id} of {outcome.candidate}: {self.name} is {value}",
                hint=f"it goes from {self.low:g} to {self.high:g}",
                param="metrics",
            )
        return value


class Proportion(Mean):
    """The share of cases that are right: `value` is 0 or 1.

    A given figure may be between (the mean of several tries); Wilson's interval is then wider than it need be.
    """

    kind: Kind = "proportion"


def ratio(above: Floats, below: Floats) -> Floats:
    """`above` / `below`, NaN where there is nothing below."""
    result: Floats = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) > 0)
    return result


def only_figures(outcome: Outcome) -> bool:
    """Whether it came from elsewhere without its words: what is not among its figures is unknown, not wrong."""
    return outcome.status == "answered" and not outcome.output and bool(outcome.metrics)


def answer(outcome: Outcome) -> str:
    """The words of the answer: at most `LONGEST` characters, without the citations ([1]) of passages it was given.

    Where nothing was retrieved, [1] is a word like any other.
    """
    text = outcome.output[:LONGEST]
    return _CITATIONS.sub("", text) if outcome.retrieved else text


def references(case: Case) -> tuple[str, ...]:
    """The references that say something, cut to `LONGEST`; none for a case that has no answer."""
    if not case.answerable:
        return ()
    return tuple(text[:LONGEST] for text in case.references[:MOST] if text[:LONGEST].strip())


def language(case: Case, suite: Suite) -> str:
    """Two letters: the case's, else the suite's, else what question and reference look like, else English."""
    declared = (case.language or suite.language)[:2].lower()
    return declared or detect("\n".join((case.question[:500], *case.references[:1])), default="en")
