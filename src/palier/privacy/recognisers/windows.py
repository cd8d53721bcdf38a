"""The numbers of a text, in one pass: groups of digits that stand together, and each window over them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_GROUP = re.compile(r"[0-9]+")
_JOINT = re.compile(r"[ .\-/_]{1,2}|[ .\-/]?[()][ .\-/]?")
_EXTENSION = re.compile(r"x[0-9]", re.IGNORECASE)
"""What may touch a telephone number."""
_SPACED_OUT = 7
"""Digits one by one, from which they are taken for one group: `4 1 1 1 ...`."""
_MOST_GROUPS = 8
MOST_DIGITS = 22


class Window(NamedTuple):
    """Whole groups that could be one number. `shape` are their lengths; no letter or digit touches it."""

    digits: str
    start: int
    end: int
    shape: tuple[int, ...]


Group = tuple[int, int]


def windows(text: str, least: int = 9, most: int = MOST_DIGITS) -> Iterator[Window]:
    """Every window of `least` to `most` digits in at most eight groups: at most eight for each group of the text."""
    for run in runs(text):
        for first in range(len(run)):
            start = run[first][0]
            if start and text[start - 1].isalnum():
                continue
            yield from _from(text, run, first, least, most)


def _from(text: str, run: list[Group], first: int, least: int, most: int) -> Iterator[Window]:
    digits = ""
    shape: tuple[int, ...] = ()
    for start, end in run[first : first + _MOST_GROUPS]:
        group = text[start:end]
        if not group.isdigit():
            group = "".join(filter(str.isdigit, group))
        digits += group
        shape += (len(group),)
        if len(digits) > most:
            return
        if len(digits) >= least and not (text[end : end + 1].isalnum() and not _EXTENSION.match(text, end)):
            yield Window(digits, run[first][0], end, shape)


def runs(text: str) -> Iterator[list[Group]]:
    """Groups of digits with nothing but a separator between them; a group longer than any number ends a run."""
    run: list[Group] = []
    for match in _GROUP.finditer(text):
        start, end = match.span()
        if run and not _JOINT.fullmatch(text, run[-1][1], start):
            yield from _whole(text, run)
            run = []
        run.append((start, end))
    if run:
        yield from _whole(text, run)


def _whole(text: str, run: list[Group]) -> Iterator[list[Group]]:
    """The run with digits that stand one by one joined, cut at what is too long to be a number."""
    part: list[Group] = []
    for start, end in _joined(run):
        if end - start > 3 * MOST_DIGITS:
            if part:
                yield part
            part = []
        else:
            part.append((start, end))
    if part:
        yield part


def _joined(run: list[Group]) -> Iterator[Group]:
    first = 0
    while first < len(run):
        last = first
        while last < len(run) and run[last][1] - run[last][0] == 1:
            last += 1
        if last - first >= _SPACED_OUT:
            yield run[first][0], run[last - 1][1]
        else:
            last = max(last, first + 1)
            yield from run[first:last]
        first = last
