"""What drift is looked for in: drawn evenly, in the order of recording whatever the clock said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from palier.interfaces.drift import Counted, Place
from palier.stores.audits import SqliteAudits
from palier.stores.drift import SqliteCensus, SqlitePassing
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.traces import SqliteTraces
from palier.testing.audits import done_of, judgement_of
from palier.testing.traces import content_of, trace_of
from palier.types import Document


@pytest.fixture
async def traces(tmp_path: Path) -> AsyncIterator[SqliteTraces]:
    store = SqliteTraces.open(tmp_path / "traces.db")
    yield store
    await store.close()


async def test_of_many_as_many_from_all_over_them(traces: SqliteTraces) -> None:
    for n in range(30):
        await traces.record(trace_of(f"t{n:02}", 100.0 + n, content=content_of(f"q{n}") if n == 29 else None))
    await traces.record(trace_of("other", 110.0, route="sales"))
    await traces.record(trace_of("failed", 111.0, status="failed"))
    passing = SqlitePassing(traces.database)
    every = await passing.between("support", 100, 130, 30)
    assert [trace.id for trace in every] == [f"t{n:02}" for n in range(30)]
    assert every[29].content == content_of("q29")
    assert every[0].content is None
    assert [t.id for t in await passing.between("support", 100, 130, 10)] == [f"t{n:02}" for n in range(2, 30, 3)]
    assert [t.id for t in await passing.between("support", 105, 106, 10)] == ["t05"]
    assert len(await passing.between("support", 100, 130, 29)) == 15


async def test_a_clock_that_steps_changes_no_order(traces: SqliteTraces) -> None:
    passing = SqlitePassing(traces.database)
    assert await passing.last() == Place(0, 0.0)
    for name, created in (("a", 500.0), ("b", 9e9), ("c", 100.0)):
        await traces.record(trace_of(name, created))
    place = await passing.last()
    assert [t.id for t in await passing.after("support", Place(), place, 10)] == ["a", "b", "c"]
    await traces.record(trace_of("d", 50.0))
    await traces.record(trace_of("a", 501.0))  # recorded again: in its old place
    last = await passing.last()
    assert [t.id for t in await passing.after("support", place, last, 10)] == ["d"]
    assert await passing.count_after("support", place) == 1
    assert await passing.after("support", last, last, 10) == []


async def test_how_right_what_was_served_is_by_one_source(traces: SqliteTraces) -> None:
    audits, passing = SqliteAudits(traces.database), SqlitePassing(traces.database)
    for n, correct in enumerate((True, False, True)):
        audit = msgspec.structs.replace(done_of(f"a{n}", 100.0 + n), served="tier-1")
        await audits.draw(trace_of(f"a{n}", 100.0 + n), audit)
        for tier, source in (("tier-1", "person"), ("tier-2", "person"), ("tier-1", "judge")):
            right = correct if (tier, source) == ("tier-1", "person") else not correct
            said = judgement_of(f"a{n}", tier, source, correct=right)
            await audits.judge([msgspec.structs.replace(said, created=1000.0 - n)])
    assert await passing.judged_between("support", "person", 100, 103, 10) == [1.0, 0.0, 1.0]
    assert await passing.judged_between("support", "person", 101, 102, 10) == [0.0]
    assert await passing.judged_between("sales", "person", 0, 1e9, 10) == []
    last = await passing.last()
    assert last.judgement == 1000.0
    assert await passing.judged_after("support", "person", Place(0, 998.5), last, 10) == [0.0, 1.0]
    assert await passing.judged_after("support", "person", last, last, 10) == []


async def test_documents_are_counted(tmp_path: Path) -> None:
    knowledge = SqliteKnowledge.open(tmp_path / "knowledge.db", "none", 4, lambda text, language: text.split())
    documents = [
        Document(id=name, collection=collection, text="", digest=digest, updated=updated)
        for name, collection, digest, updated in (
            *(("a", "faq", "x", 10.0), ("b", "faq", "x", 90.0), ("c", "faq", "x", 90.0), ("d", "faq", "", 90.0)),
            *(("e", "faq", "", 90.0), ("a", "other", "x", 1.0)),
        )
    ]
    await knowledge.put([(document, (), []) for document in documents])
    census = SqliteCensus(knowledge.database)
    assert await census.count(["faq", "absent"], 50.0) == [Counted("faq", 5, 1, 5, 2)]
    assert await census.count([], 50.0) == []
    await knowledge.close()
