"""Words to match by: normalised, accents folded, numbers whole; and their stems."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from palier.text.language import detect
from palier.text.stopwords import BOTH, SEARCH

STEMMERS = {
    "fr": "french",
    "en": "english",
    "de": "german",
    "es": "spanish",
    "it": "italian",
    "pt": "portuguese",
    "nl": "dutch",
}

_LIGATURES = (("œ", "oe"), ("æ", "ae"), ("ø", "o"), ("ł", "l"), ("đ", "d"), ("\u2019", "'"), ("\u02bc", "'"))
"""Each looked for by itself: that takes a hundredth of what `str.translate` takes for an accented text."""
_ACCENTS = re.compile("[\u0300-\u034e\u0350-\u036f]+")
"""The marks of most texts; and what stands in them beyond these, which may be one."""
_BEYOND = re.compile("[^\0-\u036f]")

# Words, most of all, with their codes ("k-104"); then numbers, so that "100 000", "1,500" and "29,99" stay whole.
_WORD = re.compile(
    r"(?=[^\W_])(?:"
    r"aujourd'hui|wi-fi|e-mails?"
    r"|[^\W\d_]++(?:-?\d\w*+)?"
    r"|\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?![\w]|[.,]\d\d\d)(?:[.,]\d+)?"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)"
    r"|\d+(?:[.,]\d+)+"
    r"|\d[^\W\d_](?!\w)"
    r"|\d+)"
)
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_SPACES = str.maketrans("", "", " \u00a0\u202f")
_WORD_LIMIT = 64
_REMEMBERED = 4_000
"""Characters of the longest text whose words are remembered."""


def fold(text: str) -> str:
    """`text` casefolded, in NFKC, without accents nor ligatures: the form in which words are compared."""
    folded = _lowered(text)
    if folded.isascii():
        return folded
    folded = _ACCENTS.sub("", unicodedata.normalize("NFD", folded))
    for mark in () if folded.isascii() else set(_BEYOND.findall(folded)):
        if unicodedata.combining(mark):
            folded = folded.replace(mark, "")
    return folded


def tokens(text: str) -> list[str]:
    """The words of `text` in order, folded.

    Elisions are split (`l'offre` -> `l`, `offre`), groups of digits are joined (`10 000` -> `10000`), decimals are
    whole with a point (`29,99` -> `29.99`), codes lose their hyphen (`K-104` -> `k104`). Idempotent over a join by
    spaces, except where two numbers come to stand side by side.
    """
    return list(_tokens(text) if len(text) <= _REMEMBERED else _folded(text))


@lru_cache(maxsize=512)
def _tokens(text: str) -> tuple[str, ...]:
    """Remembered: guards, one after the other, read the words of the same sentences."""
    return tuple(_folded(text))


def _folded(text: str) -> Iterable[str]:
    words = _words(text)
    if max(map(len, words), default=0) > _WORD_LIMIT:  # none that is longer is remembered
        words = [word[:_WORD_LIMIT] for word in words]
    return map(_fold_word, words)


def terms(text: str, language: str) -> list[str]:
    """The tokens of `text` without stop words, stemmed (Snowball) for `language`, accents folded after stemming.

    An unknown language ("" or one without a stemmer) is detected, and loses both French and English stop words.
    """
    if language not in SEARCH:
        language = language if language in STEMMERS else f"?{detect(text)}"
    found = (_term(w, language) if len(w) <= _WORD_LIMIT else _stemmed(w, language) for w in _words(text))
    return [term for term in found if term]


def number(word: str) -> str:
    """A written number in canonical form: groups joined, a point before the decimals."""
    word = word.translate(_SPACES)
    return word.replace(",", "") if _GROUPED.fullmatch(word) else word.replace(",", ".")


def _words(text: str) -> list[str]:
    # Accents stay here: the French stemmer needs them. Composed, so that a letter and its accent are one character.
    return _WORD.findall(unicodedata.normalize("NFC", _lowered(text)))


def _lowered(text: str) -> str:
    if text.isascii():
        return text.lower()
    lowered = unicodedata.normalize("NFKC", text).casefold()
    for written, read in _LIGATURES:
        lowered = lowered.replace(written, read)
    return lowered


@lru_cache(maxsize=65536)
def _fold_word(word: str) -> str:
    return number(word) if word[-1].isdigit() and word[0].isdigit() else fold(word).replace("-", "")


@lru_cache(maxsize=65536)
def _term(word: str, language: str) -> str:
    """`_stemmed`, of a word that is not too long to be remembered."""
    return _stemmed(word, language)


def _stemmed(word: str, language: str) -> str:
    """The stem of `word`, or "" for a stop word. A language marked `?` was guessed: both stop lists apply."""
    token = _fold_word(word[:_WORD_LIMIT])
    guessed = language.startswith("?")
    if token in (BOTH if guessed else SEARCH.get(language, frozenset())):
        return ""
    stemmer = STEMMERS.get(language.lstrip("?"))
    if stemmer is None or not word.isalpha():
        return token
    stem = fold(_stemmer(stemmer).stemWord(word[:_WORD_LIMIT])) or token
    # "résilié" stems to "résili", and "resilie", as it is often typed, to "resil".
    return stem[:-1] if stemmer == "french" and len(stem) > 5 and stem[-1] == "i" else stem


@cache
def _stemmer(name: str) -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer(name)
