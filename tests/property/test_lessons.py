"""Laws of lessons: families on one side, one user's share, invented values, a harvest done again."""

from __future__ import annotations

import string
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teaching import NOW, Bag, climbed, teaching

from palier.lessons import KINDS, Lesson, Origin
from palier.testing.lessons import lesson_of
from palier.training.invented import Inventor
from palier.training.lesson_lines import line_of, read
from palier.training.lesson_sets import FAMILY, capped, families, question, split
from palier.types import Message

WORDS = ["lamp", "bell", "boat", "horse", "tower", "garden", "winter", "bridge"]
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)


@st.composite
def sets(draw: st.DrawFn) -> tuple[list[Lesson], np.ndarray]:
    count = draw(st.integers(0, 14))
    lessons = [
        lesson_of(
            f"{n:02}",
            question=draw(sentences),
            family=draw(st.sampled_from(["", "", "f", "g"])),
            origin=Origin(name=f"{n}", trace=draw(st.sampled_from(["", "", "t", "u"])), who="w"),
            messages=draw(st.sampled_from([(), (Message(role="user", content="Hello you"),) * 2])),
        )
        for n in range(count)
    ]
    seed = draw(st.integers(0, 2**16))
    vectors = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    return lessons, vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


@settings(max_examples=40, deadline=None)
@given(made=sets(), share=st.floats(0, 1), order=st.randoms(use_true_random=False))
def test_a_family_is_never_on_both_sides(made, share, order):
    lessons, vectors = made
    found = split(lessons, families([question(one) for one in lessons], vectors), share)
    train, apart = {one.id for one in found.train}, {one.id for one in found.validation}
    assert train | apart == {one.id for one in lessons}
    assert not train & apart
    for n, one in enumerate(lessons):
        for m, other in enumerate(lessons):
            bound = (
                (one.family and one.family == other.family)
                or (one.origin.trace and one.origin.trace == other.origin.trace)
                or one.opening == other.opening
                or one.asked == other.asked
                or vectors[n] @ vectors[m] >= FAMILY
            )
            if bound:
                assert (one.id in train) == (other.id in train)
    places = list(range(len(lessons)))
    order.shuffle(places)
    mixed = [lessons[n] for n in places]
    again = split(mixed, families([question(one) for one in mixed], vectors[places]), share)
    assert {one.id for one in again.train} == train, "the order of the lessons says nothing"


@settings(max_examples=100, deadline=None)
@given(
    some=st.lists(st.tuples(st.sampled_from(["", "ann", "bob", "eve", "local"]), st.sampled_from(KINDS)), max_size=30),
    held=st.dictionaries(st.sampled_from(["", "ann", "bob", "zoe"]), st.integers(0, 12)),
    share=st.floats(0, 1),
    least=st.integers(0, 6),
)
def test_the_cap_holds(some, held, share, least):
    lessons = [
        lesson_of(f"{n:02}", kind=kind, origin=Origin(name=f"{n}", who=who, created=float(n)))
        for n, (who, kind) in enumerate(some)
    ]
    before = Counter(held)
    kept = capped(lessons, share=share, least=least, exempt=lambda who: who == "local", held=before)
    mine = Counter(one.origin.who for one in kept)
    most = max(least, int(share * (len(kept) + sum(before.values()))))
    for who in ("ann", "bob", "eve"):
        assert mine[who] == 0 or mine[who] + before[who] <= most
    for who in ("", "local"):
        assert mine[who] == sum(one.origin.who == who for one in lessons)
    assert [one for one in lessons if one in kept] == kept
    assert capped(kept, share=share, least=least, exempt=lambda who: who == "local", held=before) == kept


kinds = st.sampled_from(["PERSON", "EMAIL", "PHONE", "IBAN", "ADDRESS", "CARD", "NIR", "IP", "BIRTH_DATE", "OWN"])
values = st.one_of(
    st.text(string.ascii_letters + string.digits + " .-@'éçœ", min_size=1, max_size=24),
    st.sampled_from(["06 12 34 56 78", "+33 6 12 34 56 78", "FR7630006000011234567890189", "a@b.fr", "1.2.3.4", "::1"]),
)


@settings(max_examples=100, deadline=None)
@given(some=st.lists(st.tuples(kinds, values), min_size=1, max_size=8), key=st.binary(min_size=1, max_size=16))
def test_the_same_value_always_becomes_the_same_one(some, key):
    one, other = Inventor(key), Inventor(key)
    first = [one.invent(kind, value) for kind, value in some]
    assert [one.invent(kind, value) for kind, value in some] == first
    for (kind, value), made in zip(some, first, strict=True):
        if (kind, value) == some[0]:
            assert made == first[0]
    assert [other.invent(*some[0])] == first[:1], "and in every other hand that begins with it"


@settings(max_examples=30, deadline=None)
@given(made=sets())
def test_what_is_exported_comes_back(made):
    lessons = [
        msgspec.structs.replace(one, question=one.messages[-1].content) if one.messages else one for one in made[0]
    ]
    lines = [(n, msgspec.json.decode(msgspec.json.encode(line_of(one)))) for n, one in enumerate(lessons, 1)]
    again = read(lines, "support").lessons.values()
    assert [line_of(one) for one in again] == [line_of(one) for one in lessons]


requests = st.lists(
    st.tuples(sentences, st.sampled_from(["low", "mid", "top"]), st.sampled_from(["ann", "bob"])), max_size=8
)


@settings(max_examples=5, deadline=None)
@given(drawn=requests, rated=st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["up", "down"])), max_size=4))
async def test_a_harvest_done_again_finds_nothing_new(drawn, rated):
    with tempfile.TemporaryDirectory() as folder:
        async with teaching(Path(folder), encoder=Bag()) as school:
            for n, (asked, tier, who) in enumerate(drawn):
                await school.asked(climbed(f"t{n}", asked, f"answer {n}", tier=tier, who=who, created=NOW + n))
            for n, rating in rated:
                if n < len(drawn):
                    await school.rated(f"t{n}", rating=rating, correction="so" if rating == "down" else "")
            first = await school.desk.harvest("support")
            kept = await school.all()
            again = await school.desk.harvest("support")
            assert (again.added, again.withdrawn) == ({}, {})
            assert await school.all() == kept
            assert sum(first.added.values()) == len(kept)
