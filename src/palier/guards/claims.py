"""Which sentences claim something that evidence could support; the others are let through as they are."""

from __future__ import annotations

import re

from palier.text import figures, fold, tokens
from palier.text.declining import declining
from palier.text.stopwords import BOTH
from palier.text.support import SHORT

CITATION = re.compile(r"\s*\[\d{1,3}(?:\s*[,;]\s*\d{1,3})*\]")
"""A mark such as `[1]` or `[1, 3]`, with the space before it."""
_COURTESY = re.compile(
    r"^\W*(?:bonjour|bonsoir|hello|hi there|dear|good (?:morning|afternoon|evening)|merci|thanks?|thank you|cordialement"
    r"|bonne (?:journee|soiree)|a bientot|(?:kind|best) regards|have a (?:nice|good|great)|je reste a votre|n'hesitez pas"
    r"|i hope (?:this|that|it)|j'espere que (?:cela|ceci)|(?:please )?(?:feel free|let me know|do not hesitate)"
    r"|(?:please )?don't hesitate|(?:bien sur|of course|certainly|certainement|avec plaisir|sure|d'accord|entendu)\W*$"
    r"|(?:here is|here are|here's|voici) (?:the |what |l[ae'] ?|les |ce qu)?[^\d]{0,80}:$)"
)
_ADDRESSES = re.compile(r"\b(?:vous|votre|vos|souhaitez|voulez|puis-je|you|your|would|could|can i|may i|shall i)\b")
_SAVING = re.compile(r"\b(?:did you know|saviez-vous|savez-vous)\b")
_MORE = re.compile(r"[;:]|\b(?:but|however|mais|cependant|toutefois|seulement|only|en revanche)\b")
_NOTHING = frozenset("oui non yes no ok okay exact exactement exactly right correct note nb source sources".split())


def claims(text: str) -> bool:
    """Whether a sentence claims something: not a courtesy, a question to the reader, a confession of not knowing, a
    word of assent, or a mark alone. One that has a figure does, and what goes on after the confession too."""
    bare = CITATION.sub("", text).strip()
    words = [word for word in tokens(bare) if word not in BOTH and word not in _NOTHING]
    if not words:
        return False
    if any(len(figure.value) >= SHORT for figure in figures(bare, names=False)):
        return True
    folded = fold(bare)
    if _COURTESY.match(folded):
        return False
    if declines(folded):
        return False
    return not (bare.endswith("?") and _ADDRESSES.search(folded) and not _SAVING.search(folded))


_DECLINES = re.compile(
    r"\b(?:(?:documents?|sources?|passages?|extraits?|textes?|description|evidence|context)\b[^.;:]{0,60}"
    r"\b(?:n'\w+|ne)\b[^.;:]{0,40}\b(?:pas|aucune?|rien)\b"
    r"|(?:documents?|sources?|passages?|evidence|context|description)\b[^.;:]{0,40}\b(?:do(?:es)? not|don't|doesn't|no)\b"
    r"|(?:aucune?|no) [^.;:]{1,60}(?:documents?|sources?|passages?|evidence)\b|je ne (?:\w+ ){0,2}(?:aucune?|rien)"
    r"|i cannot|i could not|i couldn't|je ne peux (?:\w+ )?pas)\b"
)


def declines(folded: str) -> bool:
    """Whether a folded sentence only says that something is not known. What follows a `but` or a colon is looked at."""
    if not (declining(folded) or _DECLINES.search(folded)):
        return False
    return _MORE.search(folded) is None
