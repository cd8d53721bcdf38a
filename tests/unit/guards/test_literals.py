"""What every match of a regular expression holds, read off the expression."""

from __future__ import annotations

import re
import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.guards.literals import needed, plainly

RULES = tomllib.loads(resources.files("palier.guards").joinpath("toxicity.toml").read_text("utf-8"))["rules"]
PATTERNS = [pattern for rule in RULES for pattern in rule.get("patterns", ())]
OWN = [
    r"(?i)\b(?:satisfait ou rembours[ée]|money back)\b",
    r"rabat(?:ais)? de \d+ ?%",
    r"(?i)(?:la )?garantie (?:totale|complète)?",
    r"\d{4}",
    r"(?:abcd)?efgh*",
    r"(?i)strasse|Kelvin|ıdiot",
    r"(?!nothing)anything",
    r"(?:one|)two",
    r"(?i)İtinéraire bis|istanbul télécom",
    "(?i)(?:i|x)\u0307stanbul",
    "(?i)ı\u0307dées",
    r"(?i)İ\u0307dées",
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (OWN[0], {"money back", "satisfait ou rembours"}),
        (OWN[1], {"rabat"}),
        (OWN[2], {"garantie "}),
        (OWN[3], set()),
        (OWN[4], {"efg"}),
        (OWN[6], {"anything"}),
        (r"je vais|on va", set()),
        (OWN[-2], set()),
        (OWN[-1], set()),
    ],
)
def test_the_longest_that_must_stand_there(pattern: str, expected: set[str]) -> None:
    assert needed(pattern) == expected


@given(st.sampled_from([*PATTERNS, *OWN]).flatmap(lambda p: st.tuples(st.just(p), st.from_regex(p))))
def test_what_matches_holds_one_of_them(given: tuple[str, str]) -> None:
    pattern, text = given
    match = re.search(pattern, text)
    assert match is not None
    parts = needed(pattern)
    assert not parts or any(part in plainly(text) for part in parts)


def test_most_patterns_of_palier_say_what_they_need() -> None:
    assert sum(not needed(pattern) for pattern in PATTERNS) <= 2


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(?i)itinéraire bis", "l'İtinéraire bis"),
        ("(?i)İstanbul Telecom", "istanbul telecom"),
        ("(?i)idiot", "ıdİot"),
        ("\u0307dees", "i\u0307dees"),
    ],
)
def test_letters_that_are_one_to_the_expression_are_one(pattern: str, text: str) -> None:
    assert re.search(pattern, text)
    parts = needed(pattern)
    assert not parts or any(part in plainly(text) for part in parts)
