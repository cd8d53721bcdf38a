"""Names that a title or the sentence announces: `Mme Le Gall`, `je m'appelle Yann Kervella`; no model is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from palier.config import Redaction
from palier.interfaces import Entity
from palier.privacy.recognisers.vocabulary import capitalised

_TITLE = (
    r"(?:M\.|MM\.|Mmes?|Mlles?|Monsieur|Madame|Mademoiselle|Mr\.?|Mrs\.?|Ms\.?|Miss|Dr\.?|Docteur|Doctor|Pr\.?|Prof\.?"
    r"|Professeur|Professor|Maître|Me)"
)
_SAID = (
    r"(?i:je m['’]appelle|je me nomme|je suis m(?:onsieur|adame)|mon nom est|nom(?: et pr[ée]nom)? ?:|pr[ée]noms? ?:"
    r"|my name is|my name['’]s|i am called|(?:full |first |last )?name ?:)"
)
_PART = r"[A-ZÀ-ÖØ-ÞŒ](?:[\w'’]{1,24}|\.)(?:-[A-ZÀ-ÖØ-ÞŒ][\w'’]{1,24})?"
_PARTICLE = r"(?:de|du|des|da|dos|di|del|van|der|von|ben|el|al|le|la)"
_NAMED = re.compile(
    rf"(?<![^\W_])(?:{_TITLE}|(?:mr|mrs|ms|dr|mme|mlle)\.?|{_SAID}) {{1,2}}"
    rf"(?P<name>(?:d['’]|{_PARTICLE} )?{_PART}(?: (?:{_PARTICLE} ){{0,2}}{_PART}){{0,3}})"
)
_ARTICLES = frozenset(("le", "la", "de", "du"))
_OFFICES = frozenset(
    (
        *("monsieur", "madame", "directeur", "directrice", "président", "présidente", "maire"),
        *(
            "ministre",
            "docteur",
            "responsable",
            "conseiller",
            "conseillère",
            "client",
            "cliente",
            "president",
            "chairman",
        ),
        *("minister", "chair", "speaker", "customer", "bricolage", "mesdames", "messieurs"),
    )
)


class Title:
    types = ("PERSON",)

    def find(self, text: str) -> Iterator[Entity]:
        for match in _NAMED.finditer(capitalised(text)):
            first = next((word for word in match.group("name").casefold().split() if word not in _ARTICLES), "")
            if first not in _OFFICES:
                start, end = match.span("name")
                yield Entity("PERSON", start, end, text[start:end], 0.7)


def build(settings: Redaction) -> Title:
    return Title()
