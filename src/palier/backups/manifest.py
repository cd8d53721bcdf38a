"""What a backup says of itself: every file with its SHA-256, the versions of its databases, what is not in it."""

from __future__ import annotations

from palier.types import Data

FORMAT = 1
MANIFEST = "manifest.json"
DATA, PROJECT, WEIGHTS = "data", "project", "weights"
"""The folders of a backup."""


class Kept(Data, frozen=True, kw_only=True):
    """A file of the backup; `schema` and `version` of one that is a database."""

    path: str
    size: int
    sha256: str
    schema: str = ""
    version: int = 0


class Named(Data, frozen=True, kw_only=True):
    """Weights of a model: by their hash, and where they are in the backup, if they are."""

    model: str
    weights: str
    """As the settings say."""
    sha256: str
    """Empty where the file was not there."""
    size: int = 0
    path: str = ""


class Manifest(Data, frozen=True, kw_only=True):
    """All of a backup."""

    format: int
    palier: str
    """The version that made it."""
    created: float
    data: str
    """Where the settings have the data folder, relative to their file."""
    config: str
    """What the file of the settings is called."""
    files: tuple[Kept, ...]
    entries: int
    """Of the ledger."""
    head: str
    """Of its chain."""
    weights: tuple[Named, ...] = ()
    left_out: tuple[str, ...] = ()
    """What is not in it and is needed, or may be, in words."""
