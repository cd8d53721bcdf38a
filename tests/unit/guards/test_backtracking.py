"""Patterns that can take exponential time are refused, and no others."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from tests.unit.guards.test_policy import policy

from palier.config import Guard
from palier.errors import ConfigurationError
from palier.guards.backtracking import exponential
from palier.guards.form import Form


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(a*)*$",
        r"(?i)(?:\w+\s?)+refund\s*$",
        r"(?:.*,)*x$",
        r"(\w+,\w+)+!",
        r"(?:\d{1,3}\s?)+€",
        r"(?:a|ab|b)+c",
        r"((a+)b?)+c",
        r"((?:a?b?)*)c",
        r"(?:é+)+!",
        r"(?:漢+)+!",
        r"(?:[^,]+,?)+;",
        r"(?s)(?:.*\n)+x",
        r"(?:(?s:.*)\n)+x",
        r"(?i)(?:[ab]+|B)+x",
        r"(?:a{2,})+b",
        r"(?=(a+)+$)b",
        r"x(?:(a+)+b)*",
        r"(?:b|b)+c",  # the matcher's own b(?:|)
        r"(?:(?:c?)?a)*!",
    ],
)
def test_two_ways_of_reading_one_text_again_and_again(pattern: str) -> None:
    assert exponential(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?i)\bgaltel\b",
        r"(a+)+",  # nothing follows, so nothing is tried again
        r"\b(?:\w+\s?)+",
        r"(?:\w+\s)+refund$",
        r"[\w.+-]+@(?:[\w-]+\.)+\w+",
        r"(?:\d{1,3} )*\d{3} €",
        r"(?:.*\n)+x",
        r"\w+\s*\w*\s*refund$",  # slow, not exponential
        r"(?:foo|bar)+x",
        r"(?:\w|\d)+x$",  # the matcher makes one class of the two
        r"(?:(?!x).)*x",
        r"(?:\d{12}-?)+x",
        r'(?:"(?:[^"\\]|\\.)*"\s*,\s*)+x',
        r"(a+)++b",
        r"(?:\w++\s?)+x",
        r"(?>(?:\w+\s?)+)x",
    ],
)
def test_what_reads_a_text_in_one_way_is_left_alone(pattern: str) -> None:
    re.compile(pattern)
    assert not exponential(pattern)


def test_what_must_match_the_whole_is_tried_again_at_its_end() -> None:
    assert exponential(r"(?:\w+\s?)+", whole=True)
    assert not exponential(r"(?:\w+\s)*\w+", whole=True)


def test_guards_refuse_them_and_say_what_to_write(tmp_path: Path) -> None:
    for settings in ({"matches": r"(\w+\s?)+"}, {"forbids": (r"(\w+\s?)+!",)}):
        with pytest.raises(ConfigurationError, match=r"guard `f`: `\(\\w\+.* exponential time") as said:
            Form("f", Guard(kind="form", **settings))  # type: ignore[arg-type]
        assert r"`(?:\w+\s)*\w+`" in said.value.hint
    with pytest.raises(ConfigurationError, match=r"guard `p`, rule `r`: `\(a\+\)\+\$` can take"):
        policy(tmp_path, "[[rules]]\nname = 'r'\npatterns = ['(a+)+$']")


def test_thousands_are_looked_at_in_no_time() -> None:
    started = time.perf_counter()
    assert not any(exponential(rf"(?i)\b(?:name{n}|other)s*\s+(?:x{{0,3}}y)+z") for n in range(300))
    assert time.perf_counter() - started < 3
