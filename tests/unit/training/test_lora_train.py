"""Four steps of teaching: interrupted or not the same, and what is said where it cannot go on. In this process."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests import tiny_gguf

from palier.training.lora_child import STOPPED
from palier.training.lora_train import ADAPTER, PEFT, ROWS

from .conftest import STEPS, Run, plan_of

pytestmark = pytest.mark.usefixtures("extra")

Begun = Callable[..., Path]
FILES = (f"{PEFT}/adapter_model.safetensors", f"{PEFT}/adapter_config.json", ADAPTER)


def test_it_tells_what_it_does(begun: Begun, run: Run) -> None:
    status, told = run(begun())
    assert status == 0
    assert [one.event for one in told[:3]] == ["begun", "estimate", "checkpoint"]
    steps = [one for one in told if one.event == "step"]
    assert [one.step for one in steps] == list(range(1, STEPS + 1))
    assert all(one.loss and one.seconds is not None and one.tokens_per_s for one in steps)
    assert steps[-1].left_s == 0
    assert told[1].seconds is not None
    assert told[-1].event == "done"


def test_interrupted_after_every_step_it_ends_the_same(begun: Begun, run: Run, whole: Path) -> None:
    folder = begun("whole-again")
    statuses = [run(folder, stop=lambda: True)[0] for _ in range(STEPS)]
    assert statuses == [STOPPED] * (STEPS - 1) + [0]
    for name in FILES:
        # The GGUF names its folder: of another length it would be another file.
        mine, theirs = (folder / name).read_bytes(), (whole / name).read_bytes()
        assert mine.replace(b"whole-again", b"whole")[-2000:] == theirs[-2000:], name
    assert (folder / FILES[0]).read_bytes() == (whole / FILES[0]).read_bytes()


def test_it_learns(begun: Begun, run: Run) -> None:
    folder = begun(steps=30, batch=12, every=30)
    losses = [one.loss for one in run(folder)[1] if one.event == "step"]
    assert losses[-1] < 0.5 * losses[0]


def test_a_signal_stops_it_after_a_checkpoint(begun: Begun, run: Run) -> None:
    """As the process has it: SIGTERM is noted, the step ends, a checkpoint is written."""
    wanted: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: wanted.append(number))
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        status, told = run(begun(every=100), stop=lambda: bool(wanted))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert status == STOPPED
    assert [one.event for one in told[-2:]] == ["checkpoint", "stopped"]


def test_only_as_many_steps_as_fit_and_so_it_stays(begun: Begun, run: Run) -> None:
    folder = begun(steps=100_000, minutes=0.0001)
    _, told = run(folder, stop=lambda: True)
    note = next(one.words for one in told if one.event == "note")
    assert "100000 steps would take" in note
    steps = told[-1].steps
    assert 1 <= steps < 5000
    assert run(folder, stop=lambda: True)[1][0].steps == steps


def failed(outcome: tuple[int, list[object]]) -> tuple[str, str, str]:
    status, told = outcome
    last = told[-1]
    assert status == 1
    assert last.event == "failed"  # type: ignore[attr-defined]
    return last.kind, last.words, last.hint  # type: ignore[attr-defined]


def test_a_loss_that_is_no_number(begun: Begun, run: Run) -> None:
    kind, words, hint = failed(run(begun(rate=1e20, every=1)))  # type: ignore[arg-type]
    assert kind == "InvalidRequest"
    assert "the loss is no number at step" in words
    assert "a lower --rate" in hint


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_a_full_disk_and_then_room(begun: Begun, run: Run, whole: Path) -> None:
    folder = begun()
    (folder / ".checkpoint-000002.safetensors.new").symlink_to("/dev/full")
    kind, words, hint = failed(run(folder))  # type: ignore[arg-type]
    assert (kind, "the disk is full" in words, "goes on from the last checkpoint" in hint) == ("StoreError", True, True)
    assert run(folder)[0] == 0
    assert (folder / FILES[0]).read_bytes() == (whole / FILES[0]).read_bytes()


def test_a_broken_checkpoint_costs_the_steps_since_the_one_before(begun: Begun, run: Run, whole: Path) -> None:
    folder = begun(every=1)
    shutil.copytree(whole, folder, dirs_exist_ok=True)
    plan = plan_of(folder)
    assert plan.every == 2
    file = folder / "checkpoint-000004.safetensors"
    file.write_bytes(b"\0" * file.stat().st_size)
    status, told = run(folder)
    assert status == 0
    assert told[0].event == "note"
    assert "checkpoint 4 cannot be used" in told[0].words
    assert told[1].step == 2
    assert (folder / FILES[0]).read_bytes() == (whole / FILES[0]).read_bytes()
    (folder / "checkpoint-000002.json").unlink()
    file.write_bytes(b"")
    kind, words, hint = failed(run(folder))  # type: ignore[arg-type]
    assert (kind, "can be used" in words, "begins anew" in hint) == ("ConfigurationError", True, True)


def test_another_base_and_other_lessons_are_refused(begun: Begun, run: Run, tmp_path: Path) -> None:
    folder = begun()
    other = tiny_gguf.write(tmp_path / "other.gguf", seed=9)
    kind, words, _ = failed(run(folder, base=other))  # type: ignore[arg-type]
    assert (kind, "is not the base of this plan" in words) == ("ConfigurationError", True)
    rows = msgspec.json.decode((folder / ROWS).read_bytes())
    (folder / ROWS).write_bytes(msgspec.json.encode(rows[1:]))
    assert "are not those of its plan" in failed(run(folder))[1]  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Of libraries that warn of what they will drop."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield
