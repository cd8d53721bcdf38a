"""A disk that can be filled."""

from __future__ import annotations

import os
import subprocess

import pytest


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MB."""
    if os.getuid() != 0 or os.uname().sysname != "Linux":
        pytest.skip("needs root on Linux, to mount a small disk")
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(point)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this system lets no small disk be mounted")
    yield point
    subprocess.run(["umount", "-l", str(point)], check=True)
