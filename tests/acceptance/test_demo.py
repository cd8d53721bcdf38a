"""`make demo` and the tutorial, as a newcomer runs them, on a copy of the examples."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.engine

SECOND_INGEST_OF_FIRST = 0.5
"""Of the seconds that the first run says it took to ingest: a twentieth on an idle machine."""

SECOND_RUN_CPU_S = 35.0
"""Processor time at most, where idle cores take 12 and busy ones about 20."""


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


def processor_time() -> float:
    """Seconds that children of this process have used, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=110)
    assert process.returncode == 0, out + err
    return out


def timed(root: Path) -> tuple[str, float]:
    """What one demo says, and the processor time that it took."""
    before = processor_time()
    return finished(demo(root)), processor_time() - before


def test_the_demo_shows_what_it_promises_and_does_little_the_second_time(checkout: Path) -> None:
    first = finished(demo(checkout))
    second, second_s = timed(checkout)
    assert second_s < SECOND_RUN_CPU_S
    first_ingest_s, second_ingest_s = (
        float(re.findall(r"102 documents, 352 passages, in ([\d.]+) s", shown)[0]) for shown in (first, second)
    )
    assert second_ingest_s < SECOND_INGEST_OF_FIRST * first_ingest_s
    for shown in (first, second):
        assert re.findall(r"^(\d) ", shown, flags=re.MULTILINE) == list("12345")
        assert shown.count("✓ quotation") == 2
        assert "✓ recorded teacher" in shown
        assert "✗ recorded teacher" in shown
        assert "its evidence is restricted" in shown
        assert shown.count("an honest abstention") == 2
        assert shown.count("not calibrated · ") >= 5
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


@pytest.mark.parametrize(("name", "says"), [("ask.py", "eSIM"), ("stream.py", "eSIM"), ("search.py", "box")])
def test_each_example_runs(checkout: Path, name: str, says: str) -> None:
    """On the collection that the demo has ingested, some tests before this."""
    assert says.lower() in run(checkout, sys.executable, f"examples/{name}").lower()


def test_documents_come_and_go_over_http(checkout: Path) -> None:
    command = [sys.executable, "-m", "palier", "serve", "-c", "examples/armorique/palier.toml"]
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        [*command, "--port", "0", "--until-eof"], cwd=checkout, env=environment(), text=True, **pipes
    ) as gateway:
        assert gateway.stderr is not None
        url = re.search(r"http://[\d.:]+", gateway.stderr.readline())
        assert url is not None
        where = {"PALIER_URL": url.group(), "PALIER_KEY_FILE": ".palier-demo/key"}
        shown = run(checkout, sys.executable, "examples/documents_over_http.py", **where)
        assert gateway.stdin is not None
        gateway.stdin.close()
    assert "The shop opens at ten." in shown
    assert "'deleted': True" in shown


def run(root: Path, *command: str, **more: str) -> str:
    done = subprocess.run(
        command, cwd=root, env=environment(**more), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_command_of_the_tutorial_works(repository: Path, checkout: Path) -> None:
    """Its console blocks, one after the other in one shell, as they stand."""
    text = (repository / "docs" / "tutorial.md").read_text(encoding="utf-8")
    lines = [
        line for block in re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines()
    ]
    commands = [re.sub(r"^\$ ", "", line) for line in lines]
    assert len(commands) > 20
    script = "\n".join(["set -e", *(c for c in commands if ".venv" not in c)])
    shell = subprocess.Popen(
        ["bash", "-c", script],
        cwd=checkout,
        env=environment(PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = shell.communicate(timeout=280)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0, out[-3000:] + err[-3000:]
    assert '"palier":' in out
    assert "recorded teacher" in out or "tier-3 (teacher)" in out
    assert "its evidence is restricted" in out
