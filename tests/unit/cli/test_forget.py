"""`palier forget`: what it asks, what it says, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from palier.cli import app, forget, terminal
from palier.forgetting import Artefact
from palier.versions import Learner

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
    (tmp_path / "palier.toml").write_text(SETTINGS)
    (tmp_path / "script.jsonl").write_text('{"answer": "It rings at noon [1]."}\n')


def palier(*arguments: str, status: int = 0) -> Result:
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    found = CliRunner().invoke(app, list(arguments))
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    assert found.exit_code == status, (found.exit_code, found.output, found.exception)
    return found


def test_it_forgets_what_was_asked_and_says_so() -> None:
    palier("ask", "--as", "marie", "Does the zebrafinch ring?")
    would = palier("forget", "--user", "marie", "--dry-run")
    assert "would be forgotten: user marie" in would.stdout
    assert "requests        1  without what names the user; their figures stay" in would.stdout
    found = palier("forget", "--user", "marie", "--yes")
    assert found.stdout == would.stdout.replace("would be forgotten", "forgotten")
    data = b"".join(file.read_bytes() for file in Path(".palier").iterdir() if file.is_file())
    assert b"zebrafinch" not in data
    assert b"marie" not in data
    (kept,) = [json.loads(line) for line in palier("traces", "--json").stdout.splitlines()]
    assert (kept["principal"], kept["forgotten"]) == ("forgotten", True)
    assert "its words were forgotten" in palier("traces", "show", kept["id"]).stderr
    assert "nothing is kept of user marie" in palier("forget", "--user", "marie", "--yes").stdout
    (told,) = palier("forget", "--user", "marie", "--yes", "--json").stdout.splitlines()
    assert set(json.loads(told)["counts"].values()) == {0}
    assert "ingested from" in palier("forget", "--document", "notes/none", "--yes").stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--user", "marie"), "--yes"),
        (("--user", "marie", "--json"), "--yes"),
        (("--yes",), "whom or what"),
        (("--user", "a", "--document", "b/c", "--yes"), "whom or what"),
        (("--document", "b", "--yes"), "COLLECTION/ID"),
    ],
)
def test_nothing_is_forgotten_unasked(arguments: tuple[str, ...], words: str) -> None:
    assert words in palier("forget", *arguments, status=2).stderr


@pytest.mark.parametrize(
    ("requests", "earlier", "questions", "words"),
    [
        (12, 0, False, "was fitted on 12 of these 40 requests: calibrate again"),
        (
            12,
            3,
            True,
            "12 of these 40 requests and 3 that were forgotten before, and holds vectors of their questions:",
        ),
        (0, 3, False, "was fitted on 3 that were forgotten before: calibrate again"),
        (None, None, True, "does not say what it was fitted on, and may have seen them: calibrate again"),
    ],
)
def test_what_a_policy_has_seen(requests: int | None, earlier: int | None, questions: bool, words: str) -> None:
    artefact = Artefact(
        path="support.json", route="support", fitted="", requests=requests, earlier=earlier, questions=questions
    )
    told = forget._learnt(artefact, 40)
    assert told.startswith("policy support.json (route support) ")
    assert words in told


def test_what_a_student_learnt_is_said_with_what_to_do() -> None:
    learner = Learner(version="head-1", route="support", live=True, lessons=3, document=True)
    told = forget._taught(learner)
    assert told.startswith("version head-1 (answers on support) was taught by 3 of these lessons and by lessons that")
    assert "teach another (palier learn support), then delete its folder" in told
    old = msgspec.structs.replace(learner, live=False, lessons=0, document=False, unsure=True)
    assert "(of support) was taught before palier kept by what, and may have learnt from it" in forget._taught(old)
