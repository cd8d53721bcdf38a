"""Hybrid search: on the sample company, and its fusion on figures that can be checked by hand."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from palier import text
from palier.retrieval import sentence_model
from palier.retrieval.encoder import SentenceEncoder
from palier.retrieval.hybrid import HybridRetriever, Question, fuse
from palier.retrieval.indexing import index_documents
from palier.retrieval.parsing import parse_file
from palier.stores.knowledge import SqliteKnowledge
from palier.types import Document, Hit, Label, Principal

COMPANY = Path(__file__).parents[3] / "examples/armorique/documents/public"
ADMIN = Principal(admin=True)


@pytest.fixture(scope="module")
def company(tmp_path_factory, workers):
    """The sample company's public documents in a store file, embedded once."""
    path = tmp_path_factory.mktemp("company") / "knowledge.db"

    async def fill():
        store = SqliteKnowledge.open(path, sentence_model.name(), sentence_model.DIMENSION, text.terms)
        documents = [
            Document(
                id=f"{file.stem}{parsed.id}", collection="c", text=parsed.text, title=parsed.title,
                language=parsed.language, label=Label.PUBLIC, groups=("fr",) if "sterne" in file.stem else (),
            )
            for file in sorted(COMPANY.rglob("*.*"))
            for parsed in parse_file(str(file), 10**7)
        ]  # fmt: skip
        await index_documents(documents, SentenceEncoder(workers, workers.batch), store, workers=workers.batch)
        await store.close()

    asyncio.run(fill())
    return path


@pytest.fixture
async def retriever(company, workers):
    store = SqliteKnowledge.open(company, sentence_model.name(), sentence_model.DIMENSION, text.terms)
    yield HybridRetriever(store, SentenceEncoder(workers, workers.batch))
    await store.close()


@pytest.mark.parametrize(
    ("question", "document", "within"),
    [
        ("C'est combien par mois la Fibre Goéland ?", "fibre-goeland", 6),
        ("Quel est le préavis pour résilier ?", "resiliation", 1),
        ("What does error K-104 mean?", "korrigan-tv-errors", 1),
        # the answer stands in the other language only
        ("Combien de temps le QR code de mon eSIM reste-t-il valable ?", "esim-guide", 3),
        ("Quel préfixe IPv6 reçoit un particulier ?", "use-your-own-router", 3),
    ],
)
async def test_the_right_page_is_found(retriever, question, document, within):
    hits = await retriever.search(question, ["c"], within, ADMIN)
    assert document in [hit.document for hit in hits]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


async def test_the_score_means_the_same_for_every_question(retriever):
    (known,) = await retriever.search("Combien coûte la résiliation de la fibre ?", ["c"], 1, ADMIN)
    (stranger,) = await retriever.search("Quelle est la recette du kouign-amann ?", ["c"], 1, ADMIN)
    assert known.score > 0.2 > 0.02 > stranger.score


async def test_the_turn_before_says_what_is_asked_for(retriever):
    before = "Combien coûte la Fibre Goéland par mois ?"
    alone = await retriever.search("Et les voyants ?", ["c"], 3, ADMIN)
    hits = await retriever.search(
        "Et en Bruyère ?", ["c"], 5, ADMIN, context="Combien de Go comprend le forfait Ajonc ?"
    )
    assert "forfait-bruyere" in [hit.document for hit in hits[:3]]
    with_context = await retriever.search("Et les voyants ?", ["c"], 3, ADMIN, context=before)
    assert [hit.key for hit in alone] != [hit.key for hit in with_context]


async def test_only_what_the_principal_may_read(retriever):
    question = "Quel est le prix de la Fibre Sterne ?"
    reader, member = Principal(name="r"), Principal(name="m", groups=("fr",))
    assert "fibre-sterne" not in [hit.document for hit in await retriever.search(question, ["c"], 100, reader)]
    assert "fibre-sterne" in [hit.document for hit in await retriever.search(question, ["c"], 5, member)]


async def test_limits_and_emptiness(retriever):
    assert len(await retriever.search("fibre", ["c"], 70, ADMIN)) == 70
    assert await retriever.search("fibre", ["none"], 5, ADMIN) == []
    assert await retriever.search("fibre", [], 5, ADMIN) == []
    assert len(await retriever.search("", ["c"], 3, ADMIN)) == 3, "vectors alone, where there is no term"
    assert len(await retriever.search("fibre " * 500_000, ["c"], 3, ADMIN)) == 3


class Mute:
    """An encoder to which every text is the same."""

    name, dimension = "mute", 4

    async def encode(self, texts):
        return np.full((len(texts), 4), 0.5, np.float32)


@pytest.mark.parametrize("count", [1, 3])
async def test_words_alone_find_in_a_few_documents(tmp_path, count):
    store = SqliteKnowledge.open(tmp_path / "knowledge.db", "mute", 4, text.terms)
    texts = [
        "Le préavis de résiliation est de dix jours.",
        "La box se redémarre par le bouton.",
        "Le forfait coûte 12 euros.",
    ]
    documents = [Document(id=f"d{i}", collection="c", text=texts[i], language="fr") for i in range(count)]
    await index_documents(documents[::-1], Mute(), store)
    retriever = HybridRetriever(store, Mute())
    known = await retriever.search("Quel est le préavis pour résilier ?", ["c"], 5, ADMIN)
    stranger = await retriever.search("Quelle est la recette du kouign-amann ?", ["c"], 5, ADMIN)
    assert [len(known), known[0].document] == [count, "d0"]
    assert known[0].bm25 > 0
    assert known[0].score > stranger[0].score
    await store.close()


def hit(name, language="fr", **scores):
    return Hit(
        collection="c", document=name, passage=0, text="", score=0.0, label=Label.PUBLIC, language=language, **scores
    )


def ask(*terms, **fields):
    return Question(query=" ".join(terms), terms=terms, language="fr", **fields)


def test_a_passage_of_both_searches_comes_before_one_of_either():
    near = [hit("both", cosine=0.5), hit("near", cosine=0.5)]
    found = [hit("both", bm25=6.0), hit("found", bm25=6.0)]
    first, *rest = fuse(ask("a", "b"), near, found, wanted=40)
    assert (first.document, first.cosine, first.bm25) == ("both", 0.5, 6.0)
    assert {(h.document, h.cosine, h.bm25) for h in rest} == {("near", 0.5, 0.0), ("found", 0.0, 6.0)}
    assert all(0 < h.score < 1 for h in (first, *rest))


def test_more_terms_need_more_bm25():
    one = fuse(ask("a"), [], [hit("x", bm25=3.0)], wanted=40)[0]
    three = fuse(ask("a", "b", "c"), [], [hit("x", bm25=3.0)], wanted=40)[0]
    assert one.score > three.score


def test_what_a_full_list_left_out_has_at_most_its_last_score():
    near, found = [hit("x", cosine=0.5)], [hit("y", bm25=4.0)]
    open_ended = {h.document: h.score for h in fuse(ask("a"), near, found, wanted=2)}
    full = {h.document: h.score for h in fuse(ask("a"), near, found, wanted=1)}
    assert full["x"] > open_ended["x"]
    assert full["y"] > open_ended["y"]


def test_another_language_is_not_held_against_a_passage():
    near = [hit("english", "en", cosine=0.65), hit("french", "fr", cosine=0.45)]
    found = [hit("french", bm25=2.0)]
    assert [h.document for h in fuse(ask("prix"), near, found, wanted=40)] == ["english", "french"]
    native = [hit("other", "fr", cosine=0.65), hit("french", "fr", cosine=0.45)]
    assert [h.document for h in fuse(ask("prix"), native, found, wanted=40)] == ["french", "other"]


def test_the_fewer_terms_the_more_the_turn_before_weighs():
    weights = [
        Question.of(q, "Combien coûte la Fibre Goéland ?").weight
        for q in ("Et ?", "Sterne ?", "Sterne mobile Ajonc Bruyère ?")
    ]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] == weights[1] == 0.7
    assert weights[2] == 0.25
    assert Question.of("Sterne ?").weight == 0.0
    assert "goeland" in Question.of("Et la Sterne ?", "La Fibre Goéland ?").earlier
