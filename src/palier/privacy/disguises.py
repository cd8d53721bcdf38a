"""What a text says when its disguises are taken off: encodings that hide words from who compares them as they stand.

Base64 (also url-safe, without padding, broken over lines), hexadecimal, URL and HTML encoding, escapes as in JSON,
ROT13, the characters in reverse, letters spaced out; one of them, or one within another. Each is undone wherever it may
stand: what was no disguise gives nonsense, which matches nothing.
"""

from __future__ import annotations

import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote_plus

_READABLE = re.compile(
    rb"(?:[\t\n\r\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){8,}"
)
"""Stretches of decoded bytes that are text: the rest is what stood around them, decoded too."""
_BASE64 = re.compile(r"[\w+/-](?:\s*[\w+/-]){10,}", re.ASCII)
_CHUNK = 11
"""Characters of eight bytes in base64."""
_BETWEEN_HEX = re.compile(r"0[xX]|\\x|[\s:,;._-]+")
_HEX = re.compile(r"[0-9A-Fa-f]{16,}")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([nrt\"'/\\]))")
_ESCAPED = {"n": "\n", "r": "\n", "t": "\t"}
_LETTER = r"[^\W_]"
_SPACED_OUT = re.compile(rf"(?<!{_LETTER}){_LETTER}(?:([-. _*|/,+·]){_LETTER})(?:\1{_LETTER}){{2,}}(?!{_LETTER})")
_SPACED = re.compile(rf"(?<!{_LETTER}){_LETTER}(?:([-. _*|/,+·]){_LETTER})(?:\1{_LETTER})*(?!{_LETTER})")


def undisguised(text: str) -> Iterator[str]:
    """`text`, then what stands under one disguise and under two; each once."""
    text = _visible(text)
    seen = {text}
    yield text
    for layer in _layers(text):
        if layer not in seen:
            seen.add(layer)
            yield layer
            for below in _layers(layer):
                if below not in seen:
                    seen.add(below)
                    yield below


def _visible(text: str) -> str:
    """Without the invisible characters that could be strewn into an encoding."""
    if text.isascii():
        return text
    return text.translate({ord(c): None for c in set(text) if c > "\x7f" and unicodedata.category(c) == "Cf"})


def _layers(text: str) -> Iterator[str]:
    """Whatever `text` may be the disguise of, one step down."""
    yield codecs.encode(text, "rot13")
    yield text[::-1]
    if "&" in text:
        yield html.unescape(text)
    if _PERCENT.search(text):
        yield unquote_plus(text)
    if "\\" in text:
        yield _ESCAPE.sub(_unescaped, text)
    if _SPACED_OUT.search(text):
        yield _SPACED.sub(lambda found: found[0].replace(found[1], ""), text)
    for decoded in (_from_base64(text), _from_hex(text)):
        if decoded:
            yield decoded


def _unescaped(found: re.Match[str]) -> str:
    if number := found[1] or found[2]:
        return chr(int(number, 16))
    return _ESCAPED.get(found[3], found[3])


def _from_base64(text: str) -> str:
    """What may be base64, decoded from each of the four places a group of characters can begin at.

    What stands without white space is decoded by itself too: words before and after it, decoded with it, might leave
    letters at its ends.
    """
    stretches = []
    for found in _BASE64.finditer(text):
        chunks = found[0].replace("-", "+").replace("_", "/").split()
        run = "".join(chunks)
        alone = (chunk for chunk in chunks if len(chunk) >= _CHUNK and chunk != run)
        for encoded in (*(run[start:] for start in range(4)), *alone):
            whole = encoded[:-1] if len(encoded) % 4 == 1 else encoded
            stretches += _readable(binascii.a2b_base64(whole + "=" * (-len(whole) % 4)))
    return "\n".join(stretches)


def _from_hex(text: str) -> str:
    """What may be hexadecimal, whatever stands between its bytes; a byte can begin at two places."""
    stretches = []
    for run in _HEX.findall(_BETWEEN_HEX.sub("", text)):
        for start in range(2):
            stretches += _readable(bytes.fromhex(run[start : len(run) - (len(run) - start) % 2]))
    return "\n".join(stretches)


def _readable(decoded: bytes) -> list[str]:
    """The text in it, as UTF-8, and as UTF-16 where there are as many zeros."""
    if decoded.count(0) * 3 > len(decoded):
        wide = (decoded[start:].decode("utf-16-le", "replace") for start in range(2))
        decoded = "\n".join((*wide, "")).encode("utf-8", "replace") + decoded.replace(b"\0", b"")
    return [found.decode("utf-8", "replace") for found in _READABLE.findall(decoded)]
