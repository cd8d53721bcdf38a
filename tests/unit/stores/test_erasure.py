"""What is forgotten is nowhere in the file, however its pages moved before; and kill -9 in the middle is no end of it."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from palier.audits import Feedback
from palier.interfaces import Erasure
from palier.pipeline.journey import digest
from palier.stores import erasure as erasing
from palier.stores.audits import SqliteAudits
from palier.stores.erasure import ErasableKnowledge, ErasableTraces
from palier.stores.feedback import SqliteFeedback
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.traces import SqliteTraces
from palier.testing.audits import done_of, drawn, judgement_of
from palier.testing.documents import DIMENSION, ENCODER, analyse, entry
from palier.testing.traces import CREATED, content_of, trace_of
from palier.types import Label, Marked, Message, Trace

USER = Erasure(user="zorglub", before=CREATED + 1e6)
DOCUMENT = Erasure(collection="docs", document="zorglub.md", before=CREATED + 1e6)


def asked(id: str, who: str, words: str, created: float = CREATED, evidence: tuple[str, ...] = ()) -> Trace:
    trace = trace_of(id, created, content=content_of(words))
    return msgspec.structs.replace(trace, principal=who, evidence=evidence)


def _bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


@pytest.fixture
async def traces(tmp_path):
    opened = SqliteTraces.open(tmp_path / "traces.db")
    yield opened
    await opened.close()


async def forget(traces: SqliteTraces, erasure: Erasure, **options: bool) -> dict[str, int]:
    store = ErasableTraces(traces.database)
    erasure = msgspec.structs.replace(erasure, requests=await store.requests(erasure, digest))
    return await store.forget(erasure, **options)


async def test_pages_that_were_balanced_keep_nothing_of_a_document(tmp_path):
    """`secure_delete` alone leaves copies of the terms in one of three of these files."""
    for seed in range(6):
        folder = tmp_path / str(seed)
        folder.mkdir()
        draw = random.Random(seed)
        store = SqliteKnowledge.open(folder / "knowledge.db", ENCODER, DIMENSION, analyse)
        for n in range(200):
            word = "zorglub" if n % 20 == 0 else "plain"
            texts = [
                f"{word}{n} " + " ".join(f"w{draw.randint(0, 3_000)}" for _ in range(draw.randint(5, 200)))
                for _ in range(draw.randint(1, 5))
            ]
            await store.put([entry(f"d{n}", "c", texts, [[1.0, float(i)] for i in range(len(texts))])])
        eraser = ErasableKnowledge(store.database)
        for n in range(0, 200, 20):
            erasure = Erasure(collection="c", document=f"d{n}", before=1.0)
            assert (await eraser.forget(erasure, dry_run=True)) == (await eraser.forget(erasure))
        await eraser.scrub(erasure)
        assert b"zorglub" not in _bytes(folder)
        assert b"plain" in _bytes(folder)
        await store.close()


async def test_a_user_among_many(traces, tmp_path):
    draw = random.Random(0)
    kept = {}
    for start in range(0, 600, 50):
        some = []
        for n in range(start, start + 50):
            who, word = ("zorglub", "secret") if n % 7 == 0 else ("bob", "plain")
            some.append(asked(f"{draw.getrandbits(60):x}", who, f"{word}{n} " * draw.randint(1, 400), CREATED + n))
        await asyncio.gather(*map(traces.record, some))
        kept |= {trace.id: trace for trace in some if trace.principal == "bob"}
    counts = await forget(traces, USER)
    await ErasableTraces(traces.database).scrub(USER)
    assert (counts["requests"], counts["contents"]) == (86, 86)
    assert not [word for word in (b"zorglub", b"secret") if word in _bytes(tmp_path)]
    for trace in kept.values():
        assert await traces.get(trace.id) == trace


async def test_pages_and_slices_have_no_seams(traces, monkeypatch):
    for name in ("PAGE", "WORDS", "SLICE"):
        monkeypatch.setattr(erasing, name, 3)
    for n in range(20):  # of one time: by id
        await traces.record(asked(f"t{n:02}", "zorglub" if n % 2 else "bob", "x"))
    assert (await forget(traces, USER, dry_run=True))["requests"] == 10
    assert (await forget(traces, USER))["requests"] == 10
    assert [trace.principal for trace in await traces.list()] == ["forgotten", "bob"] * 10


async def test_what_was_asked_later_stays(traces):
    await traces.record(asked("now", "zorglub", "x", USER.before))
    await traces.record(asked("later", "zorglub", "x", USER.before + 0.001))
    assert (await forget(traces, USER))["requests"] == 1
    assert (await traces.get("later")).content is not None


async def test_a_trace_of_an_earlier_version_is_forgotten_too(traces):
    await traces.record(asked("old", "zorglub", "x", evidence=("docs/zorglub.md#0",)))
    older = "json_remove(CAST(figures AS TEXT), '$.answers', '$.forgotten', '$.marked')"
    await traces.database.write(lambda c: c.execute(f"UPDATE trace SET figures = CAST({older} AS BLOB)"))
    store = ErasableTraces(traces.database)
    assert await store.requests(DOCUMENT, digest) == await store.requests(USER, digest) == ("old",)
    assert await store.forgotten() == ()
    await forget(traces, USER)
    assert await store.forgotten() == ("old",)


async def test_names_go_wherever_they_stand(traces):
    audits, feedback = SqliteAudits(traces.database), SqliteFeedback(traces.database)
    await drawn(audits, done_of("a"), done_of("b"))
    await audits.judge([judgement_of("a", who="zorglub"), judgement_of("b", who="bob")])
    for who in ("zorglub", "bob", "forgotten"):
        said = Feedback(trace="a", principal=who, rating="up", comment=f"{who} speaks", created=1.0)
        await feedback.rate(said, Label.PUBLIC, 9e9)
    before = await forget(traces, USER, dry_run=True)
    assert before == await forget(traces, USER)
    assert before == {
        "requests": 0,
        "contents": 0,
        "audits": 0,
        "shadows": 0,
        "comments": 1,
        "feedback": 1,
        "judgements": 1,
    }
    assert [j.who for audit in await audits.done() for j in audit.judgements] == ["forgotten", "bob"]
    ratings = {rating.principal: rating.comment for rating in await feedback.ratings("a")}
    assert ratings.pop("bob") == "bob speaks"
    assert ratings.pop("forgotten") == "forgotten speaks"
    assert [name.startswith("forgotten ") for name in ratings] == [True]


async def test_what_an_audit_kept_goes_with_its_request(traces, tmp_path):
    audits = SqliteAudits(traces.database)
    await drawn(audits, done_of("a"), done_of("b"))
    await traces.record(msgspec.structs.replace(trace_of("a"), evidence=("docs/zorglub.md#0", "docs/b.md#1")))
    await audits.judge([judgement_of("a"), judgement_of("b")])
    assert (await forget(traces, DOCUMENT))["audits"] == 1
    assert [audit.trace for audit in await audits.done(words=True)] == ["b"]
    assert (await traces.get("a")).evidence == ("docs/b.md#1",)
    assert not await audits.keep(done_of("a"))
    assert (await audits.count()).lost == 1


async def test_an_answer_is_no_longer_known_by_its_parts(traces):
    for name, who in (("a", "zorglub"), ("b", "bob")):
        marked = Marked(marks=name.encode() * 8, turns=(name.encode() * 16,), expires=9e9)
        trace = msgspec.structs.replace(asked(name, who, "x"), marked=marked, answers=(name,))
        await traces.record(trace)
        late = erasing.nameless(trace, USER)
        assert (late.marked, late.answers, late.content) == (None, (), None)
    await forget(traces, USER)

    def left(connection):
        return [connection.execute(f"SELECT group_concat(trace) FROM {name}").get for name in ("answer_mark", "turn")]

    assert await traces.database.read(left) == ["b", "b"]
    assert await traces.label_of(["a"]) == trace.label  # as a whole it is: whoever still has it shall not send it out


async def test_a_conversation_is_followed_to_its_end(traces):
    """Each turn comes back in the next; the first was answered from the document, and its own words are over."""
    first = msgspec.structs.replace(
        asked("1", "bob", "x", evidence=("docs/zorglub.md#0",)), answers=(digest("one"),), content=None
    )
    await traces.record(first)
    said = ["one"]
    for n, answer in ((2, "two"), (3, "three")):
        turns = tuple(Message(role="assistant", content=text) for text in said)
        content = msgspec.structs.replace(content_of(), messages=turns, answer=answer)
        await traces.record(msgspec.structs.replace(trace_of(str(n), CREATED + n, content=content), evidence=()))
        said = [answer]
    other = msgspec.structs.replace(content_of(), messages=(Message(role="user", content="one"),))
    await traces.record(msgspec.structs.replace(trace_of("4", CREATED + 4, content=other), evidence=()))
    assert await ErasableTraces(traces.database).requests(DOCUMENT, digest) == ("3", "2", "1")


# --- killed

CHILD = """
import asyncio, os, pathlib, signal, sys
from palier.forgetting import Forgetting
from palier.stores.erasure import ErasableKnowledge, ErasableTraces
from palier.stores import erasure
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.sqlite import Database
from palier.stores.traces import SqliteTraces
from palier.testing.documents import DIMENSION, ENCODER, analyse

erasure.SLICE = 5
folder, subject, (what, stop) = pathlib.Path(sys.argv[1]), dict([sys.argv[2].split("=")]), sys.argv[3].split()
original, calls = getattr(Database, what), 0

async def counted(self, *arguments):
    global calls
    calls += 1
    done = asyncio.ensure_future(original(self, *arguments))
    if calls == int(stop):  # it is handed over, and may be done, half done, or not begun
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGKILL)
    return await done

setattr(Database, what, counted)

async def main():
    traces = SqliteTraces.open(folder / "traces.db")
    store = SqliteKnowledge.open(folder / "knowledge.db", ENCODER, DIMENSION, analyse)
    erasing = Forgetting(ErasableKnowledge(store.database), (), ErasableTraces(traces.database), {})
    found = await erasing.forget(**subject)
    os.write(1, f"{sum(found.counts.values())}\\n".encode())

asyncio.run(main())
"""


async def _fill(folder: Path, number: int) -> None:
    traces = SqliteTraces.open(folder / "traces.db")
    store = SqliteKnowledge.open(folder / "knowledge.db", ENCODER, DIMENSION, analyse)
    await store.put([entry(f"zorglub{number}", "docs", ["zorglub is here"], [[1.0]])])
    rows = []
    for n in range(300):
        mine = n % 2 == 0
        words = f"zorglub {n} " * 20 if mine else f"plain {n} " * 20
        evidence = (f"docs/zorglub{number}#0",) if mine else ()
        who = f"zorglub{number}" if mine else "bob"
        rows.append(asked(f"t{number}-{n:03}", who, words, time.time(), evidence))
    await asyncio.gather(*map(traces.record, rows))
    await traces.close()
    await store.close()


def _child(folder: Path, subject: str, stop: str = "write 0") -> tuple[int, bytes]:
    """Its exit status, and how much it says it forgot."""
    command = [sys.executable, "-c", CHILD, str(folder), subject, stop]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=False)
    return done.returncode, done.stdout


EVERYWHERE = ("write 1", "write 3", "write 20", "rewrite 1")


@pytest.mark.parametrize("subject", ["user", "document"])
@pytest.mark.parametrize("stops", [("write 3",), pytest.param(EVERYWHERE, marks=pytest.mark.slow)])
async def test_killed_anywhere_it_is_done_again_and_finishes(tmp_path, stops, subject):
    for number, stop in enumerate(stops):
        await _fill(tmp_path, number)
        what = f"user=zorglub{number}" if subject == "user" else f"document=docs/zorglub{number}"
        assert _child(tmp_path, what, stop) == (-signal.SIGKILL, b"")
        assert _child(tmp_path, what)[0] == 0
        assert _child(tmp_path, what) == (0, b"0\n")
    traces = SqliteTraces.open(tmp_path / "traces.db")
    for number in range(len(stops)):
        for n in range(300):
            trace = await traces.get(f"t{number}-{n:03}")
            assert (trace.content is None) == trace.forgotten == (n % 2 == 0)
    await traces.close()
    for file in tmp_path.iterdir():
        if subject == "user":  # the document and its name stay then
            assert b"zorglub" not in file.read_bytes() or file.name == "knowledge.db"
        else:
            assert b"zorglub is here" not in file.read_bytes()
            assert b"zorglub 2 " not in file.read_bytes()
