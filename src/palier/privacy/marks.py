"""Text to marks: what a labelled text is known by when it comes back, whole or in part.

Marks of a text are keyed hashes of every eight consecutive words and of every token (a number, a reference, a key:
eight or more letters and digits, one digit at least); of a longer token every twelve-character window that holds a
digit, or that nothing parts. A text of four to seven words is known whole. Case, accents, punctuation and invisible
characters do not count.

`pieces_of` is for what is labelled, `probes_of` for what is looked up: it asks for all that the first may have made of
any part of it, however the parts are joined. Linear in the text, both.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

GRAM = 8
"""Words of a gram. Two texts that share eight words in a row seldom do so by chance."""
SHORT = 4
"""A text of fewer words, without a token, is not known again."""
TOKEN = 8
"""Characters of a token, at least."""
WINDOW = 12
"""Characters of a token's part that is known too."""
MARK_BYTES = 8

_WORD = re.compile(r"[^\W_]+")
_ATOM = re.compile(r"\d+|[^\W\d_]+")
_DIGITS = re.compile(r"\d+")
_TOKEN = re.compile(r"[^\W_]+(?:(?:[-._/·']|(?<=\d) (?=\d))[^\W_]+)*")
_JOINT = re.compile(r"[-._/·' ]")
_ELIDED = re.compile(r"(?:[cdjlmnst]|qu)'")
_SENTENCE = re.compile(r"[\n.!?;:…|]+")
_LOOK_ALIKES = dict(
    zip(
        "АВЕКМНОРСТУХЅІЈаеорсухѕіјΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυχϲ",
        "ABEKMHOPCTYXSIJaeopcyxsijABEZHIKMNOPTYXaiknopuxc",
        strict=True,
    )
)
"""Cyrillic and Greek letters that look like Latin ones: the same letter, on both sides."""

_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_DATE = rf"(?:{_DAY} {_MONTH} {_YEAR}|{_MONTH} {_DAY} {_YEAR}|{_YEAR} {_MONTH}(?: {_DAY})?|{_MONTH} {_YEAR}|{_YEAR})"
"""With the century: six digits are no token, and "01 02 03 04 05" is a telephone number."""
_TIME = r"[ t]\d{1,2}(?:[ h]\d{0,2}){0,2}z?"
_CALENDAR = re.compile(rf"{_DATE}(?: {_DATE}){{0,5}}(?:{_TIME})?")
_MAX_CALENDAR = 64
"""Characters of what may be dates and a time."""


def fold(text: str) -> str:
    """`text` as it is compared: NFKD without accents and invisible characters, look-alikes and case made one."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = text.translate({ord(c): _plain(c) for c in set(text) if c > "\x7f"})
    return text.casefold()


@lru_cache(4096)
def _plain(character: str) -> str | None:
    """What a character counts as; None for what is not seen or only an accent."""
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):
        return None
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd":
        return "-"
    if category == "Zs":
        return " "
    return "'" if character in "’ʼ‘" else _LOOK_ALIKES.get(character, character)


def hashed(pieces: Iterable[str], key: bytes) -> bytes:
    """Eight bytes a piece, one after the other: keyed BLAKE2b (RFC 7693)."""
    keyed = hashlib.blake2b(key=key, digest_size=MARK_BYTES)
    digests = []
    for piece in pieces:
        state = keyed.copy()
        state.update(piece.encode("utf-8", "surrogatepass"))
        digests.append(state.digest())
    return b"".join(digests)


def pieces_of(text: str) -> set[str]:
    """What a labelled text is marked by."""
    folded = fold(text)
    words = _WORD.findall(folded)
    pieces = set(_grams(words))
    if SHORT <= len(words) < GRAM:
        pieces.add(" ".join(words))
    for found in _TOKEN.finditer(folded):
        token = found[0]
        if len(token) >= TOKEN and _DIGITS.search(token):
            pieces.update(_of_token(_JOINT.split(token)))
            if elided := _ELIDED.match(token):
                pieces.update(_of_token(_JOINT.split(token[elided.end() :])))
    return pieces


def probes_of(text: str, limit: int) -> set[str] | None:
    """What `pieces_of` may have made of any part of `text`; None for more than `limit`.

    Wider than the pieces: a token may be cut out of its surroundings at any change between letters, digits and others,
    and whatever stands between its characters does not count.
    """
    folded = fold(text)
    words = _WORD.findall(folded)
    atoms = _ATOM.findall(folded)
    if len(words) > limit:
        return None
    pieces = set(_grams(words))
    pieces.update(_short(words, folded))
    long = (window for word in words if len(word) >= WINDOW for window in _slices(word))
    for found in (_windows("".join(atoms)), _joined(atoms), long):
        for piece in found:
            pieces.add(piece)
            if len(pieces) > limit:
                return None
    return pieces


def _grams(words: Sequence[str]) -> Iterator[str]:
    return (" ".join(words[i : i + GRAM]) for i in range(len(words) - GRAM + 1))


def _short(words: Sequence[str], folded: str) -> Iterator[str]:
    """The whole text, each line and each sentence, where they have a few words only."""
    if SHORT <= len(words) < GRAM:
        yield " ".join(words)
    for sentence in _SENTENCE.split(folded):
        some = _WORD.findall(sentence)
        if SHORT <= len(some) < GRAM:
            yield " ".join(some)


def _of_token(parts: Sequence[str]) -> Iterator[str]:
    """The pieces of a token with these parts: a short one whole, with those of its parts; a long one by its windows.

    "tel.06.12.34.56.78" is known by its number too. Dates and times say little by themselves: they are no token.
    """
    if _is_calendar(parts):
        return
    yield from _windows("".join(parts))
    for part in parts:
        if len(part) > WINDOW and _DIGITS.search(part):
            yield from _slices(part)
    numbered: list[str] = []
    for part in (*parts, ""):
        if _DIGITS.search(part):
            numbered.append(part)
            yield from _exact([part])
        else:
            yield from _exact(numbered)
            numbered = []
    yield from _exact(parts)


def _exact(parts: Sequence[str]) -> Iterator[str]:
    whole = "".join(parts)
    if TOKEN <= len(whole) < WINDOW and not _is_calendar(parts):
        yield whole


def _is_calendar(parts: Sequence[str]) -> bool:
    written = " ".join(parts)
    return len(written) <= _MAX_CALENDAR and _CALENDAR.fullmatch(written) is not None


def _windows(squeezed: str) -> Iterator[str]:
    """The windows of `squeezed` (letters and digits alone) that hold a digit."""
    start, last = 0, len(squeezed) - WINDOW
    for digits in _DIGITS.finditer(squeezed):
        start = max(start, digits.start() - WINDOW + 1)
        while start < digits.end() and start <= last:
            yield squeezed[start : start + WINDOW]
            start += 1


def _slices(word: str) -> Iterator[str]:
    """All windows of a word."""
    return (word[start : start + WINDOW] for start in range(len(word) - WINDOW + 1))


def _joined(atoms: Sequence[str]) -> Iterator[str]:
    """Neighbouring atoms joined to what may be a short token: those around each that is a number."""
    for middle, atom in enumerate(atoms):
        if not atom[0].isdecimal() or len(atom) >= WINDOW:
            continue
        before = ""
        first = middle
        while True:
            whole, after = before + atom, middle + 1
            while len(whole) < WINDOW:
                if len(whole) >= TOKEN:
                    yield whole
                if after == len(atoms):
                    break
                whole += atoms[after]
                after += 1
            first -= 1
            if first < 0 or len(atoms[first]) + len(before) + len(atom) >= WINDOW:
                break
            before = atoms[first] + before
