"""`make learn-demo`: the loop on the sample company, over its command lines, as a newcomer sees it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def shown(repository: Path, folder: Path, *options: str) -> tuple[str, dict[str, Any]]:
    """What it prints, and its figures."""
    kept = {name: value for name, value in os.environ.items() if name != "PALIER_CONFIG"}
    figures = folder / "figures.json"
    command = [sys.executable, "examples/learn_demo.py", "--folder", str(folder / "desk"), "--figures", str(figures)]
    done = subprocess.run(
        [*command, *options],
        cwd=repository,
        env={**kept, "COLUMNS": "130", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout, json.loads(figures.read_text())


def promised(out: str) -> None:
    """What is to be seen of a whole demonstration."""
    assert [line.strip()[2:] for line in out.splitlines() if line.startswith("  ✗ ")] == []
    assert out.count("  ✓ ") == 8
    assert re.findall(r"^(\d) ", out, flags=re.MULTILINE) == list("12345")
    assert re.search(r"head-\w{12} passes: \d+ cases of the holdout", out)
    assert re.search(r"head-\w{12} does not pass", out)
    assert "(exit status 3)" in out
    then, now = re.findall(r"^    (?:then|now) +(\w{32})\.\.\.  (\w{16})\.\.\.", out, flags=re.MULTILINE)
    assert then == now


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_in_miniature_a_student_wins_and_shuffled_labels_do_not(repository: Path, tmp_path: Path) -> None:
    """A third of the traffic, a quarter of the holdout, and the margin that so few cases can tell."""
    out, figures = shown(repository, tmp_path, "--traffic", "280", "--holdout", "100", "--margin", "0.15")
    promised(out)
    assert figures["climbing"]["after"]["value"] <= figures["climbing"]["before"]["value"] / 2
    assert figures["quality (accuracy)"]["difference"]["low"] > -0.15


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kinds", [(), ("--kinds",)], ids=["lines shuffled", "kinds shuffled"])
def test_whole_within_twenty_minutes(repository: Path, tmp_path: Path, kinds: tuple[str, ...]) -> None:
    out, figures = shown(repository, tmp_path, *kinds)
    promised(out)
    assert figures["cases"] == 400
    assert figures["seconds"] < 1200
    assert figures["climbing"]["after"]["value"] <= figures["climbing"]["before"]["value"] / 2
    assert figures["quality (accuracy)"]["difference"]["low"] > -0.05
