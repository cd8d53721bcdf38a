"""Traces as somebody may read them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from palier.pipeline import reading
from palier.pipeline.reading import list_traces, read_trace, reviews, search_traces
from palier.stores.traces import SqliteTraces
from palier.testing.traces import content_of, trace_of
from palier.types import Label, Message, Principal, Trace

ANN = Principal(name="ann")
REVIEWER = Principal(name="rita", reviewer=True)
ADMIN = Principal(name="root", admin=True)


async def standing(keys: Sequence[str], principal: Principal) -> list[bool]:
    """Documents that begin with a `c` are open to all, others to nobody."""
    return [key.startswith("c") for key in keys]


@pytest.fixture
async def traces(tmp_path: Path) -> AsyncIterator[SqliteTraces]:
    opened = SqliteTraces.open(tmp_path / "traces.db")
    yield opened
    await opened.close()


def trace(id: str, evidence: Sequence[str] = ("c/d#0",), principal: str = "ann", **fields: Any) -> Trace:
    made = trace_of(id, content=content_of())
    assert made.content is not None
    turns = fields.pop("turns", (Message(role="user", content="How much?"),))
    content = msgspec.structs.replace(made.content, messages=turns)
    return msgspec.structs.replace(made, evidence=tuple(evidence), principal=principal, content=content, **fields)


TURNS = (
    Message(role="user", content="How much?"),
    Message(role="assistant", content="9 euros"),
    Message(role="user", content="And now?"),
)


@pytest.mark.parametrize(
    ("kept", "principal", "read", "words"),
    [
        (trace("t"), ANN, True, True),
        (trace("t"), ADMIN, True, True),
        (trace("t"), REVIEWER, True, True),
        (trace("t"), Principal(name="bob"), False, False),
        (trace("t", ["c/d#0", "x/d#0"]), ANN, True, False),
        (trace("t", ["c/d#0", "x/d#0"]), ADMIN, True, True),
        (trace("t", ["c/d#0", "x/d#0"]), REVIEWER, False, False),
        (trace("t", []), REVIEWER, True, True),
        (trace("t", turns=TURNS), REVIEWER, True, False),
        (trace("t", turns=TURNS), ANN, True, True),
        (trace("t", [], label=Label.RESTRICTED, unquoted=Label.INTERNAL), REVIEWER, True, False),
        (trace("t", [], label=Label.RESTRICTED, unquoted=Label.INTERNAL), ANN, True, True),
        (trace("t", [], label=Label.RESTRICTED, unquoted=Label.INTERNAL), ADMIN, True, True),
    ],
)
async def test_who_reads_what(traces: SqliteTraces, kept: Trace, principal: Principal, read: bool, words: bool) -> None:
    await traces.record(kept)
    found = await read_trace("t", principal, traces, standing)
    assert (found is not None) == read
    assert (found is not None and found.content is not None) == words
    if found is not None and not principal.admin:
        assert found.label is not Label.RESTRICTED
        assert all(key.startswith("c") for key in found.evidence)
    assert await reviews(kept, principal, standing) == (read and principal.reviewer)
    listed = await list_traces(principal, traces, standing)
    assert len(listed.traces) == read


async def test_pages_leave_none_out(traces: SqliteTraces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE", 4)
    for n in range(23):
        await traces.record(trace(f"t{n:02}", principal="ann" if n % 3 else "bob", created=float(n // 2)))
    for limit in (1, 3, 50):
        seen: list[str] = []
        after: dict[str, Any] = {}
        while True:
            page = await list_traces(ANN, traces, standing, limit=limit, **after)
            seen += [each.id for each in page.traces]
            if page.before is None:
                break
            after = {"before": page.before, "before_id": page.before_id}
        assert seen == sorted((f"t{n:02}" for n in range(23) if n % 3), reverse=True)


async def test_a_page_looks_through_so_many_at_most(traces: SqliteTraces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE", 4)
    monkeypatch.setattr(reading, "MAX_LOOKED_AT", 8)
    for n in range(20):
        await traces.record(trace(f"t{n:02}", principal="bob" if n else "ann", created=float(n)))
    page = await list_traces(ANN, traces, standing)
    assert (page.traces, page.before) == ((), 12.0)
    page = await list_traces(ANN, traces, standing, before=12.0, before_id=page.before_id)
    page = await list_traces(ANN, traces, standing, before=page.before, before_id=page.before_id)
    assert [each.id for each in page.traces] == ["t00"]


async def test_a_list_goes_back_so_far(traces: SqliteTraces) -> None:
    for n in range(5):
        await traces.record(trace(f"t{n}", created=float(n)))
    page = await list_traces(ANN, traces, standing, since=2.0)
    assert [one.id for one in page.traces] == ["t4", "t3", "t2"]
    assert page.before is None
    found = await search_traces("HOW much", ANN, traces, standing, since=3.0)
    assert ([one.id for one in found.traces], found.before) == (["t4", "t3"], None)


@pytest.mark.parametrize(
    ("sought", "principal", "found"),
    [
        ("HOW MUCH", ANN, ["shared", "own"]),
        ("how much", ADMIN, ["shared", "bobs", "closed", "own"]),
        ("how much", REVIEWER, ["shared", "bobs", "own"]),
        ("how much", Principal(name="bob"), ["bobs"]),
        ("bob", ADMIN, ["bobs"]),
        ("ob", ADMIN, ["bobs"]),
        ("clos", ADMIN, ["closed"]),
        ('say "9\n', ADMIN, ["shared"]),
        ("created", ADMIN, []),
        ("%", ADMIN, []),
    ],
)
async def test_what_one_may_not_read_finds_nothing(
    traces: SqliteTraces, sought: str, principal: Principal, found: list[str]
) -> None:
    await traces.record(trace("own", created=1.0))
    await traces.record(trace("closed", ["x/d#0"], created=2.0))
    await traces.record(trace("bobs", principal="bob", created=3.0))
    quoted = (Message(role="user", content='how much? say "9\neuros"'),)
    await traces.record(trace("shared", turns=quoted, created=4.0))
    page = await search_traces(sought, principal, traces, standing)
    assert [one.id for one in page.traces] == found
    assert all(one.content is None for one in page.traces)


async def test_a_search_goes_on_where_it_ended(traces: SqliteTraces, monkeypatch: pytest.MonkeyPatch) -> None:
    from palier.stores import traces as module

    monkeypatch.setattr(module, "SEARCHED", 4)
    for n in range(10):
        await traces.record(trace(f"t{n}", created=float(n), turns=(Message(role="user", content=f"n{n % 3}."),)))
    found, before, before_id = [], None, ""
    for _ in range(20):
        page = await search_traces("n0.", ANN, traces, standing, before=before, before_id=before_id, limit=1)
        found += [one.id for one in page.traces]
        before, before_id = page.before, page.before_id
        if before is None:
            break
    assert found == ["t9", "t6", "t3", "t0"]
