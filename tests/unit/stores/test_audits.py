"""A file of before audits opens; words of audits and comments are nowhere once they are over."""

from __future__ import annotations

import apsw
import msgspec
import pytest

from palier.audits import Feedback
from palier.stores.audits import SqliteAudits
from palier.stores.feedback import SqliteFeedback
from palier.stores.schema import migrations, statements
from palier.stores.traces import TRACES, SqliteTraces
from palier.testing.audits import audit_of, done_of, drawn, judgement_of, words_of
from palier.testing.traces import EXPIRES, content_of, trace_of
from palier.types import Label


@pytest.fixture
async def traces(tmp_path):
    opened = SqliteTraces.open(tmp_path / "traces.db")
    yield opened
    await opened.close()


def _bytes(folder) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


async def test_a_file_of_version_2_goes_on_as_one_of_today(tmp_path):
    connection = apsw.Connection(str(tmp_path / "traces.db"))
    for _, script in migrations("traces")[:2]:
        connection.execute(script)
    figures = msgspec.json.encode(trace_of("old"))
    connection.execute("INSERT INTO trace VALUES ('old', 1.0, 'support', 'answered', 'tier-1', ?)", (figures,))
    connection.pragma("application_id", TRACES.application_id)
    connection.pragma("user_version", 2)
    connection.close()

    traces = SqliteTraces.open(tmp_path / "traces.db")
    audits = SqliteAudits(traces.database)
    assert await traces.get("old") == trace_of("old")
    await drawn(audits, audit_of("new"))
    assert [audit.trace for audit in await audits.due(EXPIRES, 10)] == ["new"]
    await SqliteFeedback(traces.database).rate(
        Feedback(trace="old", principal="local", rating="up", created=1.0), Label.PUBLIC, None
    )
    await traces.close()


async def test_expired_words_are_nowhere_on_the_disk(traces, tmp_path):
    audits, feedback = SqliteAudits(traces.database), SqliteFeedback(traces.database)
    said = Feedback(trace="gone", principal="local", rating="down", comment="indiscretion", created=1.0)
    for name, drafts in (("gone", "indiscretion"), ("kept", "discretion")):
        expires = EXPIRES + (name == "kept")
        words = words_of(name, {"tier-1": drafts * 50}, expires)
        await audits.draw(trace_of(name, content=content_of("x", expires)), audit_of(name, words=words))
    await feedback.rate(said, Label.INTERNAL, EXPIRES)
    assert b"indiscretion" in _bytes(tmp_path)
    assert await traces.expire(EXPIRES) == 3
    assert b"indiscretion" not in _bytes(tmp_path)
    assert b"discretion" in _bytes(tmp_path)


async def test_words_of_one_that_is_lost_are_forgotten_at_once(traces):
    audits = SqliteAudits(traces.database)
    await drawn(audits, audit_of())
    await audits.keep(audit_of(state="lost", words=None))
    rows = await traces.database.read(lambda connection: connection.execute("SELECT * FROM audit_content").fetchall())
    assert rows == []


async def test_no_word_stands_among_the_figures(traces):
    audits = SqliteAudits(traces.database)
    await drawn(audits, done_of(words=words_of("t", {"tier-1": "indiscretion"})))
    await audits.judge([judgement_of()])
    for table in ("audit", "draft", "judgement", "trace"):
        sql = f"SELECT * FROM {table}"
        rows = await traces.database.read(lambda connection, sql=sql: connection.execute(sql).fetchall())
        assert rows
        assert "indiscretion" not in repr(rows)
        assert "Ma fibre" not in repr(rows)


@pytest.mark.parametrize(
    ("name", "index"), [("due", "audit_by_due"), ("done", "audit_by_created"), ("queue", "audit_by_place")]
)
async def test_pages_are_read_along_an_index(traces, name, index):
    """Else every page reads and sorts all audits there are."""
    sql = "EXPLAIN QUERY PLAN " + statements("audits")[name]
    values = (
        (1.0, 5) if name == "due" else dict.fromkeys(("route", "after", "after_id", "limit", "sources", "words"), "1")
    )
    plan = await traces.database.read(lambda connection: [row[3] for row in connection.execute(sql, values)])
    assert f"SEARCH audit USING INDEX {index}" in plan[0]
    assert not [step for step in plan if "TEMP B-TREE" in step]
