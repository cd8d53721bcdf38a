"""What JSON says: all its keys and values, whatever escapes they are written with.

It is read by its pieces, not decoded: a name that comes twice says two things, a number is text too, and what is cut
short or nested too deep for a decoder is read all the same. Nothing is left out; who reads it limits how much.
"""

from __future__ import annotations

import re
from functools import lru_cache

_PIECE = re.compile(r'((?:[^"]++|""(?!\s*+:))++)|"((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)(\s*+:)?+', re.DOTALL)
"""What stands between strings, empty ones too; or a string, the last one maybe without its end, and the colon after."""
_SCALAR = r"(?:true|false|null|NaN|-?Infinity|-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?)(?![\w.+-])"
_BETWEEN = re.compile(rf'(?:[\s\[\]{{}},:]++|""|{_SCALAR})*+')
_MARKS = re.compile(r'\s*+[\[\]{},"][\s\[\]{},"]*+')
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|([\"\\/bfnrt]))")
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_EXPONENT = re.compile(r"-?\d++(?:\.\d++)?[eE][+-]?\d{1,2}+(?!\d)")
_MOST_EXACT = 1e15
_SHORT = 100
"""Characters of a string that is read with its key too: `price: 4242`. A longer one is read by itself."""


@lru_cache(maxsize=8)
def strings_of(text: str) -> str:
    """All that a JSON object or array says, in paragraphs; "" where `text` is none.

    Each string is one, and one more with its key where it is short; numbers, `true`, `false` and `null` are one
    together, each after its key. The same is said once. Linear in the text. The last few are remembered: several
    guards look at one text.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return ""
    told: dict[str, None] = {}
    scalars: list[str] = []
    key = ""
    for between, string, colon in _PIECE.findall(text):
        if between:
            if _BETWEEN.fullmatch(between) is None:
                return ""
            if said := _MARKS.sub(", ", between).strip(", \n\r\t"):
                said = _EXPONENT.sub(_plainly, said)
                scalars.append(f"{key}: {said}" if key else said)
                key = ""
            elif key and ("{" in between or "[" in between):
                told[key], key = None, ""
            continue
        said = unescaped(string)
        if colon:
            if key:
                told[key] = None
            key = said
            continue
        if key:
            told[f"{key}: {said}" if len(said) <= _SHORT else key] = None
            key = ""
        told[said] = None
    if key:
        told[key] = None
    told[", ".join(scalars)] = None
    return "\n\n".join(filter(None, told))


def unescaped(text: str) -> str:
    """`text` with the escapes of JSON read; halves of a character joined, and U+FFFD for one alone."""
    if "\\" not in text:
        return text
    said = _ESCAPE.sub(_meant, text)
    return said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _meant(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else _ESCAPED.get(found[2], found[2])


def _plainly(found: re.Match[str]) -> str:
    """A whole number with an exponent, and what it comes to."""
    value = float(found[0])
    return f"{found[0]} ({int(value)})" if abs(value) < _MOST_EXACT and value.is_integer() else found[0]
