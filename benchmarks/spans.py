"""Found spans against marked ones: who counts as right, and precision, recall and F2 with their intervals.

A found span is right when its type is that of a marked one and at least half of each lies in the other; each counts
once, the pairs that share most first. What lies at least half in a span that counts neither way is left out. For
addresses, what was found piecemeal within one marked address is first joined, and a piece that stays too small is a
miss, not a wrong find as well. For persons, a title that was found with the name is first taken off.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.marked import Row, Span

HALF = 0.5
TITLE = re.compile(
    r"(?:(?:monsieur|madame|mademoiselle|docteur|ma[iî]tre|mme|mlle|mr|mrs|ms|miss|dr|me|m|prof)\b\.?\s+)+",
    re.IGNORECASE,
)
DRAWS = 2000
BETA = 2.0
Counts = NDArray[np.float64]
"""Right, found but not marked, marked but not found; one row a text."""


def untitled(row: Row, span: Span) -> Span:
    title = TITLE.match(row.text, span.start, span.end) if span.type == "PERSON" else None
    return Span(span.type, title.end(), span.end) if title and title.end() < span.end else span


def joined(row: Row, found: Sequence[Span]) -> list[Span]:
    """`found` with the pieces of one marked address as one span, and names without their titles."""
    left = [untitled(row, span) for span in found]
    for marked in row.spans:
        pieces = [s for s in left if s.type == marked.type == "ADDRESS" and s.within(marked) >= HALF]
        if len(pieces) > 1:
            left = [span for span in left if span not in pieces]
            left.append(Span("ADDRESS", min(s.start for s in pieces), max(s.end for s in pieces)))
    return left


def matched(row: Row, found: Sequence[Span], *, exact: bool = False) -> list[tuple[Span, Span]]:
    """Pairs of a marked and a found span that are the same thing."""
    pairs = [
        (marked.within(one) * one.within(marked), marked, one)
        for marked in row.spans
        for one in found
        if marked.type == one.type and min(marked.within(one), one.within(marked)) >= (1.0 if exact else HALF)
    ]
    taken: set[tuple[str, Span]] = set()
    kept = []
    for _, marked, one in sorted(pairs, key=lambda pair: -pair[0]):
        if ("marked", marked) not in taken and ("found", one) not in taken:
            taken |= {("marked", marked), ("found", one)}
            kept.append((marked, one))
    return kept


def too_small(row: Row, found: Sequence[Span]) -> list[Span]:
    """Pieces of marked addresses that are less than half of them."""
    marked = [span for span in row.spans if span.type == "ADDRESS"]
    return [
        one
        for one in found
        if one.type == "ADDRESS" and any(one.within(span) >= HALF > span.within(one) for span in marked)
    ]


def count(rows: Sequence[Row], founds: Sequence[Sequence[Span]], *, exact: bool = False) -> dict[str, Counts]:
    """For each type, what is right and wrong in each row."""
    types = sorted({span.type for row in rows for span in row.spans} | {s.type for found in founds for s in found})
    counts = {kind: np.zeros((len(rows), 3)) for kind in types}
    for n, (row, found) in enumerate(zip(rows, founds, strict=True)):
        left = [one for one in joined(row, found) if not any(one.within(either) >= HALF for either in row.either)]
        right = Counter(marked.type for marked, _ in matched(row, left, exact=exact))
        given, there = Counter(one.type for one in left), Counter(marked.type for marked in row.spans)
        given["ADDRESS"] -= 0 if exact else len(too_small(row, left))
        for kind in types:
            counts[kind][n] = right[kind], given[kind] - right[kind], there[kind] - right[kind]
    return counts


def covered(rows: Sequence[Row], founds: Sequence[Sequence[Span]]) -> float:
    """Share of the marked characters that lie in a found span of whatever type: what would not have left."""
    hidden = total = 0
    for row, found in zip(rows, founds, strict=True):
        inside = {n for one in found for n in range(one.start, one.end)}
        marked = {n for one in row.spans for n in range(one.start, one.end)}
        hidden, total = hidden + len(marked & inside), total + len(marked)
    return hidden / total if total else float("nan")


def weights(groups: Sequence[str], seed: int = 4) -> Counts:
    """How often each row stands in each of `DRAWS` draws with replacement, whole groups at a time."""
    names = sorted(set(groups))
    drawn = np.random.default_rng(seed).multinomial(len(names), [1 / len(names)] * len(names), size=DRAWS)
    return drawn[:, [names.index(group) for group in groups]].astype(float)


def f2(sums: Counts) -> Counts:
    """F2 of (right, false, missed) along the last axis; not a number where nothing is there and nothing was found."""
    right, false, missed = sums[..., 0], sums[..., 1], sums[..., 2]
    divisor = (1 + BETA**2) * right + false + BETA**2 * missed
    return np.where(divisor > 0, (1 + BETA**2) * right / np.where(divisor > 0, divisor, 1), np.nan)


def interval(values: Counts) -> list[float]:
    """Of 95 %, over the draws in which there was something."""
    return [round(float(v), 3) for v in np.nanquantile(values, [0.025, 0.975])]


def figures(counts: Counts, drawn: Counts) -> dict[str, float | int | list[float] | None]:
    """Precision, recall, F2 and the 95 % interval of F2."""
    right, false, missed = (int(v) for v in counts.sum(0))
    return {
        "there": right + missed,
        "found": right + false,
        "precision": round(right / (right + false), 3) if right + false else None,
        "recall": round(right / (right + missed), 3) if right + missed else None,
        "f2": round(float(f2(counts.sum(0))), 3),
        "f2_interval": interval(f2(drawn @ counts)),
    }


def total(counts: dict[str, Counts], kinds: Sequence[str]) -> Counts:
    """All of `kinds` together."""
    size = len(next(iter(counts.values())))
    return sum((counts[kind] for kind in kinds if kind in counts), np.zeros((size, 3)))
