"""Marks in memory and in the file: the same after every change, whoever made them."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import msgspec
import numpy as np
import pytest

from palier.jobs.pool import ProcessWorkers
from palier.privacy.fingerprints import FingerprintMarker
from palier.stores import marks as module
from palier.stores import traces as traces_module
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.marks import SqliteAnswerMarks
from palier.stores.traces import SqliteTraces
from palier.testing.documents import DIMENSION, ENCODER, analyse
from palier.testing.traces import CREATED, trace_of
from palier.types import Document, Label, Marked

MARKER = FingerprintMarker(b"one key")
NONE = np.empty((0, DIMENSION), np.float32)


def token(number: int) -> str:
    return f"AT-{number:06d}"


def of(*texts: str, marker=MARKER):
    return np.frombuffer(marker(texts), "<i8")


def document(number: int, label: Label, text: str = ""):
    return Document(id=f"d{number}", collection="c", text=text or token(number), label=label), [], NONE


@pytest.fixture
def opened(tmp_path):
    """Opens the file, with a marker or none."""

    def open_(marker=MARKER) -> SqliteKnowledge:
        return SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse, marker=marker)

    return open_


async def test_runs_merge_and_find_what_each_of_them_holds(opened):
    store = opened()
    with patch.object(module, "RUN", 3):
        for number in range(40):
            await store.put([document(number, Label.RESTRICTED), document(number + 1000, Label.INTERNAL)])
            found = await store.marks.ranks_of(of(*map(token, range(2000))))
            assert sorted(found.values()) == [1] * (number + 1) + [3] * (number + 1)
    sizes = [len(run) for run, _ in store.marks._memory._runs]
    assert sum(sizes) == 80
    assert len(sizes) < 8
    for run, _ in store.marks._memory._runs:
        assert (np.diff(run) >= 0).all()
    await store.close()


async def test_memory_forgets_what_is_gone_when_most_of_it_is(opened):
    store = opened()
    with patch.object(module, "SLACK", 10):
        for number in range(60):
            await store.put([document(0, Label.RESTRICTED, token(number))])
            assert await store.marks.ranks_of(of(token(number), token(number - 1))) == {int(of(token(number))[0]): 3}
    assert sum(len(run) for run, _ in store.marks._memory._runs) < 20
    await store.close()


async def test_readers_during_writes_never_miss_what_was_acknowledged(opened):
    store = opened()
    await store.put([document(0, Label.RESTRICTED, token(0))])
    ends = False

    async def write():
        nonlocal ends
        for number in range(150):
            await store.put([document(0, Label.RESTRICTED, f"{token(0)} and {token(number)}")])
        ends = True

    async def read():
        with patch.object(module, "SLACK", 3):
            while not ends:
                assert await store.marks.ranks_of(of(token(0))) == {int(of(token(0))[0]): 3}

    await asyncio.gather(write(), read(), read(), read())
    await store.close()


async def test_documents_of_before_are_marked_once(opened):
    store = opened(marker=None)
    await store.put([document(number, Label.CONFIDENTIAL) for number in range(150)])
    assert await store.marks.ranks_of(of(token(7))) == {}
    assert store.marks.highest is Label.RESTRICTED, "in doubt"
    await store.close()
    store = opened()
    assert await store.marks.fill() == 150
    assert store.marks.highest is Label.CONFIDENTIAL
    assert await store.marks.ranks_of(of(token(7), token(149))) == dict.fromkeys(of(token(7), token(149)).tolist(), 2)
    assert await store.marks.fill() == 0
    await store.close()


async def test_filling_goes_on_where_it_was_cut(opened):
    store = opened(marker=None)
    await store.put([document(number, Label.CONFIDENTIAL) for number in range(150)])
    await store.close()
    store = opened()
    with (
        patch.object(module, "marked_by", side_effect=[[MARKER([token(i)]) for i in range(64)], ZeroDivisionError]),
        pytest.raises(ZeroDivisionError),
    ):
        await store.marks.fill()
    await store.close()
    store = opened()
    assert await store.marks.fill() == 150 - 64
    await store.close()


async def test_a_worker_that_dies_keeps_nothing_from_being_marked(opened, tmp_path):
    store = opened(marker=None)
    await store.put([document(number, Label.CONFIDENTIAL) for number in range(3)])
    await store.close()
    workers = ProcessWorkers(1, batch_timeout_s=0.001)
    store = SqliteKnowledge.open(
        tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse, marker=MARKER, workers=workers.batch
    )
    assert await store.marks.fill() == 3
    assert await store.marks.ranks_of(of(token(1)))
    await store.close()
    await workers.close()


async def test_with_another_key_marks_are_made_anew(opened):
    store = opened()
    await store.put([document(1, Label.CONFIDENTIAL)])
    await store.close()
    other = FingerprintMarker(b"another key")
    store = opened(other)
    assert await store.marks.fill() == 1
    assert await store.marks.ranks_of(of(token(1))) == {}
    assert list((await store.marks.ranks_of(of(token(1), marker=other))).values()) == [2]
    await store.close()


async def test_marks_go_with_their_document_from_the_file_too(opened, tmp_path):
    store = opened()
    await store.put([document(1, Label.CONFIDENTIAL, f"{token(1)} {token(2)}")])
    await store.put([document(1, Label.CONFIDENTIAL, token(1))])
    await store.delete("c", ["d1"])
    assert await store._database.read(lambda c: c.execute("SELECT count(*) FROM mark").get) == 0
    await store._database.truncate_log()
    gone = MARKER([token(2)])
    assert gone not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    await store.close()


async def test_old_answers_make_room(tmp_path):
    traces = SqliteTraces.open(tmp_path / "traces.db")
    answers = SqliteAnswerMarks(traces.database)
    assert answers.highest is Label.RESTRICTED, "in doubt"
    await answers.look()
    assert answers.highest is Label.PUBLIC
    for number in range(5):
        marked = Marked(marks=of(token(number), token(number + 100)).tobytes(), expires=CREATED + 10)
        await traces.record(msgspec.structs.replace(trace_of(f"t{number}"), label=Label.CONFIDENTIAL, marked=marked))
    with patch.object(traces_module, "MARK_BYTES", 3 * 16 + 8):
        await traces.expire(CREATED)
    known = [number for number in range(5) if await answers.ranks_of(of(token(number)))]
    assert known == [2, 3, 4]
    await answers.look()
    assert answers.highest is Label.CONFIDENTIAL
    trace = await traces.get("t4")
    assert trace is not None
    assert trace.marked is None
    await traces.close()


async def test_an_answer_recorded_again_has_its_new_marks(tmp_path):
    traces = SqliteTraces.open(tmp_path / "traces.db")
    answers = SqliteAnswerMarks(traces.database)
    for number in (1, 2):
        marked = Marked(marks=of(token(number)).tobytes(), expires=CREATED)
        await traces.record(msgspec.structs.replace(trace_of("t"), marked=marked))
        assert list(await answers.ranks_of(of(token(1), token(2)))) == of(token(number)).tolist()
    await traces.close()
