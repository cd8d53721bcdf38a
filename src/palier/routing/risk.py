"""The threshold with a guarantee: "of the answers kept at home, at most alpha are wrong, with confidence 1 - delta".

Learn-then-Test (Angelopoulos et al. 2021) on a path of thresholds, strict to permissive, walked as Wiens' fallback
procedure (2003): several starts share delta, a step that passes hands what it had on to the next, and where the walk
fails it may begin again at the next start, with that start's share alone. The walk takes every threshold of the real
line: between two scores nothing changes, so each scored row is one step and there is no grid to choose. Half of delta
goes to the strictest start that could pass without an error, half to seven more spread over the path.

Why that is exact, what it assumes, and how it was measured: docs/concepts/guarantee.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palier.routing import bounds
from palier.routing.bounds import Floats

Target = Literal["kept", "regret", "total"]

FIRST_SHARE = 0.5
"""Of delta, for the strictest start: measured best of .3, .5 and .7 on MMLU and TriviaQA (benchmarks/validity)."""
STARTS = 8


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows to certify on: what each tier below the top would score and lose, and what is lost when none is kept.

    `scores` (n, k): probability that tier j's draft is good; negative where it may never be kept. `losses` (n, k) in
    [0, 1]. `above` (n,): the loss of climbing on: the top's, or that of an abstention.
    """

    scores: Floats
    losses: Floats
    above: Floats

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class Path:
    """What happens along falling thresholds, at every value where something changes.

    `thresholds` (t,): a row is served by its first tier whose score reaches it. `kept` (t,) rows are served below the
    top, and `lost` (t,) is the sum of their losses; `total` (t,) that of all rows, `climbing` what it is when none is
    kept. `binary`: every loss is 0 or 1. `log_capital` (t, BETS): bets against the regret, where they were asked for.
    """

    thresholds: Floats
    kept: NDArray[np.int64]
    lost: Floats
    total: Floats
    climbing: float
    rows: int
    binary: bool
    log_capital: Floats | None = None

    def risk(self, target: Target) -> Floats:
        """The empirical risk (t,) at each threshold."""
        if target == "kept":
            return self.lost / np.maximum(self.kept, 1)
        return (self.total - (self.climbing if target == "regret" else 0.0)) / self.rows


@dataclass(frozen=True, slots=True)
class Certificate:
    """A threshold that passed, in the unit of the scores, tested at `level` (part of delta).

    `kept` of `rows` are served below the top; `risk` is the empirical one there.
    """

    threshold: float
    kept: int
    rows: int
    risk: float
    level: float

    @property
    def coverage(self) -> float:
        """The share of the rows that is kept."""
        return self.kept / self.rows


class _Changes(NamedTuple):
    """Rows (c,) that enter a tier or leave it for one below, at a `value` of the threshold."""

    value: Floats
    loss: Floats
    above: Floats
    sign: Floats
    """1: the row is kept by the tier with `loss`; -1: it no longer is."""


def walk_path(judged: Judged, *, alpha: float | None = None) -> Path:
    """All thresholds at which a row is kept, or changes the tier that serves it, falling. `alpha` asks for bets."""
    changes = _changes(judged)
    order = np.argsort(-changes.value, kind="stable")
    value, loss, above, sign = (part[order] for part in changes)
    last = np.append(value[1:] != value[:-1], np.ones(min(len(value), 1), dtype=bool))
    lost = np.cumsum(sign * loss)[last]
    climbing = float(judged.above.sum())
    capital = None
    if alpha is not None:
        stakes = bounds.bets(alpha)
        gains = np.log1p(stakes * (alpha - (loss - above)[:, None])) - np.log1p(stakes * alpha)
        capital = len(judged) * np.log1p(stakes * alpha) + np.cumsum(sign[:, None] * gains, axis=0)[last]
    return Path(
        thresholds=value[last],
        kept=np.rint(np.cumsum(sign))[last].astype(np.int64),
        lost=lost,
        total=climbing + np.cumsum(sign * (loss - above))[last],
        climbing=climbing,
        rows=len(judged),
        binary=bool(np.isin(judged.losses, (0.0, 1.0)).all() and np.isin(judged.above, (0.0, 1.0)).all()),
        log_capital=capital,
    )


def _changes(judged: Judged) -> _Changes:
    """A tier serves from its own score down to the highest of the tiers below it, which then take the row over."""
    scores, losses, above = judged.scores, judged.losses, judged.above
    below = np.full(len(judged), -1.0)
    parts: list[_Changes] = []
    for tier in range(scores.shape[1]):
        serves = (scores[:, tier] > below) & (scores[:, tier] >= 0)
        handed = serves & (below >= 0)
        for rows, value, sign in ((serves, scores[:, tier], 1.0), (handed, below, -1.0)):
            parts.append(_Changes(value[rows], losses[rows, tier], above[rows], np.full(rows.sum(), sign)))
        below = np.maximum(below, scores[:, tier])
    return _Changes(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def tails(path: Path, target: Target, alpha: float, *, floor: float = 0.0, ceiling: float = 1.0) -> Floats:
    """The p-value (t,) of "the risk is above `alpha`" at each step: exact from `floor` to `ceiling`, else too large.

    Outside, a Chernoff bound says enough: what is below the least level passes every test, and above the largest none.
    """
    if target == "regret":
        assert path.log_capital is not None
        return bounds.betting_tail(path.log_capital)
    lost = path.lost if target == "kept" else path.total
    trials = path.kept.astype(np.float64) if target == "kept" else np.full(len(lost), float(path.rows))
    mean = lost / np.maximum(trials, 1)
    out = bounds.chernoff(mean, trials, alpha)
    # The binomial tail is at least the Chernoff bound over sqrt(8 n r (1 - r)) (Ash 1965, lemma 4.7.2).
    least = out / np.sqrt(np.maximum(8.0 * trials * mean * (1.0 - mean), 1.0))
    near = (out > floor) & (least <= ceiling) & (mean < alpha)
    exact = bounds.binomial_tail if path.binary else _hoeffding_bentkus_of_sum
    out[near] = exact(np.rint(lost[near]) if path.binary else lost[near], trials[near], alpha)
    return out


def _hoeffding_bentkus_of_sum(lost: Floats, trials: Floats, alpha: float) -> Floats:
    return bounds.hoeffding_bentkus(lost / np.maximum(trials, 1), trials, alpha)


def starts(path: Path, target: Target, alpha: float, delta: float) -> list[tuple[int, float]]:
    """Where the walk may begin, and with what share of `delta`, strictest first; empty where no row could do.

    Of the risk of all requests it begins where nothing is kept. Of the risk of what is kept, at ranks: a few kept rows
    prove nothing, so the first is the least number that would pass without an error.
    """
    if target != "kept":
        return [(0, delta)] if len(path.thresholds) else []
    first = math.ceil(math.log(delta * FIRST_SHARE) / math.log1p(-alpha) - 1e-9)
    most = max(0.9 * path.kept[-1], float(first)) if len(path.kept) else 0.0
    ranks = np.rint(np.geomspace(first, most, STARTS)) if most else np.empty(0)
    shares = [FIRST_SHARE, *[(1 - FIRST_SHARE) / (STARTS - 1)] * (STARTS - 1)]
    found: dict[int, float] = {}
    for rank, share in zip(ranks, shares, strict=False):
        step = int(np.searchsorted(path.kept, rank))
        if step < len(path.kept):
            # Just above the next kept row: given its score, those above it are as drawn, whichever tier keeps them.
            step = int(np.searchsorted(path.kept, path.kept[step], side="right")) - 1
            found[step] = found.get(step, 0.0) + share * delta
    return sorted(found.items())


def certify(judged: Judged, *, alpha: float, delta: float, target: Target = "kept") -> Certificate | None:
    """The most permissive threshold that passes; None where none does. Exact for finite samples.

    `alpha` in (0, 1), `delta` in (0, 0.5].
    """
    path = walk_path(judged, alpha=alpha if target == "regret" else None)
    begins = starts(path, target, alpha, delta)
    if not begins:
        return None
    if target != "kept" and not _climbing_passes(path, target, alpha, delta):
        return None
    p = tails(path, target, alpha, floor=min(level for _, level in begins), ceiling=delta)
    step, level = _walk(p, dict(begins))
    if step < 0 or path.kept[step] == 0:
        return None
    here = float(path.thresholds[step])
    following = float(path.thresholds[step + 1]) if step + 1 < len(path.thresholds) else here
    between = (here + following) / 2  # nothing lies between, so both ends passed
    risk = float(path.risk(target)[step])
    return Certificate(
        threshold=between if between > following else here,  # between two neighbours of a double there is no third
        kept=int(path.kept[step]),
        rows=path.rows,
        risk=risk,
        level=level,
    )


def _climbing_passes(path: Path, target: Target, alpha: float, delta: float) -> bool:
    """The first step of `total` and `regret`: a threshold above every score, under which nothing is kept."""
    if target == "regret":  # it is 0, and the bets say how sure that makes so many rows
        return bool(bounds.betting_tail(path.rows * np.log1p(bounds.bets(alpha) * alpha)) <= delta)
    if path.binary:
        return bool(bounds.binomial_tail(round(path.climbing), path.rows, alpha) <= delta)
    return bool(bounds.hoeffding_bentkus(path.climbing / path.rows, path.rows, alpha) <= delta)


def _walk(p: Floats, begins: dict[int, float]) -> tuple[int, float]:
    """The last step that passes, and the level it was tested at; -1 where none does."""
    best, best_level, level, alive = -1, 0.0, 0.0, False
    for step in range(min(begins), len(p)):
        share = begins.get(step)
        if share is not None:
            level = (level if alive else 0.0) + share
        elif not alive:
            continue
        alive = bool(p[step] <= level)
        if alive:
            best, best_level = step, level
    return best, best_level


def upper_bound(certificate: Certificate, target: Target, alpha: float, *, binary: bool) -> float:
    """A bound of the true risk at the level that the test passed: never above `alpha`, never below the empirical."""
    if target == "regret":
        return alpha  # what the bets reject; their own inversion is hardly below
    trials = certificate.kept if target == "kept" else certificate.rows
    risk, confidence = certificate.risk, 1.0 - certificate.level
    if binary:
        return min(bounds.binomial_upper(round(risk * trials), trials, confidence), alpha)
    return min(bounds.mean_upper(risk, trials, confidence), alpha)
