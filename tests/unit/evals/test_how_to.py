"""The examples of docs/how-to/make-a-suite.md work, and the sample company's suites are sound."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from palier.cli import app
from palier.evals.suites.checking import check
from palier.evals.suites.suite import load, read

SUITES = ("support", "intents", "extraction", "translation", "summary", "rewriting", "dialogue")


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "how-to" / "make-a-suite.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_the_suites_of_the_page_load(page: str, tmp_path: Path) -> None:
    settings, cases = blocks(page, "toml"), blocks(page, "json")
    assert len(settings) == len(cases) == 2
    for text, lines, name in zip(settings, cases, ("cases.jsonl", "messages.jsonl"), strict=True):
        (tmp_path / "suite.toml").write_text(text, encoding="utf-8")
        (tmp_path / name).write_text(lines, encoding="utf-8")
        suite = load(tmp_path)
        assert {case.split for case in suite.cases} == {"dev", "holdout"}
    assert suite.labels == ("cancel", "outage")
    assert suite.cases[0].tags == ("mail", "en")


def test_the_commands_of_the_page_are_there(page: str) -> None:
    bench = typer.main.get_command(app).commands["bench"]  # type: ignore[attr-defined]
    commands = [
        shlex.split(line[2:], comments=True)
        for block in blocks(page, "console")
        for line in block.splitlines()
        if line[0] == "$"
    ]
    assert len(commands) == 5
    for words in commands:
        assert words[:2] == ["palier", "bench"]
        command = bench.commands[words[2]]
        command.make_context(words[2], words[3:], resilient_parsing=True)
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words[3:] if word.startswith("--")} <= known


@pytest.mark.parametrize("name", SUITES)
def test_the_sample_companys_suites_have_no_error(repository: Path, name: str) -> None:
    loaded = read(repository / "examples" / "armorique" / "suites" / name)
    findings = check(loaded.suite, faults=loaded.faults)
    assert [finding for finding in findings if finding.severity == "error"] == []
    assert loaded.suite.task == {"support": "qa", "intents": "classification"}.get(name, name)
    assert loaded.suite.split("dev")
    assert loaded.suite.split("holdout")


def test_paraphrases_stand_with_their_originals(repository: Path) -> None:
    suite = load(repository / "examples" / "armorique" / "suites" / "support" / "paraphrases.toml")
    originals = {case.group: case for case in suite.cases if case.kind == "original"}
    paraphrases = [case for case in suite.cases if case.kind == "paraphrase"]
    assert len(paraphrases) == 44
    assert all(originals[case.group].split == case.split for case in paraphrases)


def test_the_sample_company_is_in_order(repository: Path) -> None:
    script = repository / "examples" / "armorique" / "check.py"
    done = subprocess.run([sys.executable, "-B", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
