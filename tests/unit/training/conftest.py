"""A student in miniature: four steps on a random model of a few thousand weights, taught once for all tests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests import tiny_gguf

from palier.config import Model
from palier.interfaces import Resources
from palier.models import engine
from palier.models.engine_tokens import EngineTokens
from palier.privacy.connector import HttpConnector
from palier.training import lora, lora_child, lora_lessons, lora_train
from palier.training.lora import Rows
from palier.training.lora_child import Task
from palier.training.lora_lessons import Lessons
from palier.training.lora_plan import Plan
from palier.training.lora_train import Told

STEPS = 4
PLAN = {"steps": STEPS, "rank": 2, "batch": 4, "every": 2, "rate": 0.02}
Run = Callable[..., tuple[int, list[Told]]]


@pytest.fixture(scope="session")
def extra() -> None:
    """Skips where the extra `train` is not installed."""
    for name in ("torch", "transformers", "peft", "gguf", "safetensors"):
        pytest.importorskip(name, reason='the extra `train` is not installed: pip install "palier[train]"')


@pytest.fixture(scope="session")
def tiny(extra: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture(scope="session")
def lessons_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("lessons") / "lessons.jsonl"
    lines = [{"question": f"What is {n}?", "answer": f"{n + 1}", "label": "internal"} for n in range(12)]
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return file


@pytest.fixture(scope="session")
def lessons(lessons_file: Path) -> Lessons:
    return lora_lessons.read(lessons_file.read_bytes().splitlines())


@pytest.fixture(scope="session")
def rows(tiny: Path, lessons: Lessons) -> Rows:
    """The lessons as the engine reads them."""

    async def read() -> Rows:
        connector = HttpConnector()
        settings = Model(kind="engine", weights=str(tiny), context=256, threads=1)
        model = engine.build("tiny", settings, Resources(connector, None, None, Path(), Path))  # type: ignore[arg-type]
        try:
            return await lora.as_tokens(EngineTokens(model), lessons, 128)
        finally:
            await model.close()
            await connector.close()

    return asyncio.run(read())


@pytest.fixture
def begun(tmp_path: Path, tiny: Path, rows: Rows) -> Callable[..., Path]:
    """Makes folders with a plan and lessons, in which nothing is taught yet."""

    def make(name: str = "student", **said: object) -> Path:
        folder = tmp_path / name
        lora.prepare(folder, rows, base="tiny", weights=tiny, **{**PLAN, **said})
        return folder

    return make


@pytest.fixture
def run(tiny: Path) -> Iterator[Run]:
    """Teaches in this process, as the training process does."""
    import torch

    threads = torch.get_num_threads()

    def work(folder: Path, stop: Callable[[], bool] = lambda: False, base: Path = tiny) -> tuple[int, list[Told]]:
        told: list[Told] = []
        task = Task(do="train", base=str(base), parent=os.getpid(), folder=str(folder), threads=1)
        return lora_child.run(task, told.append, stop), told

    yield work
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture
def whole(begun: Callable[..., Path], run: Run) -> Path:
    """A folder that was taught without an interruption."""
    folder = begun("whole")
    assert run(folder)[0] == 0
    return folder


def plan_of(folder: Path) -> Plan:
    return lora_train.read(folder)[0]
