"""Filters on JSON lines (docs/reference/jsonl.md): one line in, one line out, in the same order."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from palier.cli import terminal
from palier.errors import ConfigurationError, InvalidRequest, PalierError, TooLarge
from palier.types import JSON

MAX_LINE = 16 * 2**20
"""Bytes of one line of input."""


async def each_line(source: Path | None, handle: Callable[[JSON], Awaitable[JSON]], *, concurrency: int = 4) -> int:
    """Print `handle`'s answer to each line of `source` (None or `-`: standard input), `id` carried through.

    At most `concurrency` lines are worked on at once; answers come in the order of the lines, each as soon as it and
    those before it are ready. A line that cannot be handled gives its error in its place. Returns the exit status:
    0, or 1 when some line failed.
    """
    status = 0
    waiting: deque[asyncio.Task[tuple[JSON, bool]]] = deque()
    with _open(source) as file:
        lines = _lines(file)
        reading: asyncio.Task[tuple[int, bytes] | None] | None = asyncio.ensure_future(anext(lines, None))
        try:
            while reading or waiting:
                if reading and reading.done():
                    line = reading.result()
                    reading = None
                    if line is not None:
                        waiting.append(asyncio.create_task(_answer(*line, handle)))
                        reading = asyncio.ensure_future(anext(lines, None))
                ahead = {reading} if reading and len(waiting) < concurrency else set()
                first = {waiting[0]} if waiting else set()
                if ahead or first:
                    await asyncio.wait(ahead | first, return_when=asyncio.FIRST_COMPLETED)
                while waiting and waiting[0].done():
                    answer, failed = waiting.popleft().result()
                    terminal.json_line(answer)
                    status = 1 if failed else status
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
    return status


async def objects(source: Path | None) -> AsyncIterator[tuple[int, JSON]]:
    """Number and object of each line of `source` that is not blank, for a reducer. Raises `InvalidRequest`."""
    with _open(source) as file:
        number = 0
        while text := await read_line(file):
            number += 1
            try:
                item = _decoded(text) if text.strip() else None
            except PalierError as error:
                raise InvalidRequest(f"line {number}: {error.message}") from None
            if item is not None:
                yield number, item


async def _answer(number: int, text: bytes, handle: Callable[[JSON], Awaitable[JSON]]) -> tuple[JSON, bool]:
    """What to print for a line, and whether it failed: with its number, where it has no id to be known by."""
    item: JSON = {}
    try:
        item = _decoded(text)
        return {"id": item.get("id"), **await handle(item)}, False
    except PalierError as error:
        known = item.get("id") if item else _id(text)
        message = str(error) if item and known is not None else f"line {number}: {error}"
        return {"id": known, "error": {"code": error.code, "message": message}}, True


def _decoded(text: bytes) -> JSON:
    if len(text) >= MAX_LINE:
        raise TooLarge(f"the line has more than {MAX_LINE} bytes")
    try:
        return msgspec.json.decode(text, type=JSON)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        if _lenient(text) is not None:
            raise InvalidRequest(
                "the line holds what is no text: half of a surrogate pair, or bytes that are no UTF-8",
                hint="write it as UTF-8, and each character beyond U+FFFF as a pair of escapes or as itself",
            ) from None
        raise InvalidRequest(f"the line is not a JSON object: {error}") from None
    except RecursionError:
        raise InvalidRequest("the line is nested too deeply") from None


def _lenient(text: bytes) -> JSON | None:
    """The object of a line that would be one but for characters that are none."""
    try:
        item = json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return item if isinstance(item, dict) else None


def _id(text: bytes) -> str | int | float | None:
    """The id of a line that cannot be read, where it can be told."""
    found = (_lenient(text) or {}).get("id") if len(text) < MAX_LINE else None
    if isinstance(found, str):
        return found.encode("utf-8", "replace").decode()
    if isinstance(found, int):
        return found if abs(found) < 2**63 else None
    return found if isinstance(found, float) and math.isfinite(found) else None


def text_field(item: JSON, name: str) -> str:
    """The field `name` of a line, which must be a string with something in it."""
    value = item.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest(f"`{name}` must be a string that is not empty", param=name)
    return value


def _open(source: Path | None) -> BinaryIO:
    if source is None or str(source) == "-":
        return sys.stdin.buffer
    try:
        return source.open("rb")
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read: {error.strerror}") from None


async def _lines(file: BinaryIO) -> AsyncIterator[tuple[int, bytes]]:
    """The lines that are not blank, numbered. One beyond `MAX_LINE` is cut there, and its rest is read over."""
    number = 0
    while text := await read_line(file):
        number += 1
        whole = text.endswith(b"\n")
        while not whole and len(text) >= MAX_LINE:
            rest = await read_line(file)
            whole = not rest or rest.endswith(b"\n")
        if text.strip():
            yield number, text


async def read_line(file: BinaryIO) -> bytes:
    """A line, without holding the event loop: a pipe may stay silent while earlier lines are being answered.

    A daemon thread, not the loop's executor: an interrupted command must not wait for a line that never comes.
    """
    if file.seekable():
        return file.readline(MAX_LINE)
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bytes] = loop.create_future()

    def settle(text: bytes) -> None:
        if not future.done():
            future.set_result(text)

    def work() -> None:
        text = file.readline(MAX_LINE)
        loop.call_soon_threadsafe(settle, text)

    threading.Thread(target=work, daemon=True).start()
    return await future
