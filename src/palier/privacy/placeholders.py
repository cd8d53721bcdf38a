r"""How placeholders look, and how they look after a model wrote them again.

`<PERSON_1_K7Q2>` is a type, a number and the nonce of one request. Of two ways to write the same value (`06 12...`,
`0612...`) the second has a letter, `<PHONE_1b_K7Q2>`: a model sees that they are the same, and each comes back as it
was written. ASCII, in capitals, of a form that no language has: models copy it. They may change case, write other
separators or none, escape (`&lt;`, `\<`, `\_`, `\u003c`), drop the brackets or write [] or {} instead; with its number
and nonce it is still known.

Two expressions are built of the same tokens: one for what is whole, one for what may begin at the end of a text.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from functools import lru_cache

LITERAL = "TEXT"
"""The type of what is no personal data: pieces of the input that look like placeholders of this request."""

MOST_NUMBER = 999_999
MOST_VARIANTS = 26
"""Ways to write one value under one number."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS = "23456789"

TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,31}")
NONCE = re.compile(r"[A-Z][0-9][A-Z][0-9]")
CANONICAL = re.compile(r"<([A-Z][A-Z0-9_]{0,31})_([0-9]{1,6})([A-Z]?)_([A-Z][0-9][A-Z][0-9])>")


def new_nonce() -> str:
    """Four characters, letters and digits in turn: 36,864 of them, none a word, none with an O, an I, a 0 or a 1.

    It need not be long: whatever goes into a prompt is looked through, and what holds the nonce is itself replaced.
    """
    choose = secrets.choice
    return choose(_LETTERS) + choose(_DIGITS) + choose(_LETTERS) + choose(_DIGITS)


def written(type: str, number: int, variant: int, nonce: str) -> str:
    """The placeholder of a value; `variant` 0 is its first way to be written, 1 the second."""
    return f"<{type}_{number}{letter_of(variant)}_{nonce}>"


def letter_of(variant: int) -> str:
    """Nothing for the first way to write a value, then b, c, d."""
    return chr(ord("a") + variant) if variant else ""


def key(type: str, number: str, variant: str, nonce: str) -> str:
    """What a placeholder is looked up by, however it was written."""
    return f"{squeezed(type)} {int(number)}{variant.lower()} {nonce.upper()}"


def squeezed(type: str) -> str:
    """A type without its separators, which may come back as others or not at all."""
    return "".join(filter(str.isalnum, type)).upper()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression: `whole`, and `begun`, which matches every beginning of it that is not all of it."""

    whole: str
    begun: str = ""


def _one_of(*texts: str) -> Token:
    """One of `texts`, the longest first."""
    beginnings = {text[:length] for text in texts for length in range(1, len(text))}
    return Token(_any(texts), _any(beginnings) + "?" if beginnings else "")


def _any(texts: tuple[str, ...] | set[str]) -> str:
    return f"(?:{'|'.join(re.escape(text) for text in sorted(texts, key=lambda t: (-len(t), t)))})"


def _begun(*tokens: Token) -> str:
    """Every beginning of the sequence `tokens`, all of it among them."""
    expression = ""
    for token in reversed(tokens):
        expression = f"(?:{token.whole}{expression}|{token.begun})"
    return expression


def _whole(*tokens: Token) -> str:
    return "".join(token.whole for token in tokens)


_NOT_IN_WORD, _NO_WORD_AFTER = r"(?<![^\W_])", r"(?![^\W_])"
_SPACE = Token(" ?")
_SEPARATOR = Token(r"(?:\\{0,2}[_\-·•.:  ])?", r"\\{0,2}")
_LESS = ("<", "\\<", "\\\\<", "&lt;", "&LT;", "&#60;", "&#x3c;", "&amp;lt;", "\\u003c", "＜", "‹", "⟨")
_GREATER = (">", "\\>", "\\\\>", "&gt;", "&GT;", "&#62;", "&#x3e;", "&amp;gt;", "\\u003e", "＞", "›", "⟩")
_OPEN = _one_of("[", "{", "\\[", "\\{", "\\\\[", "\\\\{")
_CLOSE = _one_of("]", "}", "\\]", "\\}", "\\\\]", "\\\\}")
_ANGLE, _END = _one_of(*_LESS), _one_of(*_GREATER)
_NONCE = Token(r"[A-Za-z][0-9][A-Za-z][0-9]", r"(?:[A-Za-z](?:[0-9][A-Za-z]?)?)?")
_TAG = Token(r"[A-Za-z0-9]{0,8}")
"""What stands where the nonce should."""


@dataclass(frozen=True, slots=True)
class Forms:
    """The two expressions for a set of types.

    `whole` has the groups `type`, `number`, `variant`, `nonce` of what can be put back; `broken` of what is bracketed
    like a placeholder with another nonce or none; `alone` of a nonce by itself. `begun` ends where the text does.
    """

    whole: re.Pattern[str]
    begun: re.Pattern[str]
    longest: int
    """Characters of the longest way to write a placeholder: a bound on what a stream holds back."""


@lru_cache(maxsize=64)
def forms(types: frozenset[str]) -> Forms:
    """The expressions for placeholders of `types`: milliseconds to build, kept for the latest sets of types."""
    listed = sorted(types, key=lambda name: (-len(name), name))
    names = [[_SEPARATOR if part == "_" else _one_of(part) for part in name] for name in listed]
    type_whole = "|".join(_whole(*name) for name in names)
    type_begun = "|".join(_begun(*name) for name in names)
    name = Token(f"(?:{type_whole})", f"(?:{type_begun})")
    number = Token(r"[0-9]{1,6}[A-Za-z]?")
    body = (name, _SEPARATOR, number, _SEPARATOR)

    def group(label: str) -> str:
        return (
            rf"(?P<type{label}>{type_whole}){_SEPARATOR.whole}"
            rf"(?P<number{label}>[0-9]{{1,6}})(?P<variant{label}>[A-Za-z]?){_SEPARATOR.whole}"
            rf"(?P<nonce{label}>{_NONCE.whole})"
        )

    angle, bracket = f"{_ANGLE.whole}{_SPACE.whole}", f"{_OPEN.whole}{_SPACE.whole}"
    whole = "|".join(
        (
            rf"{angle}{group('1')}(?:{_SPACE.whole}{_END.whole}|{_NO_WORD_AFTER})",
            rf"{bracket}{group('2')}{_SPACE.whole}{_CLOSE.whole}(?!\()",
            rf"{_NOT_IN_WORD}{group('3')}{_NO_WORD_AFTER}",
            rf"(?P<broken>{angle}{_whole(*body, _TAG, _SPACE, _END)})",
            rf"{_NOT_IN_WORD}(?P<alone>{_NONCE.whole}){_NO_WORD_AFTER}",
        )
    )
    begun = "|".join(
        (
            _begun(_ANGLE, _SPACE, *body, _TAG, _SPACE, _END),
            _begun(_OPEN, _SPACE, *body, _NONCE, _SPACE, _CLOSE),
            rf"{_NOT_IN_WORD}{_begun(*body, _NONCE)}",
            rf"{_NOT_IN_WORD}{_begun(_NONCE)}",
        )
    )
    brackets = 2 * (max(map(len, (*_LESS, *_GREATER))) + 1)
    longest = brackets + max(len(name) + 3 * name.count("_") for name in listed) + 6 + 1 + 8 + 2 * 3
    return Forms(re.compile(whole, re.IGNORECASE), re.compile(rf"(?:{begun})\Z", re.IGNORECASE), longest)
