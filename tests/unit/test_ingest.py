"""Ingestion on real parts: workers, encoder and store; only the collection's door is written here."""

import json
import os
import sys
from pathlib import Path

import msgspec
import pytest

from palier import ingest as module
from palier import text
from palier.errors import Busy, Forbidden, InvalidRequest, StoreError, Unavailable
from palier.ingest import Options, ingest
from palier.retrieval import sentence_model
from palier.retrieval.encoder import SentenceEncoder
from palier.retrieval.hybrid import HybridRetriever
from palier.retrieval.indexing import index_documents
from palier.stores.knowledge import SqliteKnowledge
from palier.types import Document, Label, Principal

ADMIN = Principal(admin=True)


class Shelf:
    """A collection's door as `Palier` has it; counts what goes through, and refuses what it is told to."""

    def __init__(self, store, encoder, workers):
        self.store, self.encoder, self.workers = store, encoder, workers
        self.puts = []
        self.refuse = lambda documents: None

    async def list_documents(self, collection, *, after="", limit=1000):
        return await self.store.list(collection, ADMIN, after=after, limit=limit)

    async def put_documents(self, documents):
        if error := self.refuse(documents):
            raise error
        self.puts.append([document.id for document in documents])
        await index_documents(documents, self.encoder, self.store, workers=self.workers.batch)

    async def delete_documents(self, collection, documents):
        return await self.store.delete(collection, documents)

    async def all(self):
        listed = await self.list_documents("c")
        return {document.id: document for document in listed}


@pytest.fixture
async def shelf(tmp_path, workers):
    store = SqliteKnowledge.open(
        tmp_path / "knowledge.db", sentence_model.name(), sentence_model.DIMENSION, text.terms, workers=workers.batch
    )
    yield Shelf(store, SentenceEncoder(workers, workers.batch), workers)
    await store.close()


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "docs"
    (root / "fr").mkdir(parents=True)
    (root / "fr/prix.md").write_text("# Prix\n\nLa Fibre Goéland coûte 29,99 € par mois.")
    (root / "fr/tarifs.csv").write_text("offre;prix\nSterne;21,99\n")
    (root / "guide.txt").write_text("THE GUIDE\n\nThe technician comes within two days.")
    return root


async def bring(shelf, *paths, lines=None, report=None, **options):
    return await ingest(
        shelf, shelf.workers.batch, paths, Options(collection="c", **options), lines=lines, report=report
    )


def figures(summary):
    return tuple(getattr(summary, name) for name in ("added", "changed", "unchanged", "deleted", "failed"))


async def test_a_folder_is_found_by_the_next_question(shelf, folder):
    summary = await bring(shelf, folder, label=Label.INTERNAL)
    assert figures(summary) == (3, 0, 0, 0, 0)
    documents = await shelf.all()
    assert sorted(documents) == ["fr/prix.md", "fr/tarifs.csv", "guide.txt"]
    assert documents["guide.txt"].language == "en"
    assert documents["guide.txt"].title == "THE GUIDE"
    assert {document.label for document in documents.values()} == {Label.INTERNAL}
    hits = await HybridRetriever(shelf.store, shelf.encoder).search("prix de la Goéland ?", ["c"], 3, ADMIN)
    assert hits[0].document == "fr/prix.md"


async def test_only_what_changed_is_done_again(shelf, folder):
    await bring(shelf, folder)
    assert figures(await bring(shelf, folder)) == (0, 0, 3, 0, 0)
    (folder / "guide.txt").write_text("THE GUIDE\n\nThe technician comes within three days.")
    (folder / "new.md").write_text("# New\n\nA page.")
    (folder / "fr/prix.md").unlink()
    shelf.puts.clear()
    assert figures(await bring(shelf, folder)) == (1, 1, 1, 0, 0)
    assert sorted(name for put in shelf.puts for name in put) == ["guide.txt", "new.md"]
    assert "fr/prix.md" in await shelf.all(), "nothing is deleted unless it is asked"


async def test_another_label_or_group_is_a_change(shelf, folder):
    await bring(shelf, folder, label=Label.RESTRICTED)
    assert figures(await bring(shelf, folder, label=Label.PUBLIC)) == (0, 3, 0, 0, 0)
    assert figures(await bring(shelf, folder, label=Label.PUBLIC, groups=("noc",))) == (0, 3, 0, 0, 0)
    assert {(d.label, d.groups) for d in (await shelf.all()).values()} == {(Label.PUBLIC, ("noc",))}


async def test_without_a_label_a_document_is_confidential_and_its_own_word_counts(shelf, folder):
    (folder / "own.md").write_text("---\nlabel: public\ngroups: [a]\nlanguage: br\n---\n# Degemer mat\n\nSkrid.")
    await bring(shelf, folder, language="fr")
    documents = await shelf.all()
    assert documents["guide.txt"].label is Label.CONFIDENTIAL
    assert (documents["own.md"].label, documents["own.md"].groups) == (Label.PUBLIC, ("a",))
    assert (documents["own.md"].language, documents["guide.txt"].language) == ("br", "fr")


@pytest.mark.parametrize(
    ("floor", "own", "given"),
    [
        ("restricted", "public", "restricted"),
        ("internal", "restricted", "restricted"),
        ("public", "public", "public"),
        ("public", None, "public"),
        (None, "public", "public"),
        (None, None, "confidential"),
    ],
)
async def test_a_label_that_is_given_is_a_floor(shelf, tmp_path, floor, own, given):
    page = tmp_path / "page.md"
    page.write_text(f"---\nlabel: {own}\n---\n# Page\n\nWords." if own else "# Page\n\nWords.")
    line = {"id": "line", "text": "Words."} | ({"label": own} if own else {})
    await bring(shelf, page, lines=encoded(line), label=floor and Label(floor))
    assert {name: document.label for name, document in (await shelf.all()).items()} == {"page.md": given, "line": given}


async def test_a_document_under_the_floor_is_brought_up_though_its_file_is_the_same(shelf, folder):
    await bring(shelf, folder, label=Label.RESTRICTED)
    lowered = [
        msgspec.structs.replace(document, label=Label.PUBLIC, text="x") for document in (await shelf.all()).values()
    ]
    await shelf.put_documents(lowered)
    assert figures(await bring(shelf, folder, label=Label.RESTRICTED)) == (0, 3, 0, 0, 0)
    assert {document.label for document in (await shelf.all()).values()} == {Label.RESTRICTED}


async def test_a_broken_file_is_reported_and_the_rest_goes_on(shelf, folder):
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 no")
    (folder / "noise.txt").write_bytes(bytes(range(256)))
    (folder / "big.txt").write_text("x" * 5000)
    seen = []
    summary = await bring(shelf, folder, folder / "missing", report=seen.append, max_file_bytes=4000)
    assert figures(summary) == (3, 0, 0, 0, 4)
    said = {Path(source).name: error for source, error in summary.failures}
    assert said.keys() == {"broken.pdf", "noise.txt", "big.txt", "missing"}
    assert "binary" in said["noise.txt"]
    assert "no such file" in said["missing"]
    assert [outcome.action for outcome in seen].count("added") == 3
    assert {outcome.total for outcome in seen} == {7}
    assert sorted(outcome.done for outcome in seen)[-1] <= 7


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems hold only names in UTF-8")
async def test_a_file_whose_name_is_no_text_is_reported_in_text(shelf, folder):
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.md")).write_text("# Le café\n\nIl ouvre à huit heures.")
    summary = await bring(shelf, folder)
    assert figures(summary) == (3, 0, 0, 0, 1)
    ((source, error),) = summary.failures
    assert source.endswith("caf\ufffd.md")
    assert "rename it" in error


async def test_prune_deletes_what_is_gone_and_only_that(shelf, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "stays.md").write_text("# Autre dossier\n\nIl reste.")
    await bring(shelf, folder)
    await bring(shelf, other)
    await index_documents([Document(id="by-http", collection="c", text="x", source="http")], shelf.encoder, shelf.store)
    (folder / "guide.txt").unlink()
    (folder / "fr/prix.md").write_bytes(b"\x00\x01")  # broken now: what it said before stays
    summary = await bring(shelf, folder, prune=True)
    assert figures(summary) == (0, 0, 1, 1, 1)
    assert sorted(await shelf.all()) == ["by-http", "fr/prix.md", "fr/tarifs.csv", "stays.md"]


async def test_prune_of_a_folder_that_is_not_there_deletes_nothing(shelf, folder):
    await bring(shelf, folder)
    folder.rename(folder.with_name("elsewhere"))
    assert figures(await bring(shelf, folder, prune=True)) == (0, 0, 0, 0, 1)
    assert len(await shelf.all()) == 3


async def test_a_moved_folder_is_taken_over_and_two_of_one_name_are_not(shelf, folder, tmp_path):
    await bring(shelf, folder)
    moved = folder.rename(tmp_path / "moved")
    assert figures(await bring(shelf, moved)) == (0, 3, 0, 0, 0)
    twin = tmp_path / "twin"
    twin.mkdir()
    (twin / "guide.txt").write_text("Another guide altogether.")
    summary = await bring(shelf, twin)
    assert figures(summary) == (0, 0, 0, 0, 1)
    assert "moved/guide.txt" in summary.failures[0][1]
    summary = await bring(shelf, moved, twin)
    assert figures(summary) == (0, 0, 3, 0, 1)


async def test_hidden_files_links_and_loops(shelf, folder, tmp_path):
    (folder / ".git").mkdir()
    (folder / ".git/config.md").write_text("hidden")
    (folder / ".hidden.md").write_text("hidden")
    (folder / "~$lock.docx").write_text("lock")
    (folder / "program.exe").write_text("MZ")
    (folder / "loop").symlink_to(folder)
    (folder / "dangling.md").symlink_to(tmp_path / "nowhere")
    outside = tmp_path / "outside.md"
    outside.write_text("# Dehors\n\nUn lien y mène.")
    (folder / "escape.md").symlink_to(outside)
    (folder / "again.txt").symlink_to("guide.txt")
    os.mkfifo(folder / "pipe.md")
    summary = await bring(shelf, folder)
    assert figures(summary) == (3, 0, 0, 0, 1)
    ((source, error),) = summary.failures
    assert source.endswith("docs/escape.md")
    assert "leads out" in error
    assert sorted(await shelf.all()) == ["fr/prix.md", "fr/tarifs.csv", "guide.txt"]
    assert figures(await bring(shelf, folder, prune=True)) == (0, 0, 3, 0, 1)


LINES = [
    {
        "id": "a",
        "text": "La fibre arrive à Groix en juin.",
        "label": "internal",
        "groups": ["noc"],
        "url": "u",
        "metadata": {"k": 1},
    },
    {"id": "b", "text": "The shop in Brest is open on Saturdays.", "title": "Shops"},
]


def encoded(*lines):
    return b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)


async def test_json_lines_from_a_file_and_from_standard_input(shelf, tmp_path):
    file = tmp_path / "faq.jsonl"
    file.write_bytes(encoded(*LINES))
    assert figures(await bring(shelf, file)) == (2, 0, 0, 0, 0)
    documents = await shelf.all()
    a = documents["a"]
    assert (a.label, a.groups, a.url, a.metadata, a.language) == (Label.INTERNAL, ("noc",), "u", {"k": 1}, "fr")
    assert documents["b"].title == "Shops"
    assert figures(await bring(shelf, file)) == (0, 0, 2, 0, 0)
    file.write_bytes(encoded(LINES[0], {**LINES[1], "text": "Closed."}, {"id": "c", "text": "New."}))
    assert figures(await bring(shelf, file)) == (1, 1, 1, 0, 0)
    file.write_bytes(encoded(LINES[0]))
    assert figures(await bring(shelf, file, prune=True)) == (0, 0, 1, 2, 0)
    assert figures(await bring(shelf, lines=encoded({"id": "s", "text": "From a pipe."}))) == (1, 0, 0, 0, 0)
    assert (await shelf.all())["s"].source == "stdin"
    assert figures(await bring(shelf, lines=encoded({"id": "t", "text": "Next."}), prune=True)) == (1, 0, 0, 1, 0)


async def test_a_bad_line_stops_its_file_unless_it_may_be_skipped(shelf):
    bad = encoded(LINES[0], b"{", {"id": "x"}, LINES[1])
    summary = await bring(shelf, lines=bad)
    assert figures(summary) == (0, 0, 0, 0, 1)
    assert "line 2" in summary.failures[0][1]
    assert "1 more" in summary.failures[0][1]
    summary = await bring(shelf, lines=bad, skip_bad=True)
    assert figures(summary) == (2, 0, 0, 0, 2)


async def test_two_lines_of_one_id_and_a_field_nobody_reads(shelf):
    summary = await bring(
        shelf, lines=encoded(LINES[0], {**LINES[0], "text": "Encore."}, {**LINES[1], "lable": "public"})
    )
    assert figures(summary) == (2, 0, 0, 0, 1)
    assert "line 2" in summary.failures[0][1]
    assert summary.warned == 1
    assert "lable" in summary.warnings[0][1]


async def test_documents_go_in_batches(shelf):
    lines = encoded(*({"id": f"d{i:03}", "text": f"Document {i}."} for i in range(70)))
    assert figures(await bring(shelf, lines=lines)) == (70, 0, 0, 0, 0)
    assert [len(put) for put in shelf.puts] == [32, 32, 6]


async def test_a_document_that_cannot_be_kept_is_found_among_its_batch(shelf):
    shelf.refuse = lambda documents: (
        InvalidRequest("no such thing") if any(document.id == "d1" for document in documents) else None
    )
    lines = encoded(*({"id": f"d{i}", "text": f"Document {i}."} for i in range(4)))
    summary = await bring(shelf, lines=lines)
    assert figures(summary) == (3, 0, 0, 0, 1)
    assert "d1" in summary.failures[0][1]


async def test_what_is_wrong_with_the_collection_is_raised(shelf, folder):
    for error in (StoreError("disk full"), Forbidden("no")):
        shelf.refuse = lambda documents, error=error: error
        with pytest.raises(type(error)):
            await bring(shelf, folder)
    gone = Unavailable("the gateway is gone")
    shelf.refuse = lambda documents: gone

    async def nothing(*_, **__):
        if shelf.puts is None:
            raise gone
        shelf.puts = None
        return []

    shelf.list_documents = nothing
    with pytest.raises(Unavailable):
        await bring(shelf, folder)


async def test_a_full_queue_is_waited_for(shelf, folder):
    waits = iter([Busy("full", retry_after=0.01)] * 3)
    shelf.refuse = lambda documents: next(waits, None)
    assert figures(await bring(shelf, folder)) == (3, 0, 0, 0, 0)
    shelf.refuse = lambda documents: Busy("full", retry_after=0.001)
    (folder / "guide.txt").write_text("Changed.")
    with pytest.raises(Busy):
        await bring(shelf, folder)


async def test_notes_are_bounded(shelf, monkeypatch):
    monkeypatch.setattr(module, "_MAX_NOTES", 3)
    lines = encoded(*(b"{" for _ in range(10)))
    summary = await bring(shelf, lines=lines, skip_bad=True)
    assert summary.failed == 10
    assert len(summary.failures) == 3


async def test_a_document_without_passages_is_kept(shelf):
    assert await index_documents([Document(id="e", collection="c", text="  ")], shelf.encoder, shelf.store) == 0
    assert "e" in await shelf.all()
