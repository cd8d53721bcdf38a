"""Your own numbers, by the regular expressions of `[redaction] patterns`.

Python's expressions can take a time that is exponential in the text, and cannot be stopped. So one is only taken where
the paths that it can try from one place are few: it is read, its paths are counted, and what has too many is refused
with the settings, not when a hostile text comes. `+`, `*` and `{n,}` stand for at most 64 repetitions.
"""

from __future__ import annotations

import importlib
import re
import time
import warnings
from collections.abc import Iterator
from typing import Any

from palier.config import Redaction
from palier.errors import ConfigurationError, InvalidRequest
from palier.interfaces import Entity

MOST_REPEATED = 64
MOST_WIDE = 256
"""Characters of the longest match."""
MOST_PATHS = 5000
"""Ways to match from one place."""
MOST_PATTERNS = 64
SECONDS_PER_MB = 4.0
_STRIDE = 2048
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_REPETITION = re.compile(r"(\{(?:[0-9]+,?[0-9]*|,[0-9]+))\}")
_FLAGS = re.compile(r"\(\?[aiLmsux\-]*[Lmux-][aiLmsux\-]*[:)]|\(\?#")


class Patterns:
    """Each expression by its type's name, over the text in strides, with an eye on the clock."""

    def __init__(self, patterns: dict[str, str]) -> None:
        if len(patterns) > MOST_PATTERNS:
            raise ConfigurationError(f"`patterns` of [redaction]: more than {MOST_PATTERNS}")
        self._patterns = {name.upper(): compiled(name, pattern) for name, pattern in patterns.items()}
        self.types = tuple(self._patterns)

    def find(self, text: str) -> Iterator[Entity]:
        until = time.monotonic() + SECONDS_PER_MB * (1 + len(text) / 2**20)
        for name, pattern in self._patterns.items():
            position = 0
            while position < len(text):
                stride = min(len(text), position + _STRIDE)
                for match in pattern.finditer(text, position, min(len(text), stride + MOST_WIDE)):
                    if match.start() >= stride:
                        break
                    position = match.end()
                    if match.end() > match.start():
                        yield Entity(name, match.start(), match.end(), match.group(), 1.0)
                position = max(position, stride)
                if time.monotonic() > until:
                    raise InvalidRequest(
                        f"the pattern {name} of [redaction] takes too long on this text",
                        hint="make it more particular: say which characters may stand where, and how many",
                    )


def compiled(name: str, pattern: str) -> re.Pattern[str]:
    """The expression of `name`, bounded. Raises `ConfigurationError` where it is wrong, or could take too long."""
    where = f"`patterns` of [redaction], {name[:40]}"
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{where}: a type's name is up to 32 letters, digits and underscores")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            expression = re.compile(bounded(pattern))
            paths, width = _cost(_parsed(expression.pattern))
    except (re.error, RecursionError, OverflowError, Warning) as error:
        raise ConfigurationError(f"{where}: not a regular expression: {error}") from None
    except _TooMuch as reason:
        raise ConfigurationError(
            f"{where}: it could take too long on a hostile text: {reason}",
            hint="say how many: {1,12} instead of +, and no repetition inside a repetition",
        ) from None
    if expression.match(""):
        raise ConfigurationError(f"{where}: it matches nothing at all, and so everywhere")
    if width > MOST_WIDE:
        raise ConfigurationError(f"{where}: it could match {width} characters; at most {MOST_WIDE}")
    if paths > MOST_PATHS:
        raise ConfigurationError(
            f"{where}: it could take too long on a hostile text ({paths:,} ways to match; at most {MOST_PATHS:,})",
            hint="say how many: {1,12} instead of +, and no repetition inside a repetition",
        )
    return expression


def bounded(pattern: str) -> str:
    """The expression with at most `MOST_REPEATED` repetitions where it says no number."""
    if _FLAGS.search(pattern):
        raise re.error("no flags but (?i), (?s), (?a), and no comments", pattern)
    out: list[str] = []
    position, quantified = 0, True
    while position < len(pattern):
        piece, quantifier = _piece(pattern, position, quantified)
        out.append(piece)
        if not quantifier:
            position += len(piece)
        elif pattern[position] == "{":
            position = pattern.index("}", position) + 1
        else:
            position += 1
        quantified = quantifier
    return "".join(out)


def _piece(pattern: str, position: int, quantified: bool) -> tuple[str, bool]:
    """What stands at `position`, bounded, and whether it is a quantifier; after one, + and ? only qualify it."""
    character = pattern[position]
    if character == "\\":
        return pattern[position : position + 2], False
    if character == "[":
        return _class(pattern, position), False
    if pattern.startswith("(?", position):
        return "(?", False
    if character in "+*" and not quantified:
        return f"{{{0 if character == '*' else 1},{MOST_REPEATED}}}", True
    if match := _REPETITION.match(pattern, position):
        return f"{match.group(1)}{MOST_REPEATED if match.group(1)[-1] == ',' else ''}}}", True
    return character, character == "?" and not quantified


def _class(pattern: str, start: int) -> str:
    """The set of characters that begins at `start`: up to its ], of which one may stand first."""
    position = start + 1
    position += pattern.startswith("^", position)
    position += pattern.startswith("]", position)
    while position < len(pattern) and pattern[position] != "]":
        position += 2 if pattern[position] == "\\" else 1
    return pattern[start : position + 1]


class _TooMuch(Exception):
    """The expression holds something whose paths cannot be counted."""


def _parsed(pattern: str) -> Any:
    """The expression as `re` itself reads it; the module that does has no public name since Python 3.11."""
    return importlib.import_module("re._parser").parse(pattern)


def _cost(tree: Any) -> tuple[int, int]:
    """(ways to match, characters of the longest match) of a sequence."""
    paths, width = 1, 0
    for operation, argument in tree:
        ways, characters = _cost_of(str(operation), argument)
        paths *= ways
        width += characters
        if paths > 10**9 or width > 10**6:
            raise _TooMuch("too many ways to match")
    return paths, width


def _cost_of(operation: str, argument: Any) -> tuple[int, int]:
    match operation:
        case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
            return 1, 1
        case "AT":
            return 1, 0
        case "SUBPATTERN":
            return _cost(argument[-1])
        case "ATOMIC_GROUP":
            return _cost(argument)
        case "ASSERT" | "ASSERT_NOT":
            return _cost(argument[1])
        case "BRANCH":
            branches = [_cost(branch) for branch in argument[1]]
            return sum(paths for paths, _ in branches), max(width for _, width in branches)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return _repeated(int(argument[0]), int(argument[1]), *_cost(argument[2]))
    raise _TooMuch("it refers back to a group")


def _repeated(least: int, most: int, paths: int, width: int) -> tuple[int, int]:
    if most > 10 * MOST_WIDE:
        raise _TooMuch("too many repetitions")
    if paths == 1:
        return most - least + 1, most * width
    ways = 0
    for count in range(least, most + 1):
        ways += paths**count
        if ways > 10**9:
            raise _TooMuch("a repetition inside a repetition")
    return ways, most * width


def build(settings: Redaction) -> Patterns:
    return Patterns(settings.patterns)
