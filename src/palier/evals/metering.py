"""What the meters of this machine count while a candidate is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from palier.evals.figures import Metered

REST_S = 2.0
"""How long the machine is watched at rest."""


class Meters(Protocol):
    """What counts the energy of this machine: joules so far, by domain; None where nothing does."""

    def read(self) -> Mapping[str, float] | None: ...


async def at_rest(meters: Meters) -> float | None:
    """Watts while nothing is asked."""
    before, started = meters.read(), time.perf_counter()
    if not before:
        return None
    await asyncio.sleep(REST_S)
    joules = _joules(before, meters.read())
    return None if joules is None else joules / (time.perf_counter() - started)


def _joules(before: Mapping[str, float] | None, after: Mapping[str, float] | None) -> float | None:
    if not before or not after:
        return None
    return sum(max(after[domain] - joules, 0.0) for domain, joules in before.items() if domain in after)


class _Metering(AbstractContextManager[None]):
    """Counts what the machine takes meanwhile, of the cases that are `asked` until then."""

    def __init__(self, meters: Meters, idle_w: float | None, name: str, asked: list[str], into: list[Metered]) -> None:
        self._meters, self._idle_w, self._name, self._asked, self._into = meters, idle_w, name, asked, into

    def __enter__(self) -> None:
        self._started, self._before = time.perf_counter(), self._meters.read()

    def __exit__(self, *_: object) -> None:
        joules = _joules(self._before, self._meters.read())
        if joules is None or not self._asked:
            return
        self._into.append(
            Metered(
                candidate=self._name,
                cases=tuple(self._asked),
                watt_hours=joules / 3600,
                seconds=time.perf_counter() - self._started,
                idle_w=self._idle_w,
                method=f"measured: {', '.join(sorted(self._before or {}))}",
            )
        )


def metered(
    meters: Meters | None, idle_w: float | None, name: str, asked: list[str], into: list[Metered]
) -> AbstractContextManager[None]:
    return nullcontext() if meters is None else _Metering(meters, idle_w, name, asked, into)
