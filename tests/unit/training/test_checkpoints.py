"""Checkpoints: whole or not there, the newest that is right, and what is said where none is."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from palier.errors import ConfigurationError, StoreError
from palier.training import checkpoints
from palier.training.checkpoints import Settled

pytest.importorskip("safetensors", reason="the extra `train` is not installed")

SETTLED = Settled(steps=4, at_once=2, device="cpu", threads=1)


def save(folder: Path, step: int, plan: str = "p") -> None:
    checkpoints.save(folder, {"weights/a": np.full((2, 3), step, np.float32)}, step, plan, SETTLED)


def test_the_newest_comes_back_and_two_are_kept(tmp_path: Path) -> None:
    assert checkpoints.latest(tmp_path, "p", print) is None
    for step in (0, 2, 4):
        save(tmp_path, step)
    found = checkpoints.latest(tmp_path, "p", print)
    assert found is not None
    mark, arrays = found
    assert (mark.step, mark.settled) == (4, SETTLED)
    np.testing.assert_array_equal(arrays["weights/a"], np.full((2, 3), 4))
    assert len(list(tmp_path.glob("checkpoint-*"))) == 4
    checkpoints.remove(tmp_path)
    assert not list(tmp_path.glob("checkpoint-*"))


def test_a_broken_one_is_told_and_the_one_before_serves(tmp_path: Path) -> None:
    save(tmp_path, 2)
    save(tmp_path, 4)
    file = tmp_path / "checkpoint-000004.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    notes: list[str] = []
    found = checkpoints.latest(tmp_path, "p", notes.append)
    assert found is not None
    assert found[0].step == 2
    assert "checkpoint 4 cannot be used: its SHA-256 is not" in notes[0]
    (tmp_path / "checkpoint-000002.json").write_bytes(b"{}")
    with pytest.raises(ConfigurationError, match="none of the 2 checkpoints") as caught:
        checkpoints.latest(tmp_path, "p", notes.append)
    assert "begins anew" in caught.value.hint


def test_numbers_without_their_mark_count_for_nothing(tmp_path: Path) -> None:
    """Killed between the two files."""
    save(tmp_path, 2)
    save(tmp_path, 4)
    (tmp_path / "checkpoint-000004.json").unlink()
    found = checkpoints.latest(tmp_path, "p", print)
    assert found is not None
    assert found[0].step == 2


def test_one_of_another_plan_is_not_taken(tmp_path: Path) -> None:
    save(tmp_path, 2)
    with pytest.raises(ConfigurationError, match="none of the 1 checkpoints"):
        checkpoints.latest(tmp_path, "q", print)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_a_full_disk_is_said_and_what_was_there_stays(tmp_path: Path) -> None:
    save(tmp_path, 2)
    (tmp_path / ".checkpoint-000004.safetensors.new").symlink_to("/dev/full")
    with pytest.raises(StoreError, match=r"the disk is full: .*checkpoint-000004") as caught:
        save(tmp_path, 4)
    assert "goes on from the last checkpoint" in caught.value.hint
    found = checkpoints.latest(tmp_path, "p", print)
    assert found is not None
    assert found[0].step == 2
    with pytest.raises(StoreError, match="MB free, and the training needs"):
        checkpoints.check_room(tmp_path, 2**62)


def test_two_do_not_teach_in_one_folder(tmp_path: Path) -> None:
    with (
        checkpoints.alone(tmp_path),
        pytest.raises(ConfigurationError, match="another process teaches"),
        checkpoints.alone(tmp_path),
    ):
        pass
    with checkpoints.alone(tmp_path):
        pass
