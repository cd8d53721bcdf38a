"""What the meters of this machine count while a candidate is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from palier.evals.figures import Metered

REST_S = 2.0
"""How long the machine is watched at rest."""
READ_EVERY_S = 60.0
"""A counter comes round after some minutes: what is not read in time is lost."""


class Meters(Protocol):
    """What counts the energy of this machine (`metrics.meters`)."""

    @property
    def domains(self) -> tuple[str, ...]:
        """What is metered; empty where nothing is."""
        ...

    @property
    def method(self) -> str: ...

    def read(self) -> Mapping[str, float]:
        """Joules so far, by domain."""
        ...

    def since(self, before: Mapping[str, float]) -> float | None:
        """Watt-hours since a reading."""
        ...


async def at_rest(meters: Meters | None) -> float | None:
    """Watts while nothing is asked; None without a meter."""
    if meters is None or not meters.domains:
        return None
    before, started = meters.read(), time.perf_counter()
    await asyncio.sleep(REST_S)
    watt_hours = meters.since(before)
    return None if watt_hours is None else watt_hours * 3600 / (time.perf_counter() - started)


@asynccontextmanager
async def metered(
    meters: Meters | None, idle_w: float | None, name: str, asked: Sequence[str], into: list[Metered]
) -> AsyncIterator[None]:
    """Count meanwhile, and put it into `into` where it is known and something was `asked`, which grows meanwhile.

    It is all that the machine took, whoever used it.
    """
    if meters is None or not meters.domains:
        yield
        return
    reading = asyncio.create_task(_keep_reading(meters), name="palier-meters")
    before, started = meters.read(), time.perf_counter()
    try:
        yield
    finally:
        reading.cancel()
    watt_hours = meters.since(before)
    if watt_hours is None or not asked:
        return
    into.append(
        Metered(
            candidate=name,
            cases=tuple(asked),
            watt_hours=watt_hours,
            seconds=time.perf_counter() - started,
            idle_w=idle_w,
            method=meters.method,
        )
    )


async def _keep_reading(meters: Meters) -> None:
    while True:
        await asyncio.sleep(READ_EVERY_S)
        meters.read()
