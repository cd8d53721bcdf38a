"""Fit, certify, and say how good it is: what `palier calibrate` writes and prints."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palier.calibrate.reading import Reading
from palier.calibrate.report import Report, ReportTier, Segment, Shortfall, curve_of
from palier.errors import InvalidRequest
from palier.interfaces import Vectors
from palier.metrics import reliability
from palier.routing import bounds
from palier.routing.fitting import Aim, Fitted, Mode, fit, hopeless
from palier.routing.policy import Guarantee, Policy, digest
from palier.routing.risk import upper_bound
from palier.routing.seen import Seen
from palier.routing.shortfall import abstention_at_least, labels_needed
from palier.routing.table import Table, tabulate

Served = NDArray[np.intp]
"""Which tier serves each row (n,); the number of tiers below the top where none of them does."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`policy` is None where nothing could be certified: `report.shortfall` then says what it would take."""

    policy: Policy | None
    report: Report


def calibrate(
    reading: Reading,
    aim: Aim,
    *,
    route: str = "",
    fingerprint: Mapping[str, str] | None = None,
    questions: Vectors | None = None,
    mode: Mode = "cascade",
    segments: bool = False,
    today: str = "",
) -> Outcome:
    """A policy for `aim` from records, and the report on it. Raises `InvalidRequest` where they cannot tell.

    `questions` (n, d) are the records' vectors, where they are to be a signal; in mode `route`, the only one.
    `fingerprint` is that of the route it is for; records that say they were made under another are refused. `today`
    (YYYY-MM-DD) is when it was fitted.
    """
    found = dict(fingerprint or {})
    if found and reading.fingerprint and reading.fingerprint != digest(found):
        raise InvalidRequest(
            f"the records were made under the fingerprint {reading.fingerprint}, and the route has {digest(found)}",
            hint="models, prompts or retrieval have changed since: record and label anew",
            param="fingerprint",
        )
    table = tabulate(reading.records)
    fitted = fit(table, aim, vectors=questions, mode=mode)
    policy = None
    if fitted.certificate is not None:
        guarantee = _guarantee(fitted, aim, reading, table, today or time.strftime("%Y-%m-%d"))
        policy = Policy(
            tiers=fitted.tiers(table),
            guarantee=guarantee,
            mode=mode,
            route=route,
            fingerprint=found,
            seen=Seen.of(record.id for record in reading.records),
        )
    return Outcome(policy, _report(fitted, aim, table, reading, segments=segments, policy=policy))


def _guarantee(fitted: Fitted, aim: Aim, reading: Reading, table: Table, today: str) -> Guarantee:
    certificate = fitted.certificate
    assert certificate is not None
    return Guarantee(
        target=aim.target,
        risk=aim.risk,
        confidence=aim.confidence,
        labels=len(table),
        certified=certificate.rows,
        kept=certificate.kept,
        observed=certificate.risk,
        upper=upper_bound(certificate, aim.target, aim.risk, binary=fitted.binary),
        fitted=today,
        label_source=reading.label_source,
        abstain_loss=aim.abstain_loss,
    )


def _report(
    fitted: Fitted, aim: Aim, table: Table, reading: Reading, *, segments: bool, policy: Policy | None
) -> Report:
    rows = fitted.certified
    threshold = fitted.certificate.threshold if fitted.certificate else 2.0
    served = fitted.served(threshold)
    kept = served < table.below
    spent = _spent(table, served)
    losses = np.where(
        kept, np.take_along_axis(fitted.judged.losses, np.minimum(served, table.below - 1)[:, None], 1)[:, 0], np.nan
    )
    notes = list(reading.notes)
    never = [name for j, name in enumerate(table.tiers[:-1]) if hopeless(table, j)]
    notes += [f"tier `{name}` is wrong in every record, and keeps nothing" for name in never]
    for tier, signals, calibrator in zip(table.tiers, table.signals, fitted.calibrators, strict=False):
        if not set(signals.names) <= set(calibrator.names) and policy is not None and policy.mode == "cascade":
            notes.append(f"tier `{tier}`: with {len(signals.rows)} records it goes by its confidence alone")
        if calibrator.constant:
            notes.append(f"tier `{tier}`: {', '.join(calibrator.constant)} never varied, and say nothing")
    return Report(
        policy=policy is not None,
        records=len(table),
        certified=int(rows.sum()),
        target=aim.target,
        risk=aim.risk,
        confidence=aim.confidence,
        coverage=float(kept[rows].mean()),
        observed=fitted.certificate.risk if fitted.certificate else None,
        upper=policy.guarantee.upper if policy else None,
        cost=_mean(spent[rows]),
        cost_top=_mean(table.costs[rows, -1]),
        tiers=[_tier(table, fitted, served, j, policy) for j in range(table.below) if table.tiers[j] not in never],
        curve=curve_of(table, fitted),
        segments=_segments(table, fitted, aim, served, losses) if segments else [],
        shortfall=None if policy else _shortfall(fitted, aim),
        label_source=reading.label_source,
        notes=notes,
    )


def _spent(table: Table, served: Served) -> bounds.Floats:
    """What each row cost (n,): every tier that was asked, up to the one that served; NaN where one is unknown."""
    asked = (np.arange(len(table.tiers)) <= served[:, None]) & table.present
    return np.asarray(np.where(asked, table.costs, 0.0).sum(axis=1), dtype=np.float64)


def _mean(values: bounds.Floats) -> float | None:
    return None if np.isnan(values).any() or not len(values) else float(values.mean())


def _tier(
    table: Table,
    fitted: Fitted,
    served: Served,
    tier: int,
    policy: Policy | None,
) -> ReportTier:
    """How true its probability is, as said of rows that it was not fitted on."""
    _, right, rows = fitted.unfitted(tier)
    said = fitted.crossed(tier)
    return ReportTier(
        name=table.tiers[tier],
        kind=fitted.calibrators[tier].kind,
        threshold=policy.tiers[tier].threshold if policy else None,
        rows=int(rows.sum()),
        right=float(right.mean()),
        kept=float((served[fitted.certified] == tier).mean()),
        auroc=reliability.auroc(said, right),
        brier=reliability.brier(said, right),
        ece=reliability.expected_calibration_error(said, right, debiased=True),
        bins=reliability.reliability_bins(said, right),
    )


def _segments(
    table: Table,
    fitted: Fitted,
    aim: Aim,
    served: Served,
    losses: bounds.Floats,
) -> list[Segment]:
    """The kept error of each segment, bounded all together: each bound at 1 - delta / (number of segments)."""
    names = sorted({name for name, row in zip(table.segments, fitted.certified, strict=True) if row})
    confidence = 1.0 - (1.0 - aim.confidence) / len(names)
    found = []
    for name in names:
        rows = fitted.certified & np.array([segment == name for segment in table.segments])
        kept = losses[rows & (served < table.below)]
        lost = float(kept.sum())
        exact = bounds.binomial_upper(round(lost), len(kept), confidence)
        upper = exact if fitted.binary else bounds.mean_upper(lost / max(len(kept), 1), len(kept), confidence)
        found.append(
            Segment(
                name=name,
                rows=int(rows.sum()),
                kept=len(kept),
                observed=lost / len(kept) if len(kept) else None,
                upper=upper,
                holds=upper <= aim.risk,
            )
        )
    return found


def _shortfall(fitted: Fitted, aim: Aim) -> Shortfall:
    rows = fitted.certified
    path = fitted.path(aim)
    mean = float(fitted.judged.losses[rows][fitted.scores[rows] >= 0].mean())
    needed = labels_needed(path, aim.target, aim.risk, 1.0 - aim.confidence)
    # Those that fit the probabilities are labels, too.
    needed = None if needed is None else math.ceil(needed * len(rows) / int(rows.sum()))
    return Shortfall(
        mean_risk=mean,
        abstention_at_least=abstention_at_least(mean, aim.risk),
        labels_needed=needed,
    )
