"""A gateway whose workers are still starting is not ready: guards would have no time left."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from palier import Palier
from palier.server.probes import Probes

SETTINGS = """
data = "data"
[models.near]
kind = "fake"
[[routes.support.tiers]]
model = "near"
"""


async def test_it_is_ready_once_its_workers_are_there(tmp_path: Path) -> None:
    (tmp_path / "palier.toml").write_text(SETTINGS)
    async with Palier.open(tmp_path / "palier.toml") as palier:
        assert not palier.warming
        warming = asyncio.create_task(palier.warm())
        await asyncio.sleep(0)
        assert palier.warming
        assert (await Probes(palier, cast(Any, None), {}).readiness()).status == "not ready"
        await warming
        assert (await Probes(palier, cast(Any, None), {}).readiness()).status == "ready"
