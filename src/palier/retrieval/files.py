"""The files below a path that may hold documents."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

_MAX_DEPTH = 64


class Found(NamedTuple):
    """A file and the name its document has: the path below the root, with `/`. `error` says why it is none."""

    path: Path
    id: str
    error: str = ""


def walk(root: Path, suffixes: Collection[str]) -> Iterator[Found]:
    """The files at or below `root`, in order of name.

    A file that was named itself is always given; below a folder, those of `suffixes` are. Hidden files and folders and
    the locks of office programs are passed over; links are followed, a folder that was seen before is not entered
    again. What cannot be listed, or does not exist, is given with an error.
    """
    root = root.resolve()
    if not root.is_dir():
        yield Found(root, root.name, "" if root.is_file() else "no such file or folder")
        return
    yield from _below(root, root, suffixes, set(), 0)


def _below(
    root: Path, folder: Path, suffixes: Collection[str], seen: set[tuple[int, int]], depth: int
) -> Iterator[Found]:
    try:
        status = folder.stat()
        entries = sorted(folder.iterdir())
    except OSError as error:
        yield Found(folder, folder.name, f"cannot be listed: {error.strerror}")
        return
    if (status.st_dev, status.st_ino) in seen or depth > _MAX_DEPTH:
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in entries:
        if entry.name.startswith((".", "~$")):
            continue
        if entry.is_dir():
            yield from _below(root, entry, suffixes, seen, depth + 1)
        elif entry.suffix.lower() in suffixes and entry.is_file():
            yield Found(entry, entry.relative_to(root).as_posix())
