"""Many words and patterns in a text: found as if each were looked for by itself, and holding up nobody."""

from __future__ import annotations

import asyncio
import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.guards.literals import Parts, needed, plainly
from palier.guards.written import Phrases, Written, read
from palier.text import tokens

WORDS = st.sampled_from(
    [
        "la",
        "fibre",
        "de",
        "l'été",
        "à",
        "Brest",
        "eSIM",
        "money",
        "back",
        "nous",
        "vous",
        "garantissons",
        "10",
        "000",
        "ÉTÉ",
        "«oui»",
        "*gras*",
    ]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)
PATTERNS = [r"(?i)\bfibre\b", r"l'été", r"(?i)garanti(?:e|ssons)", r"\d{4}", "a", r"(?i)money back|brest", "x*"]


@given(st.lists(TEXTS.map(lambda t: " ".join(tokens(t))), max_size=6), TEXTS)
def test_phrases_are_those_that_stand_there(phrases: list[str], text: str) -> None:
    words = f" {' '.join(tokens(text))} "
    expected = [n for n, phrase in enumerate(phrases) if phrase and f" {phrase} " in words]
    assert Phrases(phrases).within(words) == expected


@given(st.lists(st.text("abcé\n\ud800", min_size=3, max_size=6), max_size=8), st.text("abcé\n\ud800", max_size=200))
def test_parts_are_those_that_stand_there(parts: list[str], text: str) -> None:
    likely = Parts([frozenset({part}) for part in parts]).likely(text)
    found = {part: numbers for part, numbers in likely if part in text}
    assert found == {p: [n for n, other in enumerate(parts) if other == p] for p in parts if p in text}


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_what_is_found_is_what_each_expression_finds(sentences: list[str]) -> None:
    compiled = [re.compile(pattern) for pattern in PATTERNS]
    phrases = ["la fibre", "vous garantissons", "10000"]
    rules = [([phrase], [pattern]) for phrase, pattern in zip(phrases, compiled, strict=False)]
    rules += [([], [pattern]) for pattern in compiled[len(phrases) :]]
    found = asyncio.run(Written(rules).places(sentences))
    for place, sentence in enumerate(sentences):
        one = read(sentence)
        expected = {
            number
            for number, (words, patterns) in enumerate(rules)
            if any(f" {phrase} " in one.words for phrase in words)
            or any(pattern.search(reading) for pattern in patterns for reading in one.readings)
        }
        assert found.get(place, set()) == expected


def test_patterns_of_which_nothing_is_known_are_tried_everywhere() -> None:
    assert Parts([needed(r"\d{4}"), needed("fibre")]).unknown == (0,)


@pytest.mark.parametrize("hostile", [False, True])
async def test_thousands_of_names_in_a_long_text_hold_up_nobody(hostile: bool) -> None:
    names = [f"Prénom{n} Nom{n * 7919 % 3000}" for n in range(3000)]
    text = [f"Le client {n} a parlé de la fibre avec Prénom{n} et Nom{n}." for n in range(1_900)]
    if hostile:  # all three letters of all names are there, and none of them
        chance = random.Random(5)
        letters = sorted(set("".join(names)))
        text = [" ".join("".join(chance.choices(letters, k=5)) for _ in range(18)) for _ in range(1_800)]
    slow = [re.compile(rf"(?i)\b{name}\b") for name in names]
    slow += [] if hostile else [re.compile(r"\bx?y?\d+z")] * 20
    written = Written([([], slow), (names, [])])
    longest, last, done = 0.0, time.process_time(), False

    async def watch() -> None:
        nonlocal longest, last
        while not done:
            await asyncio.sleep(0)
            now = time.process_time()
            longest, last = max(longest, now - last), now

    watching = asyncio.create_task(watch())
    started = time.process_time()
    found = await written.places(text)
    took = time.process_time() - started
    done = True
    await watching
    assert found == {}
    assert took < 5, "3,000 names a sentence, one after the other, took three times as long"
    assert longest < 0.4, "it is some hundredths"
    assert plainly(names[0]) == "prénom0 nom0"
