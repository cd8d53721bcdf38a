"""SqliteKnowledge beyond the suite: encoders that must not mix, nothing left behind, analysis off the event loop."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from palier.errors import ConfigurationError
from palier.jobs.pool import ProcessWorkers
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.passages import MAX_QUERY_AUDIENCES
from palier.testing.documents import ADMIN, DIMENSION, ENCODER, NOBODY, analyse, entry, vectors_of
from palier.types import Document, Passage, Principal


@pytest.fixture
async def store(tmp_path):
    opened = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse)
    yield opened
    await opened.close()


async def _count(store, table: str) -> int:
    return await store._database.read(lambda connection: connection.execute(f"SELECT count(*) FROM {table}").get)


async def _terms(store) -> set[str]:
    """Every term that any full-text index holds."""

    def read(connection):
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_schema WHERE sql LIKE '%USING fts5 %'")]
        found = set()
        for name in names:
            connection.execute(f"CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab (main, {name}, col)")
            found |= {term for (term,) in connection.execute("SELECT term FROM temp.vocabulary WHERE col = 'terms'")}
            connection.execute("DROP TABLE temp.vocabulary")
        return found

    return await store._database.write(read)


async def test_nothing_is_left_of_what_is_replaced(store):
    await store.put([entry("a", "c", ["vieux mot", "vieille chose"], [[1.0], [1.0]], ["hr", "it"])])
    await store.put([entry("a", "c", ["neuf"], [[1.0]], ["rd"])])
    assert await _terms(store) == {"neuf"}
    for table, rows in {"document": 1, "passage": 1, "vector": 1, "audience": 1, "member": 1, "terms_1": 1}.items():
        assert await _count(store, table) == rows, table


async def test_nothing_is_left_of_what_is_deleted(store):
    before = await _count(store, "sqlite_schema")
    await store.put([entry("a", "c", groups=["hr"]), entry("b", "c", groups=["hr"]), entry("a", "d")])
    await store.delete("c", ["a"])
    assert await _count(store, "audience") == 2
    await store.delete("c", ["b"])
    await store.delete("d", ["a"])
    for table in ("collection", "document", "passage", "vector", "audience", "member"):
        assert await _count(store, table) == 0, table
    assert await _count(store, "sqlite_schema") == before


async def test_a_term_is_no_audience(store):
    await store.put([entry("a", "c", ["fibre"]), entry("b", "c", ["fibre 1 2"], groups=["hr"])])
    assert [hit.document for hit in await store.by_terms(["c"], ["1"], 5, ADMIN)] == ["b"]
    assert await store.by_terms(["c"], ["1", "2"], 5, NOBODY) == []


async def test_an_audience_has_no_weight(store):
    """The same passage has the same score whoever reads it, and whichever way the index is asked."""
    await store.put([entry(f"d{i}", "c", ["fibre panne"], groups=[f"g{i}"]) for i in range(MAX_QUERY_AUDIENCES + 20)])
    for groups in (["g0"], [f"g{i}" for i in range(MAX_QUERY_AUDIENCES + 10)]):
        hits = await store.by_terms(["c"], ["panne"], 200, Principal(groups=tuple(groups)))
        assert len(hits) == len(groups)
        assert {hit.bm25 for hit in hits} == {hit.bm25 for hit in await store.by_terms(["c"], ["panne"], 200, ADMIN)}


async def test_one_index_a_collection(store):
    """A term's weight comes from its own collection: what is rare here may be common there."""
    await store.put([entry(f"d{i}", "common", ["fibre" if i else "panne"]) for i in range(30)])
    alone = (await store.by_terms(["common"], ["panne"], 1, ADMIN))[0].bm25
    await store.put([entry(f"d{i}", "other", ["panne"]) for i in range(30)])
    assert (await store.by_terms(["common"], ["panne"], 1, ADMIN))[0].bm25 == alone


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


async def test_terms_can_be_made_by_the_workers(tmp_path):
    workers = ProcessWorkers(1)
    store = SqliteKnowledge.open(tmp_path / "knowledge.db", ENCODER, DIMENSION, analyse, workers=workers)
    await store.put([entry("a", "c", ["Fibre optique"])])
    assert len(await store.by_terms(["c"], ["optique"], 5, ADMIN)) == 1
    await store.close()
    await workers.close()


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
