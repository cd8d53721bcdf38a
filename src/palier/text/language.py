"""Which language a text is in, from its function words and a few letters: good on one short question.

Measured on short questions (benchmarks/results/language.json). Restricted to the languages of `stopwords`, and told by
their script for others; no model to load.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from palier.text.stopwords import BY_LANGUAGE, SEARCH

_SCRIPTS = (
    (re.compile(r"[\u3040-\u30ff]"), "ja"),
    (re.compile(r"[\uac00-\ud7af]"), "ko"),
    (re.compile(r"[\u4e00-\u9fff]"), "zh"),
    (re.compile(r"[\u0400-\u04ff]"), "ru"),
    (re.compile(r"[\u0370-\u03ff]"), "el"),
    (re.compile(r"[\u0590-\u05ff]"), "he"),
    (re.compile(r"[\u0600-\u06ff]"), "ar"),
    (re.compile(r"[\u0900-\u097f]"), "hi"),
    (re.compile(r"[\u0e00-\u0e7f]"), "th"),
)

# Letters and endings that one language has and its neighbours have not, with what each is worth in stop words.
_HINTS: Mapping[str, tuple[tuple[re.Pattern[str], float], ...]] = {
    "fr": (
        (re.compile(r"\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)'(?=\w\w)"), 1.0),
        (re.compile(r"[èêâîûùœë]"), 0.5),
        (re.compile(r"ç|é|à"), 0.4),
        (re.compile(r"(?:eau|eaux|eux|euse|eurs?|ment|tion|aire|iques?|oir|ier|iere|ance|ons|ez|oi)\b"), 0.3),
        (re.compile(r"(?:que|gne|lle|nne|tte|sse|ee|ees|er|re)\b"), 0.2),
    ),
    "en": (
        (re.compile(r"n't\b|\b\w+'(?:s|re|ve|ll|m)\b"), 1.0),
        (re.compile(r"(?:ing|ight|ough|tch|ship|ness|less|ful|ould|wn|ck|ty|ry|ly|sh|th)\b"), 0.4),
        (re.compile(r"\b(?:wh|th|kn|wr|sh)|w|k\b|ee|oo"), 0.2),
        (re.compile(r"(?:ed|er|s|y)\b"), 0.1),
    ),
    "de": (
        (re.compile(r"[äöüß]"), 0.8),
        (re.compile(r"(?:ung|keit|heit|lich|isch|chen|sch|en)\b|sch|cht|tz"), 0.4),
    ),
    "es": (
        (re.compile(r"[ñ¿¡]"), 1.0),
        (re.compile(r"[áíóú]"), 0.6),
        (re.compile(r"(?:cion|ciones|dad|ado|ada|os|as|ar)\b"), 0.4),
    ),
    "it": (
        (re.compile(r"[òì]"), 0.6),
        (re.compile(r"(?:zione|zioni|mente|ello|etto|are|ere|ire|tta|tto|i|o)\b|gli|cch|zz"), 0.3),
    ),
    "pt": ((re.compile(r"[ãõ]"), 1.0), (re.compile(r"(?:cao|coes|dade|ado|ada|mento|nh\w)\b"), 0.4)),
    "nl": ((re.compile(r"ij|aa|uu|oe|ee|eu|ie"), 0.3), (re.compile(r"(?:en|lijk|heid|tje|je)\b"), 0.3)),
}

_WORDS = re.compile(r"[^\W\d_]+")
_HANDICAP = 0.7
"""What the languages that palier does not search in must have more than French and English, in stop words."""
_LEAST = 0.3
"""A best score below this shows no language."""
_SAMPLE = 1000
"""Characters that are looked at: enough to be sure, and a bound on the time."""


def detect(text: str, default: str = "") -> str:
    """The ISO 639-1 code of the language of `text`; `default` where it shows none (a number, a code, a lone name)."""
    sample = text[:_SAMPLE]
    lowered = unicodedata.normalize("NFC", sample).casefold().replace("\u2019", "'")
    for pattern, language in _SCRIPTS:
        if len(pattern.findall(lowered)) * 3 > len(_WORDS.findall(lowered)) + 2:
            return language
    scores = _scores(lowered)
    best = max(scores, key=lambda language: (scores[language], language == default))
    return best if scores[best] >= _LEAST else default


def _scores(lowered: str) -> dict[str, float]:
    scores = {language: 0.0 if language in SEARCH else -_HANDICAP for language in BY_LANGUAGE}
    folded = _fold(lowered)
    for word in _WORDS.findall(folded):
        for language, weight in _votes().get(word, ()):
            scores[language] += weight
    for language, hints in _HINTS.items():
        for pattern, weight in hints:
            found = len(pattern.findall(lowered)) or len(pattern.findall(folded))
            scores[language] += weight * min(found, 4)
    return scores


def _fold(text: str) -> str:
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


@lru_cache(maxsize=1)
def _votes() -> dict[str, tuple[tuple[str, float], ...]]:
    """Stop word to the languages that have it, each with its share of one vote (squared: a shared word says little)."""
    languages: dict[str, list[str]] = {}
    for language, words in BY_LANGUAGE.items():
        for word in words:
            languages.setdefault(word, []).append(language)
    return {w: tuple((language, 1.0 / len(ls) ** 2) for language in ls) for w, ls in languages.items()}
