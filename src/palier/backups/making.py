"""Making a backup: each database as of one moment, then the files beside them, then what the settings name.

It is made as `DEST.partial`, looked through, and renamed: what is called `DEST` is whole.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from palier.backups.checking import SCHEMAS, chain, check, copy, flush, kept
from palier.backups.manifest import DATA, FORMAT, MANIFEST, PROJECT, WEIGHTS, Manifest, Named
from palier.config import Settings
from palier.errors import ConfigurationError, PalierError, StoreError
from palier.models import weights as files
from palier.stores.folder import DataFolder
from palier.stores.journal import paths
from palier.stores.snapshot import snapshot

PARTIAL = ".partial"
VAULT_KEY = "vault.key"
NOT_KEPT = frozenset({"lock", "admin.sock", "work"})
"""In the data folder: who owns it, and what a benchmark works with."""
BESIDE = ("-wal", "-shm", "-journal", ".new", ".partial")
"""Ends of names of what is on its way."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What goes into a backup beside the rest."""

    weights: bool = False
    """The weights of embedded models, not their names alone."""
    vault_key: bool = True
    """palier's own key of what is kept sealed."""


def make(settings: Settings, config: Path, target: Path, wanted: Wanted) -> Manifest:
    """Make the backup `target` of the data folder of `settings` and of the files they name; `config` is their file.

    Of a folder whose databases may be written meanwhile. Raises `ConfigurationError` for a target that is there or
    within the data folder, and `StoreError`; then nothing is left.
    """
    folder, target = DataFolder(settings.folder), target.absolute()
    _check_target(folder.path, target)
    partial = target.with_name(target.name + PARTIAL)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(mode=0o700)
    except FileExistsError:
        raise ConfigurationError(
            f"{partial} is there: a backup is being made, or one was cut short", hint="if none is, delete it"
        ) from None
    except OSError as error:
        raise StoreError(f"{partial} cannot be made: {error.strerror}") from None
    try:
        manifest = _fill(settings, config, folder, partial, wanted)
        check(partial, manifest)
        partial.rename(target)
        flush(target.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StoreError(
            f"the backup {target} cannot be written: {error.strerror}", hint="is there space, and may it be written?"
        ) from None
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return manifest


def _check_target(data: Path, target: Path) -> None:
    if not data.is_dir():
        raise ConfigurationError(f"there is no data folder {data}", hint="palier serve makes one")
    if os.path.lexists(target):
        raise ConfigurationError(f"{target} is there", hint="name a folder that is not: nothing is overwritten")
    if target.resolve().is_relative_to(data.resolve()):
        raise ConfigurationError(f"{target} is within the data folder", hint="keep backups on another disk")


def _fill(settings: Settings, config: Path, folder: DataFolder, partial: Path, wanted: Wanted) -> Manifest:
    created = time.time()
    data = partial / DATA
    data.mkdir(mode=0o700)
    for name in SCHEMAS:
        for journal in paths(folder.path / name):  # before: what is moved out of it meanwhile is in the database then
            copy(journal, data / journal.name)
        snapshot(folder.path / name, data / name)
    own = not settings.privacy.key_env and not settings.privacy.key_file
    for source in _beside(folder.path):
        if source.name != VAULT_KEY or wanted.vault_key:
            copy(source, data / source.relative_to(folder.path))
    left_out = [] if own and wanted.vault_key else [_without_key(settings)]
    outside = _project(settings, config, partial / PROJECT)
    left_out += [f"{path}, which the settings name, is outside their folder" for path in outside]
    weights = _weights(settings, partial, wanted)
    verdict = chain(data / "ledger.db") if (data / "ledger.db").exists() else None
    if verdict is not None and not verdict.intact:
        reason = verdict.faults[0].reason if verdict.faults else ""
        raise StoreError(f"the ledger is not intact: {reason}", hint="palier audit verify says more")
    manifest = Manifest(
        format=FORMAT,
        palier=version("palier"),
        created=created,
        data=settings.data,
        config=config.name,
        files=tuple(kept(partial, file) for file in sorted(_all(partial))),
        entries=verdict.entries if verdict else 0,
        head=verdict.head if verdict else "",
        weights=tuple(weights),
        left_out=tuple(left_out),
    )
    written = partial / MANIFEST
    written.write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    written.chmod(0o600)
    flush(written)
    return manifest


def _beside(data: Path) -> Iterator[Path]:
    """All other files of the data folder, in a steady order."""
    copied = {*SCHEMAS, *(journal.name for name in SCHEMAS for journal in paths(data / name))}
    for path, folders, names in os.walk(data):
        folders[:] = sorted(name for name in folders if _keeps(name))
        for name in sorted(names):
            file = Path(path) / name
            if _keeps(name) and file.is_file() and not (path == str(data) and name in copied):
                yield file


def _keeps(name: str) -> bool:
    return name not in NOT_KEPT and not name.endswith(BESIDE)


def _without_key(settings: Settings) -> str:
    privacy = settings.privacy
    where = f"the variable {privacy.key_env}" if privacy.key_env else privacy.key_file or VAULT_KEY
    return f"the key of what is kept sealed ({where}): keep a copy of it apart"


def _project(settings: Settings, config: Path, project: Path) -> list[str]:
    """Copy the settings and what they name of their own folder; what is named elsewhere is given back."""
    copy(config, project / config.name)
    root, outside = Path(settings.root).resolve(), []
    for name in _named(settings):
        path = settings.path(name)
        if not path.exists():
            continue
        if not path.is_relative_to(root):
            outside.append(str(path))
            continue
        for file in sorted(_all(path)) if path.is_dir() else [path]:
            target = project / file.relative_to(root)
            if not target.exists():
                copy(file, target)
    return outside


def _named(settings: Settings) -> list[str]:
    models, guards = settings.models.values(), settings.guards.values()
    named = [
        *(route.policy for route in settings.routes.values()),
        *(model.file for model in models),
        *(adapter for model in models for adapter in model.adapters.values()),
        *(guard.file for guard in guards),
        *settings.lessons.suites,
    ]
    return sorted({name for name in named if name})


def _weights(settings: Settings, partial: Path, wanted: Wanted) -> Iterator[Named]:
    for name, model in settings.models.items():
        if not model.weights:
            continue
        try:
            file = files.locate(model.weights, settings.path, sha256=model.sha256)
        except PalierError:
            yield Named(model=name, weights=model.weights, sha256="")
            continue
        sha256, path = files.hash_once(file), ""
        if wanted.weights:
            weighed = partial / WEIGHTS / f"{sha256}.gguf"
            if not weighed.exists():
                copy(file, weighed)
            path = weighed.relative_to(partial).as_posix()
        yield Named(model=name, weights=model.weights, sha256=sha256, size=file.stat().st_size, path=path)


def _all(folder: Path) -> Iterator[Path]:
    for path, _, names in os.walk(folder):
        for name in names:
            if (file := Path(path) / name).is_file():
                yield file
