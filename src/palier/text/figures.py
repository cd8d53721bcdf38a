"""The facts of a text that can be checked against another: numbers, dates, amounts, addresses, proper names.

Each has a normal form, so that one fact written in two ways is found to be one: `29,99 €` and `€29.99`, `3 mars 2026`
and `2026-03-03`, `02 61 91 00 10` and `+33 2 61 91 00 10`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from palier.text.sentences import sentences
from palier.text.stopwords import BOTH
from palier.text.words import fold, number, tokens

Kind = Literal["number", "date", "amount", "telephone", "url", "email", "name"]


class Figure(NamedTuple):
    """One fact: its kind, the words it stands in, its normal form, and where it starts."""

    kind: Kind
    text: str
    value: str
    start: int


_MONTHS = {
    name: index
    for index, names in enumerate(
        (
            "janvier janv january jan",
            "fevrier fevr february feb",
            "mars march mar",
            "avril avr april apr",
            "mai may",
            "juin june jun",
            "juillet juil july jul",
            "aout august aug",
            "septembre sept september sep",
            "octobre oct october",
            "novembre nov november",
            "decembre dec december",
        ),
        start=1,
    )
    for name in names.split()
}
_DAYS = "lundi mardi mercredi jeudi vendredi samedi dimanche monday tuesday wednesday thursday friday saturday sunday"
_CURRENCIES = {"€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "usd": "USD", "dollar": "USD"}
_CURRENCIES |= {"dollars": "USD", "£": "GBP", "gbp": "GBP", "pound": "GBP", "pounds": "GBP", "livres": "GBP"}
_SCALES = {"mille": 10**3, "thousand": 10**3, "million": 10**6, "millions": 10**6, "k": 10**3, "m": 10**6}
_SCALES |= {"milliard": 10**9, "milliards": 10**9, "billion": 10**9, "billions": 10**9}

_SPACE = r"[ \u00a0\u202f]"
_NUMBER = (
    rf"(?:\d{{1,3}}(?:{_SPACE}\d{{3}})+(?![\d])(?:[.,]\d+)?|\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?(?!\d)|\d+(?:[.,]\d+)?)"
)
_MONTH = (
    r"(?:janv(?:ier|\.)?|f[ée]vr(?:ier|\.)?|mars|avr(?:il|\.)|mai|juin|juil(?:let|\.)|ao[uû]t|sept(?:embre|ember|\.)?"
    r"|oct(?:obre|ober|\.)?|nov(?:embre|ember|\.)?|d[ée]c(?:embre|ember|\.)?|january|february|march|april|may|june|july"
    r"|august|jan\.?|feb\.?|mar\.?|apr\.?|jun\.?|jul\.?|aug\.?|sep\.?)\b"
)
_CURRENCY = r"(?:€|\$|£|(?:euros?|eur|usd|dollars?|gbp|pounds?|livres)\b)"
_SCALE = r"(?:milliards?|millions?|billions?|thousand|mille)\b"

_PROMISING = rf"[^\s\d@]{{0,60}}+(?:[\d@]|{_SPACE}\d)|https?:|www\."
"""At the start of every fact: its word, or the one after it, holds a digit or an @. Rules out most words at once."""

# In order of precedence: what is found first takes its characters.
_FACT = re.compile(
    rf"""
    (?<!\w)(?={_PROMISING})(?:
    (?P<url>(?:https?://|www\.)[^\s<>"'()\[\]]*[^\s<>"'()\[\].,;:!?])
  | (?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
  | (?P<telephone>(?<![\w+])(?:
        (?:\+|00){_SPACE}?\d{{1,3}}(?:{_SPACE}?\(0\))?(?:[ \u00a0\u202f.\-]?\d{{1,4}}){{2,7}}
      | 0[1-9](?:[ \u00a0\u202f.\-]?\d{{2}}){{4}}
      | \(\d{{3}}\){_SPACE}?\d{{3}}[ .\-]\d{{4}}
      )(?!\d))
  | (?P<iso>\b\d{{4}}-\d{{2}}(?:-\d{{2}})?\b)
  | (?P<slashed>\b\d{{1,2}}[/.]\d{{1,2}}[/.](?:\d{{4}}|\d{{2}})\b)
  | (?P<day_first>\b(?P<d1>\d{{1,2}})(?:er|st|nd|rd|th)?{_SPACE}(?:of{_SPACE})?(?P<m1>{_MONTH})
        (?:,?{_SPACE}(?P<y1>\d{{4}})\b)?)
  | (?P<month_first>\b(?P<m2>{_MONTH}){_SPACE}(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?{_SPACE}(?P<y2>\d{{4}})\b)?)
  | (?P<month_year>\b(?P<m3>{_MONTH}){_SPACE}(?P<y3>\d{{4}})\b)
  | (?P<clock>\b\d{{1,2}}{_SPACE}?h(?:{_SPACE}?\d{{2}})?\b|\b\d{{1,2}}:\d{{2}}(?:{_SPACE}?[ap]\.?m\b)?
        |\b\d{{1,2}}{_SPACE}?[ap]m\b)
  | (?P<price_first>[€$£]{_SPACE}?(?P<n1>{_NUMBER})(?:{_SPACE}?(?P<s1>{_SCALE}|[kKmM]\b))?)
  | (?P<price_last>\b(?P<n2>{_NUMBER})(?:{_SPACE}?(?P<s2>{_SCALE}))?{_SPACE}?(?:d['\u2019]|de{_SPACE})?
        (?P<c2>{_CURRENCY})(?:{_SPACE}?(?P<cents>\d{{2}})\b(?!{_SPACE}?[%€]))?)
  | (?P<code>\b(?-i:[A-Za-z]{{1,4}}-\d+[\w-]*|[A-Z]{{1,4}}\d+\w*|\d+[A-Z]{{2,}}\w*|\d[A-Z])\b)
  | (?P<number>(?<![\w.,])(?:[-\u2212](?=\d))?(?P<n3>{_NUMBER})(?:{_SPACE}?(?P<s3>{_SCALE}))?
        (?P<percent>{_SPACE}?(?:%|percent\b|pour{_SPACE}cent\b))?)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)

_PARTICLE = r"(?:(?:de|du|des|d['\u2019]|of|von|van|di|da|del)(?:[ \u00a0]?(?:la|l['\u2019]|les|the))?)"
_CAPITALISED = r"(?:[A-ZÀ-ÖØ-Þ][\w'\u2019]*(?:-\w+)*|[a-z][A-Z]\w*)"
_NAME = re.compile(
    rf"(?<![\w@/.-]){_CAPITALISED}(?:[ \u00a0](?:{_PARTICLE}[ \u00a0]?)?{_CAPITALISED})*"
    rf"(?:[ \u00a0]\d{{1,3}}\b(?![.,]?\d|{_SPACE}?[%€$]))?"
)

_START = re.compile(r"(?:[:\u00ab\u201c\"(]|^\s*(?:[-*+\u2022#|]+|\d+[.)]))\s*", re.MULTILINE)
"""What a capital after it says nothing about: a colon, an opening quotation mark, the mark of a list item."""
_FIRST_WORD = re.compile(r"[Aa]ujourd.hui|\w+")
_UNIT = re.compile(r"[kKMGT]?(?:o|b|bits?|Hz|Wh?|B|Bps|V)|h|L")
_NO_NAME = BOTH | set(_DAYS.split()) | set(_MONTHS) | {"m", "mme", "mr", "mrs", "ms", "dr", "bonjour", "oui", "non"}


def figures(text: str, *, names: bool = True) -> list[Figure]:
    """Every checkable fact of `text`, in order, none overlapping another. `start` counts in the NFC form of `text`.

    Proper names cost three times what the rest does: `names` False leaves them out (but for codes such as K-104).
    """
    text = unicodedata.normalize("NFC", text)
    numbers = list(written(text))
    if not names:
        return numbers
    named = list(_names(text, numbers))
    # "Menhir 5" is one fact, not two.
    spans = [(name.start, name.start + len(name.text)) for name in named]
    apart = [n for n in numbers if not any(start <= n.start < end for start, end in spans)]
    return sorted([*apart, *named], key=lambda figure: figure.start)


def written(text: str, kinds: Container[Kind] | None = None) -> Iterator[Figure]:
    """The facts of `text`, which is in NFC, but for proper names; of some `kinds`, without working out the others."""
    for match in _FACT.finditer(text):
        if kinds is None or _KINDS.get(match.lastgroup or "", "date") in kinds:
            yield _figure(match)


_KINDS: Mapping[str, Kind] = {
    "url": "url",
    "email": "email",
    "telephone": "telephone",
    "code": "name",
    "price_first": "amount",
    "price_last": "amount",
    "number": "number",
}


def _figure(match: re.Match[str]) -> Figure:
    # lastgroup is the group that closed last: the alternative itself, whatever groups stand inside it.
    kind, text, start = match.lastgroup or "", match.group(), match.start()
    match kind:
        case "url":
            return Figure("url", text, re.sub(r"^https?://(?:www\.)?|^www\.", "", text.casefold()).rstrip("/"), start)
        case "email":
            return Figure("email", text, text.casefold(), start)
        case "telephone":
            return Figure("telephone", text, _telephone(text), start)
        case "code":
            return Figure("name", text, " ".join(tokens(text)), start)
        case "price_first":
            value = f"{_scaled(match['n1'], match['s1'])} {_CURRENCIES[text[0]]}"
            return Figure("amount", text, value, start)
        case "price_last":
            return Figure("amount", text, _price(match), start)
        case "number":
            sign = "-" if text[0] in "-\u2212" else ""
            value = f"{sign}{_scaled(match['n3'], match['s3'])}{'%' if match['percent'] else ''}"
            return Figure("number", text, value, start)
        case _:
            return Figure("date", text, _date(kind, match), start)


def _telephone(text: str) -> str:
    """In international form; a national number of ten digits is taken for a French one."""
    digits = re.sub(r"\(0\)|\D", "", text)
    if text.startswith("+"):
        return f"+{digits}"
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    return f"+33{digits[1:]}" if digits.startswith("0") else digits


def _scaled(written: str, scale: str | None) -> str:
    """`14,2` and `milliards` -> `14200000000`; no zeros after the decimals, so that `29,90` equals `29.9`."""
    value = Decimal(number(written)) * _SCALES.get((scale or "").casefold(), 1)
    return f"{value.normalize():f}"


def _price(match: re.Match[str]) -> str:
    value = _scaled(match["n2"], match["s2"])
    if match["cents"] and "." not in value:
        value = _scaled(f"{value}.{match['cents']}", None)
    return f"{value} {_CURRENCIES[match['c2'].casefold()]}"


def _date(kind: str, match: re.Match[str]) -> str:
    """ISO 8601 where the parts are known: `2026-03-03`, `2026-03`, `--03-03` without its year, `T15:30`."""
    text = match.group()
    match kind:
        case "iso":
            return text
        case "slashed":
            return _slashed(*(int(part) for part in re.split(r"[/.]", text)))
        case "day_first":
            return _ymd(match["y1"], match["m1"], match["d1"])
        case "month_first":
            return _ymd(match["y2"], match["m2"], match["d2"])
        case "month_year":
            return f"{match['y3']}-{_month(match['m3']):02d}"
        case _:
            return _clock(text.casefold())


def _slashed(first: int, second: int, year: int) -> str:
    """Day before month, as everywhere but in the United States; the other order where only it can be."""
    day, month = (second, first) if second > 12 >= first else (first, second)
    return f"{year + 2000 if year < 100 else year:04d}-{month:02d}-{day:02d}"


def _ymd(year: str | None, month: str, day: str) -> str:
    return f"{year or '-'}-{_month(month):02d}-{int(day):02d}"


def _month(name: str) -> int:
    return _MONTHS[fold(name).rstrip(".")]


def _clock(text: str) -> str:
    hour, *rest = (int(part) for part in re.findall(r"\d+", text))
    if "p" in text and hour < 12:
        hour += 12
    return f"T{hour:02d}:{rest[0] if rest else 0:02d}"


def _names(text: str, taken: Sequence[Figure]) -> Iterator[Figure]:
    """Capitalised words that are capitalised for themselves, not because a sentence starts there."""
    starts = {start for start, _ in sentences(text)} | {match.end() for match in _START.finditer(text)}
    covered = {position for figure in taken for position in range(figure.start, figure.start + len(figure.text))}
    for match in _NAME.finditer(text):
        start, name = match.start(), match.group()
        if start in starts:
            rest = _NAME.search(text, start + _not_a_name(name), match.end())
            if rest is None:
                continue
            start, name = rest.start(), rest.group()
        value = " ".join(tokens(name))
        if len(value) > 1 and start not in covered and value not in _NO_NAME and not _UNIT.fullmatch(name):
            yield Figure("name", name, value, start)


def _not_a_name(words: str) -> int:
    """How many characters of `words`, which start a sentence, are capitalised for that reason alone."""
    first = _FIRST_WORD.match(words)
    if first is None:
        return 0
    if fold(first.group()) in _NO_NAME and not (len(first.group()) > 1 and first.group().isupper()):
        return min(first.end() + 1, len(words))
    lone = " " not in words
    return len(words) if lone and sum(c.isupper() for c in words) < 2 else 0
