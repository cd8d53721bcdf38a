"""Laws of suites: what is written is read, the digest is of the content, families are never torn."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from palier.cases import Case, Declared, Published, Suite
from palier.evals.suites import making, perturbing
from palier.evals.suites.splitting import near_duplicates, split_of, united
from palier.evals.suites.suite import digest, dump, load
from palier.types import Label, Message

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SAID = TEXT.filter(lambda text: bool(text.strip()))
IDS = st.text(st.characters(categories=["L", "N", "P"], exclude_characters="\x7f"), min_size=1, max_size=12).filter(
    str.strip
)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
LISTS = st.lists(SAID, max_size=3).map(tuple)


@st.composite
def cases(draw: st.DrawFn, id: str) -> Case:
    turns = draw(
        st.lists(st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=TEXT), max_size=3)
    )
    asked = draw(SAID)
    fields: dict[str, Any] = {"input": asked}
    if draw(st.booleans()):
        fields = {"messages": (*turns, Message(role="user", content=asked))}
    answerable = draw(st.booleans())
    return Case(
        id=id,
        references=draw(st.lists(SAID, min_size=int(answerable), max_size=3).map(tuple)),
        answerable=answerable,
        split=draw(st.sampled_from(["dev", "holdout"])),
        family=draw(st.just("") | IDS),
        kind=draw(st.sampled_from(["original", "paraphrase", "perturbation"])),
        relevant=draw(LISTS),
        evidence=draw(LISTS),
        must_contain=draw(LISTS),
        language=draw(TEXT),
        label=draw(st.none() | st.sampled_from(list(Label))),
        tags=draw(LISTS),
        origin=draw(TEXT),
        **fields,
    )


DECLARED = st.one_of(
    st.builds(Declared, tier=SAID, system=st.none() | TEXT, passages=st.none() | st.integers(0, 9), licence=TEXT),
    st.builds(
        Declared,
        published=st.builds(Published, quality=st.floats(0, 1), cost=st.none() | st.floats(0, 1e6), source=TEXT),
        on_premises=st.none() | st.booleans(),
        parameters=st.none() | st.integers(1, 2**40),
    ),
)


@st.composite
def suites(draw: st.DrawFn) -> Suite:
    ids = draw(st.lists(IDS, min_size=1, max_size=5, unique=True))
    return Suite(
        name=draw(NAMES),
        version=draw(TEXT),
        title=draw(TEXT),
        route=draw(TEXT),
        metrics=draw(LISTS),
        prompt=draw(TEXT) + "{input}",
        max_tokens=draw(st.none() | st.integers(1, 10**6)),
        language=draw(TEXT),
        source=draw(TEXT),
        candidates=draw(st.dictionaries(TEXT, DECLARED, max_size=2)),
        cases=tuple(draw(cases(name)) for name in ids),
    )


@settings(max_examples=60, deadline=None)
@given(suites())
def test_what_is_written_is_read(suite: Suite) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dump(suite, Path(folder))
        read = load(folder)
        assert msgspec.structs.replace(read, digest="") == suite
        assert read.digest == digest(suite)


@settings(max_examples=60, deadline=None)
@given(suites(), st.randoms(use_true_random=False))
def test_the_digest_does_not_go_by_the_order(suite: Suite, chance: Any) -> None:
    shuffled = list(suite.cases)
    chance.shuffle(shuffled)
    assert digest(msgspec.structs.replace(suite, cases=tuple(shuffled))) == digest(suite)


@settings(max_examples=80, deadline=None)
@given(suites(), suites())
def test_the_digest_changes_with_the_content(one: Suite, other: Suite) -> None:
    def content(suite: Suite) -> Suite:
        return msgspec.structs.replace(suite, cases=tuple(sorted(suite.cases, key=lambda case: case.id)))

    assert (digest(one) == digest(other)) == (content(one) == content(other))
    first = one.cases[0]
    changed = msgspec.structs.replace(
        one, cases=(msgspec.structs.replace(first, origin=f"{first.origin}x"), *one.cases[1:])
    )
    assert digest(changed) != digest(one)
    assert digest(msgspec.structs.replace(one, title=f"{one.title}x")) != digest(one)


WORDS = st.lists(
    st.sampled_from(["le", "la", "box", "fibre", "prix", "forfait", "wifi", "panne", "5", "6", "carte", "sim"]),
    min_size=1,
    max_size=6,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(WORDS.map(" ".join), st.sampled_from(["", "", "f", "g"])), min_size=1, max_size=12))
def test_families_are_whole_and_splits_the_same_again(rows: list[tuple[str, str]]) -> None:
    given_cases = [
        Case(id=f"c{n}", input=text, references=("x",), family=family) for n, (text, family) in enumerate(rows)
    ]
    made = making._by_family(given_cases)
    assert made == making._by_family(given_cases)
    sides: dict[str, str] = {}
    for case in made:
        assert sides.setdefault(case.group, case.split) == case.split
    for pair in near_duplicates([case.input for case in made]).found:
        assert made[pair.first].group == made[pair.second].group


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS.map(" ".join), max_size=14), st.sampled_from([0.5, 0.75, 0.9, 1.0]))
def test_the_fast_search_finds_what_a_slow_one_finds(texts: list[str], near: float) -> None:
    def elements(text: str) -> set[str]:
        words = text.split()
        return set(words) | {f"{a} {b}" for a, b in itertools.pairwise(words)}

    def numbers(text: str) -> set[str]:
        return {word for word in text.split() if word.isdigit()}

    slow = set()
    for j, other in enumerate(texts):
        for one in texts[:j]:
            alike = len(elements(one) & elements(other)) / len(elements(one) | elements(other))
            if alike >= near and numbers(one) == numbers(other):
                slow.add((one, other))
    found = {(texts[pair.first], texts[pair.second]) for pair in near_duplicates(texts, near).found}
    assert {frozenset(pair) for pair in found} == {frozenset(pair) for pair in slow}


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_what_is_joined_has_one_leader_the_first_of_them(numbers: list[int], joined: list[tuple[int, int]]) -> None:
    names = [str(number) for number in numbers]
    pairs = [(str(a), str(b)) for a, b in joined if str(a) in names and str(b) in names]
    leader = united(names, pairs)
    assert all(leader[a] == leader[b] for a, b in pairs)
    assert all(names.index(leader[name]) <= names.index(name) for name in names)
    assert all(leader[leader[name]] == leader[name] for name in names)


@given(st.text(), st.floats(0, 1))
def test_a_larger_holdout_holds_what_a_smaller_one_held(family: str, share: float) -> None:
    if split_of(family, share) == "holdout":
        assert split_of(family, min(1.0, share + 0.1)) == "holdout"
    assert split_of(family, 1.0) == "holdout"
    assert split_of(family, 0.0) == "dev"


SENTENCES = st.lists(
    st.sampled_from(
        [
            "Combien",
            "coûte",
            "la",
            "Fibre",
            "Goéland",
            "à",
            "29,99",
            "€",
            "par",
            "mois",
            "?",
            "Ma",
            "Box",
            "Menhir",
            "6",
            "clignote,",
            "est-ce",
            "normal",
            "(K-104)",
            ":",
            "où",
            "?",
            "It's",
            "on",
            "5",
            "June;",
            "call",
            "02",
            "61",
            "91",
            "00",
            "10",
            "or",
            "AT-204417…",
            "«",
            "Été",
            "»",
            "e-mail",
            "a@b.example",
            "straße",
            "İstanbul",
            "œuf",
        ]
    ),
    min_size=1,
    max_size=25,
).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(SENTENCES | SAID, st.sampled_from(perturbing.KINDS), st.integers(0, 99))
def test_perturbations_keep_digits_and_what_must_be_there(text: str, kind: str, seed: int) -> None:
    must = text.split()[0]
    case = Case(id="a", input=text, references=("x",), must_contain=(must,))
    suite = Suite(name="s", cases=(case,))
    made = perturbing.perturb(suite, kinds=[kind], seed=seed)
    assert made == perturbing.perturb(suite, kinds=[kind], seed=seed)
    assume(made)
    (other,) = made
    assert other.input != text
    assert [c for c in other.input if c.isdigit()] == [c for c in text if c.isdigit()]
    assert must in other.input
    kept = [word for word in text.split() if any(map(str.isdigit, word))]
    assert [word for word in other.input.split() if any(map(str.isdigit, word))] == kept
    assert (other.family, other.kind, other.references) == ("a", "perturbation", ("x",))
