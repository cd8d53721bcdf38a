"""Personal data replaced by invented values, so that nobody's is taught.

A value is drawn by a keyed hash of itself: it becomes the same in every lesson of an installation, without a table of
who was who. Two values that would become one are parted while they are in one hand (`Inventor`). Words of a name are
replaced one by one, so that `Marie Kerdoncuff`, `Mme Kerdoncuff` and `marie.kerdoncuff@...` stay one person.

What is invented is nobody's: telephone numbers of the ranges that ARCEP and Ofcom keep free for films, domains of
RFC 2606, networks of RFC 5737 and 3849, streets of towns that do not exist. Other numbers keep their form, with check
digits that agree where the kind has any.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from importlib import resources

import msgspec

from palier.privacy.placeholders import CANONICAL, LITERAL
from palier.text import fold

_DOMAINS = ("example.com", "example.net", "example.org")
_FILMS_FR = {"01": "019900", "02": "026191", "03": "035301", "04": "046571", "05": "053649"}
"""The first six of ten digits, by the first two; mobiles are 06 39 98."""
_FILMS_GB = ("01632960", "01134960", "01144960", "01154960", "01164960", "01174960", "01184960", "01214960", "01314960")
"""The first eight of eleven digits of numbers on land; mobiles are 07700 900."""
_ABROAD = re.compile(r"(?:00)?(?:330?(?=[1-9]\d{8}$)|440?(?=[1-9]\d{9}$))")
"""What stands before a national number where it is written for callers from abroad."""
_WORD = re.compile(r"[^\W\d_]+(?:['’](?=[^\W\d_]))?")
_IBAN = re.compile(r"[a-z]{2}\d{2}[a-z0-9]{11,30}")
_NUMBER = re.compile(r"\d+")
_TRIES = 64
"""Ways to draw a value that nobody has yet."""


class Inventor:
    """Draws invented values by `key`; the same value always becomes the same one in its hands."""

    def __init__(self, key: bytes) -> None:
        self._key = blake2b(b"palier-invented-1", key=key[:64], digest_size=32).digest()
        self._given: dict[tuple[str, str], str] = {}
        self._taken: dict[tuple[str, str], str] = {}

    def replace(self, texts: Sequence[str], values: Mapping[str, str], language: str = "") -> list[str]:
        """`texts` with the placeholders of `values` (a `Vault.map`) replaced by what is invented for each value."""

        def put(match: re.Match[str]) -> str:
            value = values.get(match.group())
            if value is None:
                return match.group()
            return value if match.group(1) == LITERAL else self.invent(match.group(1), value, language)

        return [CANONICAL.sub(put, text) for text in texts]

    def invent(self, type: str, value: str, language: str = "") -> str:
        """What stands in the place of `value`, of a `type` of personal data; `language` shapes addresses."""
        if type == "PERSON":
            return self.name(value)
        if type == "EMAIL":
            return self._email(value)
        if type == "PHONE":
            return self._phone(value)
        same, shape = _squeezed(value), _SHAPES.get(type, _scrambled)
        drawn = self._once(type, same, lambda n: shape(value, self._draw(type, same, n), language))
        # One number is written in several ways: all become one number, written as each was.
        return _like(value, drawn) if type not in _WHOLE else drawn

    def name(self, name: str) -> str:
        """A name, word by word: given names stay of one sex, capitals stay, particles are left."""
        return _WORD.sub(lambda match: self._name_word(match.group()), name)

    def _name_word(self, word: str) -> str:
        folded = fold(word)
        if len(folded.rstrip("'’")) == 1 or folded.rstrip("'’") in words().left:
            return word
        for names in (words().women, words().men):
            if folded in map(fold, names):
                others = [name for name in names if fold(name) != folded]
                return _cased(word, others[self._draw("GIVEN", folded, 0)(len(others))])
        return _cased(word, self._once("SURNAME", folded, lambda n: _surname(self._draw("SURNAME", folded, n))))

    def _phone(self, value: str) -> str:
        digits = "".join(filter(str.isdigit, value))
        abroad = _ABROAD.match(digits)
        national = f"0{digits[abroad.end() :]}" if abroad else digits
        drawn = self._once("PHONE", national, lambda n: _phone(national, self._draw("PHONE", national, n)))
        return _like(value, abroad.group() + drawn[1:] if abroad else drawn)

    def _email(self, value: str) -> str:
        local, _, domain = value.rpartition("@")
        draw = self._draw("DOMAIN", domain.casefold(), 0)
        words = _WORD.sub(lambda match: _plain(self._name_word(match.group())), local)
        drawn = self._draw("EMAIL", local.casefold(), 0)
        return _NUMBER.sub(lambda match: _digits(drawn, len(match.group())), words) + "@" + _DOMAINS[draw(3)]

    def _once(self, space: str, value: str, make: Callable[[int], str]) -> str:
        """What `make` gives at the first of its tries that is neither another's, nor the value itself."""
        if (known := self._given.get((space, value))) is not None:
            return known
        made = ""
        for attempt in range(_TRIES):
            made = make(attempt)
            mine = _squeezed(made)
            if mine != value and self._taken.setdefault((space, mine), value) == value:
                break
        self._given[space, value] = made
        return made

    def _draw(self, space: str, value: str, attempt: int) -> Callable[[int], int]:
        """A stream of numbers below what it is asked for, the same for the same value."""
        seed = blake2b(f"{space}\n{attempt}\n{value}".encode("utf-8", "surrogatepass"), key=self._key).digest()
        count = 0

        def below(bound: int) -> int:
            nonlocal count
            count += 1
            drawn = blake2b(count.to_bytes(4, "big"), key=seed, digest_size=8).digest()
            return int.from_bytes(drawn, "big") % bound

        return below


Draw = Callable[[int], int]


class Words(msgspec.Struct, frozen=True):
    """What invented values are made of: `invented.toml`."""

    women: tuple[str, ...]
    men: tuple[str, ...]
    beginnings: tuple[str, ...]
    endings: tuple[str, ...]
    left: frozenset[str]
    streets: dict[str, tuple[str, ...]]
    towns: dict[str, tuple[str, ...]]


@cache
def words() -> Words:
    """Read once."""
    file = resources.files("palier.training").joinpath("invented.toml")
    return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Words)


def _surname(draw: Draw) -> str:
    return _one(words().beginnings, draw) + _one(words().endings, draw)


def _one(some: Sequence[str], draw: Draw) -> str:
    return some[draw(len(some))]


def _digits(draw: Draw, count: int) -> str:
    return "".join(str(draw(10)) for _ in range(count))


# --- kinds -----------------------------------------------------------------------------------------------------------


def _phone(digits: str, draw: Draw) -> str:
    """A national number of as many digits."""
    if len(digits) == 11 and digits.startswith("0"):
        return _british(digits, draw)
    if len(digits) == 10 and digits.startswith("0"):
        return _french(digits, draw)
    if len(digits) in (10, 11):  # North America: 555-0100 to 555-0199
        return digits[:-10] + f"{2 + draw(8)}{_digits(draw, 2)}55501{_digits(draw, 2)}"
    return digits[:2] + _digits(draw, max(len(digits) - 2, 0))


def _french(digits: str, draw: Draw) -> str:
    return _FILMS_FR.get(digits[:2], "063998") + _digits(draw, 4)


def _british(digits: str, draw: Draw) -> str:
    first = "07700900" if digits.startswith("07") else _FILMS_GB[draw(len(_FILMS_GB))]
    return first + _digits(draw, 3)


def _iban(value: str, draw: Draw, language: str) -> str:
    if not _IBAN.fullmatch(_squeezed(value)):
        return _scrambled(value, draw, language)
    country = value[:2].upper()
    account = "".join(_like_character(c, draw) for c in filter(str.isalnum, value[2:].upper().replace(" ", "")))[2:]
    rest = int("".join(str(int(c, 36)) for c in f"{account}{country}00"))
    return f"{country}{98 - rest % 97:02}{account}"


def _address(value: str, draw: Draw, language: str) -> str:
    french = language == "fr" or (
        language != "en" and re.search(r"\b\d{5}\b|\b(?:rue|avenue|place|all[ée]e)\b", value, re.I)
    )
    spoken = "fr" if french else "en"
    street, town = _one(words().streets[spoken], draw), _one(words().towns[spoken], draw)
    number, code = 1 + draw(198), f"29{_digits(draw, 3)}"
    has_code = re.search(r"\b\d{5}\b|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b", value)
    if not re.match(r"\W*\d{1,4}(?: ?(?:bis|ter|[A-Za-z]))?\b", value) or re.match(r"\d{5}\b", value):
        return f"{code} {town}" if has_code and french else f"{town}"
    first = f"{number} {street}" if not french or "," not in value[:6] else f"{number}, {street}"
    if not has_code:
        return first
    return f"{first}, {code} {town}" if french else f"{first}, {town} ZZ{1 + draw(99)} {draw(10)}ZZ"


def _birth(value: str, draw: Draw, language: str) -> str:
    """Another day of another year, written as it was: any day to the twelfth is a month, too."""

    def other(match: re.Match[str]) -> str:
        width = len(match.group())
        number = 1935 + draw(70) if width == 4 else 1 + draw(12)
        return f"{number:0{width}}" if match.group().startswith("0") or width == 4 else str(number)

    return _NUMBER.sub(other, value)


def _ip(value: str, draw: Draw, language: str) -> str:
    if ":" in value:
        return f"2001:db8::{draw(65536):x}:{draw(65536):x}"
    return ("192.0.2.", "198.51.100.", "203.0.113.")[draw(3)] + str(1 + draw(254))


def _mac(value: str, draw: Draw, language: str) -> str:
    """One that was given locally, to nobody's machine."""
    count = sum(map(str.isalnum, value))
    return ("02" + "".join("0123456789abcdef"[draw(16)] for _ in range(count - 2)))[:count]


def _nir(value: str, draw: Draw, language: str) -> str:
    """The French social security number: a man or a woman born in a month there is, with its key."""
    whole = f"{1 + draw(2)}{35 + draw(60):02}{1 + draw(12):02}99{_digits(draw, 6)}"
    count = sum(map(str.isalnum, value))
    return whole + (f"{97 - int(whole) % 97:02}" if count > 13 else "")


def _luhn(value: str, draw: Draw, language: str) -> str:
    return _checked(_scrambled("".join(filter(str.isalnum, value))[:-1], draw, language))


def _checked(body: str) -> str:
    """`body` and its check digit (Luhn)."""
    total = 0
    for place, digit in enumerate(reversed([int(c) for c in body if c.isdigit()])):
        doubled = digit * 2 if place % 2 == 0 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return f"{body}{-total % 10}"


def _siret(value: str, draw: Draw, language: str) -> str:
    """A company's nine digits, and an office's five."""
    company = _luhn("0" * 9, draw, language)
    return _checked(company + _digits(draw, 4))


def _scrambled(value: str, draw: Draw, language: str) -> str:
    return "".join(_like_character(character, draw) for character in value)


def _like_character(character: str, draw: Draw) -> str:
    if character.isdigit():
        return str(draw(10))
    if character.isalpha() and character.isascii():
        letter = "abcdefghijklmnopqrstuvwxyz"[draw(26)]
        return letter.upper() if character.isupper() else letter
    return character


_SHAPES: dict[str, Callable[[str, Draw, str], str]] = {
    "MAC": _mac,
    "IBAN": _iban,
    "ADDRESS": _address,
    "BIRTH_DATE": _birth,
    "IP": _ip,
    "NIR": _nir,
    "SIRET": _siret,
    **dict.fromkeys(("CARD", "IMEI", "SIREN", "ICCID", "CA_SIN"), _luhn),
}
_WHOLE = frozenset({"ADDRESS", "BIRTH_DATE", "IP"})
"""Kinds that are drawn as they are written."""


# --- how it is written -----------------------------------------------------------------------------------------------


def _like(value: str, drawn: str) -> str:
    """The letters and digits of `drawn`, with the separators of `value`: `+33 6 12...` stays in its groups."""
    left = list(filter(str.isalnum, drawn))
    if len(left) != sum(map(str.isalnum, value)):
        return drawn
    written = iter(left)
    return "".join(next(written) if character.isalnum() else character for character in value)


def _squeezed(value: str) -> str:
    """One value for all the ways to write it."""
    return "".join(filter(str.isalnum, fold(value)))


def _plain(word: str) -> str:
    """A word as it stands in an address of mail."""
    return "".join(filter(str.isascii, fold(word))).replace(" ", "")


def _cased(word: str, drawn: str) -> str:
    if word.isupper() and len(word) > 1:
        return drawn.upper()
    return drawn.lower() if word.islower() else drawn
