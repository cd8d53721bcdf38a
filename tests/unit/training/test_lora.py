"""The training process, for real: killed by force in the middle, it goes on to the very same weights."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from palier.errors import ConfigurationError, InvalidRequest, Unavailable
from palier.models import adapters
from palier.training import lora
from palier.training.lora import Rows
from palier.training.lora_lessons import Lessons
from palier.training.lora_train import Told
from palier.types import Label

from .conftest import PLAN, Run

pytestmark = pytest.mark.usefixtures("extra")

Begun = Callable[..., Path]


async def test_killed_by_force_it_goes_on_to_the_same(
    begun: Begun, run: Run, whole: Path, tiny: Path, lessons: Lessons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_CLOUD_KEY", "sk-not-to-be-seen")
    folder = begun("killed", every=1)
    seen: list[Told] = []

    def told(one: Told) -> None:
        seen.append(one)
        if one.event == "step" and one.step == 2:
            (process,) = [p for p in psutil.Process().children() if "palier.training.lora_child" in p.cmdline()]
            assert "sk-not-to-be-seen" not in str([process.environ(), process.cmdline()])
            os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(Unavailable, match="ended with status -9") as caught:
        await lora.teach(folder, lessons, tiny, threads=1, tell=told)
    assert "goes on from the last checkpoint" in caught.value.hint
    assert len((folder / lora.CURVE).read_bytes().splitlines()) == len(seen)
    status, rest = run(folder)
    assert (status, rest[0].event) == (0, "begun")
    assert 1 <= rest[0].step <= 4
    other = begun("uninterrupted", every=1)
    assert run(other)[0] == 0
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (folder / "peft" / name).read_bytes() == (other / "peft" / name).read_bytes()
    # How often checkpoints are written is of no matter to what is taught.
    name = "adapter_model.safetensors"
    assert (folder / "peft" / name).read_bytes() == (whole / "peft" / name).read_bytes()


async def test_what_is_done_is_not_done_again_and_says_where_it_comes_from(
    whole: Path, tiny: Path, lessons: Lessons
) -> None:
    plan = msgspec.json.decode((whole / "plan.json").read_bytes(), type=lora.Plan)
    found = lora._lineage(whole, plan, lessons, "support", "0.1.0")
    adapters.beside(whole / "adapter.gguf").write_bytes(msgspec.json.encode(found))
    taught = await lora.teach(whole, lessons, tiny, threads=1, tell=lambda _: pytest.fail("it teaches again"))
    assert not list(whole.glob("checkpoint-*"))
    known = adapters.check("v1", taught.adapter, tiny)
    assert known == taught.lineage == found
    assert (known.label, known.route, known.lessons, known.seed) == (Label.INTERNAL, "support", 12, 0)
    assert known.plan["steps"] == plan.steps
    with pytest.raises(ConfigurationError, match="other weights"):
        adapters.check("v1", taught.adapter, taught.adapter)


def test_another_plan_in_the_same_folder_is_refused(begun: Begun, rows: Rows, tiny: Path) -> None:
    folder = begun()
    assert lora.prepare(folder, rows, base="tiny", weights=tiny, **PLAN).steps == 4
    with pytest.raises(ConfigurationError, match="another plan: seed differ"):
        lora.prepare(folder, rows, base="tiny", weights=tiny, **PLAN, seed=5)
    fewer = Rows(rows.rows[1:])
    with pytest.raises(ConfigurationError, match="lessons, lessons_sha256 differ"):
        lora.prepare(folder, fewer, base="tiny", weights=tiny, **PLAN)
    (folder / "plan.json").write_bytes(b"{")
    with pytest.raises(ConfigurationError, match="is no plan"):
        lora.prepare(folder, rows, base="tiny", weights=tiny, **PLAN)


def test_what_is_too_long_is_left_out_and_counted(rows: Rows) -> None:
    lengths = {len(row.prompt) + len(row.answer) for row in rows.rows}
    assert max(lengths) <= 128
    assert rows.notes == ()
    assert all(row.answer[-1] == 258 for row in rows.rows)


async def test_none_that_fit(lessons: Lessons) -> None:
    class Long:
        """Every lesson is a thousand tokens long."""

        async def prompt(self, _: object) -> tuple[int, ...]:
            return (1,) * 1000

        async def answer(self, _: object) -> tuple[int, ...]:
            return (2,)

    with pytest.raises(InvalidRequest, match="0 lessons fit in 64 tokens"):
        await lora.as_tokens(Long(), lessons, 64)  # type: ignore[arg-type]
