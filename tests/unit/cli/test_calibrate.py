"""`palier calibrate`, `replay` and `status`: exit status, and what is written or is not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.judged import lines, rows
from typer.testing import CliRunner, Result

from palier.cli import app, terminal


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    (tmp_path / "records.jsonl").write_bytes(b"".join(lines(rows(300))))
    (tmp_path / "few.jsonl").write_bytes(b"".join(lines(rows(40))))
    (tmp_path / "other.jsonl").write_bytes(b"".join(lines(rows(300, seed=1))))
    return tmp_path


def palier(*arguments: str, status: int = 0, stdin: bytes = b"") -> Result:
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    found = CliRunner().invoke(app, list(arguments), input=stdin)
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    assert found.exit_code == status, (found.exit_code, found.output, found.exception)
    assert "Traceback" not in found.output
    return found


def one_object(found: Result) -> Any:
    (line,) = found.stdout.splitlines()
    return json.loads(line)


CALIBRATE = ("calibrate", "-r", "records.jsonl", "--risk", "0.25", "--confidence", "0.9")


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}


def test_a_policy_is_written_and_replayed() -> None:
    before = files()
    shown = palier(*CALIBRATE)
    assert files() - before == {"policy.json"}
    assert "certified: at most 25 % wrong, 90 % confidence, 300 labels" in shown.stdout
    assert "--route names the route" in shown.stderr
    replayed = palier("replay", "-r", "other.jsonl", "-p", "policy.json")
    assert "at most 25 % wrong" in replayed.stdout
    assert "against random" in replayed.stdout


@pytest.mark.parametrize("target", ["kept", "regret", "total"])
def test_one_object_is_printed(target: str) -> None:
    report = one_object(palier(*CALIBRATE, "--target", target, "-o", "p.json", "--json", "--segments"))
    assert (report["policy"], report["target"], report["records"]) == (True, target, 300)
    found = one_object(palier("replay", "-r", "other.jsonl", "-p", "p.json", "--json", "--cost-range", "2,9"))
    assert {"n", "risk", "risk_low", "risk_high", "coverage", "cost", "quality", "shares", "auc_norm"} <= set(found)
    assert set(found["savings"]) == {"top", "bottom", "random"}
    assert (found["n"], found["risk_low"] <= found["risk"] <= found["risk_high"]) == (300, True)


def test_standard_input_is_read() -> None:
    content = Path("records.jsonl").read_bytes()
    by_file = one_object(palier(*CALIBRATE, "--json"))
    by_pipe = one_object(
        palier("calibrate", "-r", "-", "--risk", "0.25", "--confidence", "0.9", "--json", stdin=content)
    )
    assert by_pipe == by_file
    assert one_object(palier("replay", "-r", "-", "-p", "policy.json", "--json", stdin=content))["n"] == 300


def test_what_cannot_be_certified_exits_3_and_writes_no_policy() -> None:
    before = files()
    shown = palier("calibrate", "-r", "few.jsonl", "--risk", "0.01", status=3)
    assert "not certifiable" in shown.stdout
    assert "no threshold whatsoever could keep more" in shown.stdout
    report = one_object(palier("calibrate", "-r", "few.jsonl", "--risk", "0.01", "--json", status=3))
    assert report["policy"] is False
    assert report["shortfall"]["abstention_at_least"] > 0
    assert files() == before
    Path("policy.json").write_text("old")
    palier("calibrate", "-r", "few.jsonl", "--risk", "0.01", status=3)
    assert Path("policy.json").read_text() == "old"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-r", "none.jsonl"), "none.jsonl cannot be read"),
        (("-r", "."), "cannot be read"),
        (("-r", "bad.jsonl"), "line 301"),
        (("-r", "twice.jsonl"), "comes twice"),
        (("-r", "empty.jsonl"), "no records"),
        (("-r", "records.jsonl", "--risk", "1.5"), "the risk is 1.5"),
        (("-r", "records.jsonl", "--confidence", "0.3"), "the confidence is 0.3"),
        (("-r", "records.jsonl", "--target", "some"), "kept, regret or total"),
        (("-r", "records.jsonl", "--label-source", "marie"), "no record has the label source"),
        (("-r", "records.jsonl", "-o", "nowhere/p.json"), "nowhere/p.json cannot be written"),
        (("-r", "records.jsonl", "--svg", "nowhere/p.svg"), "nowhere/p.svg cannot be written"),
        (("-r", "records.jsonl", "-o", "folder"), "folder cannot be written"),
        (("-r", "records.jsonl", "-c", "none.toml", "--route", "r"), "none.toml"),
        ((), "--records"),
    ],
)
def test_wrong_input_exits_2_and_writes_nothing(arguments: tuple[str, ...], words: str) -> None:
    good = Path("records.jsonl").read_bytes()
    Path("bad.jsonl").write_bytes(good + b'{"id": "x", "tiers": [{"name": "t1", "score": 1e999}]}\n')
    Path("twice.jsonl").write_bytes(good + good)
    Path("empty.jsonl").write_bytes(b"")
    Path("folder").mkdir()
    before = files()
    shown = palier("calibrate", "--risk", "0.25", *arguments, status=2)
    assert words in shown.output
    assert files() == before


def test_bad_lines_may_be_left_out() -> None:
    Path("bad.jsonl").write_bytes(Path("records.jsonl").read_bytes() + b"{\n")
    shown = palier("calibrate", "-r", "bad.jsonl", "--risk", "0.25", "--skip-bad", "--json")
    assert one_object(shown)["notes"][0] == "1 bad lines were left out"
    assert "1 bad lines were left out" in shown.stderr


def test_the_file_is_whole_or_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    palier(*CALIBRATE)
    whole = Path("policy.json").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = files()
    assert "No space left" in palier(*CALIBRATE[:-1], "0.8", status=2).output
    assert Path("policy.json").read_bytes() == whole
    assert files() == before


def test_the_picture_is_drawn_beside_the_policy() -> None:
    palier(*CALIBRATE, "--svg", "report.svg")
    assert Path("report.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-p", "none.json"), "none.json cannot be read"),
        (("-p", "records.jsonl"), "is no policy"),
        (("-p", "policy.json", "--cost-range", "9,2"), "the lower one first"),
        (("-p", "policy.json", "--cost-range", "nan,1"), "--cost-range"),
        (("-p", "policy.json", "--cost-range", "1,inf"), "--cost-range"),
        (("-p", "policy.json", "--cost-range", "x"), "two numbers"),
    ],
)
def test_a_replay_of_something_else_exits_2(arguments: tuple[str, ...], words: str) -> None:
    palier(*CALIBRATE)
    assert words in palier("replay", "-r", "other.jsonl", *arguments, status=2).output


def test_a_replay_of_other_tiers_exits_2() -> None:
    palier(*CALIBRATE)
    Path("three.jsonl").write_bytes(b"".join(lines(rows(30, tiers=3))))
    assert "t1, t2, t3" in palier("replay", "-r", "three.jsonl", "-p", "policy.json", status=2).output


SETTINGS = """
[models.fake]
kind = "fake"
[routes.r]
policy = "policy.json"
[[routes.r.tiers]]
model = "fake"
name = "t1"
[[routes.r.tiers]]
model = "fake"
name = "t2"
"""


def test_in_a_project_the_policy_is_for_its_route() -> None:
    Path("palier.toml").write_text(SETTINGS)
    assert "r: not calibrated: the policy" in palier("status").stdout
    assert "--route names" not in palier(*CALIBRATE).stderr
    made = json.loads(Path("policy.json").read_text())
    assert (made["route"], "t1.model" in made["fingerprint"]) == ("r", True)
    (status,) = [json.loads(line) for line in palier("status", "--json").stdout.splitlines()]
    assert (status["calibrated"], status["route"], status["tiers"]) == (True, "r", ["t1", "t2"])
    assert status["words"].startswith("at most 25 % wrong")
    assert "no route `s`" in palier(*CALIBRATE, "--route", "s", "-o", "s.json", status=2).output
    Path("three.jsonl").write_bytes(b"".join(lines(rows(300, tiers=3))))
    wrong = palier("calibrate", "-r", "three.jsonl", "--route", "r", "--risk", "0.25", "-o", "s.json", status=2)
    assert "t1, t2, t3, and route `r` has t1, t2" in wrong.output
    assert not Path("s.json").exists()


def test_status_needs_settings() -> None:
    assert "palier.toml" in palier("status", status=2).output
