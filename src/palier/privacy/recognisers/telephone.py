"""Telephone numbers as people write them: international ones, and the national ones of FR, BE, CH, CA, GB and US.

What could be one is told here by its prefix and its grouping; phonenumbers (the data of libphonenumber) says whether
there is such a number. In the usual groupings of France, Great Britain and North America one is taken where it says
that there is none, too: the plans of numbering change, and there are ranges of fiction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from palier.config import Redaction
from palier.interfaces import Entity
from palier.privacy.recognisers.numbers import BEFORE, named, words
from palier.privacy.recognisers.windows import Window, windows

_REGIONS = {"fr": ("FR", "BE", "CH"), "en": ("GB",)}
_WORDS = words(
    r"t[ée]l(?:[ée]phones?)?\.?",
    r"t[ée]l[ée]phonique",
    "portables?",
    "mobiles?",
    "fixe",
    r"num[ée]ros?",
    "appele[rz]",
    "rappele[rz]",
    "joindre",
    "joignable",
    "contacter",
    "fax",
    "sms",
    "whatsapp",
    r"(?:tele)?phones?",
    "calls?",
    "called",
    "calling",
    "cell",
    "ring",
    "dial",
    "text",
    "reach",
    "contact",
    "number",
)
_CALL = words(
    r"t[ée]l(?:[ée]phones?)?\.?",
    "appele[rz]",
    "rappele[rz]",
    "joindre",
    "joignable",
    "(?:tele)?phones?",
    "calls?",
    "cell",
    "mobile",
    "fax",
    "dial",
    "sms",
    "ring",
    "answering",
    r"(?:my|his|her|our|their) numbers? (?:is|are)",
    r"reach (?:me|us|him|her|them)",
)
_ORDER = words(
    *("commandes?", "orders?", "factures?", "invoices?", "tickets?", "dossiers?", "colis", "suivi", "tracking"),
    *("lots?", "articles?", "badges?", "bons?", "livraison", "ch[èe]ques?", "contrats?", "devis", "transactions?"),
    *("parcels?", "cases?", "parts?", "codes?", r"r[ée]f(?:[ée]rences?|s)?\.?", "isbn", "siren", "siret", "version"),
)
"""What says of a number without groups that it is no telephone."""
_NOT_ONE = re.compile(
    r"\d{1,2}([/.\-])\d{1,2}\1(?:19|20)\d\d(?!\d)|(?:19|20)\d\d([/.\-])[01]?\d\2[0-3]?\d(?!\d)"  # dates
    r"|(?<![.\d])(?:\d{1,3}\.){3}\d{1,3}(?![.\d])"  # addresses of machines
)
_FRENCH = re.compile(r"0[1-9]\d{8}")
_BRITISH = re.compile(r"0[1237]\d{9}")
_SHAPES_OF_FRANCE = frozenset({(2, 2, 2, 2, 2), (1, 1, 2, 2, 2, 2), (1, 3, 3, 3), (4, 2, 2, 2), (2, 8), (4, 3, 3)})
_SHAPES_OF_BRITAIN = frozenset({(5, 6), (5, 3, 3), (3, 4, 4), (4, 3, 4)})
_SHAPES_OF_AMERICA = frozenset({(3, 3, 4), (1, 3, 3, 4), (3, 7), (6, 4), (1, 3, 7)})
_LEAD = re.compile(r"(?:\(?\+|\+\()[ ]?\Z|\(\Z")
MOST_ASKED = 5000
"""Numbers of one text that phonenumbers is asked about; in a text with more, form alone decides."""
_EXTENSION = re.compile(r" ?(?:x|ext\.?|extension|poste|#) ?\d{1,6}(?![^\W_])", re.IGNORECASE)


class Telephone:
    types = ("PHONE",)

    def __init__(self, languages: tuple[str, ...] = ("fr", "en")) -> None:
        order = [*languages, *_REGIONS]
        self._regions = tuple(dict.fromkeys(region for name in order for region in _REGIONS.get(name, ())))

    def find(self, text: str) -> Iterator[Entity]:
        best: Entity | None = None
        valid = _Asked()
        for window in windows(text, least=7, most=17):
            if best and window.start < best.end and window.start != best.start:
                continue
            score = self._score(text, window, valid)
            if score >= 0.5 and (best is None or window.start >= best.end or window.end > best.end):
                if best and window.start >= best.end:
                    yield _with_edges(text, best)
                best = Entity("PHONE", window.start, window.end, "", score)
        if best:
            yield _with_edges(text, best)

    def _score(self, text: str, window: Window, valid: _Asked) -> float:
        """How likely the window is a telephone number, cheap reasons against it first."""
        digits, shape, length = window.digits, window.shape, len(window.digits)
        if "+" in text[max(0, window.start - 2) : window.start] and "+" in _lead(text, window.start):
            return 0.98 if valid("+" + digits) else 0.96 if 9 <= length <= 15 and digits[0] != "0" else 0.0
        if digits.startswith("00"):
            return 0.9 if length > 9 and (valid("+" + digits[2:]) or _abroad(digits)) else 0.0
        if _NOT_ONE.search(text, window.start, window.end):
            return 0.0
        if digits[0] == "0":
            if not 9 <= length <= 11 or (max(shape) > 5 and len(shape) > 1 and length < 10):
                return 0.0
            if len(shape) == 1 and length > 9 and _is_order(text, window):
                return 0.0
            if _usual(digits, shape):
                return 0.85
            if not any(valid(digits, region) for region in self._regions):
                return _announced(text, window)
            if length > 9 or len(shape) > 2:
                return 0.85
            return 0.7 if named(text, window.start, window.end, _WORDS) else 0.0
        return _american(text, window, valid) or _announced(text, window)


def _usual(digits: str, shape: tuple[int, ...]) -> bool:
    """Written as the French or the British write theirs, whatever is known; a French mobile without groups, too."""
    if _FRENCH.fullmatch(digits):
        return shape in _SHAPES_OF_FRANCE or (len(shape) == 1 and digits[1] in "67")
    return _BRITISH.fullmatch(digits) is not None and shape in _SHAPES_OF_BRITAIN


def _abroad(digits: str) -> bool:
    """0033 and nine digits, with the 0 or without."""
    return digits.startswith("0033") and _FRENCH.fullmatch("0" + digits[4:].removeprefix("0")) is not None


def _is_order(text: str, window: Window) -> bool:
    """Whether the words before it say that it is the number of something else."""
    before = max(0, window.start - BEFORE)
    order = telephone = -1
    for said in _ORDER.finditer(text, before, window.start):
        order = said.end()
    for said in _CALL.finditer(text, before, window.start):
        telephone = said.end()
    return order > telephone


def _american(text: str, window: Window, valid: _Asked) -> float:
    digits = window.digits[1:] if len(window.digits) == 11 and window.digits[0] == "1" else window.digits
    if len(digits) != 10 or digits[0] in "01":
        return 0.0
    if window.shape in _SHAPES_OF_AMERICA:
        return 0.8
    return 0.7 if named(text, window.start, window.end, _WORDS) and valid("+1" + digits) else 0.0


def _announced(text: str, window: Window) -> float:
    """A number of another country's form, in groups, right after a word that announces a telephone."""
    likely = 2 <= len(window.shape) <= 5 and 7 <= len(window.digits) <= 12 and max(window.shape) < 8
    if len(window.shape) == 1:
        likely = bool(_FRENCH.fullmatch(window.digits) or _BRITISH.fullmatch(window.digits))
    return 0.55 if likely and _CALL.search(text, max(0, window.start - 32), window.start) else 0.0


def _lead(text: str, start: int) -> str:
    match = _LEAD.search(text, max(0, start - 3), start)
    return match.group() if match else ""


def _with_edges(text: str, entity: Entity) -> Entity:
    """The + and the bracket before it, and an extension after it, are part of a number."""
    start = entity.start - len(_lead(text, entity.start))
    if text[start] == "(" and ")" not in text[start : entity.end]:
        start += 1
    after = _EXTENSION.match(text, entity.end)
    end = after.end() if after else entity.end
    return Entity("PHONE", start, end, text[start:end], entity.score)


class _Asked:
    """Whether there is such a number, for the first `MOST_ASKED` of a text: a tenth of a millisecond each."""

    def __init__(self) -> None:
        self._left = MOST_ASKED

    def __call__(self, number: str, region: str | None = None) -> bool:
        import phonenumbers

        self._left -= 1
        if self._left < 0:
            return True
        try:
            return bool(phonenumbers.is_valid_number(phonenumbers.parse(number, region)))
        except phonenumbers.NumberParseException:
            return False


def build(settings: Redaction) -> Telephone:
    return Telephone(settings.languages)
