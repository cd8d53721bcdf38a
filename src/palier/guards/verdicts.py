"""Whether what a guard says can be used.

Guards may come from elsewhere. What one says decides whether a text is released, and is told in traces and answers:
what is no verdict on the text is a failure of its guard, and nobody guesses what it meant.
"""

from __future__ import annotations

import math
from typing import Any, get_args

from palier.errors import PalierError
from palier.interfaces.guarding import Action, Span, Verdict

ACTIONS: tuple[Action, ...] = get_args(Action)


class Unusable(PalierError):
    """What a guard says is no verdict on its text."""

    code = "unusable_verdict"


def usable(said: Any, text: str) -> Verdict:
    """What a guard says of `text`. Raises `Unusable` where it is no verdict on it; no word of either is repeated."""
    if not isinstance(said, Verdict):
        raise Unusable(f"it gives {'nothing' if said is None else 'something else'} instead of a verdict")
    if not isinstance(said.action, str) or said.action not in ACTIONS:
        raise Unusable(f"its verdict asks for none of {', '.join(ACTIONS)}")
    if not isinstance(said.spans, tuple | list):
        raise Unusable("the spans of its verdict are no list")
    for span in said.spans:
        _check_span(span, len(text))
    return Verdict(  # of plain parts: others cannot be written down
        action=ACTIONS[ACTIONS.index(said.action)],
        score=_score(said.score),
        reason=_words(said.reason, "the reason of its verdict"),
        spans=tuple(said.spans),
        text=_words(said.text, "what it puts in the text's place") if said.action == "mend" else "",
        repair=_words(said.repair, "what it asks to repair"),
    )


def _words(words: Any, what: str) -> str:
    if not isinstance(words, str):
        raise Unusable(f"{what} is no text")
    try:
        return words if type(words) is str and words.isascii() else words.encode().decode()
    except UnicodeEncodeError:
        raise Unusable(f"{what} holds halves of characters") from None


def _check_span(span: Any, end: int) -> None:
    if not isinstance(span, Span):
        raise Unusable("a span of its verdict is none")
    if not (_whole(span.start) and _whole(span.end) and 0 <= span.start <= span.end <= end):
        raise Unusable("a span of its verdict is not within the text")
    if span.passage is not None and not (_whole(span.passage) and span.passage >= 1):
        raise Unusable("a span of its verdict is about no passage")
    _words(span.reason, "the reason of a span")
    _score(span.score)


def _whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _score(score: Any) -> float | None:
    """As it can be written down: a number of another library is one too."""
    if score is None:
        return None
    try:
        number = math.nan if isinstance(score, bool | str) else float(score)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= 1:
        raise Unusable("a score of its verdict is no number from 0 to 1")
    return number
