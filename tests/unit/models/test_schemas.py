"""Which JSON schemas are let through to the engine."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.errors import InvalidRequest
from palier.models import schemas


def obj(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "schema",
    [
        obj(a={"type": "string", "minLength": 1, "maxLength": 9, "description": "a name"}),
        obj(a={"type": ["string", "null"]}, b={"type": "integer", "minimum": 0, "exclusiveMaximum": 9}),
        obj(a={"enum": [1, None, "x"]}, b={"const": {"c": []}}, c={"type": "string", "enum": ["x"]}),
        obj(a={"anyOf": [{"type": "null"}, obj(b={"type": "number"})]}, b={"oneOf": [{"type": "boolean"}]}),
        obj(a={"$ref": "#/$defs/x~1y"}) | {"$defs": {"x/y": {"type": "string", "format": "date"}}},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"$defs": {"n": obj(next={"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]})}, "$ref": "#/$defs/n"},
        {"title": "anything", "$schema": "https://json-schema.org/draft/2020-12/schema"},
    ],
)
def test_enforced(schema: Any) -> None:
    schemas.check(schema)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (None, "must be an object"),
        ({}, "not empty"),
        (True, "must be an object"),
        (obj(a={"type": "string", "pattern": "^a$"}), r"at #/properties/a uses `pattern`"),
        (obj(a={"type": "number", "minimum": 1}), "uses `minimum`"),
        (obj(a={"type": "number", "multipleOf": 5}), "uses `multipleOf`"),
        (obj(a={"type": "string", "format": "email"}), "a format that is none of date, date-time, time, uuid"),
        (obj(a={"not": {"type": "string"}}), "uses `not`"),
        (obj(a={"allOf": [{"type": "string"}]}), "uses `allOf`"),
        (obj(a={"anyOf": [{"type": "string"}], "type": "string"}), "uses `type`"),
        (obj(a={"const": 1, "minimum": 2}), "uses `minimum`"),
        ({"type": "array", "uniqueItems": True}, "uses `uniqueItems`"),
        ({"type": "object", "patternProperties": {}}, "uses `patternProperties`"),
        ({"type": "objct"}, "unknown type 'objct'"),
        ({"type": [["string"]]}, "unknown type"),
        ({"type": "object", "required": ["a"]}, "requires 'a'"),
        ({"type": "object", "properties": []}, "of the wrong type"),
        ({"$ref": "https://example.org/x"}, "refers elsewhere"),
        ({"$ref": "#"}, "refers elsewhere"),
        ({"$ref": "#/$defs/x"}, "which is not there"),
        ({"enum": []}, "a list of 1 to"),
        ({"anyOf": [True]}, "at #/anyOf/0 is not an object"),
        ({"enum": list(range(501))}, "a list of 1 to"),
        ({"anyOf": [{"enum": list(range(300))}, {"enum": list(range(300))}]}, "values of all `enum` above 500"),
        # These make the engine hang, or fail in the middle of an answer.
        ({"type": "string", "minLength": 5, "maxLength": 2}, "`minLength` above `maxLength`"),
        ({"type": "array", "minItems": 5, "maxItems": 2}, "`minItems` above `maxItems`"),
        ({"type": "integer", "minimum": 5, "maximum": 2}, "allows no integer"),
        ({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 4}, "allows no integer"),
        ({"type": "integer", "minimum": 10**30}, "is not an integer from"),
        ({"type": "integer", "minimum": 1.5}, "is not an integer from"),
        ({"type": "string", "maxLength": 10**9}, "is not an integer from"),
        (obj(**{f"p{i}": {"type": "string"} for i in range(200)}) | {"required": []}, "more than 100 optional"),
        (obj(**{f"p{i}": {"type": "string"} for i in range(600)}), "too deep or too large"),
    ],
)
def test_refused_by_name_and_place(schema: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        schemas.check(schema)
    assert caught.value.param == "response_format"


def test_depth() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(200):
        schema = {"type": "array", "items": schema}
    with pytest.raises(InvalidRequest, match="too deep"):
        schemas.check(schema)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "required", "items", "enum", "anyOf", "$ref", "minLength", "maximum", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_judged(schema: Any) -> None:
    with contextlib.suppress(InvalidRequest):
        schemas.check(schema)
