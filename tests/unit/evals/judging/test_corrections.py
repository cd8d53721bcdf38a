"""Human edit effort."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from palier.cases import Case, Outcome
from palier.errors import ConfigurationError
from palier.evals.judging.corrections import corrections_of, edits, read_corrections
from palier.evals.judging.remarks import digest

CASES = [Case(id=f"c{n}", input="?", references=("r",), family=f"f{n // 2}") for n in range(40)]
IDS = [case.id for case in CASES]
TEXT = "The fibre costs 29.99 euros a month."


def outcomes(*candidates: str) -> dict[str, dict[str, Outcome]]:
    return {
        name: {case.id: Outcome(id=case.id, candidate=name, output=TEXT, trace=f"{name}-{case.id}") for case in CASES}
        for name in candidates
    }


def written(folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / "corrections.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_effort_is_characters_changed_by_characters_kept(tmp_path: Path) -> None:
    lines = [{"id": f"c{n}", "text": TEXT if n % 4 else TEXT.replace("29.99", "31.50")} for n in range(40)]
    given = read_corrections(written(tmp_path, *lines), IDS, outcomes("tier-1"))
    found = edits(given, CASES, outcomes("tier-1"))["tier-1"]
    assert found.effort.value == pytest.approx(10 * 4 / (40 * len(TEXT)))
    assert (found.effort.method, found.effort.n, found.effort.families) == ("BCa", 40, 20)
    assert found.effort.low is not None
    assert found.effort.high is not None
    assert 0 < found.effort.low < found.effort.value < found.effort.high
    assert found.untouched.value == 0.75
    assert found.untouched.method.startswith("Wilson")


def test_all_cut_away_is_effort_too(tmp_path: Path) -> None:
    given = read_corrections(
        written(tmp_path, {"id": "c0", "text": ""}, {"id": "c1", "text": TEXT}), IDS, outcomes("tier-1")
    )
    assert edits(given, CASES, outcomes("tier-1"))["tier-1"].effort.value == 1.0
    alone = read_corrections(written(tmp_path, {"id": "c0", "text": ""}), IDS, outcomes("tier-1"))
    assert edits(alone, CASES, outcomes("tier-1"))["tier-1"].effort.value is None


def test_a_correction_of_another_answer_is_refused_with_the_reason(tmp_path: Path) -> None:
    ran = outcomes("tier-1")
    ran["tier-1"]["c3"] = Outcome(id="c3", candidate="tier-1", status="abstained")
    path = written(
        tmp_path,
        {"id": "c0", "text": "x", "answer": TEXT},
        {"id": "c1", "text": "x", "candidate": "tier-1", "answer": "What it said before."},
        {"id": "c2", "text": "x", "digest": digest("other")},
        {"id": "c3", "text": "x"},
        {"id": "c4", "text": "x", "answer": "Nobody said that."},
        {"id": "c5", "text": "x" * 20_001},
    )
    given = read_corrections(path, IDS, ran)
    assert [one.id for one in given.corrections] == ["c0"]
    assert given.refused == (
        f"{path}, line 2: `tier-1` answers `c1` otherwise now",
        f"{path}, line 3: `tier-1` answers `c2` otherwise now",
        f"{path}, line 4: `tier-1` gave no answer to `c3` that could be corrected",
        f"{path}, line 5: no candidate answers `c4` like that",
        f"{path}, line 6: more than 20000 characters are not compared",
    )


def test_the_answer_says_whose_it_is(tmp_path: Path) -> None:
    ran = outcomes("tier-1", "tier-2", "tier-3")
    ran["tier-3"]["c0"] = Outcome(id="c0", candidate="tier-3", output="Another.")
    given = read_corrections(written(tmp_path, {"id": "c0", "text": "x", "answer": TEXT}), IDS, ran)
    assert [one.candidate for one in given.corrections] == ["tier-1", "tier-2"]
    with pytest.raises(ConfigurationError, match="line 1: of which candidate"):
        read_corrections(written(tmp_path, {"id": "c0", "text": "x"}), IDS, ran)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([{"id": "c0"}], "line 1: `text` is missing"),
        ([{"id": "c99", "text": "x"}], "line 1: the suite has no case `c99`"),
        ([{"id": "c99", "text": "x", "answer": "y"}], "line 1: the suite has no case `c99`"),
        ([{"id": "c0", "text": "x", "candidate": "t"}], "line 1: there is no candidate `t`"),
        ([{"id": "c0", "text": "x"}, {"id": "c0", "text": "y"}], "line 2: .*corrected before .*line 1"),
        ([{"id": "c0", "text": 3}], "line 1: .*text"),
    ],
)
def test_a_bad_line_is_named(lines: list[dict[str, Any]], words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_corrections(written(tmp_path, *lines), IDS, outcomes("tier-1"))


def test_corrections_kept_with_feedback_are_known_by_their_trace() -> None:
    ran = outcomes("tier-1", "tier-2")
    given = corrections_of({"tier-2-c5": "Corrected.", "tier-1-c0": TEXT, "of-a-client": "x"}, ran)
    assert {(one.candidate, one.id) for one in given.corrections} == {("tier-2", "c5"), ("tier-1", "c0")}
    assert given.notes == ("1 corrections are of answers that were not run",)
    assert set(edits(given, CASES, ran)) == {"tier-1", "tier-2"}
