"""A file of each earlier version opens, and answers as one that was written today."""

from __future__ import annotations

import apsw
import pytest

from palier.stores.knowledge import KNOWLEDGE, SqliteKnowledge
from palier.stores.schema import migrations, open_reader
from palier.testing.documents import ADMIN, DIMENSION, ENCODER, NOBODY, analyse, entry, vectors_of
from palier.types import Label

TERMS = ["fibre", "prix", "panne"]
DOCUMENTS = [
    entry("a", "offres", ["Fibre prix fibre", "prix C++"], [[1.0], [1.0, 1.0]]),
    entry("b", "offres", ["panne"], groups=["hr"]),
    entry("c", "pannes", ["fibre panne"]),
]
FULL_TEXT = """CREATE VIRTUAL TABLE terms_{} USING fts5 (
    terms, audience, tokenize = "ascii tokenchars '!""#$%&''()*+,-./:;<=>?@[\\]^_`{{|}}~'"
)"""


def write_version_1(path) -> None:
    """`DOCUMENTS` as the first version kept them: one full-text index a collection, named by its number."""
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.execute(migrations("knowledge")[0][1])
    connection.execute("INSERT INTO audience VALUES (1, '[]'), (2, '[\"hr\"]'); INSERT INTO member VALUES ('hr', 2)")
    passage = 0
    for number, (document, passages, vectors) in enumerate(DOCUMENTS, 1):
        collection, audience = 7 if document.collection == "offres" else 9, 2 if document.groups else 1
        connection.execute(
            "INSERT OR IGNORE INTO collection (id, name, encoder, dimension) VALUES (?, ?, ?, ?)",
            (collection, document.collection, ENCODER, DIMENSION),
        )
        if connection.changes():
            connection.execute(FULL_TEXT.format(collection))
        connection.execute(
            "INSERT INTO document VALUES (?, ?, ?, ?, ?, '', '', '', 'confidential', ?, '{}', '', '', 0.0, ?)",
            (number, collection, audience, len(passages), document.id, '["hr"]' if audience == 2 else "[]", "text"),
        )
        connection.execute("UPDATE collection SET passages = passages + ? WHERE id = ?", (len(passages), collection))
        for found, vector in zip(passages, vectors, strict=True):
            passage += 1
            values = (passage, number, audience, found.index, found.text)
            connection.execute("INSERT INTO passage VALUES (?, ?, ?, ?, '', 0, 0, ?)", values)
            connection.execute(
                "INSERT INTO vector VALUES (?, ?, ?, ?)", (passage, collection, audience, vector.tobytes())
            )
            terms = " ".join(analyse(found.text, ""))
            connection.execute(
                f"INSERT INTO terms_{collection} (rowid, terms, audience) VALUES (?, ?, ?)", (passage, terms, audience)
            )
    connection.pragma("application_id", KNOWLEDGE.application_id)
    connection.pragma("user_version", 1)
    connection.close()


def opened(path) -> SqliteKnowledge:
    return SqliteKnowledge.open(path, ENCODER, DIMENSION, analyse)


@pytest.fixture
async def stores(tmp_path):
    """The one led from version 1, and one of today with the same documents."""
    write_version_1(tmp_path / "old.db")
    old, new = opened(tmp_path / "old.db"), opened(tmp_path / "new.db")
    await new.put(DOCUMENTS)
    yield old, new
    await old.close()
    await new.close()


async def test_a_file_of_version_1_is_found_in_as_one_of_today(stores):
    old, new = stores
    for names in (["offres"], ["pannes"], ["offres", "pannes"]):
        for principal in (ADMIN, NOBODY):
            for terms in (TERMS, ["fibre"], ["c"]):
                expected = {hit.key: hit.bm25 for hit in await new.by_terms(names, terms, 10, principal)}
                assert {hit.key: hit.bm25 for hit in await old.by_terms(names, terms, 10, principal)} == expected
    assert len(await old.by_vector(["offres"], vectors_of([1.0])[0], 10, ADMIN)) == 3


async def test_a_file_without_readers_is_everybodys_until_it_is_closed(stores):
    for store in stores:
        assert await store.readers() == []
        assert len(await store.by_terms(["pannes"], TERMS, 10, NOBODY)) == 1
        await store.change_readers("pannes", allow=["hr"])
        assert await store.by_terms(["pannes"], TERMS, 10, NOBODY) == []
        assert [row["name"] for row in await store.collections(NOBODY)] == ["offres"]


async def test_a_file_of_version_2_keeps_what_it_holds(tmp_path):
    """As the first release wrote it."""
    write_version_1(tmp_path / "old.db")
    connection = apsw.Connection(str(tmp_path / "old.db"))
    for (made,) in list(connection.execute(migrations("knowledge")[1][1])):
        connection.execute(made)
    connection.pragma("user_version", 2)
    before = list(connection.execute("SELECT * FROM posting"))
    connection.close()
    store = opened(tmp_path / "old.db")
    assert {document.id for document in await store.list("offres", ADMIN)} == {"a", "b"}
    assert {document.id for document in await store.list("offres", NOBODY)} == {"a"}
    await store.close()
    reader = open_reader(tmp_path / "old.db", KNOWLEDGE)
    assert reader.pragma("user_version") == KNOWLEDGE.version
    assert list(reader.execute("SELECT * FROM posting")) == before
    reader.close()


async def test_documents_of_version_1_are_known_again(stores):
    old, new = stores
    for store in stores:
        await store.marks.fill()
    assert old.marks.highest is new.marks.highest is Label.CONFIDENTIAL


async def test_a_file_of_version_1_goes_on_as_one_of_today(stores, tmp_path):
    for store in stores:
        await store.put([entry("a", "offres", ["neuf"]), entry("d", "offres", ["prix panne"])])
        assert await store.delete("pannes", ["c"]) == 1
    tables = []
    for name in ("old.db", "new.db"):
        reader = open_reader(tmp_path / name, KNOWLEDGE)
        tables.append({table for (table,) in reader.execute("SELECT name FROM sqlite_schema")})
        held = set(reader.execute("SELECT term, frequency, length FROM posting"))
        assert held == {("neuf", 1, 1), ("prix", 1, 2), ("panne", 1, 2), ("panne", 1, 1)}
        assert list(reader.execute("SELECT passages, terms FROM collection")) == [(3, 4)]
        reader.close()
    assert tables[0] == tables[1], "and no full-text index is left"
