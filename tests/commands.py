"""The command line in this process: what it says does not change by that, and loading palier takes longer than most commands."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from typer.testing import CliRunner

from palier.cli import app


def called(folder: Path, *arguments: str, status: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """What `palier ARGUMENTS` says in `folder`, as a process does that ends with `status`."""
    with contextlib.chdir(folder):
        done = CliRunner().invoke(
            app,
            list(arguments),
            input=stdin,
            env={"PALIER_CONFIG": None, "COLUMNS": "100", "NO_COLOR": "1"},
            catch_exceptions=False,
        )
    assert done.exit_code == status, f"{arguments} gave {done.exit_code}\n{done.output}"
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)
