"""Names that stand on a line of their own or at its beginning: forms, signatures, speakers, the head of a letter."""

from __future__ import annotations

import re
from collections.abc import Iterator

from palier.config import Redaction
from palier.interfaces import Entity
from palier.privacy.recognisers.naming import entities, name_end
from palier.privacy.recognisers.vocabulary import capitalised, lowered

_QUOTED = r"(?:[ \t>]{0,8}|\?{3} )"
_NAME_FIELD = (
    r"(?:pr[ée])?noms?(?: (?:et|/) (?:pr[ée])?noms?)?(?: de famille| de naissance| d['’]usage)?"
    r"|(?:full |first |last |middle |given |family )?name|surname"
)
_ROLE = (
    r"titulaire(?: du compte)?|b[ée]n[ée]ficiaire|d[ée]biteur|assur[ée]e?|patiente?|destinataire|exp[ée]diteur"
    r"|locataire|propri[ée]taire|g[ée]rante?|soussign[ée]e?|sign[ée]|rempla[çc]ante?|conseill(?:er|[èe]re)"
    r"|account holder|card ?holder|patient|recipient|sender|signed"
)
_LABEL = (
    r"contact|interlocuteur|rappel|cliente?|abonn[ée]e?|customer|tenant|agent|ship to|attn|from|to|de|[àa]"
    r"|technicien(?:ne)?"
)
_FIELD = re.compile(
    rf"(?<![\w'’])(?:(?P<name>{_NAME_FIELD}) {{0,2}}:|(?P<role>{_ROLE})(?P<colon> {{0,2}}:)?|(?:{_LABEL}) {{0,2}}:)"
    r" {1,2}(?:(?:m\.|mme|mlle|mr\.?|mrs\.?|ms\.?|dr\.?) (?:(?:ou|et|or|and|&) (?:mme|mrs\.?) )?)?(?=[^\W\d_])",
)
_CLOSED = re.compile(
    r"(?<![^\W_])(?:cordialement|bien (?:à vous|cordialement)|(?:(?:respectueuses|sinc[èe]res|meilleures) )?salutations"
    r"|bonne (?:journ[ée]e|soir[ée]e|r[ée]ception)|merci|à bientôt|amicalement|(?:best |kind |warm )?regards|sincerely"
    r"|faithfully|yours(?: truly)?|best(?: wishes)?|cheers|thanks|thank you)[,.!]{0,2}\s{1,4}(?=[^\W\d_])",
)
_LINE_ENDS = re.compile(r"[ \t.,]{0,3}(?:\n|\Z)")
_SPEAKER = re.compile(rf"^{_QUOTED}(?=[^\W\d_])", re.MULTILINE)
_SPEAKS = re.compile(r" ?: ?[\"“«]")
_HEAD_ENDS = re.compile(r" ?\r?\n")
_BEGINS = re.compile(rf"(?:\A|[,:.!]\s{{0,4}}\n|(?:\A|\n)[ \t>?]{{0,8}}\n){_QUOTED}\Z")
_CARD = re.compile(r"@\w|\d{4}|\d{2}[ .\-]\d{2}|https?://")
AHEAD = 240
"""Characters after a name on a line of its own in which an address, a number or an e-mail says that it is one."""


class Signed:
    types = ("PERSON",)

    def find(self, text: str) -> Iterator[Entity]:
        seen = capitalised(text)
        yield from entities(text, seen, _spans(seen), 0.75)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    small = lowered(text)
    for match in _FIELD.finditer(small):
        end = name_end(text, match.end(), any_case=match["name"] is not None)
        name = text[match.end() : end]
        if match["role"] and not match["colon"] and not (" " in name and name[0].isupper()):
            continue  # `le titulaire Orange`
        if end > match.end():
            yield match.end(), end
    for match in _CLOSED.finditer(small):
        end = name_end(text, match.end())
        if end > match.end() and _LINE_ENDS.match(text, end):
            yield match.end(), end
    for match in _SPEAKER.finditer(text):
        end = name_end(text, match.end())
        if end > match.end() and (_SPEAKS.match(text, end) or _is_head(text, match.end(), end)):
            yield match.end(), end


def _is_head(text: str, start: int, end: int) -> bool:
    """Whether some words stand alone on the first of some lines, and what one writes below one's name follows."""
    if (
        " " not in text[start:end]
        or not _HEAD_ENDS.match(text, end)
        or not _BEGINS.search(text, max(0, start - 24), start)
    ):
        return False
    return _CARD.search(text, end, min(len(text), end + AHEAD)) is not None


def build(settings: Redaction) -> Signed:
    return Signed()
