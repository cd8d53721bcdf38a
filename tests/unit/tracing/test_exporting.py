"""Spans on their way: nothing waits for a collector, and nothing is lost in silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from tests.collectors import read

from palier.config import Telemetry
from palier.errors import Unavailable
from palier.testing.traces import trace_of
from palier.tracing import exporting
from palier.tracing.exporting import Exporter


class Away:
    """A collector that answers what it is told to."""

    def __init__(self) -> None:
        self.status = 200
        self.ids: list[str] = []
        self.tries = 0

    async def __call__(self, body: bytes) -> int:
        self.tries += 1
        if self.status == 0:
            raise Unavailable("nobody there")
        if self.status < 300:
            names = ({a.key: a.value.string_value for a in span.attributes} for span in read(json.loads(body)))
            self.ids += [name["gen_ai.response.id"] for name in names if "gen_ai.response.id" in name]
        return self.status


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


def exporter(away: Away) -> Exporter:
    return Exporter(Telemetry(otlp="http://127.0.0.1:1/v1/traces", every_s=0.1), {}, away, "0")


async def test_each_request_is_sent_once_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "BATCH", 10)
    away = Away()
    one = exporter(away)
    one.start()
    for n in range(25):
        one.take(trace_of(f"r{n}"))
    await until(lambda: one.became["sent"] == 25)
    await one.stop()
    assert away.ids == [f"r{n}" for n in range(25)]
    assert away.tries == 3


@pytest.mark.parametrize("status", [0, 429, 503])
async def test_a_collector_that_is_away_is_tried_again(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr(exporting, "RETRY_S", 0.05)
    away = Away()
    away.status = status
    one = exporter(away)
    one.start()
    one.take(trace_of("r1"))
    await until(lambda: away.tries >= 2)
    assert one.failing
    away.status = 200
    one.take(trace_of("r2"))
    await until(lambda: one.became["sent"] == 2)
    await one.stop()
    assert away.ids == ["r1", "r2"]
    assert not one.failing
    assert one.became == {"sent": 2}


async def test_what_it_will_never_take_is_not_tried_again() -> None:
    away = Away()
    away.status = 400
    one = exporter(away)
    one.start()
    one.take(trace_of("r1"))
    await until(lambda: one.became["refused"] == 1)
    await one.stop()
    assert away.tries == 1


async def test_beyond_what_is_kept_the_oldest_go_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "MOST", 5)
    monkeypatch.setattr(exporting, "RETRY_S", 0.02)
    away = Away()
    away.status = 0
    one = exporter(away)
    one.start()
    for n in range(3):
        one.take(trace_of(f"r{n}"))
    await until(lambda: away.tries >= 1)
    for n in range(3, 12):
        one.take(trace_of(f"r{n}"))
    away.status = 200
    await until(lambda: one.became["sent"] > 0)
    await one.stop()
    assert away.ids == [f"r{n}" for n in range(7, 12)]
    assert one.became == {"dropped": 7, "sent": 5}


async def test_what_is_left_is_sent_at_the_end_if_that_goes_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Away()
    one = Exporter(Telemetry(otlp="http://127.0.0.1:1", every_s=60), {}, away, "0")
    one.start()
    one.take(trace_of("r1"))
    await one.stop()
    assert away.ids == ["r1"]
    monkeypatch.setattr(exporting, "LAST_S", 0.05)

    async def silent(body: bytes) -> int:
        await asyncio.sleep(60)
        return 200

    stuck = Exporter(Telemetry(otlp="http://127.0.0.1:1", every_s=60), {}, silent, "0")
    stuck.start()
    stuck.take(trace_of("r1"))
    async with asyncio.timeout(2):
        await stuck.stop()
