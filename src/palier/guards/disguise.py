"""Texts as a reader would read them: what hides words from a filter is taken away, what is encoded is decoded.

Invisible characters go, letters that look like Latin ones become those, letters written apart are joined. Base64,
hexadecimal, percent signs, words backwards, rot13 and digits for letters are read too, beside the text as it stands,
where what comes out is plausible. Everything is bounded, and each reading knows which characters of the text it is of.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import string
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from palier.guards import signs
from palier.text import tokens, windows
from palier.text.sentences import LONGEST
from palier.text.stopwords import BOTH

MAX_CHARACTERS = 200_000
"""Of a text, so much is read."""
AT_ONCE = 400
"""Readings that are given at a time, at most."""
_STRETCH = 20_000
"""Characters that are read at a time: what takes some hundredths of a second."""
_RUNS, _RUN, _DEPTH = 16, 4_000, 2
"""Encoded runs that are decoded, of each stretch; characters of each run; and codes within codes."""
_SHARED = _RUN + LONGEST
"""Characters that two stretches share: what is read of a run or a sentence stands whole in one of them."""


class Reading(NamedTuple):
    """A sentence as it is read, and the characters `start` to `end` of the text that it stands for."""

    text: str
    start: int
    end: int


_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    r"\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
_TAGS = range(0xE0020, 0xE007F)
"""Invisible copies of the ASCII characters, which tokenizers of models read."""
_ALIKE = dict(
    zip(
        "аеорсухіјѕԁһӏԛԝАВЕКМНОРСТУХІЈЅαεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɡ",
        "aeopcyxijsdhlqwABEKMHOPCTYXIJSaeiKvoptuxABEZHIKMNOPTYXig",
        strict=True,
    )
)
_STRANGE = re.compile(
    rf"{_INVISIBLE.pattern[:-1]}{''.join(_ALIKE)}\u2100-\u214f\u2460-\u24ff\uff01-\uff5e\U0001d400-\U0001d7ff]"
)
_WORD = re.compile(r"\w+")
_APART = re.compile(r"(?<![^\W_])[^\W_](?:(?:[ ._\-*/|]{1,3})[^\W_](?![^\W_])){5,}")
_ALONE = re.compile(r"[ ._\-*/|][^\W_][ ._\-*/|]{1,3}[^\W_][ ._\-*/|]{1,3}[^\W_][ ._\-*/|]")
"""What is in all that is written apart, and quicker to look for."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEX = re.compile(r"(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ :,]?){12,}")
_PERCENT = re.compile(r"(?:[\w.~-]{0,40}%[0-9A-Fa-f]{2}){4,}[\w.~-]{0,40}")
_ENTITIES = re.compile(r"(?:&#x?[0-9A-Fa-f]{1,6};){4,}")
_LINE = re.compile(r"[^\s][^\n]*[^\s]")
_TAGGED = re.compile(r"<!--|-->|</?[A-Za-z][^<>]{0,300}>")
_DIGITS = str.maketrans("013457@$", "oieastas")
_DIGIT = re.compile(r"[013457@$](?:(?<=[^\W\d_].)|(?=[^\W\d_]))")
"""In each word that has digits for letters: one of them beside a letter."""
_MIXED = re.compile(r"[^\W_][\w@$]{2,39}")


def readings(text: str) -> list[Reading]:
    """The sentences of the first `MAX_CHARACTERS` of `text`, plainly, and those that are hidden in them."""
    return [reading for some in groups(text) for reading in some]


def groups(text: str) -> Iterator[list[Reading]]:
    """`readings`, up to `AT_ONCE` at a time, as they are read; an empty list between, so that others have a turn."""
    text = text[:MAX_CHARACTERS]
    if len(text) <= _STRETCH:
        yield from _parted(_read(*cleaned(text)))
        return
    plain, places = "", list[int]()
    for start, end in _pieces(text):
        words, found = cleaned(text[start:end])
        plain += words
        places += [start + place for place in found]
        yield []
    known: frozenset[Reading] = frozenset()
    for start, end in _stretches(plain):
        here = _read(plain[start:end], places[start:end])
        yield from _parted([reading for reading in here if reading not in known])
        known = frozenset(here)


def _parted(found: list[Reading]) -> Iterator[list[Reading]]:
    return (found[at : at + AT_ONCE] for at in range(0, len(found), AT_ONCE))


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Where pieces of up to `_STRETCH` characters stand, whole words each where there are gaps."""
    start = 0
    while len(text) - start > _STRETCH:
        end = max(text.rfind(gap, start, start + _STRETCH) for gap in " \n") + 1
        end = end if end > start else start + _STRETCH
        yield start, end
        start = end
    yield start, len(text)


def _stretches(plain: str) -> Iterator[tuple[int, int]]:
    """Where stretches stand that begin with a sentence, and share `_SHARED` characters with the one before."""
    start = 0
    while len(plain) - start > _STRETCH:
        yield start, start + _STRETCH
        last = _STRETCH - _SHARED
        begins = [begin for begin, _ in windows(plain[start : start + _STRETCH]) if last - LONGEST <= begin <= last]
        start += max(begins, default=last)
    yield start, len(plain)


def _read(plain: str, places: Sequence[int]) -> list[Reading]:
    """The readings of a cleaned stretch; `places`, where each of its characters stood."""
    shown = _without_tags(plain)
    seen = list(_sentences(shown))
    hidden = _hidden(plain, seen if shown == plain else list(_sentences(plain)))
    return [Reading(_calm(one.text), places[one.start], places[one.end - 1] + 1) for one in (*seen, *hidden)]


def cleaned(text: str) -> tuple[str, range | list[int]]:
    """`text` without what cannot be seen, its letters Latin; and for each character of it, where it stood."""
    if _STRANGE.search(text) is None:
        return text, range(len(text))
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if ord(character) in _TAGS:
            kept = chr(ord(character) - 0xE0000)
        elif _INVISIBLE.match(character):
            kept = ""
        else:
            kept = unicodedata.normalize("NFKC", character) if ord(character) >= 0x2100 else character
        letters += kept
        places += [place] * len(kept)
    plain = "".join(letters)
    return _WORD.sub(lambda match: _latin(match.group()), plain), places


def _latin(word: str) -> str:
    """A word whose every letter is Latin or looks it, in Latin letters; another as it is."""
    swapped = "".join(_ALIKE.get(letter, letter) for letter in word)
    return swapped if swapped != word and swapped.isascii() else word


def _without_tags(text: str) -> str:
    """Spaces in place of marks of HTML; what is in a comment, or in what is not shown, stays."""
    return _TAGGED.sub(lambda match: _attributes(match.group()), text) if "<" in text else text


def _attributes(tag: str) -> str:
    """As long as the tag: only what is said in its `alt` and `title` is kept."""
    kept = [" "] * len(tag)
    for said in re.finditer(r"\b(?:alt|title)=[\"']([^\"'<>]*)", tag):
        kept[said.start(1) : said.end(1)] = said.group(1)
    return "".join(kept)


def _sentences(text: str) -> Iterator[Reading]:
    """Sentences; of one over several lines each line too: what was put on a line of its own need not end the last."""
    for start, end in windows(text):
        yield Reading(text[start:end], start, end)
        if "\n" in text[start:end]:
            for line in _LINE.finditer(text, start, end):
                if _is_prose(line.group()):
                    yield Reading(line.group(), line.start(), line.end())


def _is_prose(line: str) -> bool:
    """Whether it may be a sentence: some words, and next to no marks of code or of a table."""
    letters = sum(character.isalpha() or character.isspace() for character in line)
    return len(line.split()) >= 4 and letters >= 0.85 * len(line)


def _hidden(text: str, said: Sequence[Reading]) -> Iterator[Reading]:
    """What is written in a way that a filter may not read, with the span of that writing; `said`, its sentences."""
    for match in _APART.finditer(text) if _ALONE.search(text) else ():
        joined = _joined(match.group())
        for start, end in [(0, len(joined))] if len(joined) <= LONGEST else windows(joined):
            if end:
                yield Reading(joined[start:end], match.start(), match.end())
    for start, end, decoded in _decoded(text, _DEPTH):
        for sentence in _sentences(decoded[:_RUN]):
            yield Reading(sentence.text, start, end)
    for sentence in said:
        for twisted in _twisted(sentence.text):
            yield Reading(twisted, sentence.start, sentence.end)


def _decoded(text: str, depth: int) -> Iterator[tuple[int, int, str]]:
    """Runs of codes that decode to words."""
    left = _RUNS
    for likely, pattern, decode in _CODES:
        for match in pattern.finditer(text) if likely(text) else ():
            if not left:
                return
            left -= 1
            said = decode(match.group()[:_RUN])
            if said and _plausible(said):
                yield match.start(), match.end(), said
            if said and depth > 1:
                for _, _, inner in _decoded(said, depth - 1):
                    yield match.start(), match.end(), inner


def _from_base64(run: str) -> str:
    whole = run.rstrip("=").replace("-", "+").replace("_", "/")
    whole = whole[: len(whole) - (len(whole) % 4 == 1)]
    try:
        return base64.b64decode(whole + "=" * (-len(whole) % 4), validate=True).decode("utf-8", "ignore")
    except (binascii.Error, ValueError):
        return ""


def _from_hex(run: str) -> str:
    digits = re.sub(r"0x|\\x|[ :,]", "", run)
    return bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("utf-8", "ignore")


def _has_run(characters: str, length: int) -> Callable[[str], bool]:
    """Whether a text has so many of these ASCII characters in a row."""
    table = bytes(ord("x") if chr(byte) in characters else 0 for byte in range(256))
    run = b"x" * length
    return lambda text: run in text.encode("utf-8", "replace").translate(table)


_Code = tuple[Callable[[str], bool], re.Pattern[str], Callable[[str], str]]
"""Whether there may be a run of it at all, the run, and how it is read."""
_CODES: tuple[_Code, ...] = (
    (_has_run(f"{string.ascii_letters}{string.digits}+/_-", 20), _BASE64, _from_base64),
    (_has_run(f"{string.hexdigits}x\\ :,", 24), _HEX, _from_hex),
    (lambda text: text.count("%") >= 4, _PERCENT, urllib.parse.unquote),
    (lambda text: text.count("&#") >= 4, _ENTITIES, html.unescape),
)


def _plausible(said: str) -> bool:
    """Whether it is writing: mostly letters and spaces, and some."""
    letters = sum(character.isalpha() or character == " " for character in said)
    return len(said) >= 10 and letters >= 0.8 * len(said) and said.isprintable()


def _twisted(sentence: str) -> Iterator[str]:
    """Digits read as letters; and where no common word is in it, backwards and by rot13, if then there are some."""
    if _DIGIT.search(sentence) and sum(map(_is_mixed, _MIXED.findall(sentence))) >= 2:
        yield _MIXED.sub(
            lambda match: match.group().translate(_DIGITS) if _is_mixed(match.group()) else match.group(), sentence
        )
    if not BOTH.isdisjoint(sentence.lower().split()):  # as in nearly all; words proper take longer
        return
    words = tokens(sentence)
    if len(words) < 4 or any(word in BOTH for word in words):
        return
    for turned in (sentence[::-1], codecs.encode(sentence, "rot13")):
        if sum(word in BOTH for word in tokens(turned)) >= 2:
            yield turned


def _is_mixed(word: str) -> bool:
    return not word.isalpha() and any(map(str.isalpha, word)) and word.translate(_DIGITS).isalpha()


def _letters(word: str) -> str:
    return word.translate(_DIGITS) if _is_mixed(word) else word


def _joined(apart: str) -> str:
    """Letters written apart, as words: by wider gaps where there are any, else by the words one knows."""
    gaps = re.findall(r"[ ._\-*/|]+", apart)
    if any(len(gap) > 1 for gap in gaps):
        return re.sub(r"[ ._\-*/|]{2,}", "\0", apart).translate(_GAPS).replace("\0", " ")
    return " ".join(_cut(apart.translate(_GAPS).casefold()[:_RUN]))


_GAPS = str.maketrans("", "", " ._-*/|")


def _cut(letters: str) -> list[str]:
    """The fewest words and lone letters that make up `letters`; a lone letter counts as three."""
    best: list[tuple[int, int]] = [(0, 0)]
    for end in range(1, len(letters) + 1):
        choices = [(best[end - 1][0] + 3, end - 1)]
        choices += [
            (best[start][0] + 1, start) for start in range(max(0, end - 16), end - 1) if letters[start:end] in _known()
        ]
        best.append(min(choices))
    words, end = [], len(letters)
    while end:
        words.append(letters[best[end][1] : end])
        end = best[end][1]
    return words[::-1]


@cache
def _known() -> frozenset[str]:
    return frozenset(word for word in signs.vocabulary() | BOTH if len(word) > 1)


def _calm(sentence: str) -> str:
    """Small letters where it shouts: a model of language reads capitals as other words."""
    letters = sentence.encode("utf-8", "replace")
    if len(letters) - len(letters.translate(None, _SMALL)) > len(sentence) / 2:  # as in nearly all
        return sentence
    capitals = sum(map(str.isupper, sentence))
    alphabetic = sum(map(str.isalpha, sentence))
    return sentence.lower() if alphabetic >= 8 and capitals > 0.6 * alphabetic else sentence


_SMALL = string.ascii_lowercase.encode()
