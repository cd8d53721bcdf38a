"""Electronic addresses, also where the @ and the dots are spelt out: `jean (at) example (dot) com`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from palier.config import Redaction
from palier.interfaces import Entity

_AT = r"(?:@| ?[\[({] ?(?:at|arobase|arobas|chez) ?[\])}] ?)"
_DOT = r"(?:\.| ?[\[({] ?(?:dot|point) ?[\])}] ?)"
_LABEL = r"[^\W_](?:[\w\-]{0,61}[^\W_])?"
_HOST = re.compile(rf"{_AT}(?:{_LABEL}{_DOT}){{1,6}}[^\W\d_](?:[\w\-]{{0,22}}[^\W_])(?![\w\-])", re.IGNORECASE)
_LITERAL = re.compile(r"@\[(?:IPv6:)?[0-9A-Fa-f:.]{3,45}\]")
_LOCAL = frozenset("!#$%&'*+/=?^_`{|}~-.")
_LOCAL_LENGTH = 64
"""Characters before the @ that RFC 5321 allows, and a bound on how far is looked back."""


class Email:
    """From each @ forwards for the host, then backwards for the name: linear, however long the words are."""

    types = ("EMAIL",)

    def find(self, text: str) -> Iterator[Entity]:
        if "@" not in text and "[" not in text and "(" not in text and "{" not in text:
            return
        for pattern in (_HOST, _LITERAL):
            for match in pattern.finditer(text):
                start = _local(text, match.start())
                if start < match.start():
                    yield Entity("EMAIL", start, match.end(), text[start : match.end()], 1.0)


def _local(text: str, at: int) -> int:
    """Where the name before the @ at `at` begins; `at` itself where there is none."""
    if text[at - 1 : at] == '"' and (quote := text.rfind('"', max(0, at - _LOCAL_LENGTH), at - 1)) >= 0:
        return quote
    start = at
    while start > max(0, at - _LOCAL_LENGTH) and (text[start - 1].isalnum() or text[start - 1] in _LOCAL):
        start -= 1
    while start < at and not text[start].isalnum() and text[start] not in "_+-":
        start += 1  # quotes, brackets and dots around it are no part of it
    return start


def build(settings: Redaction) -> Email:
    return Email()
