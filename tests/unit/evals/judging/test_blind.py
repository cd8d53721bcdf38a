"""What a person is shown: a sample, each text once, in an order that tells nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from palier.cases import Case, Outcome
from palier.errors import StoreError
from palier.evals.judging.blind import ScoresFile, sheets
from palier.evals.judging.people import read_scores

CASES = [Case(id=f"c{n}", input=f"{n}?", references=("r",)) for n in range(60)]
OUTCOMES = {
    name: {case.id: Outcome(id=case.id, candidate=name, output=f"{name} on {case.id}") for case in CASES}
    for name in ("tier-1", "tier-2")
}


def test_a_larger_sample_holds_the_smaller_one_and_a_seed_draws_another() -> None:
    few = [sheet.case.id for sheet in sheets(CASES, OUTCOMES, (), sample=10)]
    many = [sheet.case.id for sheet in sheets(CASES, OUTCOMES, (), sample=30)]
    other = [sheet.case.id for sheet in sheets(CASES, OUTCOMES, (), sample=10, seed=1)]
    assert many[:10] == few
    assert set(other) != set(few)
    assert few == [sheet.case.id for sheet in sheets(CASES[::-1], OUTCOMES, (), sample=10)]
    assert few != [case.id for case in CASES[:10]]


def test_the_order_of_the_answers_says_nothing() -> None:
    first = [sheet.answers[0][1] for sheet in sheets(CASES, OUTCOMES, (), sample=60)]
    assert 15 < first.count(("tier-1",)) < 45


def test_what_is_scored_does_not_come_again_and_draws_nothing_in_its_place() -> None:
    drawn = [sheet.case.id for sheet in sheets(CASES, OUTCOMES, (), sample=10)]
    done = {("tier-1", drawn[0]), ("tier-2", drawn[0]), ("tier-1", drawn[1])}
    left = list(sheets(CASES, OUTCOMES, done, sample=10))
    assert [sheet.case.id for sheet in left] == drawn[1:]
    assert left[0].answers == ((f"tier-2 on {drawn[1]}", ("tier-2",)),)


def test_one_text_is_scored_once_and_what_is_no_answer_not_at_all() -> None:
    case = CASES[0]
    outcomes = {
        "a": {"c0": Outcome(id="c0", candidate="a", output="same")},
        "b": {"c0": Outcome(id="c0", candidate="b", output="same")},
        "c": {"c0": Outcome(id="c0", candidate="c", status="failed")},
        "d": {},
    }
    (sheet,) = sheets([case, *CASES[1:3]], outcomes, (), sample=5)
    assert sheet.answers == (("same", ("a", "b")),)


def test_scores_are_kept_as_they_are_read_and_by_their_owner_alone(tmp_path: Path) -> None:
    file = ScoresFile(tmp_path / "human.jsonl")
    (one, two) = sheets(CASES, OUTCOMES, (), sample=2)
    file.add(one, [1.0, 0.25], "ana")
    with file.path.open("rb+") as opened:
        opened.seek(-1, 2)
        opened.truncate()
    file.add(two, [0.0, 0.5], "ana")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    scores = read_scores(file.path, [case.id for case in CASES], OUTCOMES)
    assert [(s.id, s.score, s.rater) for s in scores.scores] == [
        (one.case.id, 1.0, "ana"),
        (one.case.id, 0.25, "ana"),
        (two.case.id, 0.0, "ana"),
        (two.case.id, 0.5, "ana"),
    ]
    assert {s.candidate for s in scores.scores} == {"tier-1", "tier-2"}
    assert scores.notes == ()
    assert "on c" not in file.path.read_text()  # no words of an answer


def test_another_answer_is_scored_anew_beside_the_old_score(tmp_path: Path) -> None:
    file = ScoresFile(tmp_path / "human.jsonl")
    (sheet,) = sheets(CASES, OUTCOMES, (), sample=1)
    file.add(sheet, [1.0, 1.0], "ana")
    changed = {
        name: {case: Outcome(id=case, candidate=name, output=f"new {name}") for case in of}
        for name, of in OUTCOMES.items()
    }
    ids = [case.id for case in CASES]
    assert not read_scores(file.path, ids, changed).scores
    (again,) = sheets(CASES, changed, (), sample=1)
    file.add(again, [0.0, 0.0], "ana")
    assert [one.score for one in read_scores(file.path, ids, changed).scores] == [0.0, 0.0]
    assert [one.score for one in read_scores(file.path, ids, OUTCOMES).scores] == [1.0, 1.0]


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    (sheet,) = sheets(CASES, OUTCOMES, (), sample=1)
    with pytest.raises(StoreError, match="cannot be written"):
        ScoresFile(tmp_path / "no" / "human.jsonl").add(sheet, [1.0, 1.0], "ana")
