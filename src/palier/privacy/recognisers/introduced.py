"""Names that the words around them give away: `my name is`, `ask for`, `de la part de`, `said X to Y`.

The name begins right after the words that announce it, or ends right before those that follow it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from palier.config import Redaction
from palier.interfaces import Entity
from palier.privacy.recognisers.naming import entities, name_end, name_start
from palier.privacy.recognisers.vocabulary import capitalised, lowered

_KIN = (
    r"(?:wife|husband|son|daughter|partner|brother|sister|mother|father|mum|mom|dad|friend|neighbou?r|colleague|boss"
    r"|cousin|aunt|uncle|nephew|niece|girlfriend|boyfriend|flatmate|roommate|grandson|granddaughter)"
)
_PARENT = (
    r"(?:femme|mari|fils|fille|m[èe]re|p[èe]re|fr[èe]re|s(?:œ|oe)ur|voisine?|coll[èe]gue|ami|amie|copain|copine|conjointe?"
    r"|[ée]pou(?:x|se)|compagn(?:on|e)|cousine?|tante|oncle|neveu|ni[èe]ce|patronne?|colocataire|conseill(?:er|[èe]re)"
    r"|maman|papa|beau-(?:fils|p[èe]re|fr[èe]re)|belle-(?:fille|m[èe]re|s(?:œ|oe)ur)|petit[e]?-fil(?:s|le))"
)
_IS = r"(?: is|['’]s| ?:)"
_EST = r"(?: est| ?:|,)?"

_SURELY = (
    rf"(?:my|first|last|full|middle|maiden|family|user) (?:(?:full|first|last|middle|maiden|family) )?name{_IS}"
    r"|your (?:first |last |full )?name\?|i am called|(?:under|in) the name(?: of)?"
    rf"|under (?:my|his|her) (?:{_KIN}['’]s )?name|name on (?:it|the card|the account) is"
    r"|je m['’ ]?appel+e?|je me (?:nomme|pr[ée]nomme)|mon (?:pr[ée])?nom est|(?:il|elle) s['’ ]appelle"
    rf"|(?:mon )?nom de jeune fille{_EST}|nom d['’ ]usage{_EST}|(?:au|mon) nom de(?: famille)?{_EST}"
    r"|[àa] l['’ ]ordre de"
    r"|moi,? c['’ ]?(?:est)?|(?:salut|slt|bjr|bonjour|bonsoir|coucou|cc|allo),? (?:c['’]est|c)(?: moi)?"
    r"|c['’ ]?(?:est)? moi|pr[ée]nom (?:c['’ ]est|s['’ ][ée]crit)"
)
"""What a name follows in whatever case."""
_LIKELY = (
    r"ask for|(?:it['’]s|it is|account|booking|reservation) under|ex-[^\W\d_]{3,20}|tribute to|on behalf of"
    r"|(?:speak|talk|spoke|talked|speaking) (?:to|with)|signed(?: by)?|cc:?"
    r"|(?:directed|written|sung|performed|produced|played|composed|reported|delivered|handled|taken) by|starring"
    r"|(?:said|asked|replied|shouted|whispered|yelled|answered)(?: at)?|shouted at"
    rf"|(?:my|our|his|her|their) {_KIN},?|attn:?|attention:"
    r"|jsuis|je soussign[ée]e?|demande[rz]|de la part de|voi[rs] avec|voyez avec|(?:bonjour|bonsoir|allo)[, ]{1,2}ici"
    rf"|(?:ma|mon|sa|son|notre|votre|leur|la) {_PARENT}(?:,| de| d['’])?|(?:maman|papa|m[èe]re|p[èe]re) d(?:e|['’])"
    r"|appelle[rz]?|rappele[rz]|pr[ée]venir"
)
"""What it follows with a capital."""
_AFTER_WORDS = re.compile(
    rf"(?<![\w'’])(?=(?P<words>(?:(?P<surely>{_SURELY})|{_LIKELY})(?:\s{{1,2}}|(?<=['’])))[^\W\d_])"
)
_GREETED = re.compile(
    r"(?<![\w'’])(?:hi|hello|hey|dear|thanks|thank you|cheers|bonjour|bonsoir|salut|ch[èe]re?|merci|coucou),?"
    r"(?: it['’]s)? {1,2}(?=[^\W\d_])",
)
_GREETING_ENDS = re.compile(r" ?(?:[,!.:;\n]|\Z)")
_BEFORE_WORDS = re.compile(
    rf"(?<=[^\W_])(?:['’]s (?:{_KIN}|killers?|account|address|name|birthday)(?![^\W_])"
    r"|,? (?:said|shouted|replied|whispered|yelled|muttered|exclaimed|had given)(?![^\W_])"
    r"|, (?:can|could|may) i (?:please )?(?:speak|talk)|,? [àa] l['’ ]appareil| speaking(?![^\W_]))",
)
_DOES = re.compile(
    r"(?<=[^\W_]) (?:est pass[ée]e?|a (?:appel[ée]|t[ée]l[ée]phon[ée]|sign[ée]|pay[ée]|[ée]crit|demand[ée]|re[çc]u)"
    r"|voudrait|souhait(?:e|erait)|vous (?:remercie|prie)|(?:m|nous) ?['’]?a (?:dit|[ée]crit|appel[ée])|rejoint"
    r"|called (?:us|me|about)|would like|wants to|wrote to|signed|paid|moved)(?![^\W_])",
)
"""What persons do, and firms: at least two words stand before it."""
_AND = re.compile(r"(?: et| and| ou| or| to| &) (?:(?:de|à) |d['’])?(?:starring )?")
MOST_LISTED = 4
"""Names that follow one another with an `and` between them."""


class Introduced:
    types = ("PERSON",)

    def find(self, text: str) -> Iterator[Entity]:
        seen = capitalised(text)
        yield from entities(text, seen, _spans(seen), 0.75)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    small = lowered(text)
    for match in _AFTER_WORDS.finditer(small):
        surely = match["surely"] is not None
        start = match.end("words")
        end = name_end(text, start, any_case=surely, most=3)
        for _ in range(MOST_LISTED):
            if end == start:
                break
            yield start, end
            if (more := _AND.match(small, end)) is None:
                break
            start, end = more.end(), name_end(text, more.end())
    for match in _GREETED.finditer(small):
        end = name_end(text, match.end(), most=3)
        if end > match.end() and _GREETING_ENDS.match(text, end):
            yield match.end(), end
    for match in _BEFORE_WORDS.finditer(small):
        start = name_start(text, match.start())
        if start < match.start():
            yield start, match.start()
    for match in _DOES.finditer(small):
        start = name_start(text, match.start())
        if " " in text[start : match.start()]:
            yield start, match.start()


def build(settings: Redaction) -> Introduced:
    return Introduced()
