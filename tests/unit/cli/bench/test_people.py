"""Scoring at the terminal: blind, inert, to be gone on with."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from palier.cases import Case, Outcome
from palier.cli.bench import people
from palier.evals.judging.blind import ScoresFile, sheets
from palier.types import Message

EVIL = "\x1b]0;owned\x07\u202e29,99"
CASES = [
    Case(id=f"c{n}", input=f"Question {n}?", references=(f"Reference {n}.",), evidence=(f"Given {n}",))
    for n in range(5)
]
OUTCOMES = {
    name: {case.id: Outcome(id=case.id, candidate=name, output=f"{word} {case.id} {EVIL}") for case in CASES}
    for name, word in (("tier-1", "alpha"), ("tier-2", "beta"))
}


class Typed:
    """Keys typed as lines, and what is shown."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = ScoresFile(folder / "human.jsonl")
        self._patch, self._capsys = patch, capsys

    async def score(self, *keys: str, done: Any = ()) -> tuple[int, str]:
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("".join(f"{k}\n" for k in keys).encode())))
        scored = await people._score(list(sheets(CASES, OUTCOMES, done, sample=2)), self.file, "ana")
        return scored, self._capsys.readouterr().out

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.path.read_text().splitlines()]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(tmp_path, monkeypatch, capsys)


async def test_answers_are_scored_without_a_word_of_whose_they_are(typed: Typed) -> None:
    scored, out = await typed.score("5", "1", "3", "2")
    assert scored == 2
    assert "tier" not in out
    assert "\x1b" not in out.replace("\x1b[", "")
    assert "\u202e" not in out
    first = typed.lines()[:2]
    by_word = {line["candidate"]: line["score"] for line in first}
    case = first[0]["id"]
    block = out.split("left ---")[1]
    shown_first = "tier-1" if block.index(f"alpha {case}") < block.index(f"beta {case}") else "tier-2"
    assert by_word[shown_first] == 1.0
    assert sorted(by_word.values()) == [0.0, 1.0]
    assert {line["rater"] for line in typed.lines()} == {"ana"}


async def test_the_reference_comes_after_the_scores(typed: Typed) -> None:
    _, out = await typed.score("5", "1", "q")
    block = out.split("left ---")[1]
    assert block.index("answer 2") < block.index("reference: Reference")
    assert "given: Given" in block
    assert "Reference" not in out.split("left ---")[2]


async def test_leaving_half_way_keeps_whole_cases_only(typed: Typed) -> None:
    scored, _ = await typed.score("4", "2", "5", "q")
    assert scored == 1
    assert len(typed.lines()) == 2
    done = {(line["candidate"], line["id"]) for line in typed.lines()}
    scored, _ = await typed.score("1", "1", done=done)
    assert scored == 1
    assert len({(line["candidate"], line["id"]) for line in typed.lines()}) == 4


async def test_the_end_of_the_input_is_the_end(typed: Typed) -> None:
    scored, _ = await typed.score("4")
    assert scored == 0
    assert not typed.file.path.exists()


async def test_what_is_no_grade_is_asked_again_and_a_case_may_be_skipped(typed: Typed) -> None:
    scored, out = await typed.score("6", "five", "", "0", "4.5", "s", "2", "3")
    assert scored == 1
    assert out.count("1 (wrong) to 5 (right)") == 8
    assert sorted(line["score"] for line in typed.lines()) == [0.25, 0.5]


async def test_a_conversation_and_a_case_without_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    turns = (Message(role="user", content="Hello\nthere"), Message(role="user", content="And now?"))
    case = Case(id="c", messages=turns, answerable=False)
    people._show(case, 1)
    people._reference(case)
    out = capsys.readouterr().out
    assert "user: Hello there" in out
    assert "question: And now?" in out
    assert "there is no answer to find" in out
