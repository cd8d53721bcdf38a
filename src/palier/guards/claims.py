"""Which sentences claim something that evidence could support; the others are let through as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from palier.text import figures, fold, tokens
from palier.text.stopwords import BOTH
from palier.text.support import SHORT

CITATION = re.compile(r"\s*\[\d{1,3}(?:\s*[,;]\s*\d{1,3})*\]")
"""A mark such as `[1]` or `[1, 3]`, with the space before it."""
_BEFORE = 40
"""Characters in which the word before a mark is looked for."""
_GREETING = re.compile(
    r"^\W*(?:bonjour|bonsoir|hello|hi|dear|good (?:morning|afternoon|evening)|merci|thanks?|cordialement|a bientot"
    r"|bonne (?:journee|soiree)|(?:kind|best) regards|have a (?:nice|good|great))\b"
)
_ASSENTING = re.compile(
    r"^\W*(?:bien sur|of course|certainly|certainement|avec plaisir|with pleasure|sure|d'accord|entendu|absolument"
    r"|absolutely|oui|non|yes|no|ok|okay)\b[\s,.!:;-]*"
)
"""What may stand before a claim: the rest is judged."""
_GREETING_WORDS = 6
"""Words of the longest greeting: "Bonjour, la fibre est gratuite pour tous" is none."""
_OFFER = re.compile(
    r"^\W*(?:n'hesitez pas|je reste a votre|i hope (?:this|that|it) |j'espere que (?:cela|ceci)"
    r"|(?:please )?(?:feel free|let me know|do not hesitate|don't hesitate)|(?:here is|here are|here's|voici)\b.*:$)"
)
_OFFER_WORDS = 20
_IS = re.compile(r"\b(?:est|sont|is|are|was|were|has|have|a ete|ont|coutent?|costs?)\b")
_ASIDE = re.compile(rf",[^,]*{_IS.pattern}")
"""A clause of its own after an offer."""
_WRITTEN = r"\b(?:documents?|sources?|passages?|extraits?|evidence|context|description)\b"
_SAYS = (
    r"(?:mention|precis|indiqu|dis(?:ent)?\b|parl|contien|donn|repond"
    r"|permet(?:tent)? (?:pas )?de (?:repondre|savoir|dire)"
    r"|say|stat(?:e|ing)|specif|contain|includ|provid|giv|cover|tell|address|answer|describ|list)\w*"
)
_DECLINES = re.compile(
    r"\b(?:je ne (?:sais|connais|trouve|dispose)\b|je n'ai (?:trouve )?(?:pas|aucune?)\b|je ne peux (?:\w+ )?pas\b"
    r"|i (?:do(?:n't| not)|did(?:n't| not)) (?:know|have|find)\b|i (?:can't|cannot|can not|could not|couldn't)\b"
    r"|i(?:'m| am) (?:unable|not (?:sure|able))\b|impossible de repondre"
    r"|(?:is|are) not (?:mentioned|specified|stated|given) (?:in|by) the"
    r"|(?:n'est|ne sont) pas (?:mentionn|indiqu|precis)"
    rf"|{_WRITTEN}[^.;:]{{0,60}}\b(?:n'|ne )(?:\w+ ){{0,3}}{_SAYS}"
    rf"|{_WRITTEN}[^.;:]{{0,40}}\b(?:do(?:es)? not|don't|doesn't) (?:\w+ ){{0,2}}{_SAYS}"
    rf"|(?:aucune?|no|any) (?:\w+ )?(?:information|mention|reponse|answer|detail|precision|indication|trace)s?\b"
    rf"[^.;:]{{0,60}}{_WRITTEN})"
)
_MORE = re.compile(r"[;:]|\b(?:but|however|mais|cependant|toutefois|seulement|only|en revanche)\b")
_ASKS = re.compile(r"\b(?:vous|votre|vos|puis-je|you|your|can i|may i|shall i)\b")
_TELLS = re.compile(r"\b(?:did you know|saviez-vous|savez-vous)\b")
_ASSENT = "oui non yes no ok okay exact exactement exactly right correct forcement necessairement necessarily"
_NOTHING = frozenset(f"{_ASSENT} absolument absolutely note nb source sources".split())


def cites(text: str) -> tuple[int, ...]:
    """The numbers in its marks, each once, in order."""
    return tuple(dict.fromkeys(n for mark in CITATION.finditer(text) for n in numbers(mark.group())))


def numbers(mark: str) -> tuple[int, ...]:
    """Those of one mark, in order."""
    return tuple(int(number) for number in tokens(mark) if number.isdigit())


def copied(text: str, evidence: Sequence[str]) -> frozenset[int]:
    """Numbers in its marks that are the passages' own words (a footnote, a reference), and cite none of them.

    Such a mark stands in a passage after the same word, or anywhere in one where there is no passage of that number.
    """
    if "[" not in text or not any("[" in passage for passage in evidence):
        return frozenset()
    there = [_marks(passage) for passage in evidence]
    return frozenset(
        number
        for word, number in _marks(text)
        if any(
            (word, number) in marks or (not 0 < number <= len(evidence) and any(n == number for _, n in marks))
            for marks in there
        )
    )


@lru_cache(maxsize=256)
def _marks(text: str) -> frozenset[tuple[str, int]]:
    """Each number in a mark, with the word before it."""
    return frozenset(
        (next(iter(tokens(text[max(mark.start() - _BEFORE, 0) : mark.start()])[-1:]), ""), number)
        for mark in CITATION.finditer(text)
        for number in numbers(mark.group())
    )


def claims(text: str) -> bool:
    """Whether a sentence claims something.

    A greeting or an offer of help does not, nor a question to the reader, a confession of not knowing, a word of
    assent, or a mark alone. What has a figure does, and what goes on after a confession ("but", a colon) does too.
    """
    bare = CITATION.sub("", text).strip()
    words = tokens(bare)
    if all(word in BOTH or word in _NOTHING for word in words):
        return False
    if any(len(figure.value) >= SHORT for figure in figures(bare, names=False)):
        return True
    folded = fold(bare)
    rest = _ASSENTING.sub("", folded)
    if rest != folded:
        return claims(rest)
    if len(words) <= _GREETING_WORDS and _GREETING.match(folded):
        return False
    if len(words) <= _OFFER_WORDS and _OFFER.match(folded) and not _ASIDE.search(folded):
        return False
    if _DECLINES.search(folded) and not _MORE.search(folded):
        return False
    if not (bare.endswith("?") and _ASKS.search(folded)) or _TELLS.search(folded):
        return True
    before, comma, asked = folded.rpartition(", ")
    return bool(comma and _IS.search(before) and _ASKS.search(asked) and claims(before))
