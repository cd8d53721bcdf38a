"""What the commands print, and how: data to standard output, progress and logs to standard error.

Text that comes from documents, models or the network never reaches the terminal raw: control characters (ANSI escapes
among them) and bidirectional overrides are shown as U+FFFD, and rich's markup is never read in it.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import re
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from palier.errors import ConfigurationError, PalierError, StoreError
from palier.types import Quantity

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_INERT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # bidirectional marks, overrides and isolates
    "\u200b\u2028\u2029\u2060-\u2064\ufeff\ufff9-\ufffb"  # invisible, or a line break to some terminals
    "\ud800-\udfff\U000e0000-\U000e0fff]"  # lone surrogates, tags
)


_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""A disk that is full, or cannot be written: no fault of palier's, and none of a line."""

_UNDECODED = re.compile("[\udc80-\udcff]")
"""What Python makes of bytes of the command line that are no text."""


def inert(text: str) -> str:
    """`text` without what could move the cursor, reorder or hide: each such character becomes U+FFFD."""
    return _INERT.sub("\ufffd", text.replace("\r\n", "\n"))


def one_line(text: str, width: int = 0) -> str:
    """`text` inert and on one line, cut with an ellipsis at `width` characters (0: whole)."""
    flat = " ".join(inert(text).split())
    return flat[: width - 1] + "…" if 0 < width < len(flat) else flat


@functools.cache
def out() -> Console:
    """Standard output."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, soft_wrap=False)


@functools.cache
def err() -> Console:
    """Standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def styled(*parts: str | tuple[str, str]) -> Text:
    """A rich text from inert strings and (string, style) pairs; no markup is read."""
    from rich.text import Text

    return Text.assemble(*(inert(p) if isinstance(p, str) else (inert(p[0]), p[1]) for p in parts))


def note(message: str) -> None:
    """A word to the user, on standard error."""
    err().print(styled((message, "dim")), soft_wrap=True)


def complain(error: PalierError) -> None:
    """An error and what to do about it, on standard error."""
    err().print(styled(("error: ", "bold red"), error.message), soft_wrap=True)
    if error.hint:
        err().print(styled(("  hint: ", "bold"), error.hint), soft_wrap=True)


def json_line(value: Any) -> None:
    """`value` as one line of JSON on standard output; what `inert` would replace is escaped, so nothing is lost."""
    text = msgspec.json.encode(value).decode("utf-8")
    sys.stdout.write(_INERT.sub(lambda match: _escaped(match.group()), text) + "\n")
    sys.stdout.flush()


def _escaped(character: str) -> str:
    pairs = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{pairs[i] << 8 | pairs[i + 1]:04x}" for i in range(0, len(pairs), 2))


def run(main: Callable[[], Coroutine[Any, Any, int | None] | int | None]) -> None:
    """Run a command and exit with the status it returns; an error is a message and its own status, no traceback."""
    try:
        outcome = main()
        status = (asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome) or 0
    except PalierError as error:
        complain(error)
        status = error.exit_status
    except UnicodeEncodeError as error:
        if not _UNDECODED.search(error.object[error.start : error.end]):
            raise
        complain(ConfigurationError("the command line holds what is no text: bytes that are not UTF-8"))
        status = ConfigurationError.exit_status
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:  # whoever read the output had enough, as `head` does
        _say_no_more()
        status = 141
    except OSError as error:
        if error.errno not in _DISK:
            raise
        if not error.filename:  # standard output is a file there
            _say_no_more()
        where = str(error.filename) if error.filename else "what this writes to"
        complain(StoreError(f"{where}: {error.strerror}", hint="make room, or let it be written, then the same again"))
        status = StoreError.exit_status
    raise typer.Exit(status)


def _say_no_more() -> None:
    """What is still to be flushed at the end goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output, as wide as it is: the terminal wraps its lines, and a pipe gets them whole."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(header, *cells, strict=True)]
    for row, style in ((header, "bold"), *((row, "") for row in cells)):
        words = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        out().print(styled((words.rstrip(), style)), soft_wrap=True)


# --- numbers in words --------------------------------------------------------------------------------------------


def milliseconds(value: float) -> str:
    """7.4 -> `7 ms`, 2340 -> `2.3 s`."""
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def dollars(cost: Quantity) -> str:
    """A cost with what it is: `$0.0012 (estimated)`, `unknown`."""
    return _quantity(cost, lambda value: f"${value:.6f}".rstrip("0").rstrip("."))


def watt_hours(energy: Quantity) -> str:
    """An energy with what it is."""
    return _quantity(energy, lambda value: f"{value:.3g} Wh")


def grams(carbon: Quantity) -> str:
    """Carbon, in grams of CO2 equivalent, with what it is."""
    return _quantity(carbon, lambda value: f"{value:.3g} g CO2e")


def _quantity(quantity: Quantity, words: Callable[[float], str]) -> str:
    if quantity.value is None:
        return "unknown"
    around = ""
    if quantity.low is not None and quantity.high is not None and quantity.low < quantity.high:
        around = f" [{words(quantity.low)} to {words(quantity.high)}]"
    return f"{words(quantity.value)}{around} ({quantity.basis})"


def size(count: int | None) -> str:
    """Bytes as MB or GB; `-` when unknown."""
    if count is None:
        return "-"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def confidence(value: float | None, threshold: float | None, *, calibrated: bool) -> str:
    """A confidence beside its threshold, and whether that threshold was calibrated."""
    if value is None:
        return "no confidence"
    words = f"confidence {value:.2f}"
    if threshold is not None:
        words += f", threshold {threshold:.2f}" + ("" if calibrated else " (not calibrated)")
    return words
