"""Two windows compared once: for each signal a test, an effect with its interval, and one level for all of them.

The test is of exchangeability, by permutation: had nothing changed, every way to deal the counts of both windows to the
two would be as likely as the one that was seen. It is exact for any number of requests and any ties. Its statistic is
Kolmogorov's distance for what is ordered, and Pearson's chi-square for topics, which sees much of few before little of
many. Holm (1979) corrects for the number of signals, whatever they have to do with each other.

Intervals: of a difference of shares, Newcombe's (1998, method 10); of Kolmogorov's distance, from the two bands of
Dvoretzky, Kiefer & Wolfowitz with Massart's constant (1990); of a total variation, from McDiarmid's inequality (1989)
and the most that chance adds to it. The last two are wider than they need be, never narrower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from palier.drift.reference import LEAST, Floats, Reference, Vectors, fit
from palier.drift.report import KINDS, DriftReport, Finding, Kind, Window
from palier.drift.signals import Observed
from palier.metrics.differences import apart, holm
from palier.metrics.intervals import wilson

DRAWS = 4_000
"""Permutations: 0.05 shared among nine signals is 22 of them."""
CONFIDENCE = 0.95
Counts = NDArray[np.int64]


def compare(
    reference: tuple[Window, Sequence[Observed], Vectors | None],
    now: tuple[Window, Sequence[Observed], Vectors | None],
    *,
    level: float = 0.05,
    encoder: str = "",
    route: str = "",
    seed: int = 7,
) -> DriftReport:
    """What differs between two windows, each with its requests and their vectors (`reference.fit`).

    The probability that anything is said to drift where nothing does is at most `level`.
    """
    made = fit(*reference, encoder=encoder, seed=seed)
    window, observed, vectors = now
    values = made.values(observed, vectors)
    bins = made.bins(values)
    rng = np.random.default_rng(seed)
    wordless = _wordless(*reference), _wordless(*now)
    findings = [_finding(made, name, values.get(name), bins.get(name, ()), wordless, rng) for name in KINDS]
    tested = [found.p for found in findings if found.p is not None]
    adjusted = iter(holm(tested).tolist() if tested else ())
    judged = [found if found.p is None else _judged(found, next(adjusted), level) for found in findings]
    return DriftReport(
        route=route,
        reference=made.window,
        now=msgspec.structs.replace(window, n=window.n or len(observed)),
        level=level,
        findings=tuple(judged),
    )


def effect_of(kind: Kind, before: Counts, after: Counts) -> tuple[float, float, float]:
    """How far two windows are apart, from the counts of their bins, and the ends of the interval.

    Of a share, signed: the second less the first.
    """
    n, m = int(before.sum()), int(after.sum())
    if kind == "share":
        shares = [int(counts[1]) / total for counts, total in ((after, m), (before, n))]
        around = [wilson(int(counts[1]), total, CONFIDENCE) for counts, total in ((after, m), (before, n))]
        return apart(shares[0], around[0], shares[1], around[1])
    found = float(_distance(kind, before[None], after[None])[0])
    tail = 1 - CONFIDENCE
    if kind == "ordered":  # a band each, of half of what may be missed
        width = sum(math.sqrt(math.log(4 / tail) / (2 * size)) for size in (n, m))
        return found, max(found - width, 0.0), min(found + width, 1.0)
    pooled = (before + after) / (n + m)
    chance = 0.5 * float(np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)).sum())
    width = math.sqrt(math.log(2 / tail) / 2 * (1 / n + 1 / m))
    return found, max(found - chance - width, 0.0), min(found + width, 1.0)


def p_value(kind: Kind, before: Counts, after: Counts, rng: np.random.Generator, draws: int = DRAWS) -> float:
    """Of the hypothesis that both windows are alike: the share of the ways to deal them that are as far apart."""
    every = before + after
    seen = float(_statistic(kind, every, after[None])[0])
    dealt = rng.multivariate_hypergeometric(every, int(after.sum()), size=draws, method="marginals")
    as_far = _statistic(kind, every, dealt) >= seen - 1e-12
    return (int(as_far.sum()) + 1) / (draws + 1)


def _statistic(kind: Kind, every: Counts, after: Counts) -> Floats:
    """How far each row of `after` is from what is left of `every` without it."""
    if kind != "topics":
        return _distance(kind, every - after, after)
    expected = every * (after[0].sum() / every.sum())
    found: Floats = ((after - expected) ** 2 / np.maximum(expected, 1e-12)).sum(axis=1)
    return found


def _distance(kind: Kind, before: Counts, after: Counts) -> Floats:
    """Of each row of `after` from its row of `before`."""
    shares = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) for counts in (after, before))
    gap = next(shares) - next(shares)
    found: Floats = np.abs(gap).sum(axis=1) / 2 if kind == "topics" else np.abs(gap.cumsum(axis=1)).max(axis=1)
    return found


def _finding(
    made: Reference,
    name: str,
    values: Floats | None,
    bins: Sequence[int],
    wordless: tuple[bool, bool],
    rng: np.random.Generator,
) -> Finding:
    kind = KINDS[name]
    scale = made.scales.get(name)
    if scale is None or len(bins) < LEAST:
        where = f"{len(bins)} now" if scale is not None else "in the reference"
        lacking = name in ("topics", "novelty") and wordless[scale is not None]
        told = "no words are kept" if lacking else f"too few ({where})"
        return Finding(signal=name, kind=kind, n=len(bins), n_reference=scale.n if scale else 0, untold=told)
    assert values is not None
    before, after = np.array(scale.counts), np.bincount(bins, minlength=len(scale.counts))
    effect, low, high = effect_of(kind, before, after)
    known = values[~np.isnan(values)]
    centre = float(np.median(known)) if kind == "ordered" else float(after[-1] / after.sum())
    return Finding(
        signal=name,
        kind=kind,
        n_reference=scale.n,
        n=len(bins),
        effect=effect,
        low=low,
        high=high,
        before=None if kind == "topics" else scale.centre,
        now=None if kind == "topics" else centre,
        p=p_value(kind, before, after, rng),
    )


def _wordless(window: Window, observed: Sequence[Observed], vectors: Vectors | None) -> bool:
    """Whether there were requests, and of none of them the words."""
    return bool(window.n or observed) and (vectors is None or bool(np.isnan(vectors).any(axis=1).all()))


def _judged(found: Finding, adjusted: float, level: float) -> Finding:
    return msgspec.structs.replace(found, adjusted=adjusted, drifts=adjusted <= level)
