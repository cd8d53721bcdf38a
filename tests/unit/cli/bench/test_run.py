"""`palier bench SUITE`: what is wrong is said before anything is asked; what was asked is told and kept."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from palier.cli import app, terminal
from palier.evals.figures import Report

CONFIG = """
data = "data"
[models.small]
kind = "fake"
file = "script.jsonl"
[models.large]
kind = "fake"
file = "script.jsonl"
[routes.support]
[[routes.support.tiers]]
model = "small"
threshold = 0.9
highest_label = "restricted"
[[routes.support.tiers]]
model = "large"
highest_label = "internal"
"""
SCRIPT = [
    {"pattern": "fibre", "answer": "29.99 euros"},
    {"pattern": "down", "fail": "unavailable"},
    {"pattern": "odd", "fail": "invalid"},
    {"answer": "I do not know"},
]


def lines(path: Path, *items: dict[str, Any]) -> None:
    path.write_text("".join(json.dumps(item) + "\n" for item in items))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "palier.toml").write_text(CONFIG)
    lines(tmp_path / "script.jsonl", *SCRIPT)
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "suite.toml").write_text('name = "shop"\nversion = "3"\nroute = "support"\nquality = "exact_match"\n')
    lines(
        suite / "cases.jsonl",
        {"id": "a", "input": "The fibre?", "reference": "29.99 euros", "split": "dev"},
        {"id": "b", "input": "The odd one?", "reference": "yes", "split": "holdout"},
        {"id": "c", "input": "Another?", "reference": "no", "split": "holdout"},
    )
    return tmp_path


def palier(*arguments: str) -> tuple[int, str, str]:
    for console in (terminal.out, terminal.err):
        console.cache_clear()
    done = CliRunner().invoke(app, ["bench", *arguments], catch_exceptions=False)
    for console in (terminal.out, terminal.err):
        console.cache_clear()
    return done.exit_code, done.stdout, done.stderr


def bench(*arguments: str) -> tuple[int, str, str]:
    return palier("suite", *arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--candidates", "smal"], "there is no candidate `smal`"),
        (["--split", "test"], "dev, holdout or all"),
        (["--fail-if", "quality is bad"], "quality < 0.8"),
        (["--fail-if", "qualty < 0.8"], "qualty"),
        (["--baseline", "nobody"], "--baseline nobody is no candidate"),
        (["--compare", "beauty"], "no such metric"),
        (["--report", "nowhere/report.json"], "is no folder"),
        (["--report", "report.html"], "both that of --report and of --html"),
        (["--min-quality", "nan"], "no number to hold anything against"),
        (["--latency-limit", "soon"], "is no latency"),
        (["--max-latency", "soon"], "is no latency"),
        (["--candidates", "log=log.jsonl"], "log.jsonl"),
        (["--config", "none.toml"], "does not exist"),
        (["--judge", "cascade"], "cannot judge"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(shop: Path, arguments: list[str], words: str) -> None:
    status, out, told = bench(*arguments)
    assert (status, out) == (2, "")
    assert words in told.replace("\n", " ")
    assert "Traceback" not in told
    assert not (shop / "data" / "bench").exists()


def test_a_run_is_told_kept_and_gone_on_with(shop: Path) -> None:
    files = ["--results", "results.jsonl", "--report", "report.json", "--markdown", "report.md"]
    status, out, told = bench("--candidates", "small,cascade", *files, "--fail-if", "failed > 40%")
    assert status == 0, told
    assert "small (simulated)" in out
    assert "invalid_request: scripted failure" in out, "failures are shown apart"
    assert "[1/2] small: 3 cases" in told
    report = msgspec.json.decode((shop / "report.json").read_bytes(), type=Report)
    small, cascade = report.candidates
    assert (small.asked, small.answered, small.failed) == (3, 2, 1)
    assert small.metrics["exact_match"]["all"].value == pytest.approx(1 / 3), "a failure is a wrong answer"
    assert small.simulated
    assert cascade.kind == "cascade"
    assert report.machine["cores"]
    assert report.command.startswith("palier")
    for name in ("report.json", "report.html", "report.md", "results.jsonl"):
        assert stat.S_IMODE((shop / name).stat().st_mode) == 0o600
    kept = [json.loads(line) for line in (shop / "results.jsonl").read_text().splitlines()]
    assert [(line["candidate"], line["id"]) for line in kept][:3] == [("small", "a"), ("small", "b"), ("small", "c")]
    assert kept[0]["output"] == "29.99 euros"
    assert kept[0]["metrics"]["exact_match"] == 1.0
    assert kept[1]["error"].startswith("invalid_request")
    lines(shop / "script.jsonl", *SCRIPT)  # the same bytes
    status, out, told = bench("--candidates", "small", "--json", "--fail-if", "quality < 0.8", "--without-texts")
    assert status == 3
    assert "3 cases, 3 of them answered before" in told
    assert "failed: " in told
    again = msgspec.json.decode(out.encode(), type=Report)
    assert not any(outcome.output for outcome in again.outcomes)
    (written,) = (shop / "data" / "bench" / "reports").glob("shop-*.json")
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_where_nothing_can_be_reached_it_exits_with_4(shop: Path) -> None:
    lines(shop / "script.jsonl", {"fail": "unavailable"})
    status, out, told = bench()
    assert (status, out) == (4, "")
    assert "nothing could be reached: unavailable" in told


def test_what_is_kept_is_cleaned(shop: Path) -> None:
    bench("--candidates", "small")
    results = shop / "data" / "bench" / "results"
    assert list(results.glob("??/*.jsonl"))
    status, _, told = palier("clean", "--older-than", "0d")
    assert status == 0
    assert "3 files of benchmarks are deleted" in told
    assert not list(results.glob("??/*.jsonl"))


def test_documents_that_no_collection_has_are_told(shop: Path) -> None:
    (shop / "palier.toml").write_text(CONFIG.replace("[routes.support]", "[routes.support]\ncollections = ['shop']"))
    (shop / "offers").mkdir()
    (shop / "offers" / "fibre.md").write_text("# Fibre\n\nThe fibre is 29.99 euros.")
    for console in (terminal.out, terminal.err):
        console.cache_clear()
    assert CliRunner().invoke(app, ["ingest", "offers", "--collection", "shop", "--label", "public"]).exit_code == 0
    fibre = {"id": "a", "input": "The fibre?", "reference": "29.99 euros", "relevant": ["fibre.md"]}
    lines(shop / "suite" / "cases.jsonl", fibre)
    assert "that `relevant` names" not in bench("--candidates", "small")[2]
    lines(shop / "suite" / "cases.jsonl", fibre | {"relevant": ["shop/fibre.md", "offers/fibre.md"]})
    told = " ".join(bench("--candidates", "small")[2].split())
    assert "1 of the 2 documents that `relevant` names are not in the collections, such as offers/fibre.md" in told


def test_a_command_mistyped_is_suggested_and_a_suite_of_its_name_is_run(shop: Path) -> None:
    status, _, told = palier("chekc", "suite")
    assert status == 2
    assert "palier bench check" in told
    (shop / "suite").rename(shop / "cheque")
    assert palier("cheque", "--candidates", "small")[0] == 0
