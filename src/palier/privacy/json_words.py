"""The strings and numbers within JSON that somebody wrote, changed where they stand.

Nothing else is touched: numbers stay as they were written, and so do spaces, the order of names, and names that come
twice. It is read by its pieces, not decoded: however deep it is nested, and also where it is only nearly JSON, as
models write it (NaN, half a character, a line break in a string). What is no JSON at all is one text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from palier.errors import TooLarge

MOST_VALUES = 20_000
"""Strings and numbers in one text, names included."""

Change = Callable[[str], str]

_PIECE = re.compile(
    r'(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+")'
    r"|(?P<number>-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][+-]?\d++)?(?![\w.]))"
    r"|(?P<between>(?:[\s\[\]{},:]++|(?:true|false|null|NaN|-?Infinity)(?!\w))++)",
    re.DOTALL | re.ASCII,
)
_PARTING = re.compile(r"[\[\]{},:]")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_MOST_EXACT = 1e18
"""Numbers below which one with an exponent or a point is written out to be looked at."""

_WORDS = (
    "$defs $id $ref $schema additionalProperties allOf anyOf array boolean const date date-time default definitions "
    "description enum examples exclusiveMaximum exclusiveMinimum format function id integer items json_object "
    "json_schema maxItems maxLength maximum minItems minLength minimum multipleOf name not null nullable number object "
    "oneOf parameters pattern properties required schema strict string title type uniqueItems "
    "9007199254740991 -9007199254740991"
)
SCHEMA = frozenset(_WORDS.split())
"""Words of schemas and the bounds of their integers: they say nothing of anybody, and would be most of what is read."""


def changed(text: str, change: Change) -> str:
    """`text` with `change` applied to each string and number in it; those that become others are written as strings.

    `change` is called in the same order each time. Linear in the text. Raises `TooLarge` for more than `MOST_VALUES`.
    """
    pieces = _pieces(text)
    if pieces is None:
        return change(text)
    told: list[str] = []
    last = 0
    for found in pieces:
        seen = _string(found["string"]) if found["string"] else _number(found["number"])
        if seen in SCHEMA or (new := change(seen)) == seen:
            continue
        told += (text[last : found.start()], msgspec.json.encode(new).decode())
        last = found.end()
    return text if not told else "".join((*told, text[last:]))


def _pieces(text: str) -> list[re.Match[str]] | None:
    """The strings and numbers of `text`; None where it is no JSON: then they might belong together.

    `06 12 34` and `00:11:22` are no values of JSON: something parts two of them, and a colon follows a string only.
    """
    found: list[re.Match[str]] = []
    at, parted, value = 0, True, ""
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None:
            return None
        at = piece.end()
        if piece["between"] is None:
            if not parted:
                return None
            parted, value = False, piece.lastgroup or ""
            found.append(piece)
            if len(found) > MOST_VALUES:
                raise TooLarge(f"more than {MOST_VALUES} values to look through in the arguments of one tool call")
            continue
        parted = parted or _PARTING.search(piece["between"]) is not None
        if value == "number" and ":" in piece["between"]:
            return None
    return found if text.lstrip()[:1] in ("{", "[") or len(found) < 2 else None


def _string(written: str) -> str:
    """What a string says, as lenient readers take it."""
    inside = written[1:-1]
    if "\\" not in inside:
        return inside
    said = _ESCAPE.sub(_meant, inside)
    return said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # halves joined; U+FFFD for one alone


def _meant(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else _ESCAPED.get(found[2], found[2])


def _number(written: str) -> str:
    """A number as it would be known: `3.3639981234e10` is one with eleven digits."""
    if written.isdecimal() or not any(sign in written for sign in ".eE"):
        return written
    value = float(written)
    return str(int(value)) if abs(value) < _MOST_EXACT and value.is_integer() else written
