"""What `palier calibrate` reports, as data; `drawing` turns it into lines and pictures."""

from __future__ import annotations

import numpy as np

from palier.metrics import curves
from palier.metrics.reliability import Bin
from palier.routing.fitting import Fitted
from palier.routing.risk import Target
from palier.routing.table import Table
from palier.types import Data

POINTS = 60
"""Of the cost-quality curve."""


class ReportTier(Data, frozen=True, kw_only=True):
    """A tier below the top: how true its probability is on `rows` it was not fitted on, and what share it keeps.

    `threshold` is the probability from which it keeps; None where nothing was certified.
    """

    name: str
    kind: str
    threshold: float | None
    rows: int
    right: float
    kept: float
    auroc: float | None
    brier: float
    ece: float
    bins: list[Bin]


class Point(Data, frozen=True, kw_only=True):
    """One threshold for all tiers: mean cost and quality of a question."""

    cost: float
    quality: float


class Segment(Data, frozen=True, kw_only=True):
    """The kept error within one segment; `upper` holds for all segments at once."""

    name: str
    rows: int
    kept: int
    observed: float | None
    upper: float
    holds: bool


class Shortfall(Data, frozen=True, kw_only=True):
    """Why nothing was certified. `abstention_at_least`: no policy whatsoever can keep more than the rest."""

    mean_risk: float
    abstention_at_least: float
    labels_needed: int | None


class Report(Data, frozen=True, kw_only=True):
    """`cost` is the mean of a question under the policy, `cost_top` that of always asking the top; None: unknown."""

    policy: bool
    records: int
    certified: int
    target: Target
    risk: float
    confidence: float
    coverage: float
    observed: float | None
    upper: float | None
    cost: float | None
    cost_top: float | None
    tiers: list[ReportTier]
    curve: list[Point]
    segments: list[Segment]
    shortfall: Shortfall | None
    label_source: str
    notes: list[str]


def curve_of(table: Table, fitted: Fitted) -> list[Point]:
    """Cost and quality along the policy's own path, one threshold for all tiers; empty where some are unknown."""
    rows = fitted.certified & table.present.all(axis=1)
    right, cost = 1.0 - table.losses[rows], table.costs[rows]
    if not rows.any() or np.isnan(right).any() or np.isnan(cost).any():
        return []
    scores = fitted.scores[rows]
    levels = np.unique(np.quantile(scores.max(axis=1), np.linspace(0, 1, POINTS - 1), method="inverted_cdf"))
    thresholds = np.repeat(np.append(levels, 2.0)[:, None], table.below, axis=1)
    curve = curves.threshold_curve(scores, right, cost, thresholds)
    return [Point(cost=float(c), quality=float(q)) for c, q in zip(curve.cost, curve.quality, strict=True)]
