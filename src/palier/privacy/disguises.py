"""What a text says when its disguises are taken off: encodings that hide words from who compares them as they stand.

Base64 (also url-safe, without padding, broken over lines), hexadecimal, URL and HTML encoding, escapes as in JSON,
letters spaced out, ROT13 and the characters in reverse: up to three of them, one within another. Each is undone
wherever it may stand: what was no disguise gives nonsense, which matches nothing.
"""

from __future__ import annotations

import binascii
import codecs
import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from urllib.parse import unquote_plus

STEPS = 3
"""Disguises that are undone one within another."""
_TRIED = (4, 4, 1, 0)
"""Of the views of a text, those in which it may be encoded, after so many steps: to turn it is a step too."""

_READABLE = re.compile(
    rb"(?:[\t\n\r\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){8,}"
)
"""Stretches of decoded bytes that are text: the rest is what stood around them, decoded too."""
_BASE64 = re.compile(r"[\w+/-](?:\s*[\w+/-]){10,}", re.ASCII)
_CHUNK = 11
"""Characters of eight bytes in base64."""
_READS = 12
"""Bytes of base64 that are text, from which on it is no chance that they are."""
_LONG = 24
"""Bytes of text that are no chance wherever they stand."""
_LONG_WORD = re.compile(r"[\w+/-]{24}", re.ASCII)
_BREAK = "\0"
"""Between texts that were decoded apart, and are no one's neighbours."""
_UNLIKE_WORDS = re.compile(r"[0-9+/_]|[a-z][A-Z]")
_BETWEEN_HEX = re.compile(r"0[xX]|\\x|[\s:,;._-]+")
_HEX = re.compile(r"[0-9A-Fa-f]{16,}")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ESCAPE = re.compile(r"((?:\\x[0-9A-Fa-f]{2})+)|\\(?:u([0-9A-Fa-f]{4})|([nrt\"'/\\]))")
_ESCAPES = re.compile(rf"{_PERCENT.pattern}|&#?\w{{2,31}};|{_ESCAPE.pattern}")
_SEVERAL = 3
"""Escapes that are no chance."""
_ESCAPED = {"n": "\n", "r": "\n", "t": "\t"}
_SOLID = re.compile(r"\S+")
_HEX_RUN = re.compile(r"[0-9A-Fa-f](?:(?:0[xX]|\\x|[\s:,;._-]+)?[0-9A-Fa-f]){15,}")
_LETTER = r"[^\W_]"
_GAP = r"([-. _*|/,+·]|(?! +[^\W_])[-. _*|/,+·]{2,3})"
"""Between two letters of a word that is spaced out. Several spaces are between words."""
_SPACED_OUT = re.compile(rf"(?<!{_LETTER}){_LETTER}{_GAP}{_LETTER}(?:\1{_LETTER}){{2,}}(?!{_LETTER})")
_SPACED = re.compile(rf"(?<!{_LETTER}){_LETTER}{_GAP}{_LETTER}(?:\1{_LETTER})*(?!{_LETTER})")


def undisguised(text: str) -> Iterator[str]:
    """`text`, then what stands under one to three disguises; each once."""
    for layer, step in _undone(text):
        if step < STEPS:
            yield from _views(layer)
        else:
            yield layer


def spelt_out(text: str) -> Iterator[str]:
    """`text`, then what stands in it encoded once: a page may be written with escapes, and be told without."""
    seen: set[str] = set()
    encoded = _from_base64(text) if _LONG_WORD.search(text) else ""
    for layer in (text, *_unescapings(text), encoded, _from_hex(text)):
        if layer and layer not in seen:
            seen.add(layer)
            yield layer


def plain(text: str) -> Iterator[str]:
    """The stretches of `text`, and of what stands under its disguises, that are no encodings themselves.

    None of them says what another says encoded. Words in ROT13 or in reverse are among them as they stand.
    """
    for layer, _ in _undone(text, surely=True):
        hidden = sorted(span for turned, view in enumerate(_views(layer)) for span in _encoded(view, turned > 1))
        start = 0
        for first, past in hidden:
            if first > start:
                yield from layer[start:first].split(_BREAK)
            start = max(start, past)
        yield from layer[start:].split(_BREAK)


def _undone(text: str, *, surely: bool = False) -> Iterator[tuple[str, int]]:
    """`text`, then what its encodings hold, and after how many steps; each once, also if it comes in another view.

    `surely`: not where a few characters may be escapes in another view only.
    """
    seen: set[str] = set()
    levels: list[list[str]] = [[text], *([] for _ in range(STEPS + 1))]
    for step, level in enumerate(levels[: STEPS + 1]):
        for layer in map(_visible, level):
            if layer in seen:
                continue
            views = list(_views(layer))
            seen.update(views)
            yield layer, step
            for turned, view in enumerate(views[: _TRIED[step]]):
                below = levels[step + (2 if turned else 1)]
                if not (turned and surely and not _is_written(view, layer)):
                    below += _unescapings(view)
                below += filter(None, (_from_base64(view, surely), _from_hex(view, surely)))


def _is_written(view: str, text: str) -> bool:
    """Whether this view of `text`, rather than `text`, seems to be what was encoded."""
    escapes = len(_ESCAPES.findall(view))
    return escapes >= _SEVERAL and escapes > len(_ESCAPES.findall(text))


def _views(text: str) -> Iterator[str]:
    """As it is, in ROT13, in reverse, and both: whichever was done is undone in one of them."""
    turned = codecs.encode(text, "rot13")
    yield from (text, turned, text[::-1], turned[::-1])


def _visible(text: str) -> str:
    """Without the invisible characters that could be strewn into an encoding, and those of full width made plain."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    return text.translate({ord(c): None for c in set(text) if c > "\x7f" and unicodedata.category(c) == "Cf"})


def _unescapings(text: str) -> Iterator[str]:
    """`text` with its escapes undone, those of one kind each time."""
    if "&" in text:
        yield html.unescape(text)
    if _PERCENT.search(text):
        yield unquote_plus(text)
    if "\\" in text:
        yield _ESCAPE.sub(_unescaped, text)
    if _SPACED_OUT.search(text):
        yield _SPACED.sub(lambda found: found[0].replace(found[1], ""), text)


def _encoded(text: str, turned: bool) -> Iterator[tuple[int, int]]:
    """Where `text` is encoded; `turned`: counted from its end."""
    for first, past in (*_escaped(text), *_in_base64(text), *_in_hex(text)):
        yield (len(text) - past, len(text) - first) if turned else (first, past)


def _escaped(text: str) -> Iterator[tuple[int, int]]:
    if "&" in text or "%" in text or "\\" in text:
        for found in _SOLID.finditer(text):
            word = found[0]
            if _PERCENT.search(word) or _ESCAPE.search(word) or ("&" in word and html.unescape(word) != word):
                yield found.span()
    for found in _SPACED_OUT.finditer(text):
        yield found.span()


def _in_base64(text: str) -> Iterator[tuple[int, int]]:
    """Words that are text in base64, by themselves or with their neighbours."""
    for found in _BASE64.finditer(text):
        words = [(found.start() + word.start(), found.start() + word.end()) for word in _SOLID.finditer(found[0])]
        for first, past in words:
            if past - first >= _CHUNK and _reads(text[first:past], min(_READS, (past - first) * 3 // 4 - 3)):
                yield first, past
        if len(words) > 1 and _reads(found[0], _READS):
            yield from _joined_base64(text, words)


def _reads(encoded: str, least: int) -> bool:
    """Whether base64 holds text of so many bytes."""
    if not _UNLIKE_WORDS.search(encoded):
        return False
    return any(len(line.encode("utf-8", "replace")) >= least for line in _from_base64(encoded).split("\n"))


def _joined_base64(text: str, words: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Those of `words` that are text in base64 when they are read as one."""
    run = "".join(text[first:past] for first, past in words).replace("-", "+").replace("_", "/")
    ends = list(accumulate(past - first for first, past in words))
    for start in range(4):
        encoded = run[start:]
        encoded = encoded[: len(encoded) - len(encoded) % 4]
        decoded = binascii.a2b_base64(encoded)
        whole = decoded.count(0) * 3 > len(decoded)
        for found in [(0, len(decoded))] if whole else [stretch.span() for stretch in _READABLE.finditer(decoded)]:
            first, past = start + found[0] * 4 // 3, start + -(-found[1] * 4 // 3)
            touched = slice(bisect_right(ends, first), bisect_right(ends, past - 1) + 1)
            if found[1] - found[0] >= _READS and _UNLIKE_WORDS.search(run[first:past]):
                yield from words[touched]


def _in_hex(text: str) -> Iterator[tuple[int, int]]:
    for found in _HEX_RUN.finditer(text):
        if _from_hex(found[0]):
            yield found.span()


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        data = bytes.fromhex(found[1].replace("\\x", ""))
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data.decode("latin-1")
    return chr(int(found[2], 16)) if found[2] else _ESCAPED.get(found[3], found[3])


def _from_base64(text: str, surely: bool = False) -> str:
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
            stretches += _readable(binascii.a2b_base64(whole + "=" * (-len(whole) % 4)), surely)
    return (_BREAK if surely else "\n").join(stretches)


def _from_hex(text: str, surely: bool = False) -> str:
    """What may be hexadecimal, whatever stands between its bytes; a byte can begin at two places.

    `surely`: at the first place, where bytes fill all of it. Letters begin with 6 or 7: in reverse, from the second
    place, they are other letters.
    """
    stretches = []
    for run in _HEX.findall(_BETWEEN_HEX.sub("", text)):
        for start in range(1 if surely and len(run) % 2 == 0 else 2):
            stretches += _readable(bytes.fromhex(run[start : len(run) - (len(run) - start) % 2]), surely)
    return (_BREAK if surely else "\n").join(stretches)


def _readable(decoded: bytes, surely: bool) -> list[str]:
    """The text in it, as UTF-8, and as UTF-16 where there are as many zeros: `surely` in one way, and nothing short."""
    if decoded.count(0) * 3 > len(decoded):
        wide = [decoded[start:].decode("utf-16-le", "replace") for start in range(2)]
        if surely:
            return [max(wide, key=lambda text: sum(character < "\u0250" for character in text))]
        decoded = "\n".join((*wide, "")).encode("utf-8", "replace") + decoded.replace(b"\0", b"")
    least = min(_LONG, len(decoded)) if surely else 0
    return [found.decode("utf-8", "replace") for found in _READABLE.findall(decoded) if len(found) >= least]
