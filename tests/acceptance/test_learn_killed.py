"""`palier learn`, killed at random moments: it goes on, doubles nothing, and the route never lacks what answers."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.heads import FILLERS, TOPICS
from tests.unit.app.test_gate import shuffled, suite
from tests.unit.app.test_students import OWN, ROUTE
from tests.unit.cli.test_students import TOML

KILLS, SEED = 20, 11
QUESTION = "cancel my fibre the box number 3"


def palier(*arguments: str, folder: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "palier", *arguments],
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A route whose own head is sure of nothing, a suite, and lessons that were accepted."""
    (tmp_path / "palier.toml").write_text(TOML)
    (tmp_path / "own.head").write_bytes(shuffled())
    (tmp_path / "script.jsonl").write_text('{"answer": "asked above"}\n')
    place, found = tmp_path / "suite", suite()
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


def answers(folder: Path) -> str:
    line = json.dumps({"id": "q", "question": QUESTION}) + "\n"
    done = palier("ask", "--jsonl", "--route", ROUTE, folder=folder, given=line)
    assert done.returncode == 0, done.stderr
    said: str = json.loads(done.stdout)["answer"]
    return said


def complete(folder: Path) -> None:
    """The run is whole: its version is live, alone, and no lesson is lost or there twice."""
    assert answers(folder) == OWN
    versions = [json.loads(line) for line in palier("versions", "--json", folder=folder).stdout.splitlines()]
    assert [version["state"] for version in versions] == ["live"], "the same lessons make one version"
    stats = json.loads(palier("lessons", "stats", "--json", folder=folder).stdout)
    assert 70 < stats["states"]["accepted"] <= 80


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_twenty_times_it_completes_and_doubles_nothing(home: Path) -> None:
    """One that was not killed in time is looked at, and the next begins anew: what is promoted once is not promoted again."""
    chance, kills = random.Random(SEED), int(os.environ.get("PALIER_KILLS", KILLS))
    learn = [sys.executable, "-m", "palier", "learn", ROUTE, "--suite", "suite", "--margin", "0.05"]
    started = time.perf_counter()
    longest, killed, runs = 12.0, 0, 1
    life = shutil.copytree(home, home.parent / "life-1")
    while killed < kills:
        process = subprocess.Popen(
            learn, cwd=life, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        try:
            process.communicate(timeout=chance.uniform(0.2, longest))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
            if killed % 5 == 0:
                assert answers(life) in ("asked above", OWN)
            continue
        assert process.returncode == 0
        complete(life)
        longest, runs = max(longest * 0.8, 1.0), runs + 1
        life = shutil.copytree(home, home.parent / f"life-{runs}")
    done = subprocess.run(learn, cwd=life, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    complete(life)
    print(f"{kills} kills in {runs} runs, {time.perf_counter() - started:.0f} s")
