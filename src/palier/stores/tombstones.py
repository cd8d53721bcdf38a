"""Who and what was forgotten, without saying who: so that a backup that is put back does not bring it back.

A line of `erasures.jsonl` holds when, and a digest of the name that is keyed with the installation's own key: whoever
has a list of names and that key can tell which of them were forgotten, nobody else anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec

from palier.errors import StoreError
from palier.interfaces import Erasure
from palier.types import Data


class Tombstone(Data, frozen=True, kw_only=True):
    """One erasure. `key` names what its `digest` is keyed with."""

    at: float
    kind: Literal["user", "document"]
    digest: str
    key: str


class Tombstones:
    """Those of a data folder, in its file."""

    def __init__(self, file: Path, key: bytes) -> None:
        self.file = file
        self._key = key

    @property
    def key(self) -> str:
        """Names the key."""
        return blake2b(b"palier tombstones", key=self._key[:64], digest_size=8).hexdigest()

    def digest(self, kind: str, name: str) -> str:
        """What stands for a user, or a document (`COLLECTION/ID`)."""
        return blake2b(
            f"{kind}\0{name}".encode("utf-8", "surrogatepass"), key=self._key[:64], digest_size=16
        ).hexdigest()

    def remember(self, erasure: Erasure) -> None:
        """Write it down before anything is deleted. Raises `StoreError`."""
        name = erasure.user or f"{erasure.collection}/{erasure.document}"
        kind: Literal["user", "document"] = "user" if erasure.user else "document"
        append(self.file, [Tombstone(at=erasure.before, kind=kind, digest=self.digest(kind, name), key=self.key)])


def append(file: Path, tombstones: Iterable[Tombstone]) -> None:
    """Add lines, durable when this returns. Raises `StoreError`."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as out:
            out.writelines(msgspec.json.encode(one) + b"\n" for one in tombstones)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}", hint="free some space on that disk") from None


def read(file: Path) -> list[Tombstone]:
    """Those of a file; none where there is none. A line that was cut short is left out. Raises `StoreError`."""
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(msgspec.json.decode(line, type=Tombstone))
        except msgspec.MsgspecError:
            if number < len(lines):
                raise StoreError(
                    f"{file}, line {number} is no erasure", hint="it is `erasures.jsonl` of a data folder"
                ) from None
    return found
