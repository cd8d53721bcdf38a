"""What the code says in English, in French where that is what is read: reasons, rulings, methods, notes, errors.

They are stored, logged and printed in English. `sentences/*.toml` have each in French, what varies in braces:

    "{tier} skipped: {reason:said}" = "{tier} n’a pas été sollicité : {reason}"

What stands in braces is a name, or what its kind says: `n` a number, `f` one with its interval, `said` another
sentence, `list` several of them or names ("a, b and c"), `known` several of them alone, `any` anything. What is not
known to be of the code (a provider's own words, a reason of the settings) stays as it is, and is marked as English.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from markupsafe import Markup, escape

from palier.server.console import inert
from palier.server.console.words import MINUS, THIN, WIDE, Words, french

MOST = 2_000
"""Characters: what is longer is no sentence of the code."""
_DEPTH = 12
"""How far sentences stand within sentences."""
_PARTS = 50
"""Of a text, told one by one."""
_PLAIN = re.compile(r"[-+\u2212≈]?\$?\d(?:,?\d)*(?:\.\d+)?(?:e[-+]?\d+)?")
_UNIT = r"(?: ?%| (?:ms|s|g CO2e|g|Wh)\b)?"
_NUMBER = re.compile(_PLAIN.pattern + _UNIT)
_FIGURE = re.compile(rf"({_NUMBER.pattern}) \[({_NUMBER.pattern}), ({_NUMBER.pattern})\]{_UNIT}")
_BLANK = re.compile(r"\{(\w+)(?::(\w+))?\}")
_AMONG = re.compile(r"(?:, | and )(?![^(\[]*[)\]])")
_APART = re.compile(r", (?![^(\[]*[)\]])")
"""A comma between parts, and not within brackets."""

_CODE = re.compile(r"`([^`\n]+)`")
_POWER = re.compile(r"e([-+]?\d+)")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Piece(NamedTuple):
    """A part of what is told; `foreign`: it stays in the language that it was written in."""

    text: str
    foreign: bool = False


class Sentence(NamedTuple):
    """An English sentence, cut at its blanks, and the French one: texts, and names of blanks in between."""

    fixed: tuple[str, ...]
    blanks: tuple[tuple[str, str], ...]
    said: tuple[str, ...]

    def values(self, text: str) -> dict[str, str] | None:
        """What stands in its blanks, where `text` is this sentence. Linear in the text."""
        if not self.blanks:
            return {} if text == self.fixed[0] else None
        if not text.startswith(self.fixed[0]) or not text.endswith(self.fixed[-1]):
            return None
        at, found = len(self.fixed[0]), {}
        for place, ((name, kind), after) in enumerate(zip(self.blanks, self.fixed[1:], strict=True)):
            if kind == "n":
                end = _number_ends(text, at, after)
            elif place == len(self.blanks) - 1:
                end = len(text) - len(after)
            else:
                end = text.find(after, at + 1)
            if end <= at or not _FITS[kind](text[at:end]):
                return None
            found[name], at = text[at:end], end + len(after)
        return found if at == len(text) else None


_FITS: Mapping[str, Callable[[str], bool]] = {
    "": lambda value: not any(mark in value for mark in ("; ", ": ", ", ")),
    "n": lambda value: True,
    "f": lambda value: value == "unknown" or _figure(value) is not None,
    "said": lambda value: True,
    "known": lambda value: all(in_french(name, 2) for name in _AMONG.split(value)[:_PARTS]),
    "list": lambda value: "; " not in value and value.count(", ") < _PARTS,
    "any": lambda value: True,
}


def _number_ends(text: str, at: int, after: str) -> int:
    """Where the number ends that begins at `at`, with its unit or without, and `after` follows; -1: nowhere."""
    for kind in (_NUMBER, _PLAIN):
        found = kind.match(text, at)
        if found is not None and (text.startswith(after, found.end()) if after else found.end() == len(text)):
            return found.end()
    return -1


def sentence(english: str, said: str) -> Sentence:
    """One of `sentences/*.toml`. Raises `ValueError` where the two have not the same blanks, or a kind is none."""
    blanks = tuple((found[1], found[2] or "") for found in _BLANK.finditer(english))
    parts = tuple(re.split(r"\{(\w+)\}", french(said)))
    if sorted(parts[1::2]) != sorted(name for name, _ in blanks) or any(kind not in _FITS for _, kind in blanks):
        raise ValueError(f"`{english}` and `{said}`: other blanks, or a kind that is none")
    return Sentence(tuple(re.split(r"\{\w+(?::\w+)?\}", english)), blanks, parts)


@functools.cache
def sentences() -> tuple[Sentence, ...]:
    """All of them, those that say the most first: `no case has both` before `{n} both`."""
    found = []
    for file in resources.files("palier.server.console").joinpath("sentences").iterdir():
        if file.name.endswith(".toml"):
            lines = tomllib.loads(file.read_text(encoding="utf-8"))
            found += [sentence(english, said) for english, said in lines.items()]
    return tuple(sorted(found, key=lambda one: (-sum(map(len, one.fixed)), one.fixed)))


def told(text: object, words: Words) -> Markup:
    """`text` for a page: escaped, in French where French is read, and marked as English where it has none."""
    shown = inert.visible(str(text or ""))
    if words.language == "en" or not shown:
        return _quoted(shown)
    pieces = groupby(in_french(shown) or _as_it_is(shown), attrgetter("foreign"))
    return Markup("").join(
        Markup('<span lang="en" dir="auto">{}</span>').format(said) if foreign else said
        for foreign, said in ((foreign, _quoted("".join(one.text for one in some))) for foreign, some in pieces)
    )


def _quoted(text: str) -> Markup:
    """`text`, escaped, and what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  escaped


def plain(text: str, words: Words) -> str:
    """As `told`, without a mark: for what is no page, as the labels of a plot."""
    pieces = in_french(text) if words.language == "fr" else None
    return "".join(piece.text for piece in pieces) if pieces else text


def in_french(text: str, depth: int = _DEPTH) -> list[Piece] | None:
    """`text` in French, piece by piece; None where it is nothing that the code says."""
    if not depth or len(text) > MOST:
        return None
    for start, end in ((0, 0), (0, 1), (1, 0), (1, 1)):
        if (found := _whole(text, start, end, depth - 1)) is not None:
            return found
    if "; " in text:
        return _parts(text.split("; "), f"{THIN}; ", any, depth - 1)
    return _led(text, depth - 1) or _parts(_APART.split(text), ", ", all, depth - 1)


def _whole(text: str, start: int, end: int, depth: int) -> list[Piece] | None:
    """`text` as one sentence: with a small letter to begin with, or without its full stop, where that is asked."""
    if (start and not text[:1].isupper()) or (end and not text.endswith(".")):
        return None
    plain = f"{text[:1].lower()}{text[1:]}" if start else text
    plain = plain[:-1] if end else plain
    found = [Piece(figure)] if (figure := _figure(plain)) is not None else None
    for one in sentences() if found is None else ():
        if (values := one.values(plain)) is not None:
            found = _filled(one, values, depth)
            break
    if not found:
        return None
    if start:
        found[0] = found[0]._replace(text=found[0].text[:1].upper() + found[0].text[1:])
    return [*found, Piece(".")] if end else found


def _filled(one: Sentence, values: Mapping[str, str], depth: int) -> list[Piece]:
    kinds, found = dict(one.blanks), []
    for place, part in enumerate(one.said):
        if place % 2 == 0:
            found.append(Piece(part))
        elif kinds[part] in ("said", "f"):
            found += in_french(values[part], depth) or _as_it_is(values[part])
        elif kinds[part] in ("list", "known"):
            found += _all_of(values[part], depth)
        else:
            found.append(Piece(_figure(values[part]) or values[part]))
    return [piece for piece in found if piece.text]


def _as_it_is(text: str) -> list[Piece]:
    """Of no language where it is a name, a single word; else English."""
    return [Piece(text, foreign=" " in text)]


def _all_of(text: str, depth: int) -> list[Piece]:
    """Names and sentences in a row: `a, b and c`."""
    found: list[Piece] = []
    names, marks = _AMONG.split(text), _AMONG.findall(text)
    for name, mark in zip(names, [*marks, ""], strict=True):
        found += in_french(name, depth) or [Piece(name)]
        found.append(Piece(" et " if mark == " and " else mark))
    return [piece for piece in found if piece.text]


def _led(text: str, depth: int) -> list[Piece] | None:
    """A name or a sentence, and what is said of it."""
    name, colon, rest = text.partition(": ")
    if not colon or not (said := in_french(rest, depth)):
        found = in_french(name, depth) if colon else None
        return [*found, Piece(f"{WIDE}: "), *_as_it_is(rest)] if found else None
    return [*(in_french(name, depth) or _as_it_is(name)), Piece(f"{WIDE}: "), *said]


def _parts(
    parts: Sequence[str], between: str, known: Callable[[Sequence[object]], bool], depth: int
) -> list[Piece] | None:
    """Sentences in a row, where any of them is known, or all: any text has commas."""
    if not 1 < len(parts) <= _PARTS:
        return None
    said = [in_french(part, depth) for part in parts]
    if not known(said):
        return None
    found: list[Piece] = []
    for part, pieces in zip(parts, said, strict=True):
        found += [Piece(between)] if found else []
        found += pieces or _as_it_is(part)
    return found


def _figure(text: str) -> str | None:
    """A number, with its interval where it has one, as French writes it; None for what is none."""
    if (whole := _FIGURE.fullmatch(text)) is not None:
        value, low, high = (_number(end) for end in whole.groups())
        return f"{value} [{low}{THIN}; {high}]" + text[whole.end(3) + 1 :].replace(" ", WIDE)
    return _number(text) if _NUMBER.fullmatch(text) else None


def _number(text: str) -> str:
    """`$1,234.5` -> `1 234,5 $`, `10 %` with the space that percentages have."""
    shown = text.replace(",", THIN).replace(".", ",").replace(" %", "%").replace("%", f"{THIN}%").replace(" ", WIDE)
    shown = MINUS + shown[1:] if shown.startswith("-") else shown
    shown = _POWER.sub(lambda found: f"{WIDE}×{WIDE}10{str(int(found[1])).translate(_RAISED)}", shown)
    return shown.replace("$", "") + f"{WIDE}$" if "$" in shown else shown
