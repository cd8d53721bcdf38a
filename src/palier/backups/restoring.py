"""Putting a backup back, into a new folder: checked before and after, made beside it and renamed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from palier.backups.checking import check, copy, digest, flush, placed, read
from palier.backups.making import PARTIAL
from palier.backups.manifest import DATA, WEIGHTS, Manifest
from palier.config import load
from palier.errors import ConfigurationError, PalierError, StoreError
from palier.models import catalogue
from palier.models import weights as files
from palier.stores import tombstones
from palier.stores.folder import DataFolder
from palier.stores.tombstones import Tombstone, Tombstones
from palier.types import Data


class Restored(Data, frozen=True, kw_only=True):
    """What was put back, and what is to be known of it."""

    folder: str
    config: str
    """The settings."""
    data: str
    """The data folder."""
    manifest: Manifest
    again: int = 0
    """Users and documents that were forgotten since, and are at the first start."""
    told: bool = False
    """Whether somebody said what was forgotten since."""
    foreign: int = 0
    """Of these, those that cannot be told: their digests have another installation's key."""
    notes: tuple[str, ...] = ()
    """What is not as it was, in words."""


def restore(source: Path, target: Path, erasures: Path | None = None) -> Restored:
    """Put the backup `source` back as the folder `target`, which is not there yet.

    `erasures`: the file in which the installation wrote what it forgot (`erasures.jsonl` of its data folder, or that
    folder), so that what was forgotten since the backup is forgotten again. Raises `ConfigurationError` for what is no
    backup, one of a newer palier, or a `target` that is there; `StoreError` for one that is damaged, or a full disk;
    then nothing is left.
    """
    manifest = read(source)
    target = target.absolute()
    if os.path.lexists(target):
        raise ConfigurationError(f"{target} is there", hint="name a folder that is not: nothing is overwritten")
    since = _since(erasures, manifest)
    check(source, manifest)
    partial = target.with_name(target.name + PARTIAL)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(mode=0o700)
    except FileExistsError:
        raise ConfigurationError(f"{partial} is there", hint="one that was cut short: delete it") from None
    except OSError as error:
        raise StoreError(f"{partial} cannot be made: {error.strerror}") from None
    try:
        inside = _place(source, partial, manifest)
        led = str(inside) == manifest.data or _lead_inside(partial / manifest.config, inside)
        data = DataFolder(partial / inside)
        stones = Tombstones(data.erasures, data.fingerprint_key())
        ours = [one for one in since if one.key == stones.key]
        if ours:
            tombstones.append(data.erasures, ours)
            tombstones.append(data.erasures_again, ours)
        partial.rename(target)
        flush(target.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StoreError(
            f"{target} cannot be written: {error.strerror}", hint="is there space, and may it be written there?"
        ) from None
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return Restored(
        folder=str(target),
        config=str(target / manifest.config),
        data=str(target / inside),
        manifest=manifest,
        again=len(ours),
        told=erasures is not None,
        foreign=len(since) - len(ours),
        notes=tuple(_notes(source, target, inside, manifest, led=led)),
    )


def _since(erasures: Path | None, manifest: Manifest) -> Sequence[Tombstone]:
    if erasures is None:
        return ()
    file = DataFolder(erasures).erasures if erasures.is_dir() else erasures
    if not file.exists():
        raise ConfigurationError(
            f"there is no {file}", hint="it is `erasures.jsonl` of a data folder in which something was forgotten"
        )
    return [one for one in tombstones.read(file) if one.at >= manifest.created]


def _place(source: Path, partial: Path, manifest: Manifest) -> PurePosixPath:
    """Copy all files where they belong; gives the data folder, relative to the whole."""
    inside = PurePosixPath(manifest.data)
    if inside.is_absolute() or ".." in inside.parts or not inside.parts:
        inside = PurePosixPath(".palier")
    for one in manifest.files:
        _, *rest = PurePosixPath(one.path).parts
        folder = one.path.partition("/")[0]
        if folder == WEIGHTS:
            continue
        file = partial.joinpath(*(inside.parts if folder == DATA else ()), *rest)
        copy(placed(source, one.path), file)
        if digest(file) != one.sha256:
            raise StoreError(f"{file} was not written as it was read", hint="look at the disk, and the system's log")
    return inside


_SETS_DATA = re.compile(r"""^(\s*(?:data|"data"|'data')\s*=\s*)(?:"[^"\n]*"|'[^'\n]*')""", re.MULTILINE)


def _lead_inside(config: Path, inside: PurePosixPath) -> bool:
    """Have the settings name the data folder that was put back, not the one elsewhere that they named; whether it could
    be done.

    That one may be what a gateway is writing at this moment. Nothing else of the file is touched.
    """
    text = config.read_text(encoding="utf-8")
    wanted = {**tomllib.loads(text), "data": str(inside)}
    for found in _SETS_DATA.finditer(text):
        changed = f'{text[: found.start()]}{found[1]}"{inside}"{text[found.end() :]}'
        with contextlib.suppress(tomllib.TOMLDecodeError):
            if tomllib.loads(changed) == wanted:
                config.write_text(changed, encoding="utf-8")
                flush(config)
                return True
    return False


def _notes(source: Path, target: Path, inside: PurePosixPath, manifest: Manifest, *, led: bool) -> list[str]:
    """What is not as it was; weights that came along are put where palier looks for them."""
    notes = list(manifest.left_out)
    if not led:
        notes.append(f"SET `data` OF {manifest.config} TO `{inside}`: it names {manifest.data}, which is elsewhere")
    elif str(inside) != manifest.data:
        notes.append(f"`data` of {manifest.config} is `{inside}` now: it named {manifest.data}, which is left as it is")
    try:
        settings = load(target / manifest.config)
    except PalierError as error:
        return [*notes, str(error)]
    for one in manifest.weights:
        try:
            file = settings.path(one.weights)
            if one.path and one.weights in catalogue.entries():
                files.pull(one.weights, file=placed(source, one.path), sha256=one.sha256)
            elif one.path and not file.exists() and file.is_relative_to(target):
                copy(placed(source, one.path), file)
            files.locate(one.weights, settings.path, sha256=one.sha256)
        except (PalierError, OSError) as error:
            wanted = f", SHA-256 {one.sha256}" if one.sha256 else ""
            notes.append(f"the weights of model `{one.model}` ({one.weights}{wanted}) are not there: {error}")
    return notes
