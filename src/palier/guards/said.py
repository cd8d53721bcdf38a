"""What JSON says: its strings and keys, whatever escapes they are written with."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

MOST = 10_000
"""Strings of one value that are read."""


def strings_of(text: str) -> str:
    """All strings and keys of a JSON object or array, a paragraph each; "" where `text` is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return ""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    return "\n\n".join(islice(_strings(value), MOST))


def _strings(value: Any) -> Iterator[str]:
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            left += [*reversed(list(one.values())), *reversed(list(one))]
        elif isinstance(one, list):
            left += reversed(one)
