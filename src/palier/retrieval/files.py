"""The files below a path that may hold documents."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

_MAX_DEPTH = 64


class Found(NamedTuple):
    """A file and the name its document has: the path below the root, with `/`. `error` says why it is none.

    `passed`: its kind is not among those looked for.
    """

    path: Path
    id: str
    error: str = ""
    passed: bool = False


def walk(root: Path, suffixes: Collection[str]) -> Iterator[Found]:
    """The files at or below `root`: those that are there in order of name, then those that links lead to.

    A file that was named itself is always given; below a folder, those of other `suffixes` are given as `passed`.
    Hidden files and folders and the locks of office programs are passed over. A link gives what it leads to where that
    is below `root` and was not given by its own name; one that leads out of `root` is given with an error, as is what
    cannot be read or listed or does not exist.
    """
    root = root.resolve()
    if root.is_dir():
        yield from _Walk(root, suffixes).files()
    else:
        yield Found(root, root.name, "" if root.is_file() else "no such file or folder")


class _Walk:
    """One walk below a folder. Each file and folder is met once, by its real path: no loops, no doubles."""

    def __init__(self, root: Path, suffixes: Collection[str]) -> None:
        self._root = root
        self._suffixes = suffixes
        self._met = {root}
        self._links: list[tuple[Path, int]] = []
        """Links and their depths, kept for the end: what is there by its own name has that name."""

    def files(self) -> Iterator[Found]:
        yield from self._folder(self._root, self._root, 0)
        for link, depth in self._links:  # it grows by the links in the folders that these lead to
            yield from self._entry(link, Path(os.path.realpath(link)), depth)

    def _folder(self, folder: Path, real: Path, depth: int) -> Iterator[Found]:
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            yield self._found(folder, f"cannot be listed: {error.strerror}")
            return
        for entry in entries:
            if entry.name.startswith((".", "~$")):
                continue
            if os.path.islink(entry):  # noqa: PTH114  it does not raise where the folder may be listed and no more
                self._links.append((entry, depth + 1))
            else:
                yield from self._entry(entry, real / entry.name, depth + 1)

    def _entry(self, path: Path, real: Path, depth: int) -> Iterator[Found]:
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            return  # a link to nowhere, or gone since it was listed
        except OSError as error:
            yield self._found(path, f"cannot be read: {error.strerror}")
            return
        is_folder = stat.S_ISDIR(mode)
        if not is_folder and not stat.S_ISREG(mode):
            return
        if not is_folder and path.suffix.lower() not in self._suffixes:
            if real.is_relative_to(self._root):
                yield self._found(path)._replace(passed=True)
            return
        if not real.is_relative_to(self._root):
            yield self._found(path, "a link that leads out of the folder that was named: name its target itself")
        elif real not in self._met and depth <= _MAX_DEPTH:
            self._met.add(real)
            if is_folder:
                yield from self._folder(path, real, depth)
            else:
                yield self._found(path)

    def _found(self, path: Path, error: str = "") -> Found:
        return Found(path, path.relative_to(self._root).as_posix(), error)
