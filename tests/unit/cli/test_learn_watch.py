"""`palier learn --watch`: it waits for lessons, teaches them, and ends when it is told to."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.cli.test_learn import lessons
from tests.unit.cli.test_students import made
from typer.testing import CliRunner

from palier.cli import app
from palier.metrics.meters import open_meters
from palier.stores.versions import SqliteVersions
from palier.versions import Version

__all__ = ["made"]

COMMAND = ("learn", "intents", "--suite", "suite", "--margin", "0.05", "--watch")


def begun() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "palier", *COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


async def settled(rows: int) -> list[str]:
    """States of the versions once there are as many, and one is live. It looks at the file: no folder is claimed."""
    versions = SqliteVersions.open("data/state.db")
    try:
        async with asyncio.timeout(200):
            while True:
                states = [str(await versions.state(one.id)) for one in await versions.list()]
                if len(states) == rows and "live" in states:
                    return sorted(states)
                await asyncio.sleep(0.5)
    finally:
        await versions.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_teaches_what_comes_and_ends_when_told(made: Version) -> None:
    with Path("palier.toml").open("a") as file:
        file.write("[learning]\nleast_new = 40\nevery_s = 1.0\nhours = 1.0\n")
    lessons(20)
    watcher = begun()
    try:
        states = asyncio.run(settled(2))
        second = subprocess.run([sys.executable, "-m", "palier", *COMMAND], capture_output=True, text=True, check=False)
    finally:
        watcher.send_signal(signal.SIGTERM)
        _, told = watcher.communicate(timeout=100)
    assert states == ["live", "made"], told
    assert second.returncode == 2
    assert "another palier learn --watch works on" in second.stderr
    assert watcher.returncode == 0, told
    assert "new lessons: a round begins" in told
    assert "stopped; the same command goes on" in told
    book = json.loads(Path("data/learning.json").read_bytes())
    ((_, day),) = book["days"].items()
    assert day["seconds"] > 0
    assert len(book["seen"]["intents"]) > 70


@pytest.mark.usefixtures("made")
@pytest.mark.skipif(bool(open_meters().domains), reason="this machine has a meter")
def test_an_energy_that_nothing_tells_is_no_budget() -> None:
    with Path("palier.toml").open("a") as file:
        file.write("[learning]\nkwh = 1.0\n")
    done = CliRunner().invoke(app, list(COMMAND))
    assert done.exit_code == 2, done.output
    assert "kwh is 1, and nothing here tells what is taken" in " ".join(done.stderr.split())
