"""Examples are read strictly: what is wrong is named by line and field, and nothing of it is learnt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from palier.errors import InvalidRequest
from palier.training.examples import Examples, read


def reading(*items: Any, skip_bad: bool = False) -> Examples:
    lines = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in items]
    return read(lines, longest_label=20, skip_bad=skip_bad)


def test_a_text_or_the_last_user_turn_and_a_label_or_an_answer() -> None:
    turns = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "?"},
        {"role": "user", "content": "c"},
    ]
    found = reading(
        {"text": "a", "label": " x "}, {"text": "b", "answer": "y"}, {"messages": turns, "label": "z"}, b"\n"
    )
    assert {(row.text, row.label) for row in found.rows} == {("a", "x"), ("b", "y"), ("c", "z")}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "line 2: it is not a JSON object"),
        (b"[1]", "line 2: it is not a JSON object"),
        (b"\xff\xfe", "line 2: it is not a JSON object"),
        (b'{"a":' * 5000, "line 2: it is not a JSON object"),
        ({"label": "x"}, "line 2: `text` must be a string"),
        ({"text": 5, "label": "x"}, "line 2: `text` must be a string"),
        ({"text": "  ", "label": "x"}, "line 2: `text` must be a string"),
        ({"messages": [{"role": "system", "content": "s"}], "label": "x"}, "line 2: `messages` must be"),
        ({"messages": "hello", "label": "x"}, "line 2: `messages` must be"),
        ({"messages": [5], "label": "x"}, "line 2: `messages` must be"),
        ({"text": "a"}, "line 2: `label` must be a string"),
        ({"text": "a", "label": 3}, "line 2: `label` must be a string"),
        ({"text": "a", "label": "x" * 21}, "line 2: `label` has 21 characters"),
        ({"text": "a", "label": "x", "language": 4}, "line 2: `language` must be a string"),
    ],
)
def test_a_bad_line_is_named(line: Any, said: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        reading({"text": "ok", "label": "x"}, line)
    assert raised.value.message.startswith(said)
    assert len(raised.value.message) < 400
    found = reading({"text": "ok", "label": "x"}, line, skip_bad=True)
    assert [row.text for row in found.rows] == ["ok"]
    assert found.notes == ("1 bad lines were left out",)


def test_unknown_fields_and_contradictions_are_told() -> None:
    found = reading({"text": "A b!", "label": "x", "mood": 1}, {"text": "a b", "label": "y"})
    assert found.notes == (
        "unknown field `mood` in 1 lines was not read",
        "1 texts have more than one label: at most one of them can be learnt",
    )


def test_the_order_of_the_lines_changes_nothing() -> None:
    items = [{"text": f"t{i}", "label": "xy"[i % 2], "language": "fr"} for i in range(9)]
    one, other = reading(*items), reading(*reversed(items))
    assert one.rows == other.rows
    assert one.digest == other.digest != reading(*items[1:]).digest


def test_languages_are_known_where_every_line_says_its_own() -> None:
    fr, en, none = ({"text": "a", "label": "x", "language": lang} for lang in ("fr", "en", ""))
    assert reading(fr, en).languages == ("en", "fr")
    assert reading(fr, none).languages == ()


def test_lone_surrogates_are_no_text() -> None:
    found = reading(b'{"text": "a \\ud800", "label": "x\\udfff"}', skip_bad=True)
    assert all(row.text.encode() and row.label.encode() for row in found.rows)
    assert found.digest
