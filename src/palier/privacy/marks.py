"""Text to marks: what a labelled text is known by when it comes back, whole or in part.

Marks of a text are keyed hashes of every eight consecutive words and of every token (a number, a reference, a key:
eight or more letters and digits, one digit at least); of a longer token every twelve-character window that holds a
digit, or that nothing parts. A word is no token, nor with one or two digits stuck to it, as an escape leaves it
("%20installation"). A text of four to seven words is known whole. Case, accents, punctuation and invisible characters
do not count.

`pieces_of` is for what is labelled, `names_of` for what it is called (an address, an id), `probes_of` for what is
looked up: it asks for all that the others may have made of any part of it, however the parts are joined. Linear in the
text, all three.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from urllib.parse import unquote

GRAM = 8
"""Words of a gram. Two texts that share eight words in a row seldom do so by chance."""
SHORT = 4
"""A text of fewer words, without a token, is not known again."""
TOKEN = 8
"""Characters of a token, at least."""
WINDOW = 12
"""Characters of a token's part that is known too."""
CODE = 4
"""Letters in a row of what looks like a code, at most."""
MARK_BYTES = 8

_WORD = re.compile(r"[^\W_]+")
_ATOM = re.compile(r"\d+|[^\W\d_]+")
_DIGITS = re.compile(r"\d+")
_LETTERS = re.compile(r"[^\W\d_]+")
_TOKEN = re.compile(r"[^\W_]+(?:(?:[-._/·']|(?<=\d) (?=\d))[^\W_]+)*")
_JOINT = re.compile(r"[-._/·' ]")
_ELIDED = re.compile(r"(?:[cdjlmnst]|qu)'", re.IGNORECASE)
_WITH_WORD = re.compile(r"\d{0,2}([^\W\d_]{6,})\d{0,2}")
_STEP, _EXTENSION = re.compile(r"[/?#&=:]"), re.compile(r"\.[A-Za-z]\w{0,4}$")
_CITED = re.compile(r"\[\d{1,3}\]|\]\d{1,3}\[")
"""Passages are cited like [1], which stands in no document; in reverse, too."""
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
    return bare(text).casefold()


def bare(text: str) -> str:
    """As `fold`, but for the case."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKD", text)
    return text.translate({ord(c): _plain(c) for c in set(text) if c > "\x7f"})


def words_of(text: str) -> list[str]:
    """The words of `text`, folded."""
    return _WORD.findall(fold(text))


def uncited(text: str) -> str:
    """`text` without the numbers of the passages that it cites."""
    return _CITED.sub(" ", text) if "[" in text else text


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
    words = words_of(text)
    pieces = set(grams(words))
    if SHORT <= len(words) < GRAM:
        pieces.add(" ".join(words))
    for token in tokens_of(bare(text)):
        pieces.update(token.pieces(token.spans()))
    return pieces


def names_of(text: str) -> set[str]:
    """What a labelled text is marked by whose address or id this is: its grams, and what is a code in it."""
    text = unquote(text)
    pieces = set(grams(words_of(text)))
    for step in _STEP.split(text):
        for token in tokens_of(bare(_EXTENSION.sub("", step))):
            pieces.update(token.pieces(token.codes()))
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
    pieces = set(grams(words))
    if (without := uncited(folded)) is not folded:
        pieces.update(grams(_WORD.findall(without)))
    pieces.update(_short(words, folded))
    long = (word[start:end] for word in words for start, end in _slices(word))
    squeezed = "".join(atoms)
    windows = (squeezed[start:end] for start, end in _windows(squeezed))
    for found in (windows, _joined(atoms), long):
        for piece in found:
            pieces.add(piece)
            if len(pieces) > limit:
                return None
    return pieces


def is_guess(piece: str) -> bool:
    """Whether a piece is (part of) a number or a reference, of which one might try many."""
    return " " not in piece and _DIGITS.search(piece) is not None


def grams(words: Sequence[str]) -> Iterator[str]:
    """Every eight of `words` in a row."""
    return (" ".join(words[i : i + GRAM]) for i in range(len(words) - GRAM + 1))


def _short(words: Sequence[str], folded: str) -> Iterator[str]:
    """The whole text, each line and each sentence, where they have a few words only."""
    if SHORT <= len(words) < GRAM:
        yield " ".join(words)
    for sentence in _SENTENCE.split(folded):
        some = _WORD.findall(sentence)
        if SHORT <= len(some) < GRAM:
            yield " ".join(some)


@dataclass(frozen=True, slots=True)
class Token:
    """Letters and digits with one separator at most between two of them, as written; one digit at least.

    Spans are places in `letters`, which are `parts` joined.
    """

    parts: Sequence[str]
    first: int
    """The number of its first part among the words of the text."""
    elided: int = 0
    """Letters of an article in front of it."""

    @property
    def letters(self) -> str:
        return "".join(self.parts)

    def pieces(self, spans: Iterable[tuple[int, int]]) -> Iterator[str]:
        """What stands there, folded."""
        letters = self.letters
        return (letters[start:end].casefold() for start, end in spans)

    def spans(self) -> set[tuple[int, int]]:
        """Where its pieces are: of a short token the whole and its parts, of a long one its windows.

        "tel.06.12.34.56.78" is known by its number too, and "d'AT-118302" without its article.
        """
        letters = self.letters
        found = set(_spans(self.parts, 0))
        if self.elided:
            found.update(_spans(self.parts[1:], self.elided))
        return {(start, end) for start, end in found if not _is_word(letters[start:end])}

    def codes(self) -> set[tuple[int, int]]:
        """As `spans`, of what looks like a code: no letters in a long row, as many digits as letters at least."""
        letters, found = self.letters, set[tuple[int, int]]()
        for is_code, run in groupby(self._placed(), lambda placed: _is_code(placed[1])):
            if is_code:
                placed = list(run)
                found.update(_spans([part for _, part in placed], placed[0][0]))
        return {(start, end) for start, end in found if 2 * _count_digits(letters[start:end]) >= end - start}

    def _placed(self) -> Iterator[tuple[int, str]]:
        start = 0
        for part in self.parts:
            yield start, part
            start += len(part)


def tokens_of(text: str) -> Iterator[Token]:
    """The tokens of a text that is `bare`, from left to right."""
    first = 0
    for found in _TOKEN.finditer(text):
        written = found[0]
        parts = [written] if written.isalnum() else _JOINT.split(written)
        if len(written) >= TOKEN and _DIGITS.search(written):
            elided = _ELIDED.match(written)
            yield Token(parts, first, elided.end() - 1 if elided else 0)
        first += len(parts)


def _is_word(piece: str) -> bool:
    """Whether it may be a word: letters of one case, with two digits at most that stick to it."""
    found = _WITH_WORD.fullmatch(piece)
    return found is not None and _is_plainly_written(found[1]) and _count_digits(piece) <= 2


def _is_plainly_written(letters: str) -> bool:
    return letters.islower() or letters.isupper() or (letters[0].isupper() and letters[1:].islower())


def _is_code(part: str) -> bool:
    runs = _LETTERS.findall(part)
    return all(len(run) <= CODE for run in runs) and (part.islower() or part.isupper() or not runs)


def _count_digits(piece: str) -> int:
    return sum(map(len, _DIGITS.findall(piece)))


def _spans(parts: Sequence[str], offset: int) -> Iterator[tuple[int, int]]:
    """The pieces of a token with these parts. Dates and times say little by themselves: they are no token."""
    if is_calendar(parts):
        return
    squeezed = "".join(parts)
    for start, end in _windows(squeezed):
        yield offset + start, offset + end
    place = first = 0
    numbered: list[str] = []
    for part in (*parts, ""):
        if _DIGITS.search(part):
            if len(part) > WINDOW:
                for start, end in _slices(part):
                    yield offset + place + start, offset + place + end
            first = first if numbered else place
            numbered.append(part)
            yield from _exact([part], offset + place)
        else:
            yield from _exact(numbered, offset + first)
            numbered = []
        place += len(part)
    yield from _exact(parts, offset)


def _exact(parts: Sequence[str], offset: int) -> Iterator[tuple[int, int]]:
    size = sum(map(len, parts))
    if TOKEN <= size < WINDOW and not is_calendar(parts):
        yield offset, offset + size


def is_calendar(parts: Sequence[str]) -> bool:
    """Whether the parts of a token are dates and times."""
    written = " ".join(parts).casefold()
    return len(written) <= _MAX_CALENDAR and _CALENDAR.fullmatch(written) is not None


def _windows(squeezed: str) -> Iterator[tuple[int, int]]:
    """The windows of `squeezed` (letters and digits alone) that hold a digit."""
    start, last = 0, len(squeezed) - WINDOW
    for digits in _DIGITS.finditer(squeezed):
        start = max(start, digits.start() - WINDOW + 1)
        while start < digits.end() and start <= last:
            yield start, start + WINDOW
            start += 1


def _slices(word: str) -> Iterator[tuple[int, int]]:
    """All windows of a word."""
    return ((start, start + WINDOW) for start in range(len(word) - WINDOW + 1))


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
