"""Strict decoding: the message says what is wrong and names the field."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest

from palier.errors import InvalidRequest
from palier.server.wire import Wire, check_depth, decode, encode, finite


class Inner(Wire, frozen=True, kw_only=True):
    name: str


class Outer(Wire, frozen=True, kw_only=True):
    model: str
    items: tuple[Inner, ...] = ()
    ratio: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    free: dict[str, Any] | None = None
    audio: None = None


DECODER = msgspec.json.Decoder(Outer)


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        (b"", "the body is empty", None),
        (b"{", "not valid JSON", None),
        (b"[]", "expected `object`, got `array`", None),
        (b'{"model":"m"} x', "not valid JSON", None),
        (b'{"model":"m","ratio":NaN}', "NaN", None),
        (b'{"model":"\\ud800"}', "lone surrogate", None),
        (b'{"model":"\xff"}', "not valid JSON", None),
        (b'{"model":"a\\u0000b"}', "U+0000", "model"),
        (b'{"model":"m","items":[{"name":"\\u0000"}]}', "U+0000", "items[0].name"),
        (b'{"model":"m","free":{"a\\u0000":1}}', "U+0000", "free.a\0"),
        (b"{}", "`model` is required", "model"),
        (b'{"model":"m","items":[{}]}', "`items[0].name` is required", "items[0].name"),
        (b'{"model":"m","items":[{"name":5}]}', "`items[0].name`: expected `str`, got `int`, got 5", "items[0].name"),
        (b'{"model":"m","items":[{"name":"n","other":1}]}', "unknown parameter `items[0].other`", "items[0].other"),
        (b'{"model":"m","moddel":1}', "did you mean `model`?", "moddel"),
        (b'{"model":"m","ratio":2.5}', "`ratio`: expected `float` <= 2.0, got 2.5", "ratio"),
        (b'{"model":"m","ratio":1e999}', "`ratio`: number out of range", "ratio"),
        (b'{"model":"m","audio":{}}', "`audio` is not supported: no sound here", "audio"),
        (b'{"model":"m","video":{}}', "`video` is not supported: nor pictures", "video"),
        (b'{"model":"m","free":' + b'{"a":' * 900 + b'"\\u0000"' + b"}" * 900 + b"}", "nested deeper", "body"),
        (b'{"model":"m","free":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}", "nested deeper", None),
    ],
)
def test_a_bad_body_is_an_error_that_names_the_field(body: bytes, message: str, param: str | None) -> None:
    refused = {"audio": "no sound here", "video": "nor pictures"}
    with pytest.raises(InvalidRequest) as caught:
        decode(DECODER, body, refused)
    assert message in str(caught.value)
    assert caught.value.param == param


def test_a_long_value_is_shortened_in_the_message() -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(DECODER, b'{"model":"m","ratio":"' + b"x" * 10_000 + b'"}')
    assert len(str(caught.value)) < 200


def test_an_escaped_backslash_before_u0000_is_only_text() -> None:
    assert decode(DECODER, b'{"model":"\\\\u0000"}').model == "\\u0000"


def test_depth_is_limited_exactly() -> None:
    def nested(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels):
            value = {"a": [value]}
        return value

    check_depth(nested(31), "schema")
    with pytest.raises(InvalidRequest, match="`schema` is nested deeper than 64 levels"):
        check_depth(nested(33), "schema")


def test_a_lone_surrogate_of_a_model_is_replaced_and_the_rest_kept() -> None:
    assert encode({"a": ["h\ud83dé", 1]}) == '{"a":["h\ufffdé",1]}'.encode()


def test_a_logprob_is_always_json() -> None:
    assert [finite(x) for x in (-0.5, float("-inf"), float("nan"))] == [-0.5, -9999.0, -9999.0]
