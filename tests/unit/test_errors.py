"""What does not fit is told in words, its place first."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest

from palier.errors import unfit


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    size: int = 1
    share: float | None = None
    kind: Literal["a", "b"] = "a"


class Outer(msgspec.Struct):
    name: str
    inner: Inner = msgspec.field(default_factory=Inner)
    many: dict[str, Inner] = msgspec.field(default_factory=dict)
    some: tuple[Inner, ...] = ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "`name` is missing"),
        ({"name": 3}, "`name` must be a text, and is a whole number"),
        ({"name": "n", "inner": {"size": "3"}}, "`inner.size` must be a whole number, and is a text (write it without"),
        ({"name": "n", "inner": {"share": "x"}}, "`inner.share` must be a number or nothing, and is a text (write"),
        ({"name": "n", "inner": {"sise": 3}}, "unknown setting `inner.sise`"),
        ({"name": "n", "inner": {"kind": "c"}}, "`inner.kind` may not be 'c'"),
        ({"name": "n", "inner": []}, "`inner` must be a table of fields, and is a list"),
        ({"name": "n", "many": {"one": {"size": []}}}, "`many.NAME.size` must be a whole number, and is a list"),
        ({"name": "n", "some": [{}, {"size": None}]}, "`some[1].size` must be a whole number, and is nothing"),
        ([], "it must be a table of fields, and is a list"),
    ],
)
def test_what_does_not_fit_is_told_in_words(given: object, words: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.convert(given, Outer)
    assert unfit(raised.value, named="setting").startswith(words)


def test_other_words_are_passed_on() -> None:
    assert unfit(ValueError("guarantee: a risk - at `$.risk`")) == "`risk`: guarantee: a risk"
    assert unfit(ValueError("as it is")) == "as it is"
