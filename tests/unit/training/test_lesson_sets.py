"""What a set of lessons carries, how it is split, and how much of it is one user's."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from palier.lessons import Evidence, Origin
from palier.testing.lessons import lesson_of
from palier.training.lesson_sets import (
    PAIR,
    PARAPHRASE,
    capped,
    carried,
    families,
    question,
    source_of,
    split,
    synthetic_within,
)
from palier.types import Label, Message


def apart(count: int) -> np.ndarray:
    return np.eye(count, 16, dtype=np.float32)


def bare(name: str, asked: str = "", **fields: object):
    given = {"family": "", "messages": (), "origin": Origin(name=name), "evidence": (), "collections": ()}
    return lesson_of(name, question=asked or f"what of {name}", **{**given, **fields})


def test_a_set_carries_the_highest_label_and_all_collections() -> None:
    secret = Evidence(text="x", collection="docs", document="d", label=Label.CONFIDENTIAL)
    some = [
        bare("a", label=Label.PUBLIC, collections=("docs",), licence="MIT"),
        bare("b", label=Label.INTERNAL, collections=("hr", "docs"), licence=""),
        bare("c", label=Label.PUBLIC, evidence=(secret,)),
    ]
    found = carried(some)
    assert (found.label, found.collections) == (Label.CONFIDENTIAL, ("docs", "hr"))
    assert (found.licences, found.teachers) == (("Apache-2.0", "MIT"), ("large",))
    assert (carried([]).label, carried([]).collections) == (Label.PUBLIC, ())


def test_a_family_is_by_name_by_request_by_words_by_meaning_and_by_conversation() -> None:
    hello = (Message(role="user", content="Good morning, my fibre is down"), Message(role="user", content="?"))
    some = [
        bare("a", family="f"),
        bare("b", family="f"),
        bare("c", origin=Origin(name="c", trace="t")),
        bare("d", origin=Origin(name="d", trace="t")),
        bare("e", "Where is the old copper lamp of my uncle?"),
        bare("f", "where is the old copper lamp of my uncle"),
        bare("g", messages=hello),
        bare("h", messages=(*hello, Message(role="user", content="and now"))),
        bare("i"),
        bare("j"),
        bare("k"),
    ]
    vectors = apart(len(some))
    vectors[9] = vectors[8] * np.float32(0.9) + vectors[9] * np.float32(0.43)
    leader = families([question(one) for one in some], vectors)
    groups = Counter(leader.values())
    assert groups == {"a": 2, "c": 2, "e": 2, "g": 2, "i": 2, "k": 1}


def test_a_split_keeps_families_together_and_moves_nobody_later() -> None:
    some = [bare(f"{n:03}", f"question {chr(97 + n % 26)}{n}", family=f"f{n // 3}") for n in range(300)]
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(300, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    leader = families([question(one) for one in some], vectors)
    found = split(some, leader, 0.2)
    assert (found.families, len(found.train) + len(found.validation)) == (100, 300)
    assert 30 <= len(found.validation) <= 90
    assert not {one.family for one in found.train} & {one.family for one in found.validation}
    less = split(some[:150], families([question(one) for one in some[:150]], vectors[:150]), 0.2)
    assert set(less.validation) <= set(found.validation)


def test_an_empty_set_splits_into_nothing() -> None:
    found = split([], families([], np.empty((0, 4), np.float32)), 0.2)
    assert (found.train, found.validation, found.families) == ((), (), 0)


def test_a_cap_counts_what_is_there() -> None:
    some = [bare(f"a{n}", origin=Origin(name=f"a{n}", who="ann", created=float(n))) for n in range(10)]
    some += [bare(f"b{n}", origin=Origin(name=f"b{n}", who=f"w{n}")) for n in range(10)]
    kept = capped(some, share=0.25, least=0, exempt=lambda who: False, held=Counter({"ann": 1, "": 9}))
    mine = [one.id for one in kept if one.origin.who == "ann"]
    assert mine == ["a0", "a1", "a2", "a3", "a4"], "the oldest stay"
    assert 1 + len(mine) <= 0.25 * (len(kept) + 10)
    assert len(capped(some, share=0.0, least=3, exempt=lambda who: False)) == 3 + 10
    assert len(capped(some, share=0.0, least=0, exempt=lambda who: who == "ann")) == 10


def synthetic(n: int, source: str = ""):
    name = f"{PARAPHRASE}{source}:{n}" if source else f"{PAIR}{n}"
    return bare(f"s{n}", kind="synthetic", origin=Origin(name=name))


@given(st.integers(0, 40), st.integers(0, 60), st.floats(0.0, 0.95))
def test_synthetic_lessons_are_a_share_of_what_is_taught_and_no_more_are_left_out_than_must(
    real: int, made: int, share: float
) -> None:
    some = [*(bare(f"r{n}") for n in range(real)), *(synthetic(n, f"r{n % 50}" if n % 2 else "") for n in range(made))]
    found = synthetic_within(some, share)
    kept = sum(one.kind == "synthetic" for one in found.lessons)
    assert len(found.lessons) - kept == real
    assert kept <= share * len(found.lessons) + 1e-6
    assert kept + found.alone + found.over == made
    assert found.over == 0 or (kept + 1) / (real + kept + 1) > share - 1e-6
    assert all(source_of(one) in {"", *(f"r{n}" for n in range(real))} for one in found.lessons)
    assert [one.id for one in found.lessons] == [one.id for one in some if one in found.lessons], "in their order"


def test_what_says_a_lesson_otherwise_is_of_its_family() -> None:
    first, other = bare("r1", "How much is it?"), bare("r2", "Where is the shop?")
    again = msgspec.structs.replace(synthetic(1, "r1"), question="Monthly fees, please")
    leader = families([question(one) for one in (first, other, again)], np.eye(3, dtype=np.float32))
    assert leader["s1"] == leader["r1"] != leader["r2"]
    assert source_of(msgspec.structs.replace(again, kind="import")) == ""
