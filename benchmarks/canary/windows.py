"""Looks for canaries in what was received: any 12 characters of one, however they were written.

Texts and canaries are compared as letters and digits alone, without case and accents, so that spacing and separators
count for nothing. Reversal and ROT13 are undone on the side of the canaries; base64, hex, URL and HTML are decoded,
twice, at every alignment. A window of 12 of 36 characters is a number below 2^63, so that a text is looked through by a
few operations on arrays: exactly, no hash.
"""

from __future__ import annotations

import base64
import codecs
import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence, Set
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

WIDTH = 12
DEPTH = 2
"""How often a decoding is decoded again."""
_TABLE_BITS = 20
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_VALUE = np.full(256, 255, np.uint8)
_VALUE[np.frombuffer(_ALPHABET.encode(), np.uint8)] = np.arange(len(_ALPHABET), dtype=np.uint8)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}(?:\\x|0x|[\s:,;%_.-]){0,3}){12,}")
_BETWEEN_HEX = re.compile(r"\\x|0x|[^0-9a-fA-F]")
_READABLE = re.compile(rb"(?:[\t\n\r\x20-\x7e]|[\xc2-\xf4][\x80-\xbf]{1,3}){12,}")
_NO_WINDOW = re.compile(r"[^0-9a-z]+")
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")


def squeezed(text: str) -> str:
    """Its letters and digits, without case, accents and compatibility forms."""
    plain = text if text.isascii() else unicodedata.normalize("NFKD", text)
    return _NO_WINDOW.sub("", plain.casefold())


def windows_of(squeezed_text: str) -> NDArray[np.uint64]:
    """Every window of a squeezed text, as a number."""
    values = _VALUE[np.frombuffer(squeezed_text.encode(), np.uint8)].astype(np.uint64)
    count = len(values) - WIDTH + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    numbers = np.zeros(count, np.uint64)
    for place in range(WIDTH):
        numbers = numbers * np.uint64(len(_ALPHABET)) + values[place : place + count]
    return numbers


class Windows:
    """The windows of canaries, each with the numbers of those that it is of."""

    def __init__(self, canaries: Sequence[str], common: Sequence[str] = ()) -> None:
        """`common` are texts whose windows are no secret: only what pass-phrases are made of stands in any."""
        shared = np.unique(np.concatenate([np.empty(0, np.uint64), *(windows_of(squeezed(text)) for text in common)]))
        found: dict[int, set[int]] = {}
        for index, canary in enumerate(canaries):
            straight = squeezed(canary)
            kept = windows_of(straight)
            kept = kept[~np.isin(kept, shared)]
            places = np.flatnonzero(np.isin(windows_of(straight), kept))
            for text in (straight[place : place + WIDTH] for place in places):
                turned = codecs.encode(text, "rot13")
                for form in (text, text[::-1], turned, turned[::-1]):
                    found.setdefault(int(windows_of(form)[0]), set()).add(index)
        self._of = {number: frozenset(owners) for number, owners in found.items()}
        self._sorted = np.array(sorted(found), np.uint64)
        self._seen = np.zeros(1 << _TABLE_BITS, bool)
        self._seen[self._sorted % np.uint64(1 << _TABLE_BITS)] = True

    def __len__(self) -> int:
        return len(self._sorted)

    def inside(self, texts: Iterable[str], allowed: Set[int] = frozenset()) -> set[int]:
        """The canaries of which a window stands in any of `texts`, or in a decoding of it.

        A window that stands in one of the `allowed` too (two pass-phrases may share two words) tells nothing.
        """
        found: set[int] = set()
        for text in texts:
            for form in decodings(text):
                for owners in self._in_plain(form):
                    if owners.isdisjoint(allowed):
                        found |= owners
        return found

    def _in_plain(self, text: str) -> set[frozenset[int]]:
        numbers = windows_of(squeezed(text))
        numbers = numbers[self._seen[numbers % np.uint64(1 << _TABLE_BITS)]]
        return {self._of[number] for number in numbers.tolist() if number in self._of}


def decodings(text: str, depth: int = DEPTH) -> Iterator[str]:
    """`text` and what it may be an encoding of, `depth` times."""
    text = text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    yield text
    if depth == 0:
        return
    for decoded in (*_escaped(text), *_hex(text), *_base64(text)):
        yield from decodings(decoded, depth - 1)


def _escaped(text: str) -> Iterator[str]:
    if "%" in text:
        yield unquote_to_bytes(text).decode("utf-8", "ignore")
    if "&" in text:
        yield html.unescape(text)
    if "\\" in text:
        yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)


def _hex(text: str) -> Iterator[str]:
    for form in (text, text[::-1], codecs.encode(text, "rot13")):
        for run in _HEX.findall(form):
            digits = _BETWEEN_HEX.sub("", run)
            for start in (0, 1):
                part = digits[start:]
                yield from _readable(bytes.fromhex(part[: len(part) // 2 * 2]))


def _base64(text: str) -> Iterator[str]:
    """The whole text read as base64, at each of the four places a group of characters can begin.

    Decoding is local: what stood around an encoding becomes bytes that are no text.
    """
    for form in (text, text[::-1], codecs.encode(text, "rot13")):
        for dash, line in (("+", "/"), ("", "")):
            run = _NOT_BASE64.sub("", form.replace("-", dash).replace("_", line))
            for start in range(4 if len(run) >= WIDTH else 0):
                yield from _readable(base64.b64decode(run[start : start + (len(run) - start) // 4 * 4]))


def _readable(decoded: bytes) -> Iterator[str]:
    """The stretches of it that are text, and long enough for a window."""
    if found := _READABLE.findall(decoded):
        yield "\n".join(stretch.decode("utf-8", "ignore") for stretch in found)


def strings(body: bytes) -> list[str]:
    """All texts in a body of JSON, its keys too, and those of its turns joined; or the body itself."""
    try:
        value = json.loads(body)
    except ValueError:
        return [body.decode("utf-8", "replace")]
    found: list[str] = []
    _gather(value, found)
    turns = value.get("messages") if isinstance(value, dict) else None
    if isinstance(turns, list):
        said = [turn.get("content") or "" for turn in turns if isinstance(turn, dict)]
        asked = [turn.get("content") or "" for turn in turns if isinstance(turn, dict) and turn.get("role") == "user"]
        found += ["".join(part for part in said if isinstance(part, str)), "".join(map(str, asked))]
    return found


def _gather(value: object, found: list[str]) -> None:
    if isinstance(value, str):
        found.append(value)
        if value[:1] in '{["':
            try:
                _gather(json.loads(value), found)
            except (ValueError, RecursionError):
                return
    elif isinstance(value, dict):
        for key, inner in value.items():
            found.append(str(key))
            _gather(inner, found)
    elif isinstance(value, list):
        for inner in value:
            _gather(inner, found)
