"""What it would take, where nothing could be certified."""

from __future__ import annotations

import numpy as np

from palier.routing import bounds
from palier.routing.risk import FIRST_SHARE, Path, Target

MOST_LABELS = 10_000_000
_FEW_KEPT = 10
"""The empirical risk of fewer kept rows says next to nothing of what more labels would show."""


def abstention_at_least(mean_risk: float, alpha: float) -> float:
    """The least share that must not be kept, whatever the confidence: (mu - alpha) / (1 - alpha).

    Even who leaves out wrong answers only must leave out so many for the rest to be wrong at most `alpha` of the time.
    """
    return max((mean_risk - alpha) / (1.0 - alpha), 0.0)


def labels_needed(path: Path, target: Target, alpha: float, delta: float) -> int | None:
    """About how many labels would certify something, if the risks along the path are what they look like.

    An estimate: for the threshold that needs fewest, the number at which the expected errors would just pass. None
    where no threshold looks better than `alpha`.
    """
    # Half an error more than was seen (Jeffreys): the best of many thresholds looks better than it is.
    rows_of = path.kept if target == "kept" else np.full(len(path.kept), path.rows)
    risk = (np.maximum(path.risk(target), 0.0) * rows_of + 0.5) / (rows_of + 1.0)
    share = path.kept / path.rows if target == "kept" else np.ones(len(risk))
    hopeful = (risk < alpha) & (path.kept >= min(_FEW_KEPT, path.rows))
    if not hopeful.any():
        return None
    level = delta * (FIRST_SHARE if target == "kept" else 1.0)
    clipped = risk[hopeful]
    # Chernoff's exponent: -log(level) / KL(risk, alpha) trials, then the exact tail from there.
    divergence = clipped * np.log(clipped / alpha) + (1 - clipped) * np.log((1 - clipped) / (1 - alpha))
    rows = -np.log(level) / divergence / share[hopeful]
    best = int(np.argmin(rows))
    trials = _exact(
        float(clipped[best]), alpha, level, most=int(min(rows[best] * share[hopeful][best] + 2, MOST_LABELS))
    )
    return int(min(np.ceil(trials / share[hopeful][best]), MOST_LABELS))


def fewest_labels(target: Target, alpha: float, delta: float) -> int:
    """How many labels certify something where not one is wrong: with fewer nothing can be."""
    return _exact(0.0, alpha, delta * (FIRST_SHARE if target == "kept" else 1.0), most=MOST_LABELS)


def _exact(risk: float, alpha: float, level: float, *, most: int) -> int:
    """The fewest trials whose expected errors, rounded up, pass at `level`."""
    low, high = 1, max(most, 1)
    while low < high:
        middle = (low + high) // 2
        if float(bounds.binomial_tail(np.ceil(risk * middle - 1e-9), middle, alpha)) <= level:
            high = middle
        else:
            low = middle + 1
    return low
