"""`palier learn`: in one go, once, and again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.heads import FILLERS, TOPICS
from tests.unit.cli.test_students import made, ran
from typer.testing import CliRunner

from palier.cli import app
from palier.versions import Version

__all__ = ["made"]


def lessons(each: int, *, shuffled: bool = False) -> None:
    """Bring lessons of every topic, accepted."""
    names = list(TOPICS)
    rows = [
        {
            "question": f"{words[i % 5]} {FILLERS[i % 8]} {FILLERS[(i * 3) % 8]} number {i}",
            "answer": names[(i * 7 + n) % 4] if shuffled else name,
            "label": "internal",
            "licence": "own",
        }
        for n, (name, words) in enumerate(TOPICS.items())
        for i in range(each)
    ]
    Path("lessons.jsonl").write_text("".join(json.dumps({"route": "intents", **row}) + "\n" for row in rows))
    done = CliRunner().invoke(app, ["lessons", "import", "intents", "lessons.jsonl", "--accept", "--as", "ann"])
    assert done.exit_code == 0, done.output


@pytest.mark.usefixtures("made")
def test_lessons_become_a_student_that_answers_and_once_is_enough() -> None:
    ran("learn", "intents", "--suite", "suite", status=2)  # nothing to teach yet
    ran("learn", "intents", status=2)  # and no suite either
    lessons(20)
    with Path("palier.toml").open("a") as file:
        file.write('\n[lessons]\nsuites = ["suite"]\n')
    out = ran("learn", "intents", "--margin", "0.05", "--as", "ann")
    assert "passes" in out
    assert "coverage" in out
    assert "none of 5 planted lessons is recited" in out
    for listed in (ran("lessons", "export"), ran("versions", "intents", "--json")):
        assert "canary-" not in listed, "planted lessons are in nobody's list"
    rows = [json.loads(line) for line in ran("versions", "intents", "--json").splitlines()]
    (one,) = [row for row in rows if row["state"] == "live"]
    assert (one["label"], one["who"]) == ("internal", "ann")
    assert 70 < one["taught"] <= 80, "twins are refused"
    ran("learn", "intents", "--suite", "suite", "--margin", "0.05")
    again = [json.loads(line) for line in ran("versions", "intents", "--json").splitlines()]
    assert again == rows, "the same lessons are taught and judged once"
    ran("rollback", "intents")


@pytest.mark.usefixtures("made")
def test_what_was_taken_back_by_itself_is_not_put_to_work_again_by_the_same_lessons() -> None:
    """Else a round every night and a monitor by day would go to and fro."""
    lessons(20)
    ran("learn", "intents", "--suite", "suite", "--margin", "0.05")
    (one,) = [
        row for row in map(json.loads, ran("versions", "intents", "--json").splitlines()) if row["state"] == "live"
    ]
    file = Path("data/students") / one["id"] / "student.head"
    content = file.read_bytes()
    file.unlink()
    assert f"{one['id']} was taken back by itself" in ran("status")
    file.write_bytes(content)
    ran("learn", "intents", "--suite", "suite", "--margin", "0.05")
    states = {row["id"]: row["state"] for row in map(json.loads, ran("versions", "intents", "--json").splitlines())}
    assert states[one["id"]] == "returned"
    assert "answers" not in ran("status").replace(f"{one['id']} was taken back", "")


def test_poisoned_lessons_are_stopped_by_the_gate(made: Version) -> None:
    ran("promote", made.id, "--suite", "suite", "--margin", "0.05")
    lessons(20, shuffled=True)
    out = ran("learn", "intents", "--suite", "suite", "--margin", "0.05", status=3)
    assert "does not pass" in out
    states = {row["id"]: row["state"] for row in map(json.loads, ran("versions", "intents", "--json").splitlines())}
    assert states.pop(made.id) == "live"
    assert list(states.values()) == ["refused"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--margin", "nan"), "the margin is nan"),
        (("--margin", "0"), "the margin is 0"),
        (("--margin", "5"), "accuracy goes from 0 to 1: all would pass"),
        (("--suite", "other"), "is of route `other`, and judges none of `intents`"),
        (("--suite", "dev"), "has no holdout"),
    ],
)
@pytest.mark.usefixtures("made")
def test_what_could_judge_nobody_is_said_before_anything_is_taught(arguments: tuple[str, ...], words: str) -> None:
    lessons(10)
    for name, route, split in (("other", "other", "holdout"), ("dev", "intents", "dev")):
        Path(name).mkdir()
        Path(name, "suite.toml").write_text(f'task = "classification"\nroute = "{route}"\nlabels = ["a", "b"]\n')
        Path(name, "cases.jsonl").write_text(json.dumps({"id": "1", "input": "q", "reference": "a", "split": split}))
    done = CliRunner().invoke(app, ["learn", "intents", "--suite", "suite", *arguments])
    assert done.exit_code == 2, done.output
    assert words in " ".join(done.output.split())
    assert len(ran("versions", "intents", "--json").splitlines()) == 1, "nothing was taught"
