"""Laws of changing the words within JSON: only they change, and whatever is written is looked at."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from palier.privacy import json_words

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
CONTAINERS = st.lists(VALUES) | st.dictionaries(st.text(), VALUES)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def changed(text: str) -> str:
    return text if is_number(text) else f"«{text}»"


def marked(value: Any) -> Any:
    match value:
        case str():
            return value if value in json_words.SCHEMA else changed(value)
        case dict():
            return {marked(name): marked(inner) for name, inner in value.items()}
        case list():
            return [marked(inner) for inner in value]
    return value


@given(CONTAINERS, st.booleans(), st.sampled_from([None, 1]))
def test_each_string_is_changed_and_nothing_else(value: Any, ascii: bool, indent: int | None) -> None:
    written = json.dumps(value, ensure_ascii=ascii, indent=indent)
    assert json_words.changed(written, lambda text: text) == written
    assert repr(json.loads(json_words.changed(written, changed))) == repr(marked(value))


@given(st.text(alphabet='{}[]",:\\ u0049.eE-+tn', max_size=40))
def test_any_text_is_taken_and_given_back(written: str) -> None:
    seen: list[str] = []

    def take(text: str) -> str:
        seen.append(text)
        return text

    assert json_words.changed(written, take) == written
    digits = "".join(filter(str.isdigit, written))
    assert not digits or seen
