"""All that JSON says is read, and each of it once."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.guards.said import strings_of, unescaped

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
CONTAINERS = st.lists(VALUES) | st.dictionaries(st.text(), VALUES)


def parts(value: Any) -> list[str]:
    """Every key and value of it, as text."""
    match value:
        case str():
            return [value]
        case dict():
            return [part for key, inner in value.items() for part in (key, *parts(inner))]
        case list():
            return [part for inner in value for part in parts(inner)]
    return [json.dumps(value)]


@given(CONTAINERS, CONTAINERS, st.booleans(), st.sampled_from([None, 1]))
def test_all_of_it_is_said_also_under_a_key_that_comes_twice(one: Any, other: Any, ascii: bool, indent: int) -> None:
    first, second = (json.dumps(value, ensure_ascii=ascii, indent=indent) for value in (one, other))
    said = strings_of(f'{{"twice": {first}, "twice": {second}}}')
    assert all(part in said for part in ("twice", *parts(one), *parts(other)))


@given(st.text(alphabet='{}[]",:\\ u0049.eE-+tn', max_size=40))
def test_what_is_cut_short_or_no_json_is_said_or_left_to_who_reads_text(text: str) -> None:
    said = strings_of(text)
    kept = {*filter(str.isdigit, text)} <= {*said} if "\\" not in text else True
    assert kept or not said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": "b", "a": "c"}', "a: b\n\nb\n\na: c\n\nc"),
        ('{"n": 1, "ok": true, "v": [1, 2.5], "none": null}', "n: 1, ok: true, v: 1, 2.5, none: null"),
        ('{"rows": [{"a": 1, "b": "x"}, {"a": 1, "b": "x"}]}', "rows\n\nb: x\n\nx\n\na: 1, a: 1"),
        ('{"long": "' + "x" * 101 + '"}', "long\n\n" + "x" * 101),
        ('[1.5e3, 15e-1, ""]', "1.5e3 (1500), 15e-1"),
        (r'{"\ud83d\ude00": "\ud800"}', "😀: �\n\n�"),
        ('{"a": "cut sh', "a: cut sh\n\ncut sh"),
        ("[06 12 34]", "06 12 34"),
        ("[1] We guarantee it.", ""),
        ("{name}, we guarantee it.", ""),
        ('"a string"', ""),
        ("[]", ""),
    ],
)
def test_how_it_is_said(text: str, said: str) -> None:
    assert strings_of(text) == said


def test_only_the_escapes_of_json_are_read() -> None:
    assert unescaped(r"a\nb\u0065\\u0065\q\u00e") == "a\nbe\\u0065\\q\\u00e"


@pytest.mark.parametrize(
    "text",
    [
        '["' + '","' * 66_000,
        "[" + '"' * 199_000,
        '{"a":"' + "\\" * 199_000,
        "[" + " 1e9" * 49_000,
        '{"a"' + ":" * 199_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    strings_of(text)
    assert time.process_time() - started < 1.0
