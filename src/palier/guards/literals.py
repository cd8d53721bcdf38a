"""What a text must hold for a regular expression to find anything in it: letters that stand in every match.

Looking for some hundred short strings takes a tenth of what it takes to try as many expressions at every place of a
text, nearly all of which find nothing. Read off the expression as Python's own parser sees it (as trigram indexes of
code do: Cox, 2012); of one that says nothing of the kind, or that the parser of this Python shows otherwise, nothing
is known, and it is tried everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from palier.text.stopwords import BOTH

SHORTEST = 3
"""Of fewer letters, beside those of stop words, nearly every text has them."""


def needed(pattern: str) -> frozenset[str]:
    """Strings as `plainly` writes them: any text that `pattern` matches holds one. None where none are known."""
    try:
        from re import _parser  # type: ignore[attr-defined]  # there is no public one

        return _of(_parser.parse(pattern))
    except (ImportError, AttributeError, TypeError, ValueError):
        return frozenset()


def plainly(text: str) -> str:
    """`text` so that letters which are one to `re.IGNORECASE` are one."""
    return text.casefold().replace("i\u0307", "i").replace("ı", "i")  # small letters of İ and I, in Turkish


def _of(sequence: Iterable[tuple[Any, Any]]) -> frozenset[str]:
    """Of what must stand one after the other, that which texts have least: the longest at least, of the fewest."""
    choices: list[frozenset[str]] = []
    run = ""
    for kind, what in sequence:
        if str(kind) == "LITERAL":
            run += chr(what)
            continue
        choices.append(frozenset({plainly(run)}))
        run = ""
        choices.append(_part(str(kind), what))
    choices.append(frozenset({plainly(run)}))
    rare = [some for some in choices if some and min(map(_telling, some)) >= SHORTEST]
    return max(rare, key=lambda some: (min(map(_telling, some)), -len(some)), default=frozenset())


def _telling(part: str) -> int:
    """Letters of it that are of no stop word."""
    return sum(len(word) for word in part.split() if word not in BOTH)


def _part(kind: str, what: Any) -> frozenset[str]:
    if kind == "SUBPATTERN":
        return _of(what[3])
    if kind == "ATOMIC_GROUP":
        return _of(what)
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and what[0]:
        return _of(what[2])
    if kind == "BRANCH":
        each = [_of(one) for one in what[1]]
        return frozenset().union(*each) if all(each) else frozenset()
    return frozenset()
