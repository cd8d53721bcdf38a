"""A quotation that stands by itself: the sentence that answers, with what it cannot be read without."""

from __future__ import annotations

import re

from palier.text import fold, sentences

_ITEM = re.compile(r"\s*(?:[-*+\u2022\u2013\u2014]\s|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s)")
_STEP = re.compile(r"\s*\(?\d{1,3}[.)]\s")
_HEADING = re.compile(r"\s*#{1,6}\s")
_REFERS_BACK = re.compile(
    r"\W*(?:il|elle|ils|elles|ce|cela|ceci|celui|celle|ceux|cet|cette|ces|celles|it|they|this|these|he|she|those)\b"
)


def compose(passage: str, start: int, end: int, number: int) -> str:
    """`passage[start:end]` and at most two of its neighbours, each as it stands there, each followed by ` [number]`.

    A list item brings what announces its list, and a numbered step the step after it; a sentence that speaks of "it" or
    "this" the sentence before.
    """
    spans = sentences(passage)
    index = spans.index((start, end))
    quoted = [passage[a:b] for a, b in (spans[i] for i in _together(passage, spans, index))]
    return "\n".join(f"{sentence} [{number}]" for sentence in quoted)


def _together(passage: str, spans: list[tuple[int, int]], index: int) -> list[int]:
    units = [passage[start:end] for start, end in spans]
    unit = units[index]
    if _ITEM.match(unit):
        lead = _lead(units, index)
        following = (
            [index + 1] if _STEP.match(unit) and index + 1 < len(units) and _STEP.match(units[index + 1]) else []
        )
        return [*([lead] if lead is not None else []), index, *following]
    if _REFERS_BACK.match(fold(unit)) and index and not _HEADING.match(units[index - 1]):
        return [index - 1, index]
    return [index]


def _lead(units: list[str], index: int) -> int | None:
    """The line that announces the list of the item at `index`."""
    while index and _ITEM.match(units[index]):
        index -= 1
    unit = units[index]
    return index if unit.endswith(":") and not _ITEM.match(unit) else None
