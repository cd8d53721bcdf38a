"""What every store of documents must do: subclass `DocumentsSuite`, give it a `store` fixture, and run it with pytest.

    class TestMine(DocumentsSuite):
        @pytest.fixture
        async def store(self, tmp_path):
            store = MyStore(tmp_path, encoder=ENCODER, dimension=DIMENSION, analyse=analyse)
            yield store
            await store.close()

A store is both `Documents` and `PassageIndex`. It may keep what it holds from one test to the next: each works in
collections of its own. Asynchronous tests need pytest-asyncio in auto mode, and the laws need hypothesis.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from palier.errors import ConfigurationError, InvalidRequest
from palier.interfaces import Documents, PassageIndex, Vectors
from palier.types import Document, Hit, Label, Passage, Principal

ENCODER = "suite-encoder"
DIMENSION = 8
ADMIN = Principal(name="root", admin=True)
NOBODY = Principal(name="nobody")
HOSTILE = [
    *(
        '"',
        '""',
        "'",
        "''; DROP TABLE document; --",
        "*",
        "a*",
        "^a",
        "-a",
        "a:b",
        "terms:a",
        "(",
        ")",
        "{a b}: c",
        "+",
    ),
    *("NEAR", "NEAR(a b, 2)", "AND", "OR", "NOT", "a AND", "\x00", "a\x00b", "\n", " ", "", "%", "_", "\\", "?", ":a"),
    *("+", "$a", "@a", "l'été", "C++", "naïve", "İ", "ß", "😀", "\u202e", "\ufeff", "\xa0", "\ud800", "x" * 10_000),
]


class Store(Documents, PassageIndex, Protocol):
    """Both seams in one part."""


def analyse(text: str, language: str) -> Sequence[str]:
    """The terms of the suite: words in lower case, whatever the language."""
    return re.findall(r"\w+", text.lower())


_numbers = itertools.count()


def new_collection() -> str:
    """A name no other test uses."""
    return f"suite-{next(_numbers)}"


def vectors_of(*rows: Sequence[float]) -> Vectors:
    """Rows padded with zeros to the suite's dimension."""
    matrix = np.zeros((len(rows), DIMENSION), dtype=np.float32)
    for i, row in enumerate(rows):
        matrix[i, : len(row)] = row
    return matrix


def entry(
    id: str,
    collection: str,
    texts: Sequence[str] = ("fibre",),
    rows: Sequence[Sequence[float]] = ((1.0,),),
    groups: Sequence[str] = (),
) -> tuple[Document, list[Passage], Vectors]:
    """A document with one passage for each of `texts`, at the vectors `rows`."""
    document = Document(id=id, collection=collection, text=" ".join(texts), title="", groups=tuple(groups))
    return document, [_passage(id, i, text) for i, text in enumerate(texts)], vectors_of(*rows)


def _passage(document: str, index: int, text: str) -> Passage:
    return Passage(document=document, index=index, text=text, start=0, end=len(text))


def _keys(hits: Sequence[Hit]) -> list[tuple[str, int]]:
    return [(hit.document, hit.passage) for hit in hits]


Content = list[tuple[set[str], list[int]]]
"""The passages of a document: their terms, and the first coordinates of their vector."""
groups_ = st.sets(st.sampled_from(["hr", "it", "rd"]), max_size=2)
places = st.lists(st.integers(-3, 3), min_size=2, max_size=2)
texts_ = st.lists(st.sampled_from(["fibre", "panne", "prix"]), min_size=1, max_size=5)
words = st.sets(st.sampled_from(["fibre", "panne", "prix"]), min_size=1, max_size=3)
contents = st.lists(st.tuples(words, places), max_size=3)
numbers = st.integers(0, 5)
histories = st.lists(
    st.tuples(st.sampled_from(["put", "put", "delete"]), numbers, groups_, contents), min_size=1, max_size=10
)
principals = st.builds(lambda names, admin: Principal(groups=tuple(names), admin=admin), groups_, st.booleans())


class DocumentsSuite:
    """The contract of `interfaces.Documents` and `interfaces.PassageIndex`."""

    # --- documents

    async def test_what_is_put_comes_back_whole(self, store: Store) -> None:
        name = new_collection()
        document = Document(
            id="offres/fibre 1.md",
            collection=name,
            text="La fibre, dès l'été 😀\x00 !",
            title="Offre « Fibre »",
            url="https://example.test/?a=1&b=é",
            language="fr",
            label=Label.RESTRICTED,
            groups=("rd", "hr"),
            metadata={"page": 3, "tags": ["a", None, 1.5], "nested": {"é": True}},
            digest="d" * 64,
            source="/srv/offres",
            updated=1_700_000_000.25,
        )
        await store.put([(document, [_passage(document.id, 0, "La fibre")], vectors_of([1.0]))])
        assert await store.get(name, document.id, ADMIN) == document

    async def test_a_hit_says_where_it_is_from(self, store: Store) -> None:
        name = new_collection()
        document = Document(
            id="d", collection=name, text="abc fibre", title="T", url="u", language="fr", label=Label.PUBLIC
        )
        passage = Passage(document="d", index=7, text="fibre", start=4, end=9, heading="H")
        await store.put([(document, [passage], vectors_of([0.0, 2.0]))])
        by_vector = (await store.by_vector([name], vectors_of([0.0, 1.0])[0], 5, NOBODY))[0]
        by_terms = (await store.by_terms([name], ["fibre"], 5, NOBODY))[0]
        for hit in (by_vector, by_terms):
            assert hit.key == f"{name}/d#7"
            assert (hit.text, hit.heading, hit.title, hit.url, hit.language) == ("fibre", "H", "T", "u", "fr")
            assert hit.label is Label.PUBLIC
        assert by_vector.cosine == pytest.approx(1.0, abs=1e-5)
        assert by_vector.score == by_vector.cosine
        assert by_terms.bm25 > 0
        assert by_terms.score == by_terms.bm25

    async def test_putting_again_replaces(self, store: Store) -> None:
        name = new_collection()
        await store.put([entry("d", name, ["vieux", "fibre"], [[1.0], [1.0]])])
        await store.put([entry("d", name, ["neuf"], [[0.0, 1.0]])])
        assert await store.by_terms([name], ["vieux", "fibre"], 10, ADMIN) == []
        assert _keys(await store.by_vector([name], vectors_of([1.0])[0], 10, ADMIN)) == [("d", 0)]
        assert (await store.list(name, ADMIN))[0].id == "d"
        assert [row["passages"] for row in await store.collections(ADMIN) if row["name"] == name] == [1]

    async def test_the_last_of_one_batch_wins(self, store: Store) -> None:
        name = new_collection()
        await store.put([entry("d", name, ["vieux"]), entry("d", name, ["neuf"])])
        assert await store.by_terms([name], ["vieux"], 10, ADMIN) == []
        assert len(await store.by_terms([name], ["neuf"], 10, ADMIN)) == 1

    async def test_delete_leaves_nothing(self, store: Store) -> None:
        name = new_collection()
        await store.put([entry("a", name), entry("b", name)])
        assert await store.delete(name, ["a", "absent", "a"]) == 1
        assert _keys(await store.by_terms([name], ["fibre"], 10, ADMIN)) == [("b", 0)]
        assert await store.delete(name, ["b"]) == 1
        assert await store.delete(name, ["b"]) == 0
        assert await store.get(name, "b", ADMIN) is None
        assert await store.list(name, ADMIN) == []
        assert await store.by_terms([name], ["fibre"], 10, ADMIN) == []
        assert await store.by_vector([name], vectors_of([1.0])[0], 10, ADMIN) == []
        assert name not in [row["name"] for row in await store.collections(ADMIN)]

    async def test_a_batch_is_all_or_nothing(self, store: Store) -> None:
        name = new_collection()
        document, passages, _ = entry("bad", name)
        for vectors in (np.zeros((1, DIMENSION + 1)), np.zeros((2, DIMENSION)), np.full((1, DIMENSION), np.nan)):
            with pytest.raises(InvalidRequest):
                await store.put([entry("good", name), (document, passages, vectors.astype(np.float32))])
            assert await store.get(name, "good", ADMIN) is None

    async def test_a_document_without_passages(self, store: Store) -> None:
        name = new_collection()
        await store.put([entry("empty", name, [], [])])
        assert [document.id for document in await store.list(name, ADMIN)] == ["empty"]
        assert await store.by_vector([name], vectors_of([1.0])[0], 10, ADMIN) == []

    async def test_list_pages_in_order_and_without_text(self, store: Store) -> None:
        name = new_collection()
        ids = sorted(["é", "z", "A", "a", "a/b", "a b", "10", "9", "😀"])
        await store.put([entry(each, name) for each in reversed(ids)])
        seen: list[str] = []
        while page := await store.list(name, ADMIN, after=seen[-1] if seen else "", limit=2):
            assert len(page) <= 2
            assert all(document.text == "" for document in page)
            seen += [document.id for document in page]
        assert seen == ids
        assert await store.list(name, ADMIN, limit=0) == []

    async def test_many_writers_at_once(self, store: Store) -> None:
        name = new_collection()
        await asyncio.gather(*(store.put([entry(f"d{i}", name)]) for i in range(50)))
        assert len(await store.list(name, ADMIN)) == 50
        assert len(await store.by_terms([name], ["fibre"], 100, ADMIN)) == 50

    # --- search

    async def test_exactly_as_many_as_asked_for(self, store: Store) -> None:
        """Readable passages behind a hundred nearer ones that are not, are found all the same."""
        name = new_collection()
        await store.put([entry(f"secret-{i}", name, groups=["hr"]) for i in range(100)])
        await store.put([entry(f"open-{i}", name, ["fibre prix"], [[0.1, 1.0]]) for i in range(7)])
        for limit in (1, 5, 7, 50):
            nearest = await store.by_vector([name], vectors_of([1.0])[0], limit, NOBODY)
            best = await store.by_terms([name], ["fibre"], limit, NOBODY)
            assert len(nearest) == len(best) == min(limit, 7)
            assert all(hit.document.startswith("open-") for hit in nearest + best)
        assert len(await store.by_vector([name], vectors_of([1.0])[0], 60, ADMIN)) == 60

    @pytest.mark.parametrize("limit", [0, -1])
    async def test_none_when_none_is_asked_for(self, store: Store, limit: int) -> None:
        name = new_collection()
        await store.put([entry("d", name)])
        assert await store.by_vector([name], vectors_of([1.0])[0], limit, ADMIN) == []
        assert await store.by_terms([name], ["fibre"], limit, ADMIN) == []

    async def test_best_first_over_several_collections(self, store: Store) -> None:
        one, two = new_collection(), new_collection()
        await store.put([entry("a", one, rows=[[1.0, 0.0]]), entry("b", two, rows=[[1.0, 0.5]])])
        await store.put([entry("c", one, rows=[[0.0, 1.0]]), entry("d", two, rows=[[-1.0, 0.0]])])
        hits = await store.by_vector([one, two, one, "absent"], vectors_of([1.0])[0], 10, ADMIN)
        assert [hit.document for hit in hits] == ["a", "b", "c", "d"]
        assert [hit.cosine for hit in hits] == sorted((hit.cosine for hit in hits), reverse=True)
        assert [hit.document for hit in await store.by_vector([two], vectors_of([1.0])[0], 10, ADMIN)] == ["b", "d"]
        assert await store.by_vector([], vectors_of([1.0])[0], 10, ADMIN) == []
        assert len(await store.by_terms([one, two], ["fibre"], 3, ADMIN)) == 3

    async def test_a_rarer_term_counts_more(self, store: Store) -> None:
        name = new_collection()
        await store.put([entry(f"d{i}", name, [f"fibre mot{i}"]) for i in range(20)])
        await store.put([entry("rare", name, ["panne mot"])])
        assert (await store.by_terms([name], ["fibre", "panne"], 5, ADMIN))[0].document == "rare"

    @pytest.mark.parametrize("count", [1, 2, 3])
    async def test_a_few_documents_are_found_by_their_terms(self, store: Store, count: int) -> None:
        """A term is worth something even where every passage holds it, and less than one that only some hold."""
        name = new_collection()
        texts = ["fibre prix", "fibre panne", "fibre box"][:count]
        await store.put([entry(f"d{i}", name, [text]) for i, text in enumerate(texts)])
        everywhere = await store.by_terms([name], ["fibre"], 5, ADMIN)
        assert len(everywhere) == count
        assert all(0 < hit.bm25 < math.inf for hit in everywhere)
        best = (await store.by_terms([name], ["prix", "fibre"], 5, ADMIN))[0]
        assert best.document == "d0"
        assert best.bm25 > everywhere[0].bm25

    @settings(
        max_examples=30,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        here=st.lists(texts_, min_size=1, max_size=6),
        there=st.lists(texts_, max_size=6),
        elsewhere=st.lists(texts_, min_size=1, max_size=6),
        wanted=words,
    )
    async def test_law_of_weights(
        self, store: Store, here: list[list[str]], there: list[list[str]], elsewhere: list[list[str]], wanted: set[str]
    ) -> None:
        """A score depends on all that is searched, however it is parted and whoever asks, and on nothing else."""
        one, two, both, aside = (new_collection() for _ in range(4))
        first = [(f"h{i}", " ".join(terms)) for i, terms in enumerate(here)]
        second = [(f"t{i}", " ".join(terms)) for i, terms in enumerate(there)]
        parts = ((one, first), (two, second), (both, [*first, *second]))
        await store.put([entry(each, name, [text], groups=[each[0]]) for name, part in parts for each, text in part])

        async def scores(names: Sequence[str], principal: Principal = ADMIN) -> dict[str, float]:
            found = await store.by_terms(names, sorted(wanted), 20, principal)
            assert all(0 < hit.bm25 < math.inf for hit in found)
            return {hit.document: hit.bm25 for hit in found}

        together = await scores([both])
        assert await scores([one, two]) == pytest.approx(together)
        reader = await scores([both], Principal(groups=("h",)))
        assert reader == pytest.approx({each: score for each, score in together.items() if each.startswith("h")})

        alone = await scores([one])
        await store.put([entry(f"e{i}", aside, [" ".join(terms)]) for i, terms in enumerate(elsewhere)])
        assert await scores([one]) == alone
        assert await scores([one, "absent"]) == alone

    async def test_a_vector_of_zeros_is_found_last(self, store: Store) -> None:
        name = new_collection()
        await store.put([entry("zero", name, rows=[[0.0]]), entry("near", name, rows=[[1.0]])])
        hits = await store.by_vector([name], vectors_of([1.0])[0], 10, ADMIN)
        assert [(hit.document, round(hit.cosine, 5)) for hit in hits] == [("near", 1.0), ("zero", 0.0)]
        assert len(await store.by_vector([name], vectors_of([0.0])[0], 10, ADMIN)) == 2

    async def test_a_vector_of_another_size_is_refused(self, store: Store) -> None:
        with pytest.raises(ConfigurationError):
            await store.by_vector([new_collection()], np.ones(DIMENSION + 1, dtype=np.float32), 10, ADMIN)

    async def test_a_vector_of_no_numbers_is_refused(self, store: Store) -> None:
        with pytest.raises(InvalidRequest):
            await store.by_vector([new_collection()], np.full(DIMENSION, np.nan, dtype=np.float32), 10, ADMIN)

    async def test_a_query_without_terms_finds_nothing(self, store: Store) -> None:
        name = new_collection()
        await store.put([entry("d", name)])
        for terms in ([], [""], [" ", "\x00"]):
            assert await store.by_terms([name], terms, 10, ADMIN) == []

    async def test_no_text_is_a_command(self, store: Store) -> None:
        """Whatever a query, an id or a group holds is a text to compare, nothing else."""
        name = new_collection()
        await store.put([entry("d", name)])
        for hostile in HOSTILE:
            assert await store.by_terms([name], [hostile], 10, ADMIN) == []
            assert _keys(await store.by_terms([name], [hostile, "fibre"], 10, ADMIN)) == [("d", 0)]
        await store.by_terms([name], HOSTILE * 100, 10, ADMIN)
        for hostile in (text for text in HOSTILE if text and text != "\ud800"):
            assert await store.get(hostile, hostile, ADMIN) is None
            assert await store.by_terms([hostile], ["fibre"], 10, ADMIN) == []
            await store.put([entry(hostile, name, [hostile], groups=[hostile])])
            held = await store.get(name, hostile, Principal(groups=(hostile,)))
            assert held is not None
            assert held.groups == (hostile,)
            assert await store.get(name, hostile, NOBODY) is None
            assert await store.delete(name, [hostile]) == 1

    async def test_half_a_surrogate_is_the_callers_fault(self, store: Store) -> None:
        with pytest.raises(InvalidRequest):
            await store.put([entry("d", new_collection(), ["\ud800"])])

    # --- who may read

    async def test_groups_decide(self, store: Store) -> None:
        name = new_collection()
        await store.put(
            [entry("all", name), entry("hr", name, groups=["hr"]), entry("both", name, groups=["hr", "it"])]
        )
        for principal, readable in (
            (NOBODY, {"all"}),
            (Principal(groups=("hr",)), {"all", "hr", "both"}),
            (Principal(groups=("it", "else")), {"all", "both"}),
            (ADMIN, {"all", "hr", "both"}),
        ):
            assert {hit.document for hit in await store.by_terms([name], ["fibre"], 10, principal)} == readable
            assert {document.id for document in await store.list(name, principal)} == readable
            for each in ("all", "hr", "both"):
                assert (await store.get(name, each, principal) is not None) == (each in readable)

    async def test_a_group_without_a_name_is_not_everybody(self, store: Store) -> None:
        name = new_collection()
        await store.put([entry("d", name, groups=[""])])
        assert await store.by_terms([name], ["fibre"], 10, NOBODY) == []
        assert len(await store.by_terms([name], ["fibre"], 10, Principal(groups=("",)))) == 1

    async def test_a_collection_one_may_not_read_is_not_counted(self, store: Store) -> None:
        name = new_collection()
        await store.put([entry("hr", name, ["un", "deux"], [[1.0], [1.0]], groups=["hr"])])
        assert name not in [row["name"] for row in await store.collections(NOBODY)]
        counted = {"name": name, "documents": 1, "passages": 2, "encoder": ENCODER, "dimension": DIMENSION}
        assert counted in await store.collections(ADMIN)

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(history=histories, principal=principals, place=places, wanted=words, limit=st.integers(1, 12))
    async def test_law_of_access(
        self,
        store: Store,
        history: list[tuple[str, int, set[str], Content]],
        principal: Principal,
        place: list[int],
        wanted: set[str],
        limit: int,
    ) -> None:
        """After any history, each answer is that of a list of what is there and may be read, looked through by hand."""
        name = new_collection()
        held: dict[str, tuple[set[str], Content]] = {}
        for action, number, groups, content in history:
            document = f"d{number}"
            if action == "delete":
                assert await store.delete(name, [document]) == (held.pop(document, None) is not None)
                continue
            texts = [" ".join(sorted(terms)) for terms, _ in content]
            await store.put([entry(document, name, texts, [row for _, row in content], sorted(groups))])
            held[document] = (groups, content)
        may_read = {
            document: content
            for document, (groups, content) in held.items()
            if principal.admin or not groups or groups & set(principal.groups)
        }
        passages = {(document, i): found for document, content in may_read.items() for i, found in enumerate(content)}

        assert [document.id for document in await store.list(name, principal)] == sorted(may_read)
        counts = [row for row in await store.collections(principal) if row["name"] == name]
        expected = [(len(may_read), len(passages))] if may_read else []
        assert [(row["documents"], row["passages"]) for row in counts] == expected

        hits = await store.by_vector([name], vectors_of(place)[0], limit, principal)
        cosines = {key: _cosine(row, place) for key, (_, row) in passages.items()}
        assert len(set(_keys(hits))) == len(hits) == min(limit, len(passages))
        assert [hit.cosine for hit in hits] == pytest.approx(sorted(cosines.values(), reverse=True)[:limit], abs=1e-5)
        assert [hit.cosine for hit in hits] == pytest.approx([cosines[key] for key in _keys(hits)], abs=1e-5)

        hits = await store.by_terms([name], sorted(wanted), limit, principal)
        matching = {key for key, (terms, _) in passages.items() if terms & wanted}
        assert len(set(_keys(hits))) == len(hits) == min(limit, len(matching))
        assert set(_keys(hits)) <= matching
        assert [hit.bm25 for hit in hits] == sorted((hit.bm25 for hit in hits), reverse=True)


def _cosine(one: Sequence[int], other: Sequence[int]) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / lengths if lengths else 0.0
