"""LoRA adapters beside their base: where one comes from, and whether it is for these weights.

An adapter's lineage stands in a JSON file beside it (`adapter.gguf`, `adapter.json`). The engine would add an adapter
of another base of the same shape in silence, and answer nonsense: its base's SHA-256 is compared before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from palier.errors import ConfigurationError
from palier.models.weights import hash_once
from palier.types import Data, Label

FORMAT = 1
MOST = 8
"""Adapters that one engine holds: the live, the previous, the challenger, and some; each takes memory."""
MAX_LINEAGE = 2**20
"""Bytes of a lineage."""


class Lineage(Data, frozen=True, kw_only=True):
    """What an adapter was made of. Hashes are SHA-256 in hexadecimal."""

    palier_adapter: int = FORMAT
    """The version of the format."""
    base: str
    """Catalogue name or file name of the weights."""
    base_sha256: str
    adapter_sha256: str
    """Of the GGUF."""
    weights_sha256: str = ""
    """Of `adapter_model.safetensors`."""
    lessons: int
    lessons_sha256: str
    """Of what was taught, as tokens."""
    label: Label
    """The highest of the lessons': only who may read it is to be served."""
    collections: tuple[str, ...] = ()
    """That the lessons' evidence is from: only who may read all of them is to be served."""
    licences: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes that its lessons' questions are in: it may be asked in them, whatever its base speaks."""
    route: str = ""
    code: str = ""
    """Version of palier."""
    seed: int = 0
    plan: Mapping[str, Any] = {}
    created: str = ""


def beside(adapter: Path) -> Path:
    """Where the lineage of an adapter stands."""
    return adapter.with_suffix(".json")


def lineage(adapter: Path) -> Lineage | None:
    """The lineage of an adapter; None where it has none, as those that others made. Raises `ConfigurationError`."""
    file = beside(adapter)
    try:
        with file.open("rb") as source:
            content = source.read(MAX_LINEAGE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    try:
        found = msgspec.json.decode(content, type=Lineage)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(
            f"{file} is no lineage of an adapter: {str(error)[:200]}", hint="export the adapter again, or move it away"
        ) from None
    if found.palier_adapter != FORMAT:
        raise ConfigurationError(f"{file} has format {found.palier_adapter}, and this palier reads {FORMAT}")
    return found


def check(name: str, adapter: Path, base: Path) -> Lineage | None:
    """Raise `ConfigurationError` where the adapter called `name` is not there, was changed, or is for other weights."""
    if not adapter.is_file():
        raise ConfigurationError(f"adapter `{name}` is not there: {adapter}")
    found = lineage(adapter)
    if found is None:
        return None
    if found.base_sha256 != hash_once(base):
        raise ConfigurationError(
            f"adapter `{name}` was taught on other weights: {found.base} with SHA-256 {found.base_sha256[:16]}..., "
            f"and {base.name} has {hash_once(base)[:16]}...",
            hint="serve it with its own base, or teach it again on this one: palier distill --student lora",
        )
    if found.adapter_sha256 != hash_once(adapter):
        raise ConfigurationError(
            f"adapter `{name}` is not the file that its lineage tells of: {adapter}",
            hint="export it again, or take the file from where it was kept",
        )
    return found
