"""`palier learn` of an adapter in miniature, killed in each of its steps: it goes on where it stopped, and ends whole."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from tests import tiny_gguf

from .test_learn_killed import KILLS, SEED, palier

ROUTE, TAUGHT, CASES = "words", "he", 24
QUESTION = "say 3 please"
STEPS = ("harvest", "distil", "bench", "gate", "live")
BEGINS = {"lessons: ": "distil", ": taught ": "bench", "[2/2] challenger": "gate", " passes: ": "live"}
"""What is printed when a step begins; the first one begins with the process."""
LONGEST_S = {"harvest": 4.0, "distil": 25.0, "bench": 4.0, "gate": 2.0, "live": 2.0}
"""Until a kill, from when its step began: about as long as that takes, or longer."""
TOML = """
data = "data"
[workers]
parse_timeout_s = 600.0
[redaction]
names = "off"
[models.small]
kind = "engine"
weights = "tiny.gguf"
context = 512
threads = 1
parallel = 1
price = { input = 1.0, output = 10.0 }
[models.large]
kind = "fake"
file = "script.jsonl"
[routes.words]
audit = 0
max_tokens = 8
[[routes.words.tiers]]
model = "small"
threshold = 0.0
[[routes.words.tiers]]
model = "large"
highest_label = "internal"
"""
LEARN = (
    *(sys.executable, "-m", "palier", "learn", ROUTE, "--suite", "suite", "--margin", "0.2"),
    *("--steps", "4", "--rank", "4", "--rate", "0.05", "--threads", "1"),
)
WORDS = (
    "alpha",
    "bravo",
    "cargo",
    "delta",
    "eagle",
    "forest",
    "garden",
    "hotel",
    "island",
    "jacket",
    "kettle",
    "lemon",
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A route whose model writes noise, to be taught one word; and a suite that wants it."""
    for name in ("torch", "transformers", "peft", "gguf"):
        pytest.importorskip(name, reason="the extra `train` is not installed")
    tiny_gguf.write(tmp_path / "tiny.gguf")
    (tmp_path / "palier.toml").write_text(TOML)
    (tmp_path / "script.jsonl").write_text('{"answer": "asked above"}\n')
    place, chance = tmp_path / "suite", random.Random(SEED)
    place.mkdir()
    (place / "suite.toml").write_text(
        f'name = "s"\ntask = "classification"\nroute = "{ROUTE}"\nlabels = ["{TAUGHT}", "no"]\n'
    )
    cases = [{"id": f"c{n}", "input": f"say {7 * n}", "reference": TAUGHT, "split": "holdout"} for n in range(CASES)]
    (place / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    rows = [{"question": " ".join(chance.sample(WORDS, 4)), "answer": TAUGHT, "label": "internal"} for _ in range(24)]
    (tmp_path / "lessons.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = palier("lessons", "import", ROUTE, "lessons.jsonl", "--accept", "--as", "ann", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


class Go:
    """One `palier learn`, and which step it is in by what it prints."""

    def __init__(self, home: Path) -> None:
        self.step, self.began, self.said = "harvest", time.monotonic(), list[str]()
        self._process = subprocess.Popen(
            LEARN, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line)
            for words, step in BEGINS.items():
                if words in line:
                    self.step, self.began = step, time.monotonic()

    def killed_in(self, step: str, after_s: float) -> str:
        """The step it was killed in: `step`, so long after that began, or a later one; empty where it was done."""
        wanted = STEPS.index(step)
        while self._process.poll() is None:
            late = STEPS.index(self.step) - wanted
            if late > 0 or (late == 0 and time.monotonic() - self.began >= after_s):
                os.killpg(self._process.pid, 9)
                self._process.wait()
                self._reader.join()
                return self.step
            time.sleep(0.02)
        self._reader.join()
        assert self._process.returncode == 0, "".join(self.said)
        return ""

    def ends(self) -> str:
        """All that it says, where nothing kills it."""
        assert self._process.wait(600) == 0, "".join(self.said)
        self._reader.join()
        return "".join(self.said)


def answer(home: Path) -> str:
    line = json.dumps({"id": "q", "question": QUESTION}) + "\n"
    done = palier("ask", "--jsonl", "--route", ROUTE, folder=home, given=line)
    assert done.returncode == 0, done.stderr
    said: str = json.loads(done.stdout)["answer"]
    return said


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_in_every_step_it_completes_and_doubles_nothing(home: Path) -> None:
    chance, kills = random.Random(SEED), int(os.environ.get("PALIER_KILLS", KILLS))
    started, fell = time.perf_counter(), Counter[str]()
    for number in range(kills):
        step = STEPS[number * len(STEPS) // kills]  # in order, since a step that is done is not done again
        fell[Go(home).killed_in(step, chance.uniform(0.0, LONGEST_S[step])) or "done"] += 1
        if number % 4 == 3:
            assert answer(home), "somebody answers"
    told = Go(home).ends()
    assert answer(home) == TAUGHT
    assert "answers already" in Go(home).ends()
    versions = [json.loads(line) for line in palier("versions", "--json", folder=home).stdout.splitlines()]
    assert [(one["state"], one["student"], one["taught"]) for one in versions] == [("live", "lora", 24)], told
    stats = json.loads(palier("lessons", "stats", "--json", folder=home).stdout)
    assert stats["states"] == {"accepted": 24}, "none is lost, none doubled"
    students = home / "data" / "students"
    assert not list(students.rglob("*.tokens.json")), "and no words of theirs stay where one was taught"
    assert [one.name for one in students.iterdir() if not one.name.startswith(".")] == [versions[0]["id"]]
    assert palier("rollback", ROUTE, folder=home).returncode == 0
    assert answer(home) != TAUGHT
    if kills >= len(STEPS) * 2:
        assert not set(STEPS[:3]) - set(fell), fell
    print(f"{kills} kills, {dict(fell)}, {time.perf_counter() - started:.0f} s")
