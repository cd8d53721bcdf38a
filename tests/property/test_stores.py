"""Laws of the stores: a commit is what succeeded, in order; an index parts what it is given into what it is asked."""

from __future__ import annotations

import asyncio
import math
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.errors import StoreError
from palier.stores import traces, vectors
from palier.stores.hours import SqliteHours
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.sqlite import Database
from palier.stores.traces import TRACES, SqliteTraces
from palier.testing.documents import ADMIN, DIMENSION, ENCODER, NOBODY, analyse, entry, vectors_of
from palier.testing.traces import CREATED, trace_of

outcomes = st.lists(st.sampled_from(["kept", "raised", "refused", "undone"]), max_size=30)


@settings(max_examples=25, deadline=None)
@given(bursts=st.lists(outcomes, min_size=1, max_size=4))
async def test_what_is_acknowledged_is_what_is_kept(bursts):
    """However jobs that succeed and fail share commits, each caller is told the truth about its own."""

    def job(number, outcome):
        def run(connection):
            connection.execute("INSERT INTO kept VALUES (?)", (number,))
            if outcome == "raised":
                raise ValueError
            if outcome == "refused":
                connection.execute("INSERT INTO kept VALUES (?)", (number,))
            if outcome == "undone":
                connection.execute("ROLLBACK")
                raise ValueError

        return run

    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "file.db", TRACES, readers=1)
        await database.write(lambda connection: connection.execute("CREATE TABLE kept (value UNIQUE)"))
        expected, number = [], 0
        for burst in bursts:
            jobs = []
            for outcome in burst:
                jobs.append(database.write(job(number, outcome)))
                expected += [number] if outcome == "kept" else []
                number += 1
            told = await asyncio.gather(*jobs, return_exceptions=True)
            kinds = {"kept": type(None), "raised": ValueError, "refused": StoreError, "undone": ValueError}
            assert [type(answer) for answer in told] == [kinds[outcome] for outcome in burst]
        rows = await database.read(lambda connection: list(connection.execute("SELECT value FROM kept")))
        assert [value for (value,) in rows] == expected
        await database.close()


@settings(max_examples=50, deadline=None)
@given(terms=st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=5), other=st.text(max_size=12))
async def test_a_term_is_found_by_itself(terms, other):
    """Any text can be a term; a passage is found by each of its terms, whatever is asked beside it."""
    with tempfile.TemporaryDirectory() as folder:

        def parted(text, language):
            return text.removeprefix("\n\n").split("\t")  # below no title and no heading

        store = SqliteKnowledge.open(Path(folder) / "file.db", ENCODER, DIMENSION, parted)
        words = [term for term in terms if "\t" not in term]
        await store.put([entry("d", "c", ["\t".join(words)])])
        for word in words:
            assert await store.by_terms(["c"], [word], 5, ADMIN)
            assert await store.by_terms(["c"], [other, word], 5, ADMIN)
        await store.close()


passages_ = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=5), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(texts=passages_, gone=st.sets(st.integers(0, 5)), wanted=st.sets(st.sampled_from("abcd"), min_size=1))
async def test_scores_are_those_of_bm25(texts, gone, wanted):
    """Reckoned by hand on what is left after some documents are deleted."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteKnowledge.open(Path(folder) / "file.db", ENCODER, DIMENSION, analyse)
        await store.put([entry(f"d{i}", "c", [" ".join(terms)]) for i, terms in enumerate(texts)])
        await store.delete("c", [f"d{i}" for i in gone])
        left = {f"d{i}": terms for i, terms in enumerate(texts) if i not in gone}
        mean = sum(map(len, left.values())) / max(len(left), 1)
        expected = {}
        for name, terms in left.items():
            for term in wanted & set(terms):
                holds = sum(term in other for other in left.values())
                idf = math.log(1 + (len(left) - holds + 0.5) / (holds + 0.5))
                often = terms.count(term)
                part = idf * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * len(terms) / mean))
                expected[name] = expected.get(name, 0.0) + part
        found = await store.by_terms(["c"], sorted(wanted), 10, ADMIN)
        assert {hit.document: hit.bm25 for hit in found} == pytest.approx(expected)
        await store.close()


places = st.lists(st.lists(st.integers(-2, 2), min_size=2, max_size=2), max_size=3)
steps = st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), places), st.booleans()), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(history=steps, limit=st.integers(1, 8))
async def test_memory_answers_as_the_file_does(history, limit):
    """After every step of any history of writes and deletions, in blocks of three."""
    with tempfile.TemporaryDirectory() as folder, patch.object(vectors, "BLOCK_ROWS", 3):
        memory = SqliteKnowledge.open(Path(folder) / "file.db", ENCODER, DIMENSION, analyse)
        file = SqliteKnowledge.open(Path(folder) / "file.db", ENCODER, DIMENSION, analyse, vector_memory=0)
        query = vectors_of([1.0, 0.5])[0]
        for number, rows, secret in history:
            if rows is None:
                await memory.delete("c", [f"d{number}"])
            else:
                groups = ["hr"] if secret else []
                await memory.put([entry(f"d{number}", "c", ["fibre"] * len(rows), rows, groups)])
            for principal in (ADMIN, NOBODY):
                from_memory = await memory.by_vector(["c"], query, limit, principal)
                from_file = await file.by_vector(["c"], query, limit, principal)
                assert [hit.cosine for hit in from_memory] == pytest.approx([hit.cosine for hit in from_file], abs=1e-6)
                everything = {hit.key: hit.cosine for hit in await file.by_vector(["c"], query, 100, principal)}
                assert all(hit.cosine == pytest.approx(everything[hit.key], abs=1e-6) for hit in from_memory)
        await memory.close()
        await file.close()


kept_traces = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 1800.0, 3600.0, 3599.5, 86_400.0, 90_000.0, 700_000.0]),
        st.sampled_from(["support", "sales"]),
        st.sampled_from(["answered", "failed"]),
        st.sampled_from(["tier-1", "tier-2", None]),
    ),
    max_size=24,
)
asked_for = st.fixed_dictionaries(
    {
        "route": st.sampled_from(["", "support", "nowhere"]),
        "status": st.sampled_from(["", "failed"]),
        "tier": st.sampled_from(["", "tier-2"]),
    }
)


@settings(max_examples=30, deadline=None)
@given(rows=kept_traces, asked=asked_for, limit=st.integers(1, 5), window=st.integers(1, 9), rolls=st.booleans())
async def test_pages_of_a_list_and_of_a_search_are_what_fits_newest_first(rows, asked, limit, window, rolls):
    """Whichever hours it is looked for in, and however they were added up."""
    with tempfile.TemporaryDirectory() as folder, patch.object(traces, "SEARCHED", window):
        store = SqliteTraces.open(Path(folder) / "traces.db")
        made = [
            trace_of(f"t{n:02}{'-odd' if n % 2 else ''}", CREATED + at, route=route, status=status, tier=tier)
            for n, (at, route, status, tier) in enumerate(rows)
        ]
        for trace in made:
            await store.record(trace)
        if rolls:
            await SqliteHours(store.database).roll(CREATED + 1_000_000)
        fits = [one for one in made if all(not value or getattr(one, name) == value for name, value in asked.items())]
        expected = [one.id for one in sorted(fits, key=lambda one: (one.created, one.id), reverse=True)]
        listed, place = [], {}
        while page := await store.list(limit=limit, **asked, **place):
            listed += [one.id for one in page]
            place = {"before": page[-1].created, "before_id": page[-1].id}
        assert listed == expected
        found, place = [], {}
        while True:
            some = await store.search("-odd", limit=limit, **asked, **place)
            found += [one.id for one in some.traces]
            if some.before is None:
                break
            place = {"before": some.before, "before_id": some.before_id}
        assert found == [name for name in expected if name.endswith("-odd")]
        await store.close()
