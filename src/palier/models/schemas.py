"""Which JSON schemas the engine's grammar really enforces.

The engine turns a schema into a grammar. What a grammar cannot express it drops in silence (`multipleOf`, most formats,
bounds on a `number`, whatever stands beside `anyOf`), and some schemas make it hang (`minLength` above `maxLength`,
nested repetitions of a `pattern`). An answer that merely looks constrained is worse than a refusal, so all of this is
refused here, by name and place; what is let through was tried on the engine, keyword by keyword.
"""

from __future__ import annotations

from typing import Any

from palier.errors import InvalidRequest
from palier.types import JSON

MAX_DEPTH, MAX_SCHEMAS, MAX_OPTIONAL, MAX_ENUM = 32, 500, 100, 500
MAX_REPEATS = 1000
"""Bound on `maxLength` and `maxItems`: each repetition is a part of the grammar."""

_NOTES = frozenset({"title", "description", "default", "examples", "$schema", "$id", "$comment", "deprecated"})
_DEFINITIONS = frozenset({"$defs", "definitions"})
_ALONE = ("$ref", "anyOf", "oneOf", "enum", "const")
"""Keywords beside which the engine looks at no other (but `type` beside `enum` and `const`)."""
_KEYWORDS = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "format"}),
    "integer": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "number": frozenset[str](),
    "boolean": frozenset[str](),
    "null": frozenset[str](),
}
_FORMATS = frozenset({"date", "time", "date-time", "uuid"})


def check(schema: Any, param: str = "response_format") -> None:
    """Raise `InvalidRequest`, naming the place, where the engine would not enforce all of `schema`."""
    if not isinstance(schema, dict) or not schema:
        raise InvalidRequest("the JSON schema must be an object that is not empty", param=param)
    _Checker(schema, param).check(schema, "#", 0)


class _Checker:
    def __init__(self, root: JSON, param: str) -> None:
        self._root = root
        self._param = param
        self._seen = 0
        self._values = 0

    def check(self, schema: Any, where: str, depth: int) -> None:
        if not isinstance(schema, dict):
            raise self._refused(where, "is not an object")
        self._seen += 1
        if depth > MAX_DEPTH or self._seen > MAX_SCHEMAS:
            raise self._refused(where, f"is too deep or too large ({MAX_DEPTH} levels, {MAX_SCHEMAS} schemas at most)")
        self._keywords(schema, where)
        self._reference(schema, where)
        self._object(schema, where)
        self._choice(schema, where)
        self._range(schema, where, "minLength", "maxLength", 0, MAX_REPEATS)
        self._range(schema, where, "minItems", "maxItems", 0, MAX_REPEATS)
        self._integer(schema, where)
        if "format" in schema and schema["format"] not in _FORMATS:
            raise self._refused(where, f"has a format that is none of {', '.join(sorted(_FORMATS))}")
        for place, inner in _inner(schema):
            self.check(inner, f"{where}/{place}", depth + 1)

    def _keywords(self, schema: JSON, where: str) -> None:
        given = set(schema) - _NOTES - _DEFINITIONS
        for keyword in _ALONE:
            if keyword in given:
                allowed = {keyword, "type"} if keyword in ("enum", "const") else {keyword}
                break
        else:
            allowed = {"type"}.union(*(_KEYWORDS[name] for name in self._types(schema, where)))
        for keyword in sorted(given - allowed):
            raise self._refused(where, f"uses `{keyword}`, which the engine does not enforce there")

    def _types(self, schema: JSON, where: str) -> list[str]:
        given = schema.get("type")
        if given is None:
            return ["object"] if "properties" in schema else ["array"] if "items" in schema else []
        types = given if isinstance(given, list) else [given]
        for name in types:
            if not isinstance(name, str) or name not in _KEYWORDS:
                raise self._refused(where, f"has the unknown type {name!r}")
        return types

    def _reference(self, schema: JSON, where: str) -> None:
        if "$ref" not in schema:
            return
        target = schema["$ref"]
        if not isinstance(target, str) or not target.startswith("#/"):
            raise self._refused(where, "refers elsewhere: only `#/...` is followed")
        found: Any = self._root
        for part in target.split("/")[1:]:
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise self._refused(where, f"refers to {target}, which is not there")

    def _object(self, schema: JSON, where: str) -> None:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, dict) or not isinstance(required, list):
            raise self._refused(where, "has `properties` or `required` of the wrong type")
        for name in required:
            if not isinstance(name, str) or name not in properties:
                raise self._refused(where, f"requires {name!r}, which is not among its properties")
        if len(properties) - len(required) > MAX_OPTIONAL:
            raise self._refused(where, f"has more than {MAX_OPTIONAL} optional properties")
        if not isinstance(schema.get("additionalProperties", False), bool | dict):
            raise self._refused(where, "has `additionalProperties` of the wrong type")

    def _choice(self, schema: JSON, where: str) -> None:
        for keyword in ("enum", "anyOf", "oneOf", "prefixItems"):
            listed = schema.get(keyword, [None])
            if not isinstance(listed, list) or not 0 < len(listed) <= MAX_ENUM:
                raise self._refused(where, f"has `{keyword}` that is not a list of 1 to {MAX_ENUM}")

        # The engine follows every value at once: twenty thousand of them took all the memory of a machine.
        self._values += len(schema.get("enum", ()))
        if self._values > MAX_ENUM:
            raise self._refused(where, f"brings the values of all `enum` above {MAX_ENUM}")

    def _integer(self, schema: JSON, where: str) -> None:
        bound = 2**53
        low, high = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
            self._number(schema, where, keyword, -bound, bound)
        lows = [x for x in (schema.get("minimum"), low + 1 if low is not None else None) if x is not None]
        highs = [x for x in (schema.get("maximum"), high - 1 if high is not None else None) if x is not None]
        if lows and highs and max(lows) > min(highs):
            raise self._refused(where, "allows no integer at all")

    def _range(self, schema: JSON, where: str, low: str, high: str, least: int, most: int) -> None:
        for keyword in (low, high):
            self._number(schema, where, keyword, least, most)
        if schema.get(low, least) > schema.get(high, most):
            raise self._refused(where, f"has `{low}` above `{high}`")

    def _number(self, schema: JSON, where: str, keyword: str, least: int, most: int) -> None:
        value = schema.get(keyword, least)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._refused(where, f"has `{keyword}` that is not an integer from {least} to {most}")

    def _refused(self, where: str, words: str) -> InvalidRequest:
        return InvalidRequest(f"the JSON schema at {where} {words}", param=self._param)


def _inner(schema: JSON) -> list[tuple[str, Any]]:
    """The schemas directly inside `schema`, with their place."""
    found: list[tuple[str, Any]] = []
    for keyword in ("properties", "$defs", "definitions"):
        named = schema.get(keyword)
        found += [(f"{keyword}/{name}", inner) for name, inner in named.items()] if isinstance(named, dict) else []
    for keyword in ("anyOf", "oneOf", "prefixItems"):
        found += [(f"{keyword}/{i}", inner) for i, inner in enumerate(schema.get(keyword, ()))]
    if "items" in schema:
        found.append(("items", schema["items"]))
    if isinstance(schema.get("additionalProperties"), dict):
        found.append(("additionalProperties", schema["additionalProperties"]))
    return found
