"""Whether a place of an answer is surely code: there `request.user.id` is no domain.

Only what every renderer takes for code counts: fences of backticks at the beginning of a line, and spans whose end can
be seen on the same line. Where renderers could differ (fences in lists and quotations, tildes, escaped backticks)
nothing counts any more.
"""

from __future__ import annotations

import re

_PIECE = re.compile(r"\n|`+|~~~|[^\n`~]+|~")
_TICKS = re.compile(r"`+|\n")


class CodeSpans:
    """Reads a text from left to right, in pieces of any size."""

    def __init__(self) -> None:
        self._ticks = 0
        """Of the run that is being read."""
        self._starts_line = True
        self._began_line = True
        """Whether that run began the line."""
        self._opened = 0
        """Backticks that opened a span on this line; 0: none is open."""
        self._fence = 0
        """Backticks of the fence that is open; 0: none is."""
        self._info = self._closing = False
        """Whether the line is one that opens a fence, or may close it."""
        self._lost = False
        self._last = ""

    def read(self, text: str) -> None:
        """Go on."""
        if self._lost:
            return
        for piece in _PIECE.findall(text):
            if piece[0] == "`":
                if not self._ticks:
                    self._began_line = self._starts_line
                    self._lost |= self._last == "\\"
                self._ticks += len(piece)
            else:
                self._end_run()
                self._read_rest(piece)
            self._starts_line = piece == "\n"
            self._last = piece[-1]

    def _end_run(self) -> None:
        ticks, self._ticks = self._ticks, 0
        if not ticks:
            return
        if ticks >= 3 and not self._began_line:
            self._lost = True
        elif self._fence:
            self._lost |= self._info
            self._closing = self._began_line and ticks >= self._fence
        elif ticks >= 3:
            self._fence, self._info = ticks, True
        elif not self._opened:
            self._opened = ticks
        elif self._opened == ticks:
            self._opened = 0

    def _read_rest(self, piece: str) -> None:
        if piece == "\n":
            if self._closing:
                self._fence = 0
            self._info = self._closing = False
            self._opened = 0
        elif piece.startswith("~"):
            self._lost |= self._starts_line or piece == "~~~"
            self._closing = False
        elif piece.strip(" \t\r"):
            self._closing = False

    def is_code(self, ahead: str, *, waits: bool) -> bool | None:
        """Whether the place before `ahead` is code; None where more must be seen (`waits`)."""
        if self._lost or self._ticks:
            return False
        if self._fence:
            return not self._info
        if not self._opened:
            return False
        for run in _TICKS.finditer(ahead):
            if run.group() == "\n":
                return False
            if run.end() == len(ahead) and waits:
                return None
            if len(run.group()) == self._opened:
                return ahead[run.start() - 1] != "\\" if run.start() else True
        return None if waits else False
