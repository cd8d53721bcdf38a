"""Words that are over are nowhere in the file, and the file gives their space back."""

from __future__ import annotations

import asyncio
import re

import msgspec
import pytest

from palier.errors import InvalidRequest, StoreError
from palier.interfaces import Erasure
from palier.stores.erasure import ErasableTraces
from palier.stores.traces import SqliteTraces
from palier.testing.traces import CREATED, EXPIRES, content_of, trace_of
from palier.types import Label


@pytest.fixture
async def traces(tmp_path):
    opened = SqliteTraces.open(tmp_path / "traces.db")
    yield opened
    await opened.close()


def _bytes(folder) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


async def test_expired_words_are_nowhere_on_the_disk(traces, tmp_path):
    await asyncio.gather(
        *(traces.record(trace_of(f"t{i}", content=content_of(f"indiscretion number {i}"))) for i in range(300))
    )
    await traces.record(trace_of("kept", content=content_of("discretion", EXPIRES + 1)))
    assert b"indiscretion" in _bytes(tmp_path)
    assert await traces.expire(EXPIRES) == 300
    assert b"indiscretion" not in _bytes(tmp_path)
    assert b"discretion" in _bytes(tmp_path)


async def test_words_replaced_by_none_are_forgotten(traces):
    await traces.record(trace_of("t", content=content_of()))
    await traces.record(trace_of("t"))
    assert await traces.expire(EXPIRES) == 0


async def test_the_file_gives_space_back(traces, tmp_path):
    file = tmp_path / "traces.db"
    words = "mot " * 5_000
    await asyncio.gather(*(traces.record(trace_of(f"t{i}", content=content_of(words))) for i in range(100)))
    await traces.expire(0)
    await traces._database.truncate_log()
    full = file.stat().st_size
    assert full > 100 * 2 * len(words)
    await traces.expire(EXPIRES)
    assert file.stat().st_size < full / 10


async def test_no_word_stands_among_the_figures(traces):
    await traces.record(trace_of("t", content=content_of("indiscretion")))
    rows = await traces._database.read(lambda connection: connection.execute("SELECT * FROM trace").fetchall())
    assert "indiscretion" not in repr(rows)


async def test_a_full_file_keeps_what_was_acknowledged_and_takes_no_more(traces):
    pages = await traces._database.write(lambda connection: connection.pragma("page_count"))
    await traces._database.write(lambda connection: connection.pragma("max_page_count", pages + 2))
    await traces.record(trace_of("large", content=content_of("mot " * 100_000)))
    assert await traces.list() == [], "it cannot be moved in, and reading goes on"
    with pytest.raises(StoreError, match="full"):
        await traces.record(trace_of("small"))
    with pytest.raises(StoreError, match="full"):
        await traces.database.rewrite()
    with pytest.raises(StoreError, match="full"):
        await ErasableTraces(traces.database).requests(Erasure(user="local", before=2 * CREATED), str)
    await traces._database.write(lambda connection: connection.pragma("max_page_count", 1_000_000))
    await traces.record(trace_of("small"))
    assert {trace.id for trace in await traces.list()} == {"small", "large"}


async def planned(traces, name: str, conditions: str, file: str = "traces") -> list[str]:
    """How SQLite goes about a statement."""
    from palier.stores.schema import statements

    sql = statements(file)[name].replace("filters", conditions).replace("table", "day")
    values = ["x"] if "?" in sql else dict.fromkeys(re.findall(r":(\w+)", sql), 1)
    return await traces._database.read(
        lambda connection: [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + sql, values)]
    )


async def test_filters_read_the_index_of_an_hour_alone(traces):
    """Else the list of a rare tier reads every trace there is, with its figures, and sorts them."""
    for column in ("route", "status", "tier"):
        plan = await planned(traces, "list", f"{column} = :{column} AND created >= :since AND created < :until")
        assert plan == ["SEARCH trace USING INDEX trace_by_created (created>? AND created<?)"]


async def test_a_page_begins_where_the_one_before_ended(traces):
    """Else the last page reads every trace there is."""
    plan = await planned(traces, "list", "(created, id) < (:before, :before_id)")
    assert plan == ["SEARCH trace USING INDEX trace_by_created ((created,id)<(?,?))"]


async def test_the_last_digits_of_an_id_are_looked_up_as_far_as_they_are_indexed(traces, monkeypatch):
    plan = await planned(traces, "ending", "")
    assert "SEARCH ending USING PRIMARY KEY (digits=?)" in plan
    assert plan.count("SEARCH trace USING INTEGER PRIMARY KEY (rowid>?)") == 1, "of the rest alone"
    monkeypatch.setattr("palier.stores.traces.INDEXED", 2)
    for digits in ("0123456789ab", "aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        await traces.record(trace_of(f"chatcmpl-{CREATED:012.0f}{digits}"))
    for count in (3, 0):
        assert (await traces.get("0123456789ab") or trace_of("")).id == f"chatcmpl-{CREATED:012.0f}0123456789ab"
        assert await traces.get("0123456789ac") is None
        assert await traces.get("%23456789ab") is None
        assert await traces.index() == count
    await traces.record(trace_of(f"chatcmpl-{CREATED:012.0f}0123456789ab"))
    assert await traces.index() == 0, "it replaced the one of before"
    await traces.database.rewrite()
    assert (await traces.get("bbbbbbbbbbbb") or trace_of("")).id.endswith("bbbbbbbbbbbb"), "also in a file written anew"
    await traces.record(trace_of("chatcmpl-ffffffffffff0123456789ab"))
    assert await traces.get("0123456789ab") is None, "two end so"


async def test_an_overview_adds_up_keys_in_the_order_they_lie_in(traces):
    """Sorting them is most of the work, where there are many."""
    plan = await planned(traces, "went_by_each", "", "hours")
    assert plan[:2] == ["CO-ROUTINE (subquery-1)", "SEARCH day USING PRIMARY KEY (at>? AND at<?)"]
    assert len([step for step in plan if "TEMP B-TREE" in step]) == 1


async def test_an_answer_is_known_by_the_most_restrictive_label_it_was_given_with(traces):
    for name, label in (("a", Label.CONFIDENTIAL), ("b", Label.RESTRICTED), ("c", Label.INTERNAL)):
        await traces.record(msgspec.structs.replace(trace_of(name), label=label, answers=(f"only-{name}", "shared")))
    assert await traces.label_of(["only-a", "unknown"]) is Label.CONFIDENTIAL
    assert await traces.label_of(["shared"]) is Label.RESTRICTED
    assert await traces.label_of(["unknown"]) is Label.PUBLIC
    assert await traces.label_of([]) is Label.PUBLIC


async def test_half_a_surrogate_pair_is_refused(tmp_path):
    traces = SqliteTraces.open(tmp_path / "traces.db")
    for trace in (trace_of("t", route="\ud800"), trace_of("t", content=content_of("\ud800"))):
        with pytest.raises(InvalidRequest, match="surrogate"):
            await traces.record(trace)
    assert await traces.list() == []
    await traces.close()


async def test_a_row_that_cannot_be_read_holds_up_no_other_and_is_said(tmp_path, caplog):
    traces = SqliteTraces.open(tmp_path / "traces.db")
    await traces.record(trace_of("a"))
    await traces.record(msgspec.structs.replace(trace_of("b"), latency_ms=float("nan")))  # JSON has no such number
    await traces.record(trace_of("c"))
    assert [trace.id for trace in await traces.list()] == ["c", "a"]
    assert "bytes that cannot be read CANNOT BE KEPT AND IS LOST" in caplog.text
    await traces.record(trace_of("d"))
    await traces.close()
    again = SqliteTraces.open(tmp_path / "traces.db")
    assert [trace.id for trace in await again.list()] == ["d", "c", "a"]
    await again.close()
