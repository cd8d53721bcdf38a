"""What every store of traces must do: subclass `TracesSuite`, give it a `traces` fixture, and run it with pytest.

    class TestMine(TracesSuite):
        @pytest.fixture
        async def traces(self, tmp_path):
            traces = MyTraces(tmp_path)
            yield traces
            await traces.close()

The store is empty at the start of each test. Asynchronous tests need pytest-asyncio in auto mode.
"""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from palier.interfaces import Traces
from palier.types import Label, Marked, Message, Quantity, Step, Trace, TraceContent, Usage

CREATED = 1_700_000_000.0
EXPIRES = CREATED + 30 * 86_400


def content_of(words: str = "Ma fibre est en panne", expires: float = EXPIRES) -> TraceContent:
    """What was said, to be forgotten at `expires`."""
    return TraceContent(
        label=Label.CONFIDENTIAL,
        expires=expires,
        messages=(Message(role="system", content="é\x00😀"), Message(role="user", content=words)),
        answer=f"{words} !",
        drafts={"tier-1": words},
    )


def trace_of(
    id: str,
    created: float = CREATED,
    *,
    route: str = "support",
    status: str = "answered",
    tier: str | None = "tier-1",
    content: TraceContent | None = None,
) -> Trace:
    """A trace with something in every field."""
    step = Step(
        tier="tier-1",
        model="small",
        outcome="climbed",
        reason="0.31 is below 0.5",
        confidence=0.31,
        threshold=0.5,
        label=Label.INTERNAL,
        withheld=2,
        usage=Usage(prompt=120, completion=9, cached=100),
        cost=Quantity(value=0.0, basis="measured"),
        energy=Quantity(value=0.2, low=0.1, high=0.4, basis="estimated", method="declared watts"),
        carbon=Quantity(value=0.011, low=0.006, high=0.022, basis="estimated", method="declared watts, FRA"),
        simulated=True,
        latency_ms=41.5,
        features={"coverage": 0.5, "margin": -1e-9},
    )
    return Trace(
        id=id,
        created=created,
        route=route,
        principal="local",
        status=status,
        tier=tier,
        model="large",
        confidence=0.9,
        action="stay",
        reason="« 0.9 ≥ 0.5 »",
        calibrated=False,
        label=Label.CONFIDENTIAL,
        language="fr",
        usage=Usage(prompt=300, completion=40),
        cost=Quantity(value=0.00012, basis="measured"),
        energy=Quantity(),
        carbon=Quantity(method="no power is declared"),
        latency_ms=812.25,
        timings={"retrieve": 8.1, "tier-1": 41.5},
        steps=(step,),
        evidence=("docs/fibre.md#3", "docs/été.md#0"),
        parameters={"temperature": 0.2, "stop": ["\n"]},
        stream=True,
        content=content,
    )


class TracesSuite:
    """The contract of `interfaces.Traces`."""

    async def test_what_is_recorded_comes_back_whole(self, traces: Traces) -> None:
        for trace in (
            trace_of("figures", tier=None),
            trace_of("words", content=content_of()),
            trace_of("prompt", content=msgspec.structs.replace(content_of(), text="Il était", messages=())),
        ):
            await traces.record(trace)
            assert await traces.get(trace.id) == trace

    async def test_none_where_there_is_none(self, traces: Traces) -> None:
        assert await traces.get("absent") is None
        assert await traces.list() == []
        assert await traces.expire(EXPIRES) == 0

    async def test_newest_first_without_content(self, traces: Traces) -> None:
        for i in (3, 1, 2):
            await traces.record(trace_of(f"t{i}", CREATED + i, content=content_of()))
        listed = await traces.list()
        assert [trace.id for trace in listed] == ["t3", "t2", "t1"]
        assert all(trace.content is None for trace in listed)
        assert listed[0] == trace_of("t3", CREATED + 3)

    async def test_pages_by_time(self, traces: Traces) -> None:
        for i in range(7):
            await traces.record(trace_of(f"t{i}", CREATED + i / 8))
        seen: list[str] = []
        before: float | None = None
        while page := await traces.list(before=before, limit=3):
            assert len(page) <= 3
            seen += [trace.id for trace in page]
            before = page[-1].created
        assert seen == [f"t{i}" for i in range(6, -1, -1)]

    @pytest.mark.parametrize("route", ["", "support"])
    async def test_pages_through_traces_of_one_time(self, traces: Traces, route: str) -> None:
        for name in ("d", "a", "f", "c", "b", "e"):
            await traces.record(trace_of(name, CREATED))
        await traces.record(trace_of("newer", CREATED + 1))
        await traces.record(trace_of("older", CREATED - 1))
        seen: list[str] = []
        before, before_id = None, ""
        while page := await traces.list(before=before, before_id=before_id, limit=2, route=route):
            seen += [trace.id for trace in page]
            before, before_id = page[-1].created, page[-1].id
        assert seen == ["newer", "f", "e", "d", "c", "b", "a", "older"]
        assert [trace.id for trace in await traces.list(before=CREATED)] == ["older"], "a time alone is exclusive"

    @pytest.mark.parametrize("limit", [0, -1])
    async def test_none_when_none_is_asked_for(self, traces: Traces, limit: int) -> None:
        await traces.record(trace_of("t"))
        assert await traces.list(limit=limit) == []

    async def test_filters_hold_together(self, traces: Traces) -> None:
        await traces.record(trace_of("a", CREATED + 1))
        await traces.record(trace_of("b", CREATED + 2, route="sales"))
        await traces.record(trace_of("c", CREATED + 3, status="abstained", tier=None))
        await traces.record(trace_of("d", CREATED + 4, tier="tier-2"))

        async def ids(route: str = "", status: str = "", tier: str = "", before: float | None = None) -> str:
            found = await traces.list(route=route, status=status, tier=tier, before=before)
            return "".join(trace.id for trace in found)

        assert await ids() == "dcba"
        assert await ids(route="support") == "dca"
        assert await ids(status="answered") == "dba"
        assert await ids(tier="tier-1") == "ba"
        assert await ids(route="support", status="answered", tier="tier-1") == "a"
        assert await ids(route="support", before=CREATED + 4) == "ca"
        assert await ids(route="' OR 1 --") == ""

    async def test_recording_again_replaces(self, traces: Traces) -> None:
        await traces.record(trace_of("t", status="failed", content=content_of()))
        await traces.record(trace_of("t"))
        assert await traces.get("t") == trace_of("t")
        assert [trace.status for trace in await traces.list()] == ["answered"]

    async def test_what_is_to_be_known_again_is_not_read_back(self, traces: Traces) -> None:
        marked = Marked(marks=b"12345678", turns=(b"digest",), expires=EXPIRES)
        await traces.record(msgspec.structs.replace(trace_of("t"), marked=marked))
        assert await traces.get("t") == trace_of("t")
        assert await traces.list() == [trace_of("t")]

    async def test_words_go_and_figures_stay(self, traces: Traces) -> None:
        await traces.record(trace_of("old", CREATED, content=content_of(expires=EXPIRES)))
        await traces.record(trace_of("new", CREATED + 1, content=content_of(expires=EXPIRES + 1)))
        assert await traces.expire(EXPIRES - 1) == 0
        assert await traces.expire(EXPIRES) == 1
        assert await traces.get("old") == trace_of("old", CREATED)
        assert (await traces.get("new") or trace_of("")).content == content_of(expires=EXPIRES + 1)
        assert await traces.expire(EXPIRES) == 0
        assert [trace.id for trace in await traces.list()] == ["new", "old"]

    async def test_many_expire_at_once(self, traces: Traces) -> None:
        many = [trace_of(f"t{i}", content=content_of()) for i in range(1_200)]
        await asyncio.gather(*(traces.record(trace) for trace in many))
        assert await traces.expire(EXPIRES) == 1_200
        assert len(await traces.list(limit=5_000)) == 1_200

    async def test_many_tasks_at_once(self, traces: Traces) -> None:
        async def task(number: int) -> None:
            for i in range(20):
                trace = trace_of(f"{number}-{i}", CREATED + i, content=content_of())
                await traces.record(trace)
                assert await traces.get(trace.id) == trace

        await asyncio.gather(*(task(number) for number in range(32)))
        assert len(await traces.list(limit=1_000)) == 640
