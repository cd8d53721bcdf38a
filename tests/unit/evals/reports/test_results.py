"""What was measured here: the newest report that has a model alone, and what is no such figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from palier.cases import Case, Outcome
from palier.evals.figures import Candidate, Estimate, Report, Resources, SuiteSummary
from palier.evals.reports.results import MOST, REPORTS, newest
from palier.types import Quantity

COST = Quantity(value=0.001, low=0.0, high=0.002, basis="estimated", method="declared dollars an hour x busy time")


def estimate(value: float | None) -> Estimate:
    return Estimate(value=value, low=None if value is None else value - 0.1, high=1.0, n=40, method="Wilson")


def candidate(model: str, quality: float | None, **fields: Any) -> Candidate:
    metrics = {"accuracy": {"holdout": estimate(quality), "all": estimate(0.5)}}
    return Candidate(
        **{"name": f"tier of {model}", "kind": "tier", "models": (model,), "metrics": metrics,
           "resources": Resources(cost=COST), **fields}
    )  # fmt: skip


def keep(
    data: Path, name: str, *candidates: Candidate, created: float = 1e9, suite: str = "armorique", **fields: Any
) -> None:
    folder = data / REPORTS
    folder.mkdir(parents=True, exist_ok=True)
    summary = SuiteSummary(name=suite, version="2", task="qa", digest="d")
    report = Report(suite=summary, quality="accuracy", candidates=candidates, created=created, **fields)
    (folder / f"{name}.json").write_bytes(msgspec.json.encode(report))


def test_a_models_quality_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    keep(
        tmp_path,
        "a",
        candidate("small", 0.8),
        cases=(Case(id="c", input="?"),),
        outcomes=(Outcome(id="c", candidate="x"),),
    )
    found, troubles = newest(tmp_path)
    assert troubles == []
    (result,) = found["small"]
    assert (result.suite, result.version, result.metric, result.split) == ("armorique", "2", "accuracy", "holdout")
    assert (result.quality.value, result.quality.low, result.quality.n) == (0.8, pytest.approx(0.7), 40)
    assert result.cost == COST
    assert result.carbon.value is None
    assert result.day.startswith("2001-09-0")


def test_the_newest_report_of_each_suite_counts(tmp_path: Path) -> None:
    keep(tmp_path, "z-old", candidate("small", 0.1), created=1e9)
    keep(tmp_path, "a-new", candidate("small", 0.9), created=2e9)
    keep(tmp_path, "b", candidate("small", 0.5), candidate("large", 0.7), created=1.5e9, suite="banking")
    found, _ = newest(tmp_path)
    assert [(result.suite, result.quality.value) for result in found["small"]] == [("armorique", 0.9), ("banking", 0.5)]
    assert [result.quality.value for result in found["large"]] == [0.7]


def test_a_staircase_an_import_and_a_published_figure_are_no_models_results(tmp_path: Path) -> None:
    keep(
        tmp_path, "a",
        candidate("small", 0.8, kind="cascade", models=("small", "large")), candidate("x", 0.8, kind="imported"),
        candidate("y", 0.8, kind="published"), candidate("z", 0.8, models=("z", "other")), candidate("w", 0.8, metrics={}),
    )  # fmt: skip
    assert newest(tmp_path) == ({}, [])


def test_without_a_holdout_all_of_it_counts_and_says_so(tmp_path: Path) -> None:
    keep(tmp_path, "a", candidate("small", None), candidate("sim", 0.4, simulated=True))
    found, _ = newest(tmp_path)
    assert (found["small"][0].split, found["small"][0].quality.value) == ("all", 0.5)
    assert found["sim"][0].simulated


def test_no_reports_are_no_trouble(tmp_path: Path) -> None:
    assert newest(tmp_path / "absent") == ({}, [])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 3}', b'{"format": "palier-bench-report-1"}'])
def test_a_report_that_cannot_be_read_hides_no_other(tmp_path: Path, content: bytes) -> None:
    keep(tmp_path, "a", candidate("small", 0.8))
    (tmp_path / REPORTS / "bad.json").write_bytes(content)
    found, troubles = newest(tmp_path)
    assert set(found) == {"small"}
    assert len(troubles) == 1
    assert "bad.json" in troubles[0]


def test_another_format_is_named(tmp_path: Path) -> None:
    keep(tmp_path, "a", candidate("small", 0.8), format="palier-bench-report-9")
    found, troubles = newest(tmp_path)
    assert found == {}
    assert "palier-bench-report-9" in troubles[0]


def test_only_so_many_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST >= 100
    monkeypatch.setattr("palier.evals.reports.results.MOST", 2)
    for n in range(4):
        keep(tmp_path, f"r{n}", candidate(f"m{n}", 0.8))
    assert len(newest(tmp_path)[0]) == 2
