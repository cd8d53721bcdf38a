"""Bytes to text, or to the news that they are none."""

from __future__ import annotations

import re

from palier.errors import InvalidRequest

_SAMPLE = 100_000
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)


def decode(content: bytes) -> str:
    """Text in UTF-8, in UTF-16 with its mark, or else in Windows' western code page, with lines that end in \\n.

    Raises `InvalidRequest` where it is no text: a NUL, or one character in fifty that nobody types.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", "replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", "replace")
    sample = text[:_SAMPLE]
    strange = sum(not (c.isprintable() or c.isspace()) or c == "\ufffd" for c in sample)
    if "\x00" in sample or strange > len(sample) / 50:
        raise InvalidRequest("not a text: it is binary")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decode_html(content: bytes) -> str:
    """As the page's own `charset` says, where it says one that fits; else as `decode`."""
    declared = _CHARSET.search(content[:2048])
    if declared:
        try:
            return decode(content.decode(declared[1].decode()).encode())
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(content)
