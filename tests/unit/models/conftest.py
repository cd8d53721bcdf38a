"""The embedded engine's weights, and a LoRA adapter made on the spot."""

from __future__ import annotations

import random
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from palier.config import Model as Settings
from palier.errors import PalierError
from palier.interfaces import Resources
from palier.models import engine, weights
from palier.models.engine import Engine
from palier.privacy.connector import HttpConnector

SMALL = "smollm2-135m"
Build = Callable[..., Engine]


@pytest.fixture(scope="session")
def small_weights() -> str:
    """The catalogue name of weights that are there."""
    try:
        weights.pull(SMALL)
    except PalierError as error:
        pytest.skip(f"no weights: {error}")
    return SMALL


@pytest.fixture
async def build(small_weights: str) -> AsyncIterator[Build]:
    """Makes engines, and closes them."""
    connector = HttpConnector()
    engines: list[Engine] = []

    def make(**settings: Any) -> Engine:
        given = {"kind": "engine", "weights": small_weights, "parallel": 2, "context": 512, **settings}
        resources = Resources(connector, None, None, Path(), lambda name: Path(name))  # type: ignore[arg-type]
        engines.append(engine.build("small", Settings(**given), resources))
        return engines[-1]

    yield make
    for made in engines:
        await made.close()
    await connector.close()


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rank-1 LoRA adapter of SmolLM2's last layer, large and random: it changes every answer."""
    file = tmp_path_factory.mktemp("adapter") / "noise.gguf"
    chance = random.Random(7)
    low = [chance.gauss(0, 1) for _ in range(1536)]
    high = [chance.gauss(0, 40) for _ in range(576)]
    file.write_bytes(
        gguf(
            {
                "general.architecture": "llama",
                "general.type": "adapter",
                "adapter.type": "lora",
                "adapter.lora.alpha": 1.0,
            },
            {"blk.29.ffn_down.weight.lora_a": ((1536, 1), low), "blk.29.ffn_down.weight.lora_b": ((1, 576), high)},
        )
    )
    return file


def gguf(values: dict[str, str | float], tensors: dict[str, tuple[tuple[int, ...], list[float]]]) -> bytes:
    """A GGUF file, version 3, of texts, 32-bit floats and 32-bit tensors (the format's own specification)."""

    def text(words: str) -> bytes:
        return struct.pack("<Q", len(words)) + words.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    for name, value in values.items():
        packed = struct.pack("<I", 8) + text(value) if isinstance(value, str) else struct.pack("<If", 6, value)
        head += text(name) + packed
    offset, data = 0, b""
    for name, (shape, numbers) in tensors.items():
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset)
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
        data += packed + bytes(-len(packed) % 32)
        offset = len(data)
    return head + bytes(-len(head) % 32) + data
