"""The embedded engine's weights, and a LoRA adapter made on the spot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests import noise

from palier.config import Model as Settings
from palier.interfaces import Resources
from palier.models import engine
from palier.models.engine import Engine
from palier.privacy.connector import HttpConnector

Build = Callable[..., Engine]


@pytest.fixture(scope="session")
def small_weights() -> str:
    """The catalogue name of weights that are there."""
    return noise.small_weights()


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
    return noise.write(tmp_path_factory.mktemp("adapter") / "noise.gguf")
