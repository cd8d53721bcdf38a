"""`make demo` and the tutorial, as a newcomer runs them, on a copy of the examples."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.engine

SECOND_RUN_S = 20.0


@pytest.fixture(scope="module")
def checkout(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(repository / "examples", root / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PALIER_CONFIG"}
    return {**kept, "COLUMNS": "120", "NO_COLOR": "1", **more}


def demo(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "examples/demo.py"],
        cwd=root,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=110)
    assert process.returncode == 0, out + err
    return out


def test_the_demo_shows_what_it_promises_and_is_fast_the_second_time(checkout: Path) -> None:
    first = finished(demo(checkout))
    started = time.monotonic()
    second = finished(demo(checkout))
    assert time.monotonic() - started < SECOND_RUN_S
    for shown in (first, second):
        assert len(re.findall(r"^\d .*\?|^\d \w", shown, flags=re.MULTILINE)) >= 5
        assert "✓ quote" in shown
        assert "✓ recorded teacher" in shown
        assert "may receive" in shown
        assert shown.count("an honest abstention") == 2
        assert "not calibrated" in shown
        assert "ms" in shown
        assert "what to type next" in shown


def test_a_killed_demo_leaves_nothing_running(checkout: Path) -> None:
    process = demo(checkout)
    assert process.stdout is not None
    for line in process.stdout:
        if "gateway on" in line:
            break
    family = psutil.Process(process.pid).children(recursive=True)
    assert family, "the gateway runs in a child"
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive, [child.cmdline() for child in alive]


@pytest.mark.slow
def test_every_command_of_the_tutorial_works(repository: Path, checkout: Path) -> None:
    """Its console blocks, one after the other in one shell, as they stand; only the port is any that is free."""
    text = (repository / "docs" / "tutorial.md").read_text(encoding="utf-8")
    lines = [
        line for block in re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines()
    ]
    commands = [re.sub(r"^\$ ", "", line) for line in lines]
    assert len(commands) > 20
    script = "\n".join(["set -e", *(c for c in commands if ".venv" not in c)])
    bin_folder = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=checkout,
        env=environment(PATH=f"{bin_folder}:{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert '"palier"' in done.stdout
    assert "recorded" in done.stdout
