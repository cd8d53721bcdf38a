"""Whether a backup is whole, and how its files are written."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import apsw
import msgspec

from palier.backups.manifest import DATA, FORMAT, MANIFEST, PROJECT, WEIGHTS, Kept, Manifest
from palier.errors import ConfigurationError, StoreError
from palier.privacy.ledger import Verdict, verify
from palier.stores.access import ACCESS
from palier.stores.knowledge import KNOWLEDGE
from palier.stores.ledger_file import LedgerFile
from palier.stores.lessons import LESSONS
from palier.stores.schema import Schema, statements, store_error
from palier.stores.sealed import LEDGER
from palier.stores.traces import TRACES
from palier.stores.versions import VERSIONS

CHUNK = 1 << 20
MAX_MANIFEST = 256 * 2**20

SCHEMAS: dict[str, Schema] = {
    "lessons.db": LESSONS,
    "traces.db": TRACES,
    "access.db": ACCESS,
    "knowledge.db": KNOWLEDGE,
    "ledger.db": LEDGER,
    "state.db": VERSIONS,
}
"""The databases, in the order they are copied: what refers to another comes before it, so that nothing is referred to
that is not there. Lessons name traces; traces name keys, passages, entries of the ledger and versions; versions name
folders of students, which are copied after them all."""


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy(source: Path, target: Path) -> None:
    """One file, of this user alone, on the disk when this returns. One that is gone meanwhile is left out."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        read = source.open("rb")
    except FileNotFoundError:
        return
    with read, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        shutil.copyfileobj(read, written, CHUNK)
        written.flush()
        os.fsync(written.fileno())


def flush(path: Path) -> None:
    """So that a file, or the names in a folder, survive a power cut, too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def kept(root: Path, file: Path) -> Kept:
    """A file of the backup at `root` as it is now, a database with its version."""
    path = file.relative_to(root).as_posix()
    schema = SCHEMAS.get(file.name) if file.parent == root / DATA else None
    version = 0
    if schema is not None:
        with reading(file) as connection:
            version = int(connection.pragma("user_version"))
    return Kept(
        path=path,
        size=file.stat().st_size,
        sha256=digest(file),
        schema=schema.name if schema else "",
        version=version,
    )


def read(folder: Path) -> Manifest:
    """That of the backup `folder`. Raises `ConfigurationError` for what is none, or one of a newer palier."""
    file = folder / MANIFEST
    try:
        if file.stat().st_size > MAX_MANIFEST:
            raise ConfigurationError(f"{file} is too large to be a manifest")
        text = file.read_bytes()
    except FileNotFoundError:
        hint = "it was not finished: delete it" if folder.name.endswith(".partial") else "palier backup makes one"
        raise ConfigurationError(f"{folder} is no backup: it has no {MANIFEST}", hint=hint) from None
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error.strerror}") from None
    try:
        form = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get("format", msgspec.Raw(b"0"))
        number = msgspec.json.decode(form, type=int)
        if number <= FORMAT:
            return msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{file} is damaged: {error}", hint="take another backup") from None
    raise _newer(f"it has the format {number}, and this palier knows {FORMAT} at most")


def check(folder: Path, manifest: Manifest) -> None:
    """Raise `StoreError` for the first file that is not as the manifest says, and what `check_versions` does.

    Also for a database that is not whole, and a ledger whose chain does not end where it ended.
    """
    check_versions(manifest)
    for one in manifest.files:
        file = placed(folder, one.path)
        try:
            same = file.stat().st_size == one.size and digest(file) == one.sha256
        except OSError as error:
            raise _damaged(file, error.strerror or str(error)) from None
        if not same:
            raise _damaged(file, "its SHA-256 is not that of the manifest")
        if one.schema:
            with reading(file) as connection:
                if (found := str(connection.execute("PRAGMA quick_check(1)").get)) != "ok":
                    raise _damaged(file, found)
    if (ledger := folder / DATA / "ledger.db").exists():
        verdict = chain(ledger)
        if not verdict.intact or (verdict.entries, verdict.head) != (manifest.entries, manifest.head):
            raise _damaged(ledger, "its chain is not as it was")


def check_versions(manifest: Manifest) -> None:
    """Raise `ConfigurationError` where a database is of a newer palier, or none that this one has."""
    known = {schema.name: schema.version for schema in SCHEMAS.values()}
    for one in manifest.files:
        if one.schema and one.schema not in known:
            raise _newer(f"{one.path} is a file of `{one.schema}`, which this palier does not have")
        if one.schema and one.version > known[one.schema]:
            raise _newer(f"{one.path} has version {one.version}, and this palier knows {known[one.schema]} at most")


def placed(root: Path, path: str) -> Path:
    """Where a file of the manifest stands. Raises `StoreError` for one that would stand elsewhere."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or pure.parts[0] not in (DATA, PROJECT, WEIGHTS):
        raise StoreError(f"the manifest names `{path}`, which is no file of a backup", hint="take another backup")
    return root.joinpath(*pure.parts)


def chain(ledger: Path) -> Verdict:
    """What a walk along a copied ledger finds."""
    with reading(ledger) as connection:
        try:
            installation = str(connection.execute(statements("ledger")["about"]).get)
        except apsw.Error as error:
            raise store_error(ledger, error) from error
        return verify(LedgerFile(ledger, connection, installation).chain(), installation)


@contextmanager
def reading(path: Path) -> Iterator[apsw.Connection]:
    """A database that nobody writes: nothing is made beside it."""
    uri = f"file:{quote(str(path.absolute()))}?immutable=1"
    try:
        connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    except apsw.Error as error:
        raise store_error(path, error) from error
    try:
        yield connection
    except apsw.Error as error:
        raise store_error(path, error) from error
    finally:
        connection.close()


def _damaged(file: Path, why: str) -> StoreError:
    return StoreError(f"{file} is damaged: {why}", hint="take another backup")


def _newer(what: str) -> ConfigurationError:
    return ConfigurationError(f"this backup was made by a newer palier: {what}", hint="upgrade palier")
