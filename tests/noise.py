"""LoRA adapters of the small model, made on the spot: random and large, so that each changes every answer."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from palier.errors import PalierError
from palier.models import weights

SMALL = "smollm2-135m"


def small_weights() -> str:
    """The catalogue name of weights that are there; skips where they cannot be."""
    try:
        weights.pull(SMALL)
    except PalierError as error:
        pytest.skip(f"no weights: {error}")
    return SMALL


def write(file: Path, seed: int = 7) -> Path:
    """An adapter of rank 1 of SmolLM2's last layer."""
    chance = random.Random(seed)
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
