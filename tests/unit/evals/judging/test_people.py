"""People's scores: what is read, what is refused, and how far a judge agrees with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palier.cases import Case, Outcome
from palier.errors import ConfigurationError
from palier.evals.judging.people import Scores, agreement, read_scores
from palier.evals.judging.remarks import digest
from palier.metrics.intervals import wilson

CASES = [Case(id=f"c{n}", input="?", references=("r",)) for n in range(200)]
IDS = [case.id for case in CASES]
OUTCOMES = {"tier-1": {case.id: Outcome(id=case.id, candidate="tier-1", output=f"answer {case.id}") for case in CASES}}


def written(folder: Path, *lines: dict[str, Any] | str) -> Path:
    path = folder / "human.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def line(n: int, score: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"id": f"c{n}", "candidate": "tier-1", "score": score, **more}


def read(path: Path, **more: Any) -> Scores:
    return read_scores(path, IDS, OUTCOMES, **more)


def test_scores_and_verdicts_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        line(0, 0.25, rater="ana"),
        "",
        {"id": "c0", "candidate": "tier-1", "correct": True, "rater": "ben"},
        {"id": "c1", "candidate": "tier-1", "correct": False, "question": "?", "mood": "good"},
    )
    scores = read(path)
    assert [(one.id, one.score, one.rater, one.graded) for one in scores.scores] == [
        ("c0", 0.25, "ana", True),
        ("c0", 1.0, "ben", False),
        ("c1", 0.0, "", False),
    ]
    assert scores.notes == (
        f"{path}: unknown field `mood` in 1 lines was not read",
        f"{path}: 3 lines do not say which answer they are about: taken as about those of this run",
    )


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (line(999), "line 2: the suite has no case `c999`"),
        ({"id": "c1", "candidate": "tier-9", "score": 1}, "line 2: there is no candidate `tier-9`"),
        ({"id": "c1", "score": 1}, "line 2: `candidate` is missing"),
        (line(1, 1.5), "line 2: `score` is 1.5, and must be in"),
        (line(1, -0.1), "line 2: `score` is -0.1"),
        ({**line(1), "correct": True}, "line 2: give `score` or `correct`"),
        ({"id": "c1", "candidate": "tier-1"}, "line 2: give `score` or `correct`"),
        (line(0, 0.5), "line 2: one who gives no `rater` has judged `tier-1` on `c0` before .*line 1"),
        ('{"id": "c1", "candidate": "tier-1", "score": NaN}', "line 2"),
        ('{"id": "c1", "candidate": "tier-1", "score": 1e999}', "line 2"),
        ('{"id": "c1", "candidate": "tier-1", "score": true}', "line 2: .*score"),
        ('{"id": "c1", "candidate": "tier-1", "correct": 1}', "line 2: .*correct"),
        ('{"id": 1, "candidate": "tier-1", "score": 1}', "line 2: .*id"),
        ("[1]", "line 2"),
        ("{", "line 2"),
        ("\x00", "line 2"),
        ("[" * 100_000, "line 2"),
    ],
)
def test_a_bad_line_is_named(bad: dict[str, Any] | str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"human\.jsonl, {words}"):
        read(written(tmp_path, line(0), bad))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read(tmp_path / "gone.jsonl")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read(tmp_path)


def test_what_was_not_run_and_what_is_another_answer_now_does_not_count(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        line(0, answer="answer c0"),
        line(1, answer="what it said last month"),
        line(2, digest=digest("answer c2")),
        line(3, digest=digest("else")),
        {"id": "c4", "candidate": "tier-2", "score": 1},
    )
    scores = read(path, known=("tier-2",))
    assert [one.id for one in scores.scores] == ["c0", "c2"]
    assert scores.notes == (
        f"{path}: 1 lines are about cases or candidates that were not run",
        f"{path}: 2 lines are about other answers than were run, and do not count",
    )


def scores_of(folder: Path, values: list[float], **more: Any) -> Scores:
    return read(written(folder, *(line(n, value, **more) for n, value in enumerate(values))))


def test_agreement_is_the_share_on_one_side_with_wilsons_interval(tmp_path: Path) -> None:
    people = [1.0] * 50 + [0.0] * 50
    judged = {("tier-1", f"c{n}"): (1.0 if n < 45 or n >= 90 else 0.25) for n in range(120)}
    found = agreement(judged, scores_of(tmp_path, people), CASES, OUTCOMES)
    assert (found.pairs, found.cases) == (100, 100)
    assert (found.share.value, found.share.method) == (0.85, "Wilson")
    assert (found.share.low, found.share.high) == pytest.approx(wilson(85, 100))
    assert found.kappa == pytest.approx(0.7)
    assert found.weighted_kappa is None
    assert found.ceiling is None


def test_a_random_judge_has_a_kappa_of_about_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    people = [float(value) for value in rng.integers(0, 5, 200) / 4]
    judged = {("tier-1", f"c{n}"): float(rng.integers(0, 9) / 8) for n in range(200)}
    found = agreement(judged, scores_of(tmp_path, people), CASES, OUTCOMES)
    assert found.kappa == pytest.approx(0.0, abs=0.15)
    assert found.spearman == pytest.approx(0.0, abs=0.15)
    assert found.weighted_kappa is not None
    assert found.weighted_kappa.low is not None
    assert found.weighted_kappa.high is not None
    assert found.weighted_kappa.low < 0 < found.weighted_kappa.high


def test_a_judge_that_says_what_people_say_agrees_wholly(tmp_path: Path) -> None:
    people = [float(n % 5) / 4 for n in range(60)]
    found = agreement({("tier-1", f"c{n}"): people[n] for n in range(60)}, scores_of(tmp_path, people), CASES, OUTCOMES)
    assert (found.share.value, found.kappa) == (1.0, 1.0)
    assert found.spearman == pytest.approx(1.0)
    assert found.weighted_kappa is not None
    assert found.weighted_kappa.value == pytest.approx(1.0)


def test_one_half_is_on_the_side_of_right(tmp_path: Path) -> None:
    found = agreement({("tier-1", "c0"): 0.5}, scores_of(tmp_path, [1.0]), CASES, OUTCOMES)
    assert found.share.value == 1.0


def test_of_several_raters_the_mean_counts_and_their_own_agreement_is_the_ceiling(tmp_path: Path) -> None:
    lines = [line(n, 1.0, rater="ana") for n in range(20)]
    lines += [line(n, 0.0 if n < 5 else 1.0, rater="ben") for n in range(20)]
    lines += [line(n, 0.0, rater="cy") for n in range(2)]
    found = agreement({("tier-1", f"c{n}"): 1.0 for n in range(20)}, read(written(tmp_path, *lines)), CASES, OUTCOMES)
    assert found.pairs == 20
    assert found.share.value == 0.9  # 1, 0, 0 is a third; 1, 0 is one half
    assert found.ceiling is not None
    assert found.ceiling.n == 20
    assert found.ceiling.value == pytest.approx((15 + 2 / 3) / 20)


def test_without_a_pair_nothing_is_said(tmp_path: Path) -> None:
    found = agreement({}, scores_of(tmp_path, [1.0, 0.0]), CASES, OUTCOMES)
    assert (found.share.value, found.kappa, found.spearman, found.pairs) == (None, None, None, 0)
