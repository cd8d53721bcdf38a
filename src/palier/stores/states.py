"""Small files that watches are kept in."""

from __future__ import annotations

import os
import re
from pathlib import Path

from palier.errors import StoreError

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


class StateFile:
    """What something that watches has come to: a file a name, replaced whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: str) -> bytes | None:
        """What was kept; None where nothing was. Raises `StoreError`."""
        path = self._path(name)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from None

    def keep(self, name: str, content: bytes) -> None:
        """Durable when this returns; for the owner alone. Raises `StoreError`, and what was kept is as it was."""
        path = self._path(name)
        beside = path.with_name(f"{path.name}.new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.rename(path)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be written: {error.strerror}", hint="free some space on that disk"
            ) from None

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise StoreError(f"`{name}` is no name of a file")
        return self._folder / f"{name}.json"
