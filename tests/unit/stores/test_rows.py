"""A trace as rows: its figures apart from its words, whatever those say."""

from __future__ import annotations

import apsw
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from palier.errors import InvalidRequest
from palier.stores.rows import MANY, Row, record, write
from palier.stores.schema import open_writer
from palier.stores.traces import TRACES
from palier.testing.traces import CREATED, content_of, trace_of
from palier.types import Label, Marked, Trace

WORDS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ['","content":null,"marked":null}', '{"content":{"label":"public"}}', "\\", '"', "\x00", "\u2028é😀"]
)


@pytest.fixture
def connection(tmp_path):
    made = open_writer(tmp_path / "traces.db", TRACES)
    yield made
    made.close()


@given(words=WORDS, reason=WORDS, parameters=st.dictionaries(WORDS, WORDS), marks=st.binary(), kept=st.booleans())
def test_no_word_is_among_the_figures(words, reason, parameters, marks, kept):
    bare = replace(trace_of("t"), reason=reason, parameters=parameters, answers=("a", "b"))
    content = content_of(words) if kept else None
    row = Row.of(replace(bare, content=content, marked=Marked(marks=marks, turns=(b"1", b"2"), expires=9.0)))
    assert row.figures == (bare.id, bare.created, bare.route, bare.status, bare.tier, msgspec.json.encode(bare))
    said = (bare.id, content.label.value, content.expires, msgspec.json.encode(content)) if content else None
    assert row.content == said
    rank = Label.CONFIDENTIAL.rank
    assert row.answers == [("a", rank), ("b", rank)]
    assert row.marks == (("t", rank, 9.0, marks) if marks else None)
    assert row.turns == [(b"1", "t", rank, 9.0), (b"2", "t", rank, 9.0)]


def test_words_stand_last_in_a_trace():
    assert Trace.__struct_fields__[-2:] == ("content", "marked"), "rows are cut there"


def test_a_buffer_ends_behind_what_is_written():
    buffer = bytearray(b"head" + b"x" * 10_000)
    write(trace_of("t"), buffer, 4)
    assert bytes(buffer) == b"head" + msgspec.json.encode(trace_of("t"))


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(InvalidRequest, match="surrogate"):
        write(trace_of("\ud800"), bytearray(), 0)


@pytest.mark.parametrize("text", [b"", b"{}", b"null", b'{"id":1}'])
def test_what_is_no_trace_is_refused(text):
    with pytest.raises(msgspec.DecodeError):
        Row.read(memoryview(text))


def test_the_last_of_one_id_counts_wherever_it_comes(connection: apsw.Connection):
    def hours() -> list[tuple[float, ...]]:
        return connection.execute("SELECT requests, latency_ms FROM hour").fetchall()

    some = [trace_of(f"t{n:03}", CREATED) for n in range(MANY + 2)]
    again = [replace(some[n], latency_ms=1.0, content=None) for n in (3, MANY + 1)]
    record(connection, map(Row.of, [some[3], *some, *again]))
    kept = dict(connection.execute("SELECT id, figures FROM trace"))
    assert len(kept) == len(some)
    assert msgspec.json.decode(kept["t003"])["latency_ms"] == 1.0
    whole = sum(trace.latency_ms for trace in some) - some[3].latency_ms - some[MANY + 1].latency_ms + 2.0
    assert hours() == [(len(some), pytest.approx(whole))]
    record(connection, [Row.of(replace(some[0], latency_ms=0.0))])
    assert hours() == [(len(some), pytest.approx(whole - some[0].latency_ms))]


def test_words_leave_with_the_trace_they_were_of(connection: apsw.Connection):
    record(connection, [Row.of(trace_of("t", content=content_of("secret")))])
    record(connection, [Row.of(trace_of("t"))])
    assert connection.execute("SELECT count(*) FROM content").get == 0


@pytest.mark.parametrize("together", [True, False])
def test_what_was_answered_under_an_id_that_is_recorded_again_is_known_again(connection, together):
    rows = [
        Row.of(replace(trace_of("t"), answers=(said,), label=label, marked=Marked(turns=(said.encode(),), expires=9.0)))
        for said, label in (("first", Label.RESTRICTED), ("second", Label.PUBLIC))
    ]
    for some in [rows] if together else [[row] for row in rows]:
        record(connection, some)
    ranks = {"first": Label.RESTRICTED.rank, "second": Label.PUBLIC.rank}
    assert dict(connection.execute("SELECT digest, rank FROM answer")) == ranks
    assert {bytes(d).decode(): r for d, r in connection.execute("SELECT digest, rank FROM turn")} == ranks
    assert connection.execute("SELECT count(*) FROM trace").get == 1
