"""`palier learn` on a route that promises something: killed while it certifies, it goes on; the student passes, keeps the
promise with a threshold of its own, and a rollback brings the route's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.acceptance.test_learn_killed import palier
from tests.heads import FILLERS, TOPICS
from tests.promised import promising, suite
from tests.unit.app.test_students import ROUTE
from tests.unit.cli.test_students import TOML

LEARN = ("learn", ROUTE, "--suite", "suite", "--margin", "0.2")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "palier.toml").write_text(TOML.replace("audit = 0\n", 'audit = 1.0\npolicy = "own.policy.json"\n'))
    promising(tmp_path)
    place, found = tmp_path / "suite", suite(dev=120, holdout=100)
    place.mkdir()
    labels = json.dumps(list(found.labels))
    (place / "suite.toml").write_text(f'name = "s"\ntask = "classification"\nroute = "{ROUTE}"\nlabels = {labels}\n')
    cases = [{"id": c.id, "input": c.input, "reference": c.references[0], "split": c.split} for c in found.cases]
    (place / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    rows = [
        {
            "question": f"{words[i % 5]} {FILLERS[i % 8]} {FILLERS[(i * 3) % 8]} number {i}",
            "answer": name,
            "label": "internal",
        }
        for name, words in TOPICS.items()
        for i in range(20)
    ]
    (tmp_path / "lessons.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = palier("lessons", "import", ROUTE, "lessons.jsonl", "--accept", "--as", "ann", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def stands(folder: Path) -> tuple[str, str]:
    """Which version answers, and by which policy: what it promises."""
    done = palier("status", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    route = json.loads(done.stdout)
    return route["student"], route["words"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_student_is_certified_promoted_and_taken_back(home: Path) -> None:
    before = stands(home)
    assert "at most 10 % wrong" in before[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "palier", *LEARN], cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    records = home / "data" / "students" / ".calibrating"
    until = time.monotonic() + 240
    while not any(records.glob("*.jsonl")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert any(records.glob("*.jsonl")), "it was killed while it certified"
    assert stands(home) == before
    done = palier(*LEARN, folder=home)
    assert done.returncode == 0, done.stderr
    assert "of them answered before" in done.stderr
    assert "has a threshold of its own, certified on" in done.stderr
    assert "the threshold was certified again on fresh labels: at most 10 % wrong" in done.stdout
    student, words = stands(home)
    assert student.endswith("answers")
    assert "at most 10 % wrong" in words
    assert words != before[1]
    assert palier("rollback", ROUTE, folder=home).returncode == 0
    assert stands(home)[1] == before[1]
