"""A route's guarantee as an operator meets it: a gateway that runs, records, `palier calibrate`, and what changes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.commands import called

SETTINGS = """
[models.small]
kind = "fake"
file = "small.jsonl"
[models.large]
kind = "fake"

[routes.support]
policy = "policy.json"
collections = ["notes"]
[[routes.support.tiers]]
model = "small"
name = "small"
highest_label = "internal"
[[routes.support.tiers]]
model = "large"
name = "large"
highest_label = "internal"
"""


class Home:
    """A folder with a palier.toml, and commands run in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {**{k: v for k, v in os.environ.items() if k != "PALIER_CONFIG"}, "COLUMNS": "200"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "palier", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.path, env=self.environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe
        )

    def run(self, *arguments: str, status: int = 0) -> str:
        done = called(self.path, *arguments, status=status)
        return done.stdout + done.stderr

    def ask(self) -> dict[str, Any]:
        """The answer to a question, through the gateway that runs."""
        line = self.run("ask", "When does the bell ring?", "--route", "support", "--json").splitlines()[0]
        found: dict[str, Any] = json.loads(line)
        return found

    def first_step(self, answer: dict[str, Any]) -> dict[str, Any]:
        """What was said of the small tier's draft, whoever served in the end."""
        trace = json.loads(self.run("traces", "show", answer["trace"], "--json").splitlines()[0])
        step: dict[str, Any] = trace["steps"][0]
        return step

    @contextmanager
    def serving(self) -> Iterator[None]:
        process = self.start("serve", "--port", "0", "--until-eof")
        assert process.stderr is not None
        assert process.stdin is not None
        try:
            told = ""
            while "palier answers on" not in told:
                line = process.stderr.readline()
                assert line, f"it did not start: {told}"
                told += line
            yield
        finally:
            process.stdin.close()
            process.wait(20)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "palier.toml").write_text(SETTINGS)
    (tmp_path / "small.jsonl").write_text('{"answer": "It rings at noon."}\n')
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "bell.md").write_text("The bell of the chapel rings at noon every day.\n")
    made = Home(tmp_path)
    made.run("ingest", "notes", "--label", "public")
    return made


def write_records(path: Path, confidence_here: float) -> None:
    """By hand: drafts as sure as the one at hand are nearly always right, those far less sure wrong."""
    random = np.random.default_rng(0)
    with path.open("w") as file:
        for number in range(400):
            confidence = confidence_here + float(random.uniform(-4, 2))
            right = bool(random.random() < 1 / (1 + np.exp(-6 - 3 * (confidence - confidence_here))))
            small = {"name": "small", "features": {"confidence": confidence}, "correct": right, "cost": 0.001}
            large = {"name": "large", "correct": True, "cost": 0.02}
            record = {"id": f"q{number}", "sampled": "suite", "label_source": "hand", "tiers": [small, large]}
            file.write(json.dumps(record) + "\n")


PROMISE = r"at most 10 % wrong, 95 % confidence, 400 labels, fitted \d{4}-\d\d-\d\d"


def test_a_route_is_calibrated_while_it_serves_and_no_longer_once_a_tier_changes(home: Home) -> None:
    with home.serving():
        before = home.first_step(home.ask())
        assert before["reason"].endswith(", not calibrated")
        assert "support: not calibrated: the policy" in home.run("status")

        write_records(home.path / "records.jsonl", before["features"]["confidence"])
        home.run("calibrate", "--records", "records.jsonl", "--route", "support", "--risk", "0.10", "-o", "policy.json")
        deadline = time.monotonic() + 10
        while not re.search(PROMISE, (after := home.ask())["reason"]) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert (after["tier"], after["answer"]) == ("small", "It rings at noon.")
        assert re.fullmatch(rf"0\.\d+ >= 0\.\d+: {PROMISE}", after["reason"]), after
        assert home.first_step(after)["calibrated"]
        assert re.search(f"support: {PROMISE}", home.run("status"))

    (home.path / "small.jsonl").write_text('{"answer": "It rings at one."}\n')
    with home.serving():
        assert home.first_step(home.ask())["reason"].endswith(", not calibrated")
        told = home.run("status")
        assert "was fitted on something else: small.model was `fake" in told
        assert "large.model" not in told
