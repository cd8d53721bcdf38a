"""`palier bench init`, `check` and `perturb`: what they write, what they say, and their exit status."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from palier.cli import app, terminal
from palier.evals.suites.suite import load

SETTINGS = """
[models.fake]
kind = "fake"
file = "script.jsonl"

[routes.support]
collections = ["notes"]
audit = 0
[[routes.support.tiers]]
model = "fake"
highest_label = "restricted"
"""


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")


def palier(*arguments: str, status: int = 0) -> Result:
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    found = CliRunner().invoke(app, list(arguments))
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    assert found.exit_code == status, (found.exit_code, found.output, found.exception)
    assert "Traceback" not in found.output
    return found


def write(name: str, *cases: dict[str, Any]) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text("".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases), encoding="utf-8")


def mode(name: str) -> int:
    return Path(name).stat().st_mode & 0o777


def test_a_suite_from_a_table() -> None:
    Path("q.csv").write_text(
        '\ufeffQuestion;Réponse;Tags;note\n"Le prix ; la fibre ?";29,99 € par mois, sans engagement;prix|fibre;x\n'
        "Où êtes-vous ?;À Quimper, 12 quai des Lanterniers;;\n",
        encoding="utf-8",
    )
    told = palier("bench", "init", "mine", "--from-csv", "q.csv")
    assert "2 cases of q.csv, qa (guessed" in told.stderr
    assert "`note` was not read" in told.stderr
    assert "palier bench check mine" in told.stderr
    suite = load("mine")
    assert (suite.name, suite.task, suite.source) == ("mine", "qa", "q.csv")
    assert suite.cases[0].input == "Le prix ; la fibre ?"
    assert suite.cases[0].tags == ("prix", "fibre")
    assert mode("mine/cases.jsonl") & 0o044
    refused = palier("bench", "init", "mine", "--from-csv", "q.csv", status=2)
    assert "is there already" in refused.stderr
    assert "--force" in refused.stderr
    palier("bench", "init", "mine", "--from-csv", "q.csv", "--task", "rewriting", "--force")
    assert load("mine").task == "rewriting"


def test_what_init_cannot_do() -> None:
    assert "say what to make the suite from" in palier("bench", "init", "s", status=2).stderr
    Path("q.csv").write_text("question,answer\na,b\n")
    both = palier("bench", "init", "s", "--from-csv", "q.csv", "--from-traces", status=2)
    assert "one of --from-documents" in both.stderr
    assert (
        "--task chat cannot be"
        in palier("bench", "init", "s", "--from-csv", "q.csv", "--task", "chat", status=2).stderr
    )
    assert "no.csv cannot be read" in palier("bench", "init", "s", "--from-csv", "no.csv", status=2).stderr
    assert not Path("s").exists()


def test_a_suite_from_documents_and_one_from_traces() -> None:
    Path("palier.toml").write_text(SETTINGS)
    Path("script.jsonl").write_text('{"answer": "It rings at noon [1]."}\n')
    Path("docs").mkdir()
    Path("docs", "hours.md").write_text("# Hours\n\n## When is it open for everybody?\n\nFrom nine to five.\n")
    palier("ingest", "docs", "--label", "confidential")
    told = palier("bench", "init", "drafts", "--from-documents", "notes")
    assert "readable by you alone" in told.stderr
    assert mode("drafts/cases.jsonl") == mode("drafts/suite.toml") == 0o600
    (case,) = load("drafts").cases
    assert (case.question, case.references) == ("When is it open for everybody?", ("From nine to five.",))
    assert (case.relevant, case.tags, load("drafts").route) == (("hours.md",), ("draft", "heading"), "support")
    assert "and not in the route's collections" not in palier("bench", "check", "drafts").stdout
    palier("ask", "--as", "marie", "Does the zebrafinch ring?")
    told = palier("bench", "init", "real", "--from-traces")
    assert "without whoever asked them" in told.stderr
    (case,) = load("real").cases
    assert (case.question, case.tags) == ("Does the zebrafinch ring?", ("reference:top-tier",))
    assert "marie" not in Path("real/cases.jsonl").read_text()
    assert mode("real/cases.jsonl") == 0o600


ASKED = {"id": "a", "input": "Combien coûte la fibre chez vous ?", "reference": "29,99 €", "split": "dev"}


def test_check_says_what_is_wrong() -> None:
    write(
        "s/cases.jsonl", ASKED, {**ASKED, "id": "b", "input": "Combien coute la fibre, chez vous", "split": "holdout"}
    )
    told = palier("bench", "check", "s", status=3)
    assert "1 pair of cases asking the same in `dev` and in `holdout`" in told.stdout
    assert "a = b" in told.stdout
    assert "0.1 needs 245" in told.stdout
    (line,) = palier("bench", "check", "s", "--json", "--width", "0.2", status=3).stdout.splitlines()
    tree = json.loads(line)
    assert tree["cases"] == {"dev": 1, "holdout": 1}
    assert tree["findings"][0]["severity"] == "error"
    assert tree["findings"][0]["check"] == "leak"
    write("s/cases.jsonl", ASKED)
    assert "no case is in `holdout`" in palier("bench", "check", "s").stdout
    assert "must be from" in palier("bench", "check", "s", "--width", "2", status=2).stderr
    assert "does not exist" in palier("bench", "check", "nothing", status=2).stderr


def test_check_lists_bad_lines_and_hides_what_moves_the_cursor() -> None:
    write("s/cases.jsonl", {**ASKED, "input": "\x1b[2J?"}, {"id": "\x1b]0;x\x07", "input": "?"}, {"id": "c"})
    told = palier("bench", "check", "s", status=3)
    assert "2 lines not read as cases" in told.stdout
    assert "cases.jsonl:2, cases.jsonl:3" in told.stdout
    assert "\x1b" not in told.stdout


def test_perturbations_are_added_to_the_suite() -> None:
    write("s/cases.jsonl", ASKED, {**ASKED, "id": "b", "input": "Où est la boutique de Brest, s'il vous plaît ?"})
    Path("s/suite.toml").write_text('# mine\nname = "s"\ncases = [  # all of them\n    "cases.jsonl",\n]\n')
    told = palier("bench", "perturb", "s", "--kinds", "accents,typos", "--per-case", "2")
    assert "wrote 4 perturbations of 2 families" in told.stderr
    text = Path("s/suite.toml").read_text()
    assert text.startswith('# mine\nname = "s"\ncases = [  # all of them\n')
    assert tomllib.loads(text)["cases"] == ["cases.jsonl", "perturbations.jsonl"]
    suite = load("s")
    assert [case.kind for case in suite.cases].count("perturbation") == 4
    assert {case.id for case in suite.cases if case.group == "a"} == {"a", "a~accents", "a~typos"}
    assert "is there already" in palier("bench", "perturb", "s", status=2).stderr
    palier("bench", "perturb", "s", "--force", "--kinds", "case")
    assert Path("s/suite.toml").read_text() == text
    assert {case.id for case in load("s").cases} == {"a", "b", "a~case", "b~case"}
    assert "no perturbation `noise`" in palier("bench", "perturb", "s", "--force", "--kinds", "noise", status=2).stderr


def test_a_bare_file_is_told_how_to_take_them() -> None:
    write("cases.jsonl", ASKED)
    told = palier("bench", "perturb", "cases.jsonl")
    assert 'cases = ["cases.jsonl", "perturbations.jsonl"]' in told.stderr
    assert Path("perturbations.jsonl").exists()
