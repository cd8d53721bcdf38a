"""What the console says, in English and French: `words/PAGE.toml`, a line a sentence, both languages side by side.

    title = ["Ask", "Demander"]        # `ask.title`
    hits = ["{n} passages", "{n} passages"]

Numbers are written as the language has them: `1,234.5` and `1 234,5`.
"""

from __future__ import annotations

import functools
import math
import re
import time
import tomllib
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Literal, get_args

from palier.types import Quantity

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_ENGLISH = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_FRENCH = ["janvier", "février", "mars", "avril", "mai", "juin"]
_FRENCH += ["juillet", "août", "septembre", "octobre", "novembre", "décembre"]
TINY = 0.00001
"""Dollars."""
THIN, WIDE = "\u202f", "\u00a0"
"""The narrow no-break space between thousands and before `?`, the no-break space before units."""
MINUS = "\u2212"
"""As wide as a plus."""


@functools.cache
def catalogue() -> Mapping[str, tuple[str, ...]]:
    """Every sentence by its name, in the order of `LANGUAGES`."""
    found: dict[str, tuple[str, ...]] = {}
    for file in resources.files("palier.server.console").joinpath("words").iterdir():
        page, dot, kind = file.name.rpartition(".")
        if dot and kind == "toml":
            for name, said in tomllib.loads(file.read_text(encoding="utf-8")).items():
                found[f"{page}.{name}"] = (said[0], french(said[1]))
    return found


def french(text: str) -> str:
    """Plain French as it is set: no line ends before `?`, and none within guillemets."""
    text = re.sub(r" ([?!;])", THIN + r"\1", text)
    return re.sub(r" (:|»)", WIDE + r"\1", text).replace("« ", "«" + WIDE)


def language_of(chosen: str, accepted: str) -> Language:
    """The language that was chosen, else the first that the header `Accept-Language` would have, else English."""
    for given in (chosen, *_accepted(accepted)):
        for language in LANGUAGES:
            if given == language:
                return language
    return "en"


def _accepted(header: str) -> list[str]:
    """The languages of the header, the most wanted first."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:500].split(",")):
        name, _, weight = part.partition(";")
        try:
            q = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            q = 0.0
        if q > 0:
            wanted.append((-q, place, name.strip().partition("-")[0].lower()))
    return [name for _, _, name in sorted(wanted)]


class Words:
    """What is said in one language. Called with a sentence's name, and what stands in its braces."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._place = LANGUAGES.index(language)

    def __call__(self, name: str, /, **values: object) -> str:
        """The sentence `name`. Raises `KeyError`: there is none, or a brace is left without its value."""
        said = catalogue()[name][self._place]
        return said.format_map(values) if values else said

    def one_of(self, page: str, word: str, otherwise: str = "") -> str:
        """The sentence `page.word` where there is one; else `otherwise`, or the word as it is."""
        said = catalogue().get(f"{page}.{word}")
        return said[self._place] if said else otherwise or word

    def of(self, page: str) -> Callable[[str], str]:
        """What says the words of `page`, one at a time."""
        return functools.partial(self.one_of, page)

    def count(self, name: str, n: int) -> str:
        """`name` of so many: `name_one` where the language has one of them (French: none too)."""
        one = n == 1 or (n == 0 and self.language == "fr")
        return self(f"{name}_one" if one else name, n=self.number(n))

    def number(self, value: float, digits: int = 0) -> str:
        """`value` with so many digits behind the point."""
        shown = f"{value:,.{digits}f}"
        return shown if self.language == "en" else shown.replace(",", THIN).replace(".", ",").replace("-", MINUS)

    def significant(self, value: float, digits: int = 2) -> str:
        """`value` with so many significant digits at least, and never as a power of ten unless it is tiny."""
        if value == 0 or abs(value) >= 100:
            return self.number(value)
        if abs(value) < 1e-6:
            return f"{value:.1e}".replace(".", "," if self.language == "fr" else ".")
        places, least = 0, abs(value)
        while least < 10 ** (digits - 1) and places < 9:
            least, places = least * 10, places + 1
        return self.number(value, places)

    def percent(self, share: float, digits: int = 0) -> str:
        """A share as a percentage, with at most so many digits behind the point."""
        digits = 0 if round(100 * share, digits).is_integer() else digits
        return f"{self.number(100 * share, digits)}{'%' if self.language == 'en' else THIN + '%'}"

    def dollars(self, value: float) -> str:
        """An amount of US dollars; what is less than a thousandth of a cent is said to be so."""
        tiny = 0 < abs(value) < TINY
        shown = self.significant(math.copysign(TINY, value) if tiny else value, 1 if tiny else 2)
        told = f"${shown}" if self.language == "en" else f"{shown}{WIDE}$"
        return f"<{WIDE}{told}" if tiny else told

    def quantity(self, quantity: Quantity, unit: Literal["dollars", "Wh", "g"]) -> str:
        """A number that carries what it is: estimated ones have a `≈`; unknown is said, and never 0."""
        if quantity.value is None:
            return self("common.unknown_feminine" if unit == "Wh" else "common.unknown")
        shown = self.dollars(quantity.value) if unit == "dollars" else f"{self.significant(quantity.value)}{WIDE}{unit}"
        return shown if quantity.basis == "measured" or shown.startswith("<") else f"≈{WIDE}{shown}"

    def took(self, ms: float) -> str:
        """A time that was taken."""
        if ms < 1_000:
            return f"{self.number(ms)}{WIDE}ms" if ms >= 10 else f"{self.number(ms, 1)}{WIDE}ms"
        return f"{self.number(ms / 1_000, 1)}{WIDE}s"

    def wait(self, seconds: float) -> str:
        """How long to wait, rounded up: seconds below two minutes, then minutes, hours and days."""
        s = max(1, math.ceil(seconds))
        if s < 120:
            return f"{s}{WIDE}s"
        minutes = math.ceil(s / 60)
        hours, left = divmod(minutes, 60)
        days = hours // 24
        if not hours:
            return f"{minutes}{WIDE}min"
        if days < 2:
            return f"{hours}{WIDE}h" + (f"{WIDE}{left}{WIDE}min" if left else "")
        return f"{days}{WIDE}{'days' if self.language == 'en' else 'jours'}" + (
            f"{WIDE}{hours % 24}{WIDE}h" if hours % 24 else ""
        )

    def when(self, at: float) -> str:
        """A moment, in UTC."""
        return f"{self.day(at)}, {time.strftime('%H:%M:%S', time.gmtime(at))}"

    def day(self, at: float) -> str:
        """A day, in UTC."""
        moment = time.gmtime(at)
        if self.language == "en":
            return f"{moment.tm_mday} {_ENGLISH[moment.tm_mon - 1]} {moment.tm_year}"
        return f"{'1er' if moment.tm_mday == 1 else moment.tm_mday}{WIDE}{_FRENCH[moment.tm_mon - 1]} {moment.tm_year}"
