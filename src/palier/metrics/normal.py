"""The words of an answer as question-answering benchmarks compare them: no case, no punctuation, no articles.

English is that of SQuAD (Rajpurkar et al., 2016), to the letter. The others are as in MLQA (Lewis et al., 2020): all of
Unicode's punctuation, and the articles of the language; German and Spanish have MLQA's lists. French, Italian and
Portuguese part words at apostrophes first, so that the article of "l'offre" is one. Scripts without spaces are
compared character by character.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from functools import lru_cache

_ARTICLES = {
    "en": "a an the",
    "fr": "le la les l un une des du",
    "de": "ein eine einen einem eines einer der die das den dem des",
    "es": "un una unos unas el la los las",
    "it": "il lo la i gli le l un uno una",
    "pt": "o a os as um uma uns umas",
    "nl": "de het een",
}
_PATTERNS = {language: re.compile(rf"\b(?:{'|'.join(words.split())})\b") for language, words in _ARTICLES.items()}
_ELIDING = frozenset({"fr", "it", "pt"})
_APOSTROPHES = re.compile(r"['\u2019\u02bc]")
_UNSPACED = re.compile(r"([\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
_ASCII = {ord(mark): None for mark in string.punctuation}


class _Punctuation(dict[int, int | None]):
    """For `str.translate`: every punctuation mark to nothing, found out as it is met."""

    def __missing__(self, code: int) -> int | None:
        mark = chr(code)
        self[code] = None if mark in string.punctuation or unicodedata.category(mark).startswith("P") else code
        return self[code]


_MARKS = _Punctuation()


@lru_cache(maxsize=8192)
def words(text: str, language: str) -> tuple[str, ...]:
    """The words of `text` that count, in order."""
    lowered = text.lower()
    if language == "en":
        bare = lowered.translate(_ASCII)
    else:
        composed = unicodedata.normalize("NFC", lowered)
        parted = _APOSTROPHES.sub(" ", composed) if language in _ELIDING else composed
        bare = spaced(parted.translate(_MARKS))
    articles = _PATTERNS.get(language)
    return tuple((articles.sub(" ", bare) if articles else bare).split())


def f1(said: tuple[str, ...], known: tuple[str, ...]) -> float:
    """F1 of two bags of words; where one is empty, whether both are (as in SQuAD 2.0)."""
    if not said or not known:
        return float(said == known)
    shared = (Counter(said) & Counter(known)).total()
    return 2 * shared / (len(said) + len(known))


def unspaced(text: str) -> bool:
    """Whether some of `text` is in a script that puts no spaces between words."""
    return not text.isascii() and _UNSPACED.search(text) is not None


def spaced(text: str) -> str:
    """`text` with a space around each character of such a script."""
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)
