"""The law of access: after any history of documents, readers and members, each answer is that of a plain model of who may
read what, looked through by hand. Nothing outside is returned, counted or weighed by any method.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.errors import Forbidden, InvalidRequest, NotFound
from palier.stores.access import SqliteAccess
from palier.stores.knowledge import VECTOR_MEMORY, SqliteKnowledge
from palier.testing.documents import ADMIN, DIMENSION, ENCODER, analyse, entry, vectors_of
from palier.types import Hit, Label, Principal

USERS = ["ann", "bob"]
GROUPS = ["g0", "g1", "g2"]
COLLECTIONS = ["c0", "c1"]
NUMBERS = ["d0", "d1", "d2"]
WORDS = ["fibre", "panne", "prix"]


@dataclass
class Model:
    """Who may read what, in the plainest words."""

    members: dict[str, set[str]] = field(default_factory=dict)
    readers: dict[str, set[str] | None] = field(default_factory=dict)
    """None: everyone. Not here: everyone, and nobody ever said so."""
    documents: dict[tuple[str, str], tuple[set[str], str]] = field(default_factory=dict)

    def groups_of(self, principal: Principal) -> set[str]:
        found = set(principal.groups) | {g for g, members in self.members.items() if principal.name in members}
        while more := {g for g, members in self.members.items() if members & {f"@{each}" for each in found}} - found:
            found |= more
        return found

    def names_of(self, principal: Principal) -> set[str]:
        return self.groups_of(principal) | {f"user:{principal.name}"}

    def opens(self, collection: str, principal: Principal) -> bool:
        readers = self.readers.get(collection)
        return principal.admin or readers is None or bool(readers & self.names_of(principal))

    def may_read(self, principal: Principal) -> dict[tuple[str, str], str]:
        names = self.names_of(principal)
        return {
            key: text
            for key, (groups, text) in self.documents.items()
            if self.opens(key[0], principal) and (principal.admin or not groups or groups & names)
        }

    def is_there(self, collection: str) -> bool:
        return collection in self.readers or any(key[0] == collection for key in self.documents)

    def may_put(self, key: tuple[str, str], groups: set[str], writer: Principal) -> bool:
        if writer.admin:
            return True
        there = self.is_there(key[0]) and self.opens(key[0], writer)
        reads_it = not groups or bool(groups & self.names_of(writer))
        return there and reads_it and (key not in self.documents or key in self.may_read(writer))

    def cycles(self, group: str, member: str) -> bool:
        """Whether `member` would lead back to itself by `group`."""
        if not member.startswith("@"):
            return False
        return member[1:] in self.groups_of(Principal(name="nobody at all", groups=(group,)))

    def bm25(self, names: list[str], wanted: set[str], principal: Principal) -> dict[tuple[str, str], float]:
        """By hand, over all documents of the collections that may be read: others weigh nothing."""
        corpus = {
            key: text.split()
            for key, (_, text) in self.documents.items()
            if key[0] in names and self.opens(key[0], principal)
        }
        mean = sum(map(len, corpus.values())) / max(len(corpus), 1)
        scores: dict[tuple[str, str], float] = {}
        for key in self.may_read(principal):
            terms = corpus.get(key, [])
            for term in wanted & set(terms):
                holds = sum(term in other for other in corpus.values())
                idf = math.log(1 + (len(corpus) - holds + 0.5) / (holds + 0.5))
                often = terms.count(term)
                part = idf * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * len(terms) / mean))
                scores[key] = scores.get(key, 0.0) + part
        return scores


own_groups = st.sets(st.sampled_from(GROUPS), max_size=1).map(lambda names: tuple(sorted(names)))
people = st.builds(lambda name, groups: Principal(name=name, groups=groups), st.sampled_from(USERS), own_groups)
principals = st.one_of(people, people, people, st.just(ADMIN))
collections_, numbers = st.sampled_from(COLLECTIONS), st.sampled_from(NUMBERS)
readers_ = st.sampled_from([*GROUPS, *(f"user:{user}" for user in USERS)])
members_ = st.sampled_from([*USERS, *(f"@{group}" for group in GROUPS)])
audiences = st.sets(readers_, max_size=2)
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
steps = st.one_of(
    st.tuples(st.just("put"), collections_, numbers, audiences, texts, principals),
    st.tuples(st.just("delete"), collections_, numbers, principals),
    st.tuples(st.just("empty"), collections_, people),
    st.tuples(st.just("join"), st.sampled_from(GROUPS), members_),
    st.tuples(st.just("leave"), st.sampled_from(GROUPS), members_),
    st.tuples(st.just("allow"), collections_, readers_),
    st.tuples(st.just("disallow"), collections_, readers_),
    st.tuples(st.just("everyone"), collections_, st.booleans()),
)


SHELF = [(collection, number) for collection in COLLECTIONS for number in NUMBERS]
shelves = st.tuples(*(st.tuples(audiences, texts) for _ in SHELF)).map(
    lambda drawn: [("put", *key, *each, ADMIN) for key, each in zip(SHELF, drawn, strict=True)]
)
joined = st.lists(st.tuples(st.just("join"), st.sampled_from(GROUPS), members_), min_size=2, max_size=5)
closed = st.lists(st.tuples(st.just("allow"), collections_, readers_), max_size=2)
"""What there is before anything happens: or too little of it would be about access."""


@settings(max_examples=60, deadline=None)
@given(
    before=st.tuples(shelves, joined, closed).map(lambda parts: [step for part in parts for step in part]),
    history=st.lists(steps, min_size=2, max_size=10),
    asked=st.lists(principals, min_size=1, max_size=3),
    names=st.sets(st.sampled_from([*COLLECTIONS, "absent"]), min_size=1).map(sorted),
    wanted=st.sets(st.sampled_from(WORDS), min_size=1),
    limit=st.integers(1, 6),
    in_memory=st.booleans(),
)
async def test_law_of_access(
    before: list[Any],
    history: list[Any],
    asked: list[Principal],
    names: list[str],
    wanted: set[str],
    limit: int,
    in_memory: bool,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        access = await SqliteAccess.open(Path(folder) / "access.db")
        store = SqliteKnowledge.open(
            Path(folder) / "knowledge.db",
            ENCODER,
            DIMENSION,
            analyse,
            vector_memory=VECTOR_MEMORY if in_memory else 0,
            resolve=access.directory.resolve,
        )
        model = Model()
        try:
            for step in before:
                await _do(step, model, store, access)
            for step in history:
                await _do(step, model, store, access)
                await _check(model, store, asked[0], names, wanted, limit)
            for principal in asked:
                await _check(model, store, principal, names, wanted, limit)
        finally:
            await store.close()
            await access.close()
        again = await SqliteAccess.open(Path(folder) / "access.db")
        for principal in asked:
            assert set(again.directory.resolve(principal).groups) == model.groups_of(principal)
        await again.close()


async def _do(step: Any, model: Model, store: SqliteKnowledge, access: SqliteAccess) -> None:
    match step:
        case ("put", collection, number, groups, text, writer):
            put = store.put([entry(number, collection, [text], [_place(text)], sorted(groups))], writer)
            if model.may_put((collection, number), groups, writer):
                await put
                model.documents[collection, number] = (groups, text)
            else:
                with pytest.raises((NotFound, Forbidden)):
                    await put
        case ("delete", collection, number, writer):
            there = (collection, number) in model.may_read(writer)
            assert await store.delete(collection, [number], writer) == there
            if there:
                del model.documents[collection, number]
                if not writer.admin and not model.is_there(collection):
                    model.readers[collection] = None
        case ("empty", collection, writer):
            gone = [number for held, number in model.may_read(writer) if held == collection]
            assert await store.delete(collection, NUMBERS, writer) == len(gone)
            for number in gone:
                del model.documents[collection, number]
            if gone and not model.is_there(collection):
                model.readers[collection] = None
        case ("join", group, member):
            if model.cycles(group, member):
                with pytest.raises(InvalidRequest, match="in itself"):
                    await access.directory.add(group, [member])
            else:
                await access.directory.add(group, [member])
                model.members.setdefault(group, set()).add(member)
        case ("leave", group, member):
            if member in model.members.get(group, ()):
                await access.directory.remove(group, [member])
                model.members[group].remove(member)
            else:
                with pytest.raises(NotFound):
                    await access.directory.remove(group, [member])
        case ("allow", collection, reader):
            await store.change_readers(collection, allow=[reader])
            model.readers[collection] = (model.readers.get(collection) or set()) | {reader}
        case ("disallow", collection, reader):
            readers = model.readers.get(collection)
            if readers is not None and reader in readers:
                await store.change_readers(collection, remove=[reader])
                readers.remove(reader)
            else:
                with pytest.raises(NotFound):
                    await store.change_readers(collection, remove=[reader])
        case ("everyone", collection, everyone):
            await store.change_readers(collection, everyone=everyone)
            model.readers[collection] = None if everyone else model.readers.get(collection) or set()


async def _check(
    model: Model, store: SqliteKnowledge, principal: Principal, names: list[str], wanted: set[str], limit: int
) -> None:
    """Every method that reads."""
    readable = model.may_read(principal)
    for collection in (*COLLECTIONS, "absent"):
        expected = sorted(number for held, number in readable if held == collection)
        assert [document.id for document in await store.list(collection, principal)] == expected
        for number in NUMBERS:
            found = await store.get(collection, number, principal)
            assert (found is not None) == ((collection, number) in readable)
            assert found is None or found.text == readable[collection, number]
            hit = _hit(collection, number, model.documents.get((collection, number), (set(), ""))[1])
            assert (await store.label_of(hit, principal) is not None) == ((collection, number) in readable)
            assert await store.standing([hit.key], principal) == [(collection, number) in readable]
    counts = {row["name"]: (row["documents"], row["passages"]) for row in await store.collections(principal)}
    held = [collection for collection, _ in readable]
    assert counts == {collection: (held.count(collection),) * 2 for collection in set(held)}

    hits = await store.by_terms(names, sorted(wanted), limit, principal)
    scores = {key: score for key, score in model.bm25(names, wanted, principal).items() if key[0] in names}
    assert [hit.bm25 for hit in hits] == pytest.approx(sorted(scores.values(), reverse=True)[:limit])
    assert [hit.bm25 for hit in hits] == pytest.approx([scores[hit.collection, hit.document] for hit in hits])

    query = vectors_of([1.0, 0.5])[0]
    near = await store.by_vector(names, query, limit, principal)
    cosines = {key: _cosine(text) for key, text in readable.items() if key[0] in names}
    assert len(near) == min(limit, len(cosines))
    assert [hit.cosine for hit in near] == pytest.approx(sorted(cosines.values(), reverse=True)[:limit], abs=1e-5)
    assert [hit.cosine for hit in near] == pytest.approx(
        [cosines[hit.collection, hit.document] for hit in near], abs=1e-5
    )


def _place(text: str) -> tuple[float, float]:
    return 1.0 + text.count("fibre"), 1.0 + 2.0 * text.count("panne")


def _cosine(text: str) -> float:
    x, y = _place(text)
    return (x + 0.5 * y) / (math.hypot(x, y) * math.hypot(1.0, 0.5))


def _hit(collection: str, document: str, text: str) -> Hit:
    return Hit(collection=collection, document=document, passage=0, text=text, score=0.0, label=Label.CONFIDENTIAL)
