"""SqliteKnowledge beyond the suite: encoders that must not mix, nothing left behind, analysis off the event loop."""

from __future__ import annotations

import math
import threading

import msgspec
import numpy as np
import pytest

from palier.errors import ConfigurationError
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.passages import MAX_QUERY_TERMS
from palier.testing.documents import ADMIN, DIMENSION, ENCODER, NOBODY, analyse, entry, vectors_of
from palier.types import Document, Hit, Label, Passage, Principal


@pytest.fixture
async def store(tmp_path):
    opened = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse)
    yield opened
    await opened.close()


async def _count(store, table: str) -> int:
    return await store._database.read(lambda connection: connection.execute(f"SELECT count(*) FROM {table}").get)


async def _terms(store) -> set[str]:
    """Every term that has a posting."""
    rows = await store._database.read(lambda connection: list(connection.execute("SELECT term FROM posting")))
    return {term for (term,) in rows}


async def test_nothing_is_left_of_what_is_replaced(store):
    await store.put([entry("a", "c", ["vieux mot", "vieille chose"], [[1.0], [1.0]], ["hr", "it"])])
    await store.put([entry("a", "c", ["neuf"], [[1.0]], ["rd"])])
    assert await _terms(store) == {"neuf"}
    for table in ("document", "passage", "vector", "audience", "member", "posting"):
        assert await _count(store, table) == 1, table
    assert await store._database.read(lambda connection: connection.execute("SELECT terms FROM collection").get) == 1


async def test_nothing_is_left_of_what_is_deleted(store):
    await store.put([entry("a", "c", groups=["hr"]), entry("b", "c", groups=["hr"]), entry("a", "d")])
    await store.delete("c", ["a"])
    assert await _count(store, "audience") == 2
    await store.delete("c", ["b"])
    await store.delete("d", ["a"])
    for table in ("collection", "document", "passage", "vector", "audience", "member", "posting"):
        assert await _count(store, table) == 0, table


async def test_a_term_is_no_audience(store):
    await store.put([entry("a", "c", ["fibre"]), entry("b", "c", ["fibre 1 2"], groups=["hr"])])
    assert [hit.document for hit in await store.by_terms(["c"], ["1"], 5, ADMIN)] == ["b"]
    assert await store.by_terms(["c"], ["1", "2"], 5, NOBODY) == []


async def test_bm25_by_hand(store):
    """Three passages of 2, 3 and 4 terms with their title, where all of them are searched."""
    await store.put([entry("a", "c", ["fibre prix"]), entry("b", "d", ["fibre fibre panne"])])
    await store.put([entry("c", "d", ["un deux trois quatre"])])
    found = await store.by_terms(["c", "d"], ["fibre", "prix"], 5, ADMIN)
    rare, common = math.log(1 + 2.5 / 1.5), math.log(1 + 1.5 / 2.5)
    short, middle = 1.2 * (0.25 + 0.75 * 2 / 3), 1.2 * (0.25 + 0.75 * 3 / 3)
    expected = {"a": (rare + common) * 2.2 / (1 + short), "b": common * 2 * 2.2 / (2 + middle)}
    assert {hit.document: hit.bm25 for hit in found} == pytest.approx(expected)


async def test_postings_of_several_blocks(store):
    """What is written far apart is weighed together, and deleting takes each block's share."""
    for number in range(3):
        await store.put([entry(f"d{number}", "c", ["fibre"] * 3000, [[1.0]] * 3000)])
    assert await store._database.read(lambda c: c.execute("SELECT max(block) FROM posting").get) == 2
    scores = {hit.bm25 for hit in await store.by_terms(["c"], ["fibre"], 10_000, ADMIN)}
    assert list(scores) == pytest.approx([math.log(1 + 0.5 / 9000.5)])
    await store.delete("c", ["d0", "d1"])
    assert len(await store.by_terms(["c"], ["fibre"], 10_000, ADMIN)) == 3000
    assert await _count(store, "posting") == 3000


async def test_the_first_terms_of_a_long_query(store):
    await store.put([entry("a", "c", ["fibre"]), entry("b", "c", ["panne"])])
    filling = [f"w{i}" for i in range(MAX_QUERY_TERMS - 1)]
    found = await store.by_terms(["c"], [*filling, "fibre", "panne"], 5, ADMIN)
    assert [hit.document for hit in found] == ["a"]


@pytest.mark.parametrize(("name", "dimension"), [("another", DIMENSION), (ENCODER, DIMENSION * 2)])
async def test_encoders_do_not_mix(tmp_path, name, dimension):
    path = tmp_path / "knowledge.db"
    store = SqliteKnowledge.open(path, ENCODER, DIMENSION, analyse)
    await store.put([entry("a", "old")])
    await store.close()

    store = SqliteKnowledge.open(path, name, dimension, analyse)
    vector = np.ones((1, dimension), dtype=np.float32)
    other = Document(id="b", collection="old", text="fibre")
    passages = [Passage(document="b", index=0, text="fibre", start=0, end=5)]
    for attempt in (store.put([(other, passages, vector)]), store.by_vector(["old"], vector[0], 5, ADMIN)):
        with pytest.raises(ConfigurationError) as caught:
            await attempt
        assert f"`old` was indexed by {ENCODER} ({DIMENSION} dimensions), not by {name} ({dimension})" in str(
            caught.value
        )
        assert "ingest them again" in caught.value.hint
    assert len(await store.by_terms(["old"], ["fibre"], 5, ADMIN)) == 1  # terms are nobody's

    await store.delete("old", ["a"])
    await store.put([(other, passages, vector)])
    assert len(await store.by_vector(["old"], vector[0], 5, ADMIN)) == 1
    await store.close()


async def test_a_passage_is_found_by_title_and_heading_in_its_language(tmp_path):
    asked = []

    def watch(text, language):
        asked.append((language, threading.get_ident()))
        return analyse(text, language)

    store = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, watch)
    document = Document(id="a", collection="c", text="un", title="Résiliation", language="fr")
    passage = Passage(document="a", index=0, text="un", start=0, end=2, heading="Délais")
    await store.put([(document, [passage], vectors_of([1.0]))])
    for term in ("résiliation", "délais", "un"):
        assert len(await store.by_terms(["c"], [term], 5, ADMIN)) == 1
    assert [language for language, _ in asked] == ["fr"]
    assert threading.get_ident() not in [thread for _, thread in asked]
    await store.close()


async def test_terms_can_be_made_by_the_workers(tmp_path, workers):
    store = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse, workers=workers)
    await store.put([entry("a", "c", ["Fibre optique"])])
    assert len(await store.by_terms(["c"], ["optique"], 5, ADMIN)) == 1
    await store.close()


async def test_everything_is_there_after_reopening(tmp_path):
    path = tmp_path / "knowledge.db"
    store = SqliteKnowledge.open(path, ENCODER, DIMENSION, analyse)
    await store.put([entry("a", "c", groups=["hr"])])
    await store.close()
    store = SqliteKnowledge.open(path, ENCODER, DIMENSION, analyse)
    hr = Principal(groups=("hr",))
    assert len(await store.by_vector(["c"], vectors_of([1.0])[0], 5, hr)) == 1
    assert len(await store.by_terms(["c"], ["fibre"], 5, hr)) == 1
    await store.close()


async def _found(store, principal: Principal = ADMIN) -> Hit:
    (hit,) = await store.by_terms(["c"], ["fibre"], 1, principal)
    return hit


async def test_a_passage_that_was_found_has_the_label_of_now_while_it_stands(store):
    await store.put([entry("a", "c", ["la fibre", "le reste"], [[1.0], [1.0]])])
    hit = await _found(store)
    assert await store.label_of(hit, ADMIN) is hit.label
    document, passages, vectors = entry("a", "c", ["devant", "la fibre", "le reste"], [[1.0]] * 3)
    raised = msgspec.structs.replace(document, label=Label.RESTRICTED)
    await store.put([(raised, passages, vectors)])
    assert await store.label_of(hit, ADMIN) is Label.RESTRICTED, "wherever it stands"


@pytest.mark.parametrize("changed", ["text", "title", "heading", "deleted", "groups"])
async def test_a_passage_that_was_rewritten_or_taken_away_stands_no_more(store, changed):
    await store.put([entry("a", "c", ["la fibre"]), entry("b", "c", ["autre"])])
    hit, ann = await _found(store, NOBODY), NOBODY
    assert await store.label_of(hit, ann) is not None
    document, passages, vectors = entry("a", "c", ["la fibre neuve" if changed == "text" else "la fibre"])
    if changed == "title":
        document = msgspec.structs.replace(document, title="Other")
    if changed == "heading":
        passages = [msgspec.structs.replace(passage, heading="Other") for passage in passages]
    if changed == "groups":
        document = msgspec.structs.replace(document, groups=("hr",))
    if changed == "deleted":
        await store.delete("c", ["a"])
    else:
        await store.put([(document, passages, vectors)])
    assert await store.label_of(hit, ann) is None
