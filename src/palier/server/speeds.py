"""Speeds of engines as measured on this machine, kept in the data folder for `palier models`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """One generation alone on the machine: tokens/s after the first, ms to the first, the day."""

    decode: float
    first_ms: float
    when: str


def _file(folder: Path) -> Path:
    return folder / "speeds.json"


def read(folder: Path) -> dict[str, Speed]:
    """What was measured, by catalogue name or path of the weights; nothing when it cannot be read."""
    try:
        return msgspec.json.decode(_file(folder).read_bytes(), type=dict[str, Speed])
    except (OSError, msgspec.MsgspecError):
        return {}


def keep(folder: Path, name: str, speed: Speed) -> None:
    """Add or replace one; a disk that refuses is no reason to fail."""
    known = {**read(folder), name: speed}
    temporary = _file(folder).with_suffix(".tmp")
    with contextlib.suppress(OSError):
        temporary.write_bytes(msgspec.json.encode(known))
        temporary.replace(_file(folder))
