"""Which regular expressions can take exponential time with a text, as Python's matcher goes about it.

One does where what is repeated can read the same letters in two ways (`(a+)+`, `(?:\\w+\\s?)+`) and what follows may
fail: the matcher then tries all of them, 2 to the power of the letters. Found as ambiguity of the automaton of the
repeated part (Weber and Seidl, 1991: two ways from a state back to it, by one word). Where it holds what an automaton
does not say (look-around, places, references, atomic groups) it is not judged, nor where it is very long: what is
refused is dangerous, what is not mostly is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from palier.errors import ConfigurationError

_MOST = 40
"""Letters of what is repeated; the automaton of more takes too long to look at."""
_COPIES = 3
"""Of what may be there so often, beyond those that must be: two ways of reading fewer are two ways of reading all."""
_SHOWN = 80
_HINT = (
    "each turn of what is repeated should end with what nothing else in it can be, `(?:\\w+\\s)*\\w+` for"
    " `(?:\\w+\\s?)+` and `a+` for `(a+)+`; or give nothing back, `(?>\\w+\\s?)+`"
)


def check(pattern: re.Pattern[str], where: str, *, whole: bool = False) -> None:
    """Raise `ConfigurationError` where it can take exponential time. `where`: whose it is; `whole`: it matches all."""
    if exponential(pattern.pattern, whole=whole):
        shown = pattern.pattern if len(pattern.pattern) <= _SHOWN else f"{pattern.pattern[:_SHOWN]}…"
        raise ConfigurationError(
            f"{where}: `{shown}` can take exponential time: what it repeats can read one text in several ways",
            hint=_HINT,
        )


def exponential(pattern: str, *, whole: bool = False) -> bool:
    """Whether it can take exponential time, searched for or, where it has to match the `whole`, matched with a text."""
    if not any(sign in pattern for sign in "*+{"):
        return False
    try:
        from re import _parser  # type: ignore[attr-defined]  # there is no public one

        parsed = _parser.parse(pattern)
        return _Reading(parsed.state.flags).repeats(parsed, succeeds=not whole)
    except (ImportError, AttributeError, TypeError, ValueError, RecursionError, OverflowError):
        return False


class _Unknown(ValueError):
    """It is not judged."""


class _Part(NamedTuple):
    """Of an automaton whose states are the letters of a part: how often it may be empty, where it begins and ends."""

    empty: int
    first: tuple[int, ...]
    last: tuple[int, ...]


_NOTHING = _Part(empty=1, first=(), last=())


class _Reading:
    def __init__(self, flags: int) -> None:
        self._flags = flags

    def repeats(self, sequence: Iterable[tuple[Any, Any]], *, succeeds: bool) -> bool:
        """Whether a repeated part of it is ambiguous. `succeeds`: what follows the sequence never fails, and so nothing
        is tried a second time."""
        found = list(sequence)
        for number, (name, what) in enumerate(found):
            kind = str(name)
            ends = succeeds and all(_may_be_nothing(str(after), rest) for after, rest in found[number + 1 :])
            if kind in _REPEATS:
                if self.repeats(what[2], succeeds=ends and what[0] <= 1):
                    return True
                if not ends and kind != "POSSESSIVE_REPEAT" and _endless(what[1]) and self._ambiguous(what):
                    return True
            elif kind in ("ASSERT", "ASSERT_NOT", "ATOMIC_GROUP"):
                inner = what if kind == "ATOMIC_GROUP" else what[1]
                if self.repeats(inner, succeeds=True):
                    return True
            elif any(self.repeats(inner, succeeds=ends) for inner in _within(kind, what)):
                return True
        return False

    def _ambiguous(self, repeat: Any) -> bool:
        if not any(str(kind) in _CHOICES for kind, _ in _flat(repeat[2])):
            return False
        try:
            return _Automaton(self._flags, repeat).ambiguous
        except _Unknown:
            return False


class _Automaton:
    """Of a part that is repeated without end (Glushkov, 1961): a state a letter, an arrow a way to come to the next."""

    def __init__(self, flags: int, repeat: tuple[int, Any, Any]) -> None:
        self._flags = flags
        self._alphabet = _Alphabet(_named(repeat[2]))
        self._letters: list[int] = []
        self._next: list[list[int]] = []
        self._loop(self._sequence(repeat[2]))

    @property
    def ambiguous(self) -> bool:
        """Whether there are two ways from a state back to it by the same letters."""
        if any(len(set(following)) < len(following) for following in self._next):
            return True
        seen = {(n, n) for n in range(len(self._next))}
        before: dict[tuple[int, int], list[tuple[int, int]]] = {}
        left = list(seen)
        while left:
            pair = left.pop()
            for one in self._next[pair[0]]:
                for other in self._next[pair[1]]:
                    if self._letters[one] & self._letters[other]:
                        before.setdefault((one, other), []).append(pair)
                        if (one, other) not in seen:
                            seen.add((one, other))
                            left.append((one, other))
        back, left = set[tuple[int, int]](), [(n, n) for n in range(len(self._next))]
        while left:
            for pair in before.get(left.pop(), ()):
                if pair[0] != pair[1]:
                    return True
                if pair not in back:
                    back.add(pair)
                    left.append(pair)
        return False

    def _sequence(self, sequence: Iterable[tuple[Any, Any]]) -> _Part:
        part = _NOTHING
        for kind, what in sequence:
            part = self._then(part, self._one(str(kind), what))
        return part

    def _one(self, kind: str, what: Any) -> _Part:
        if kind == "SUBPATTERN":
            outside, self._flags = self._flags, (self._flags | what[1]) & ~what[2]
            part = self._sequence(what[3])
            self._flags = outside
            return part
        if kind == "BRANCH":
            parts = [self._sequence(one) for one in what[1]]
            return _Part(
                sum(part.empty for part in parts),
                tuple(state for part in parts for state in part.first),
                tuple(state for part in parts for state in part.last),
            )
        if kind in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeated(*what)
        state = len(self._letters)
        if state >= _MOST:
            raise _Unknown
        self._letters.append(self._alphabet.bits(kind, what, self._flags))
        self._next.append([])
        return _Part(0, (state,), (state,))

    def _repeated(self, least: int, most: Any, body: Any) -> _Part:
        part = _NOTHING
        if _endless(most):
            *must, last = [self._sequence(body) for _ in range(max(least, 1))]
            for one in must:
                part = self._then(part, one)
            return self._then(part, _or_nothing(self._loop(last)) if least == 0 else self._loop(last))
        rest = _NOTHING
        for _ in range(min(most - least, _COPIES)):  # each only after the one before it
            rest = _or_nothing(self._then(self._sequence(body), rest))
        for _ in range(least):
            part = self._then(part, self._sequence(body))
        return self._then(part, rest)

    def _loop(self, part: _Part) -> _Part:
        for state in part.last:
            self._next[state] += part.first
        return part

    def _then(self, one: _Part, other: _Part) -> _Part:
        for state in one.last:
            self._next[state] += other.first
        return _Part(
            min(one.empty * other.empty, 2),
            one.first + other.first * min(one.empty, 2),
            one.last * min(other.empty, 2) + other.last,
        )


def _or_nothing(part: _Part) -> _Part:
    return part._replace(empty=part.empty + 1)


_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_CHOICES = (*_REPEATS, "BRANCH")


def _endless(most: Any) -> bool:
    return str(most) == "MAXREPEAT"


def _may_be_nothing(kind: str, what: Any) -> bool:
    """Whether it matches wherever it is tried."""
    if kind in _REPEATS:
        return what[0] == 0 or all(_may_be_nothing(str(inner), rest) for inner, rest in what[2])
    inside = _within(kind, what)
    return any(all(_may_be_nothing(str(inner), rest) for inner, rest in one) for one in inside)


def _within(kind: str, what: Any) -> Sequence[Any]:
    """What a part is made of: of several, one of them is there."""
    if kind == "SUBPATTERN":
        return [what[3]]
    if kind == "BRANCH":
        return list(what[1])
    if kind == "GROUPREF_EXISTS":
        return [one for one in what[1:] if one is not None]
    return []


def _flat(sequence: Iterable[tuple[Any, Any]]) -> Iterable[tuple[Any, Any]]:
    for kind, what in sequence:
        yield kind, what
        for inner in _within(str(kind), what):
            yield from _flat(inner)


class _Alphabet:
    """What a letter of a pattern can be, as bits: of a sample that has some of every class, and all that it names."""

    def __init__(self, named: Iterable[int]) -> None:
        beyond = sorted({other for code in named for other in _cases(chr(code))} - _SAMPLE.keys())
        self._beyond = {c: 1 << len(_SAMPLE) + place for place, c in enumerate(beyond)}
        self._bits = {**_SAMPLE, **self._beyond}
        self._all = (1 << len(self._bits)) - 1

    def bits(self, kind: str, what: Any, flags: int) -> int:
        """Raises `_Unknown` for what is no letter."""
        if kind == "ANY":
            return self._all if flags & re.DOTALL else self._all & ~_SAMPLE["\n"]
        if kind not in ("LITERAL", "NOT_LITERAL", "IN"):
            raise _Unknown
        inside = [(str(inner), one) for inner, one in what] if kind == "IN" else [("LITERAL", what)]
        found = 0
        for inner, one in inside:
            if inner == "CATEGORY":
                sign = _CATEGORIES[str(one)]
                found |= _of_sample(sign) | sum(bit for c, bit in self._beyond.items() if re.match(sign, c))
            elif inner != "NEGATE":
                some = {chr(one)} if inner == "LITERAL" else {c for c in self._bits if one[0] <= ord(c) <= one[1]}
                if flags & re.IGNORECASE:
                    some = {other for c in some for other in _cases(c)}
                found |= sum(self._bits.get(c, 0) for c in some)
        return self._all & ~found if kind == "NOT_LITERAL" or inside[0][0] == "NEGATE" else found


_SAMPLE = {
    c: 1 << place
    for place, c in enumerate(
        [*map(chr, range(0x180)), *"αΩяЖ中あ٣\u2009\u2014\u2019\u2028\u20ac\u202f\u3000\U0001f642"]
    )
}
_CATEGORIES = {
    f"CATEGORY_{no}{name}": sign
    for name, signs in (("DIGIT", r"\d\D"), ("SPACE", r"\s\S"), ("WORD", r"\w\W"))
    for no, sign in (("", signs[:2]), ("NOT_", signs[2:]))
}


@lru_cache(maxsize=len(_CATEGORIES))
def _of_sample(sign: str) -> int:
    return sum(bit for c, bit in _SAMPLE.items() if re.match(sign, c))


def _cases(c: str) -> set[str]:
    return {c, *(other for other in (c.lower(), c.upper()) if len(other) == 1)}


def _named(sequence: Iterable[tuple[Any, Any]]) -> Iterable[int]:
    """The letters that it names."""
    for kind, what in _flat(sequence):
        for inner, one in what if str(kind) == "IN" else [(kind, what)]:
            if str(inner) in ("LITERAL", "NOT_LITERAL"):
                yield one
            elif str(inner) == "RANGE":
                yield from one
