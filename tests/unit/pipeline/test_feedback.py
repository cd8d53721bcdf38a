"""Feedback: of an answer that is there, once a principal; its words are kept as words are."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from palier.audits import Feedback
from palier.errors import InvalidRequest, NotFound
from palier.pipeline.feedback import MAX_COMMENT, MAX_CORRECTION, rate
from palier.stores.feedback import SqliteFeedback
from palier.stores.traces import SqliteTraces
from palier.testing.traces import content_of, trace_of
from palier.types import Label, Principal, Trace

ANN = Principal(name="local")


@pytest.fixture
async def traces(tmp_path: Path) -> AsyncIterator[SqliteTraces]:
    opened = SqliteTraces.open(tmp_path / "traces.db")
    yield opened
    await opened.close()


async def said(traces: SqliteTraces, id: str = "t", keep_s: float | None = 60.0, **fields: Any) -> Feedback:
    return await rate(id, ANN, traces=traces, ratings=SqliteFeedback(traces.database), keep_s=keep_s, **fields)


async def labels(traces: SqliteTraces) -> list[tuple[str, float]]:
    sql = "SELECT label, expires FROM feedback_content"
    return await traces.database.read(lambda connection: list(connection.execute(sql)))


async def test_a_comment_has_the_label_of_what_it_comments_on(traces: SqliteTraces) -> None:
    await traces.record(trace_of("t", content=content_of()))
    await said(traces, rating="down", comment="wrong price")
    ((label, expires),) = await labels(traces)
    assert label == Label.CONFIDENTIAL
    assert expires == pytest.approx(time.time() + 60, abs=30)


async def test_no_words_are_kept_where_none_are(traces: SqliteTraces) -> None:
    await traces.record(trace_of("t"))
    kept = await said(traces, keep_s=None, rating="down", comment="wrong price")
    assert kept.comment == ""
    assert await labels(traces) == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "not both"),
        ({"rating": "up", "score": 1.0}, "not both"),
        ({"score": 1.5}, "1.5"),
        ({"score": float("nan")}, "nan"),
        ({"rating": "up", "comment": "x" * (MAX_COMMENT + 1)}, str(MAX_COMMENT)),
    ],
)
async def test_what_says_nothing_is_refused(traces: SqliteTraces, fields: dict[str, Any], words: str) -> None:
    await traces.record(trace_of("t"))
    with pytest.raises(InvalidRequest, match=words):
        await said(traces, **fields)


async def test_a_reviewer_rates_what_it_may_read(traces: SqliteTraces) -> None:
    await traces.record(trace_of("t"))
    rita = Principal(name="rita", reviewer=True)

    async def rated(may: bool) -> Feedback:
        async def reviews(trace: Trace) -> bool:
            return may

        ratings = SqliteFeedback(traces.database)
        return await rate("t", rita, traces=traces, ratings=ratings, keep_s=None, rating="up", reviews=reviews)

    with pytest.raises(NotFound):
        await rated(may=False)
    assert (await rated(may=True)).principal == "rita"


async def test_an_answer_that_is_not_there(traces: SqliteTraces) -> None:
    with pytest.raises(NotFound):
        await said(traces, "absent", rating="up")


async def test_a_correction_is_kept_as_words_are(traces: SqliteTraces) -> None:
    await traces.record(trace_of("t", content=content_of()))
    kept = await said(traces, rating="down", correction=" It is 29,99 €. ")
    assert kept.correction == "It is 29,99 €."
    assert await SqliteFeedback(traces.database).ratings("t") == [kept]
    with pytest.raises(InvalidRequest, match="a correction is at most"):
        await said(traces, rating="down", correction="x" * (MAX_CORRECTION + 1))
    assert (await said(traces, keep_s=None, rating="down", correction="x")).correction == ""
