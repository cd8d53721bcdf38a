"""Postal addresses in France and where English is spoken: a number, a street and its kind, then postcode and town.

Those of some neighbours, whose number comes last, are found without their town.

Every part has a most number of words, and a part begins at a number or at a word of a few, so that the time is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from palier.config import Redaction
from palier.interfaces import Entity
from palier.privacy.recognisers.vocabulary import capitalised
from palier.privacy.recognisers.worldwide import LABEL, tail

_UPPER = "A-ZÀ-ÖØ-ÞŒ"
_NAME = rf"[{_UPPER}][\w'’.\-]{{0,29}}"
_CAP = rf"[{_UPPER}][\w'’\-]{{0,29}}"
_SMALL = r"(?:(?:de|du|des|d|la|le|les|l|et|sur|sous|aux?|à|en|lès|saint|sainte|st|ste)[ '’\-]{1,2}|d['’]|l['’]){0,3}"

_VOIE = (
    r"(?:rue|r\.|avenue|av\.?(?! ?J)|ave\.?|boulevard|boul\.?|bd\.?|bld\.?|place|pl\.?|chemin|ch(?:em)?\.|impasse|imp\."
    r"|all[ée]es?|all\.|quai|route|rte\.?|cours|square|passage|sentier|villa|r[ée]sidence|r[ée]s\.|lotissement|lot\.|faubourg|fg\.?"
    r"|rond-point|esplanade|promenade|voie|venelle|ruelle|hameau|lieu[- ]dit|cit[ée]|clos|mont[ée]e|parvis|traverse"
    r"|galerie|domaine|rang|côte)"
)
_FRENCH_NAME = rf"(?:{_NAME}|\d{{1,2}}(?:er|e)?\b(?: (?i:{_SMALL}){_NAME})?)(?:[ \-](?i:{_SMALL}){_NAME}){{0,5}}"
_LOWER_NAME = (
    r"(?i:(?:de|du|des|la|le|les|l|d)[ '’]){0,3}[a-zà-ÿ'’\-]{3,30}(?: [a-zà-ÿ'’\-]{3,30})??(?=[,;.\n)]| *\d{5}| *$)"
)
_FRENCH_STREET = re.compile(
    r"(?<![\w.,])\d{1,4}(?: ?(?:bis|ter|quater|[a-dA-D])\b)?(?: ?[-/] ?\d{1,4})?,? {1,2}"
    rf"(?i:{_VOIE})(?![\w])(?: {{1,2}}(?i:{_SMALL}){_FRENCH_NAME}| {{1,2}}{_LOWER_NAME})"
)
_INSIDE = re.compile(
    r"(?: *[,\-–]? *\n? *(?:(?:b[âa]t(?:iment|\.)?|appartement|appt?\.?|apt\.?|esc(?:alier|\.)?|[ée]tage|porte|hall"
    r"|bo[îi]te|tour|immeuble|code|b\.?p\.?|cs) (?:n° ?)?\w{1,6}(?![^\W_])|\d{1,2}(?:er|e|[èe]me) [ée]tage"
    r"|rez-de-chauss[ée]e)){1,4}",
    re.IGNORECASE,
)
"""Where in the house."""
_ESTATE = re.compile(
    r"(?<![^\W_])(?i:r[ée]sidence|immeuble|b[âa]timent|zone (?:artisanale|industrielle|commerciale|d['’]activit[ée]s?)"
    rf"|za|zi|zac|lotissement|domaine|hameau|villa|tour) (?i:{_SMALL}){_NAME}(?: (?i:{_SMALL}){_NAME}){{0,3}},? \n?\Z",
)
"""What stands before the number."""
_SECOND_NUMBER = re.compile(r"(?<![\w.,/:\-])\d{1,6} \Z")
_TOWN = rf"{_CAP}(?:[ \-](?:{_SMALL}){_CAP}){{0,4}}(?: (?i:cedex))?(?:(?<=(?i:cedex)) \d{{1,2}})?"
_FRENCH_TOWN = re.compile(
    rf"(?: *[,;\-–]? *\n?| *\n) *(?:(?:F|FR|B|BE|CH|L|CA)[- ])?(?<![\w])\d{{4,5}}[ ,]{{1,2}}{_SMALL}{_TOWN}"
)
_POSTCODE_TOWN = re.compile(rf"(?<![\w.,\-])(?:F-)?(?:0[1-9]|[1-8]\d|9[0-8])\d{{3}} {_TOWN}")
_LIVES = re.compile(
    r"(?<![^\W_])(?:adresse|habit\w{1,6}|domicili\w{1,6}|demeur\w{1,6}|r[ée]sid\w{1,6}|code postal|cp|livr\w{1,8}|ville"
    r"|à)\W{1,3}\Z",
    re.IGNORECASE,
)
_BOX = re.compile(
    r"(?<![^\W_])(?:B\.?P\.? {1,2}\d{1,6}|P\.? ?O\.? ?Box {1,2}\d{1,6}|CS {1,2}\d{5})(?![^\W_])", re.IGNORECASE
)

_KIND = (
    r"(?:Street|St|Avenue|Ave|Av|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Way|Terrace|Ter|Close"
    r"|Crescent|Cres|Square|Sq|Highway|Hwy|Parkway|Pkwy|Circle|Cir|Trail|Trl|Mews|Row|Grove|Gardens|Gdns|Hill|Walk|Alley"
    r"|Loop|Run|Pike|Turnpike|Plaza|Path|Ridge|Crossing|Green|Wharf|Quay|Parade|Point|Route)"
)
_SIDE = r"(?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)"
_ENGLISH_STREET = re.compile(
    r"(?<![\w.,])(?:(?i:flat|apartment|apt\.?|unit|suite) {1,2}\w{1,5},? {1,2})?"
    rf"\d{{1,6}}(?:-\d{{1,5}})?[A-Da-d]?,? {{1,2}}(?:{_SIDE}\.? {{1,2}})?"
    rf"(?:(?:{_NAME}|\d{{1,3}}(?:st|nd|rd|th)) {{1,2}}){{1,5}}?(?i:{_KIND})\b\.?(?: {_SIDE}\b\.?)?"
)
_LOWER_STREET = re.compile(
    r"(?<![\w.,])\d{1,6}[a-d]? "
    r"(?:(?!(?:from|of|to|on|in|at|the|and|met(?:er|re)s?|miles?|km)\b)[a-z][a-z'\-]{1,20} ){1,3}?"
    r"(?:street|avenue|road|lane|drive|boulevard|court|crescent|terrace|square)\b"
)
_UNIT = r"(?:,? {1,2}(?i:apt|apartment|suite|ste|unit|flat|floor|fl|room|#)\.? {0,2}#?\w{1,6})"
_CITY = rf"{LABEL}{_CAP}(?:[ \-]{_CAP}){{0,3}}"
_ZIP = r"(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d)"
_ENGLISH_TOWN = re.compile(
    rf"{_UNIT}?(?: *[,\n][ \n]{{0,3}}{_CITY}){{0,2}}(?: *[,\n]? {{0,2}}[A-Z]{{2}}\b)? *[,\n]?[ \n]{{1,2}}{_ZIP}(?![\w])"
    rf"|{_UNIT}(?: *, {{1,2}}{_CITY})?"
    rf"|, {{1,2}}{_CITY},? [A-Z]{{2}}\b"
)
_CONTINENTAL = re.compile(
    r"(?<![\w.,])(?:\d{1,6} )?"
    r"(?:(?:(?!(?:de[rmns]?|da[sn]|i[nm]|a[ntm]|the|het|la|o[nf]|to|and|is)\b)\w{2,20}[ \-])?"
    r"\w{3,24}(?:stra(?:ss|ß)e|str\.|gasse|platz|katu|gatan?|v[äa]gen|(?<!bri)gade|vej|straat|laan|weg)"
    r"|\w{3,24} (?:stra(?:ss|ß)e|utca|u\.|t[ée]r|[úu]t)"
    r"|(?:rua|via|viale|corso|piazza|calle|avenida|plaza|carrer|ulica|ul\.)(?: \w{2,20}){1,4}?)"
    r",? \d{1,4}[a-d]?(?![\w])\.?",
    re.IGNORECASE,
)
_UK_POSTCODE = re.compile(r"(?<![^\W_])(?:GIR ?0AA|[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2})(?![^\W_])")


class Address:
    types = ("ADDRESS",)

    def find(self, text: str) -> Iterator[Entity]:
        seen = capitalised(text) if text.isupper() else text
        for found in _found(seen):
            yield Entity("ADDRESS", found.start, found.end, text[found.start : found.end], found.score)


def _found(text: str) -> Iterator[Entity]:
    for street in (_FRENCH_STREET, _ENGLISH_STREET, _LOWER_STREET, _CONTINENTAL):
        for match in street.finditer(text):
            inside = _INSIDE.match(text, match.end())
            place = inside.end() if inside else match.end()
            end = max(place, tail(text, place, lines=False))
            for town in (_FRENCH_TOWN, _ENGLISH_TOWN):
                if rest := town.match(text, place):
                    end = max(end, rest.end())
            yield _entity(text, _before(text, match.start()), end, 0.75 if end == match.end() else 0.87)
    for pattern in (_BOX, _UK_POSTCODE):
        for match in pattern.finditer(text):
            rest = _FRENCH_TOWN.match(text, match.end())
            yield _entity(text, match.start(), rest.end() if rest else match.end(), 0.7)
    for match in _POSTCODE_TOWN.finditer(text):
        if _LIVES.search(text, max(0, match.start() - 20), match.start()):
            yield _entity(text, *match.span(), 0.6)


def _before(text: str, start: int) -> int:
    """Where the address whose number stands at `start` begins."""
    for pattern in (_ESTATE, _SECOND_NUMBER):
        if before := pattern.search(text, max(0, start - 60), start):
            return before.start()
    return start


def _entity(text: str, start: int, end: int, score: float) -> Entity:
    while text[end - 1] in " .,\n-":
        end -= 1
    return Entity("ADDRESS", start, end, text[start:end], score)


def build(settings: Redaction) -> Address:
    return Address()
