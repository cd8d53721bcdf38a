"""What was measured here: the newest report of each suite on each model, for the catalogue to show beside its cards."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from palier.evals.figures import FORMAT, Estimate, Resources
from palier.types import Data, Quantity

REPORTS = Path("bench") / "reports"
"""Below the data folder."""
MOST = 200
"""Reports that are read at most, the newest files first."""


class Measured(Data, frozen=True, kw_only=True):
    """One model alone on one suite, as the newest report that has it says."""

    suite: str
    version: str
    candidate: str
    metric: str
    split: str
    """`holdout` where the suite has one, else `all`."""
    quality: Estimate
    cost: Quantity
    energy: Quantity
    carbon: Quantity
    simulated: bool
    created: float
    asked: int = 0
    failed: int = 0

    @property
    def day(self) -> str:
        """When it was measured."""
        return time.strftime("%Y-%m-%d", time.localtime(self.created))


class _Candidate(Data, frozen=True, kw_only=True):
    name: str
    kind: str
    models: tuple[str, ...] = ()
    simulated: bool = False
    metrics: dict[str, dict[str, Estimate]] = msgspec.field(default_factory=dict)
    resources: Resources = Resources()
    asked: int = 0
    failed: int = 0


class _Suite(Data, frozen=True, kw_only=True):
    name: str
    version: str


class _Report(Data, frozen=True, kw_only=True):
    """What of a report is looked at: its cases, which may be many, are passed over."""

    format: str
    suite: _Suite
    quality: str
    created: float
    candidates: tuple[_Candidate, ...] = ()


def newest(data: Path) -> tuple[dict[str, tuple[Measured, ...]], list[str]]:
    """By model of `palier.toml`, its results by suite, newest first; and a word on each report that cannot be read.

    Only candidates that are one model alone count: what a staircase reaches is no model's figure, and what was imported
    or published was not measured here.
    """
    kept: dict[tuple[str, str], Measured] = {}
    troubles = []
    for path in _files(data / REPORTS):
        try:
            report = msgspec.json.decode(path.read_bytes(), type=_Report)
        except (OSError, msgspec.MsgspecError) as error:
            troubles.append(f"{path.name} is left out: {error}")
            continue
        if report.format != FORMAT:
            troubles.append(f"{path.name} is left out: its format is {report.format[:40]!r}, not {FORMAT}")
            continue
        for model, measured in _results(report):
            key = (model, measured.suite)
            if key not in kept or kept[key].created < measured.created:
                kept[key] = measured
    found: dict[str, list[Measured]] = {}
    for (model, _), measured in sorted(kept.items(), key=lambda item: -item[1].created):
        found.setdefault(model, []).append(measured)
    return {model: tuple(results) for model, results in found.items()}, troubles


def _files(folder: Path) -> list[Path]:
    try:
        files = [(path.stat().st_mtime, path) for path in folder.glob("*.json")]
    except OSError:
        return []
    return [path for _, path in sorted(files, reverse=True)[:MOST]]


def _results(report: _Report) -> list[tuple[str, Measured]]:
    found = []
    for candidate in report.candidates:
        if candidate.kind not in ("tier", "model") or len(candidate.models) != 1:
            continue
        split, quality = _quality(candidate.metrics.get(report.quality, {}))
        if quality is None:
            continue
        measured = Measured(
            suite=report.suite.name,
            version=report.suite.version,
            candidate=candidate.name,
            metric=report.quality,
            split=split,
            quality=quality,
            cost=candidate.resources.cost,
            energy=candidate.resources.energy,
            carbon=candidate.resources.carbon,
            simulated=candidate.simulated,
            created=report.created,
            asked=candidate.asked,
            failed=candidate.failed,
        )
        found.append((candidate.models[0], measured))
    return found


def _quality(splits: Mapping[str, Estimate]) -> tuple[str, Estimate | None]:
    """Of the holdout where there is one: dev may have been looked at."""
    for split in ("holdout", "all", "dev"):
        if split in splits and splits[split].value is not None:
            return split, splits[split]
    return "", None
