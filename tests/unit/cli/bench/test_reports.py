"""`palier bench report` and `compare`: what they write, and their exit status."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from tests import offers
from typer.testing import CliRunner, Result

from palier.cli import app, terminal
from palier.evals.reports.report import assemble, load, write


def palier(*arguments: str, status: int = 0) -> Result:
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    found = CliRunner().invoke(app, ["bench", *arguments])
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    assert found.exit_code == status, (found.exit_code, found.output, found.exception)
    assert "Traceback" not in found.output
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("reports")
    write(assemble(offers.run(100), offers.METRICS), where / "before.json")
    worse = {**offers.SHARES, "cascade": (0.4, 0.0007, 600.0)}
    write(assemble(offers.run(100, shares=worse), offers.METRICS), where / "after.json")
    return where


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "250")


def test_report_draws_pages_for_their_owner_alone(folder: Path) -> None:
    palier("report", "before.json", "--html", "out.html", "--markdown", "out.md")
    for name in ("out.html", "out.md"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert "Combien" in (folder / "out.html").read_text()
    assert "Combien" not in (folder / "out.md").read_text()


def test_report_leaves_texts_out(folder: Path) -> None:
    palier("report", "before.json", "--html", "bare.html", "--report", "bare.json", "--without-texts")
    assert "Combien" not in (folder / "bare.html").read_text()
    assert not load(folder / "bare.json").texts
    found = palier("compare", "bare.json", "after.json", "--json")
    assert json.loads(found.stdout)["headline"].startswith("Worse: cascade by exact")


def test_report_shows_and_holds_against_conditions() -> None:
    assert "tier-1" in palier("report", "before.json").stdout
    assert "quality of tier-1 is" in palier("report", "before.json", "--fail-if", "quality < 0.8", status=3).stderr
    palier("report", "before.json", "--fail-if", "cascade.quality < 0.5")
    assert "did you mean `quality`" in palier("report", "before.json", "--fail-if", "qualty < 1", status=2).stderr
    assert "is no report" in palier("report", __file__, status=2).stderr
    assert json.loads(palier("report", "before.json", "--json").stdout)["quality"] == "exact"


def test_compare_tells_what_a_change_did(folder: Path) -> None:
    found = palier("compare", "before.json", "after.json", "--markdown", "change.md")
    assert "Worse: cascade by exact" in found.stdout
    assert "worse" in (folder / "change.md").read_text()
    assert "cascade, before" in palier("compare", "before.json", "after.json", "--fail-if", "worse", status=3).stderr
    palier("compare", "after.json", "before.json", "--fail-if", "any worse")
    palier("compare", "before.json", "before.json", "--fail-if", "worse", "--fail-if", "cascade.failed > 50%")


def test_compare_refuses_what_is_of_another_suite(folder: Path) -> None:
    content = json.loads((folder / "after.json").read_bytes())
    content["suite"]["digest"] = "another"
    (folder / "other.json").write_text(json.dumps(content))
    assert "changed in between" in palier("compare", "before.json", "other.json", status=2).stderr
    palier("compare", "before.json", "other.json", "--anyway")
    assert "NEW=OLD" in palier("compare", "before.json", "after.json", "--as", "x", status=2).stderr
