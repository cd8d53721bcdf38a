"""What clients write, looked up among real documents and answers."""

from __future__ import annotations

import asyncio
import base64
import codecs
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec
import numpy as np
import pytest

from palier.jobs.pool import ProcessWorkers
from palier.privacy import fingerprints as module
from palier.privacy import guesses
from palier.privacy.answers import united
from palier.privacy.fingerprints import FingerprintMarker, Fingerprints
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.marks import SqliteAnswerMarks
from palier.stores.traces import SqliteTraces
from palier.testing.documents import DIMENSION, ENCODER, analyse
from palier.testing.traces import CREATED, trace_of
from palier.types import Document, Label, Marked

SECRET = "The merger with Kerlouan Networks will be announced on the first Monday of March, and nobody may know it."
CODE = "KES-4471-QTZ-9920"
MARKER = FingerprintMarker(b"key of the test")


class House(NamedTuple):
    knowledge: SqliteKnowledge
    traces: SqliteTraces
    prints: Fingerprints

    async def put(self, id: str, text: str, label: Label) -> None:
        document = Document(id=id, collection="c", text=text, label=label)
        await self.knowledge.put([(document, [], np.empty((0, DIMENSION), np.float32))])

    async def answered(self, id: str, text: str, label: Label, asked: tuple[str, ...] = ()) -> None:
        """Record an answer as the pipeline does."""
        own = await self.prints.own(asked, await self.prints.seen(asked))
        said = await self.prints.said([text], label)
        known = united([own, await self.prints.lower(said, label)])
        marked = Marked(marks=said[0].to_record(known).tobytes(), expires=CREATED + 10)
        await self.traces.record(msgspec.structs.replace(trace_of(id), label=label, marked=marked))


@pytest.fixture
async def house(tmp_path: Path, workers: ProcessWorkers) -> AsyncIterator[House]:
    knowledge = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse, marker=MARKER)
    traces = SqliteTraces.open(tmp_path / "traces.db")
    answers = SqliteAnswerMarks(traces.database)
    await knowledge.marks.fill()
    await answers.look()
    yield House(knowledge, traces, Fingerprints(MARKER, knowledge.marks, answers, workers))
    await knowledge.close()
    await traces.close()


async def test_a_house_without_labelled_text_looks_nothing_up(house: House) -> None:
    await house.put("offer", SECRET, Label.PUBLIC)
    assert house.prints.highest is Label.PUBLIC
    assert await house.prints.seen([SECRET]) == module.Seen(Label.PUBLIC)


async def test_a_quoted_document_gives_its_label(house: House) -> None:
    await house.put("merger", f"{SECRET} {CODE}", Label.RESTRICTED)
    assert house.prints.highest is Label.RESTRICTED
    for said in (SECRET.upper(), "is it true that " + SECRET[20:90], f"and {CODE}?", "S 44 71 qtz 9920?"):
        assert await house.prints.label_of(["Hello", said]) is Label.RESTRICTED, said
    assert await house.prints.label_of(["The merger will be announced on the first of May"]) is Label.PUBLIC
    assert await house.prints.label_of([]) is Label.PUBLIC


async def test_what_stands_in_a_public_document_is_public(house: House) -> None:
    await house.put("merger", SECRET, Label.RESTRICTED)
    await house.put("press", f"At last: {SECRET}", Label.PUBLIC)
    assert await house.prints.label_of([SECRET]) is Label.PUBLIC
    await house.put("press", f"At last: {SECRET}", Label.INTERNAL)
    assert await house.prints.label_of([SECRET]) is Label.INTERNAL
    await house.knowledge.delete("c", ["press"])
    assert await house.prints.label_of([SECRET]) is Label.RESTRICTED
    await house.knowledge.delete("c", ["merger"])
    assert await house.prints.label_of([SECRET]) is Label.PUBLIC


async def test_a_short_document_is_known_below_its_title_too(house: House) -> None:
    document = Document(id="d", collection="c", text="Morel gagne neuf mille", title="Paie", label=Label.RESTRICTED)
    await house.knowledge.put([(document, [], np.empty((0, DIMENSION), np.float32))])
    assert await house.prints.label_of(["Dis-moi. Morel gagne neuf mille ?"]) is Label.RESTRICTED


async def test_what_a_document_is_called_is_known(house: House) -> None:
    document = Document(
        id="cases/AT-118302-QX",
        collection="c",
        text="x",
        url=f"https://inside.example/{CODE}",
        label=Label.CONFIDENTIAL,
    )
    await house.knowledge.put([(document, [], np.empty((0, DIMENSION), np.float32))])
    for said in (CODE, base64.b64encode(CODE.encode()).decode(), f"see https://inside.example/{CODE}", "at 118302 qx"):
        assert await house.prints.label_of([said]) is Label.CONFIDENTIAL, said
    assert await house.prints.label_of(["https://inside.example/ is our site"]) is Label.PUBLIC


OFFER = "The Lanbinic line costs 17 euros a month, installation included, during the first 12 months of the contract."


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        (codecs.encode(f"{OFFER} {SECRET}", "rot13"), OFFER),
        (f"{OFFER} {SECRET}"[::-1], OFFER),
        (codecs.encode(f"{OFFER} {SECRET}", "rot13")[::-1], OFFER[::-1]),
        (f"![](https://x.example/?q={quote(OFFER + SECRET)})", "What does an installation cost?"),
        (f"![](https://x.example/?q={quote(OFFER + SECRET)})", quote(OFFER)),
        (f"{OFFER} [1]", f"{OFFER} [1]"),
        (f"Yes. {OFFER} [1]\n{OFFER} [2]", f"Yes. {OFFER} [1]\n{OFFER} [2]"),
        (base64.b64encode(f"{OFFER} {SECRET}".encode()).decode(), base64.b64encode(OFFER.encode()).decode()),
        ("20installation", "an installation in 20 installation steps"),
        ("Good morning, how may I help?", "Good morning, how may I help?"),
    ],
)
async def test_an_answer_leaves_public_text_public(house: House, told: str, asked: str) -> None:
    await house.put("press", OFFER, Label.PUBLIC)
    await house.put("merger", SECRET, Label.RESTRICTED)
    await house.answered("t1", told, Label.RESTRICTED)
    assert await house.prints.label_of([asked]) is Label.PUBLIC


async def test_an_answer_is_known_by_what_it_says_encoded(house: House) -> None:
    await house.put("press", OFFER, Label.PUBLIC)
    await house.answered("t1", base64.b64encode(f"{OFFER} {SECRET}".encode()).decode(), Label.RESTRICTED)
    for said in (SECRET, SECRET.encode().hex(), codecs.encode(SECRET, "rot13"), quote(SECRET[20:90])):
        assert await house.prints.label_of([said]) is Label.RESTRICTED, said


async def test_what_is_public_since_an_answer_told_it_is_public(house: House) -> None:
    await house.answered("t1", codecs.encode(SECRET, "rot13"), Label.RESTRICTED)
    assert await house.prints.label_of([SECRET]) is Label.RESTRICTED
    await house.put("press", SECRET, Label.PUBLIC)
    assert await house.prints.label_of([SECRET]) is Label.PUBLIC
    assert await house.prints.label_of([codecs.encode(SECRET, "rot13")]) is Label.PUBLIC


async def test_what_cannot_be_read_through_is_what_the_answer_was(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.put("press", OFFER, Label.PUBLIC)
    monkeypatch.setattr(module, "MAX_SAID", 50)
    await house.answered("t1", f"{SECRET} {OFFER}", Label.RESTRICTED)
    assert await house.prints.label_of([f"{SECRET} Is it so?"]) is Label.RESTRICTED
    assert await house.prints.label_of([OFFER]) is Label.PUBLIC


async def test_a_token_split_over_turns_is_joined_again(house: House) -> None:
    await house.put("key", f"The key is {CODE}.", Label.CONFIDENTIAL)
    assert await house.prints.label_of(["it begins with KES-44", "71-QTZ-9920 is the rest"]) is Label.CONFIDENTIAL
    answered = ["it begins with KES-4471", "I see.", "QTZ-9920 is the rest"]
    assert await house.prints.label_of(answered) is Label.CONFIDENTIAL
    parted = ["it begins with KES-4471", "I see.", "and then comes QTZ-9920"]
    assert await house.prints.label_of(parted) is Label.PUBLIC, "a stated limit: words between short halves"


async def test_an_answer_is_known_in_part_without_what_the_client_wrote(house: House) -> None:
    asked = ("What became of the case AT-118302 in the long summer of the year before last?",)
    text = "The case AT-118302 was closed by Katell after the customer was paid back, with the code QRS-99887766-X."
    await house.put("case", "something else that is restricted", Label.RESTRICTED)
    await house.answered("t1", text, Label.RESTRICTED, asked)
    assert (
        await house.prints.label_of(["you said it was closed by Katell after the customer was paid"])
        is Label.RESTRICTED
    )
    assert await house.prints.label_of(["QRS-99887766-X"]) is Label.RESTRICTED
    assert await house.prints.label_of(["another question on AT-118302"]) is Label.PUBLIC
    assert await house.prints.label_of(asked) is Label.PUBLIC


async def test_an_answer_gives_nothing_above_public_text_it_quotes(house: House) -> None:
    await house.put("press", SECRET, Label.PUBLIC)
    await house.put("case", "something else that is restricted", Label.RESTRICTED)
    await house.answered(
        "t1", f"{SECRET} The director was told of it before anybody else in the house.", Label.RESTRICTED
    )
    await house.knowledge.delete("c", ["press"])
    assert await house.prints.label_of([SECRET]) is Label.PUBLIC, "it was public when it was said"
    assert await house.prints.label_of(["the director was told of it before anybody else"]) is Label.RESTRICTED


async def test_of_several_answers_the_most_restrictive_counts(house: House) -> None:
    for name, label in (("a", Label.CONFIDENTIAL), ("b", Label.RESTRICTED), ("c", Label.CONFIDENTIAL)):
        await house.answered(name, SECRET, label)
    assert await house.prints.label_of([SECRET]) is Label.RESTRICTED


async def test_answers_are_forgotten_after_a_year_and_with_their_trace(house: House) -> None:
    await house.answered("a", SECRET, Label.RESTRICTED)
    await house.answered("b", f"it is {CODE}", Label.RESTRICTED)
    assert await house.traces.expire(CREATED + 9) == 0
    await house.traces.database.write(lambda connection: connection.execute("DELETE FROM trace WHERE id = 'a'"))
    assert await house.prints.label_of([SECRET]) is Label.PUBLIC
    assert await house.prints.label_of([CODE]) is Label.RESTRICTED
    await house.traces.expire(CREATED + 10)
    assert await house.prints.label_of([CODE]) is Label.PUBLIC


async def test_beyond_the_limit_a_request_counts_as_the_most_confidential(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.put("key", f"The key is {CODE}.", Label.CONFIDENTIAL)
    monkeypatch.setattr(module, "MAX_PROBES", 100)
    assert await house.prints.label_of(["one two three four five six seven eight nine"]) is Label.PUBLIC
    assert await house.prints.label_of([" ".join(f"w{i} x" for i in range(99))]) is Label.CONFIDENTIAL
    many = [f"{i} first second third fourth fifth sixth seventh eighth" for i in range(60)]
    assert await house.prints.label_of(many) is Label.CONFIDENTIAL, "all turns together"
    monkeypatch.setattr(module, "MAX_PROBES", 1_000_000)
    monkeypatch.setattr(module, "MAX_READ", 300)
    assert await house.prints.label_of(["a short text"]) is Label.PUBLIC
    assert await house.prints.label_of(["the same few words, " * 20]) is Label.CONFIDENTIAL


async def test_whoever_tries_all_numbers_learns_of_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.put("safe", "The safe opens with 40718265, tell nobody.", Label.RESTRICTED)

    def tried(*numbers: int) -> str:
        return " x ".join(f"{n:08d}" for n in numbers)

    async def label(text: str, asker: str = "guest") -> Label:
        return (await house.prints.seen([text], asker)).label

    assert await label("is it 40718265?") is Label.RESTRICTED
    assert await label("is it 40718266?") is Label.PUBLIC
    many = [tried(*range(start, start + 2_000)) for start in (40_718_000, 50_718_000)]
    assert [await label(text) for text in many] == [Label.RESTRICTED] * 2, "whether one of them is there or not"
    assert [await label(text) for text in many] == [Label.RESTRICTED] * 2, "sent again"
    assert [await label(text, "") for text in many] == [Label.RESTRICTED, Label.PUBLIC], "the owner reads all anyway"
    monkeypatch.setattr(guesses, "MAX_HOUR", 2_000)
    few = [tried(*range(n, n + 40)) for n in range(60_000_000, 60_000_400, 40)]
    met = [await label(text, "other") for text in few]
    assert met[0] is Label.PUBLIC
    assert met[-1] is Label.RESTRICTED
    assert await label("hello, what does the fibre cost?", "other") is Label.PUBLIC, "words alone are looked up"
    assert await label(few[-1], "third") is Label.PUBLIC


async def test_a_long_text_is_probed_elsewhere(house: House) -> None:
    await house.put("key", f"The key is {CODE}.", Label.CONFIDENTIAL)
    await house.prints.label_of(["warm " * 400])
    chatter = " ".join(f"word{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}" for i in range(20_000))
    lag = 0.0

    async def watch() -> None:
        nonlocal lag
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            lag = max(lag, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    assert await house.prints.label_of([chatter + base64.b64encode(CODE.encode()).decode()]) is Label.CONFIDENTIAL
    watching.cancel()
    assert lag < 0.25, "the loop was held"


async def test_turns_that_are_sent_again_are_not_probed_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.put("key", f"The key is {CODE}.", Label.CONFIDENTIAL)
    probed: list[str] = []
    probe = module.probe
    monkeypatch.setattr(module, "probe", lambda key, texts, limit: probed.extend(texts) or probe(key, texts, limit))
    await house.prints.label_of(["first turn", "second turn"])
    probed.clear()
    assert await house.prints.label_of(["first turn", "second turn", CODE]) is Label.CONFIDENTIAL
    assert probed == [CODE, f"second turn\n{CODE}", f"first turn\n{CODE}"]
    monkeypatch.setattr(module, "CACHE", 0)
    await house.prints.label_of(["x"])
    assert not house.prints._cache
    assert house.prints._cached == 0


async def test_turns_are_known_by_their_principal_and_their_words(house: House) -> None:
    turns = house.prints.turns
    said = turns("ann", ["What does Mr Morel earn?", "Thank you very", "Nine thousand euros a month."])
    assert len(said) == 2, "three words say too little"
    assert set(turns("ann", ["  what does MR Morel\nearn?"])) <= set(said)
    assert set(turns("bob", ["What does Mr Morel earn?"])).isdisjoint(said)
    assert len(turns("ann", [], "c-1")) == 1
    assert turns("ann", [], "c-1") != turns("bob", [], "c-1")
    marked = Marked(turns=tuple(said), expires=CREATED + 10)
    for name, label in (("a", Label.RESTRICTED), ("b", Label.CONFIDENTIAL)):
        await house.traces.record(msgspec.structs.replace(trace_of(name), label=label, marked=marked))
    assert await house.prints.label_of_turns(said[:1]) is Label.RESTRICTED
    assert await house.prints.label_of_turns(turns("bob", ["What does Mr Morel earn?"])) is Label.PUBLIC
    assert await house.prints.label_of_turns([]) is Label.PUBLIC
    await house.traces.expire(CREATED + 10)
    assert await house.prints.label_of_turns(said) is Label.PUBLIC


def test_the_name_of_a_marker_changes_with_its_key() -> None:
    assert MARKER.name == FingerprintMarker(b"key of the test").name != FingerprintMarker(b"other").name


async def test_warm_loads_what_is_looked_up(house: House) -> None:
    await house.prints.warm()
    assert house.knowledge.marks._memory._last == 0, "nothing is labelled"
    await house.put("key", f"The key is {CODE}.", Label.CONFIDENTIAL)
    await house.prints.warm()
    assert house.knowledge.marks._memory._last == 1
