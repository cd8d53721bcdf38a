"""The data folder: where its files stand, and the lock that says who owns it.

The lock is the operating system's (`flock`): it goes with the process that holds it, so that a file left by a dead one
is no obstacle. What stands inside the file is only there to be told to whoever comes second.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shlex
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from palier.errors import ConfigurationError, DataFolderBusy, StoreError

SOCKET_PATH_BYTES = 100
"""What a unix socket's address holds on every system palier runs on (104 bytes on macOS, 108 on Linux)."""
LOCK_PATIENCE_S = 0.25
"""`holder` takes the lock for an instant to look; whoever wants it for good waits that out."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who owns the folder; `started` is when it took the lock."""

    pid: int
    command: str
    started: float


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The paths of one installation's data. Making one touches nothing; `claim` is how to own it."""

    path: Path
    home: Path | None = None
    """The data folder whose ledger and keys these are, where this one only works for it (`app.bench`)."""

    @classmethod
    @contextmanager
    def claim(cls, path: Path, home: Path | None = None) -> Iterator[DataFolder]:
        """Make the folder (mode 0700) and own it until the end, of the block or of the process.

        Raises `DataFolderBusy` naming the holder, and `StoreError` where it cannot be made.
        """
        folder = cls(path, home)
        _make_private(path)
        descriptor = _open_lock(folder.lock_file)
        try:
            _take_lock(descriptor, path)
            _keep_out_of_git(path)
            if folder.admin_socket.parent != path:
                _make_private(folder.admin_socket.parent)
                _check_owned(folder.admin_socket.parent)
            yield folder
        finally:
            os.close(descriptor)

    def prepared(self) -> DataFolder:
        """Itself, once the folder is there (mode 0700): for what several processes may write into."""
        _make_private(self.path)
        _keep_out_of_git(self.path)
        return self

    @property
    def knowledge(self) -> Path:
        """Documents, passages and vectors."""
        return self.path / "knowledge.db"

    @property
    def traces(self) -> Path:
        """What happened."""
        return self.path / "traces.db"

    @property
    def lessons(self) -> Path:
        """What students are taught."""
        return self.path / "lessons.db"

    @property
    def ledger(self) -> Path:
        """What left, and what is kept sealed."""
        return (self.home or self.path) / "ledger.db"

    @property
    def access(self) -> Path:
        """Keys, groups, and what keys spent."""
        return self.path / "access.db"

    @property
    def state(self) -> Path:
        """Versions of students, and what became of them."""
        return self.path / "state.db"

    @property
    def students(self) -> Path:
        """What was taught, a folder a version."""
        return self.path / "students"

    @property
    def learning(self) -> Path:
        """What watched learning took, and which lessons it saw."""
        return self.path / "learning.json"

    @property
    def erasures(self) -> Path:
        """When what was forgotten, by digests (`stores.tombstones`)."""
        return self.path / "erasures.jsonl"

    @property
    def erasures_again(self) -> Path:
        """Those of them that a backup brought back, and that are done again at the next start."""
        return self.path / "erasures-again.jsonl"

    @property
    def drift(self) -> Path:
        """What the watch over drift has come to, a file a route."""
        return self.path / "drift"

    @property
    def alerts(self) -> Path:
        """What webhooks were told, and are to be."""
        return self.path / "alerts"

    @property
    def key_file(self) -> Path:
        return self.path / "key"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def admin_socket(self) -> Path:
        """Where the gateway takes orders from the command line.

        In the folder, unless its path is longer than a unix address may be: then under the temporary directory, in a
        folder of this user's own named for a digest of the path, so that both sides find it.
        """
        beside = self.path / "admin.sock"
        if len(os.fsencode(beside)) <= SOCKET_PATH_BYTES:
            return beside
        digest = hashlib.sha256(os.fsencode(self.path.absolute())).hexdigest()[:16]
        short = Path(tempfile.gettempdir()) / f"palier-{os.getuid()}-{digest}" / "admin.sock"
        if len(os.fsencode(short)) <= SOCKET_PATH_BYTES:
            return short
        return Path("/tmp", *short.parts[-2:])  # noqa: S108  of mode 0700, and `claim` checks that it is ours

    def holder(self) -> Holder | None:
        """Who owns the folder now; None when nobody does."""
        try:
            descriptor = os.open(self.lock_file, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.lock_file} cannot be read: {error.strerror}") from None
        try:
            return None if _try_lock(descriptor, fcntl.LOCK_SH) else _read_holder(descriptor)
        finally:
            os.close(descriptor)

    def access_key(self) -> str:
        """The key that clients show, made at the first call. Raises `StoreError`, and `ConfigurationError` if bad."""
        return self._secret(self.key_file)

    def audit_key(self) -> bytes:
        """What requests are drawn by, made at the first call and told to nobody: clients have the access key."""
        return self._secret(self.path / "audit-key").encode()

    def fingerprint_key(self) -> bytes:
        """What labelled text is known again by, made at the first call. With another one its marks are made anew."""
        return self._secret((self.home or self.path) / "fingerprint.key").encode()

    def _secret(self, file: Path) -> str:
        """The secret that `file` holds, made where there is none."""
        if file.exists():
            return _read_secret(file)
        made = file.with_name(f"{file.name}.new")  # renamed when whole: a crash or a full disk leaves no empty key
        key = secrets.token_urlsafe(32)
        try:
            made.unlink(missing_ok=True)
            with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
                out.write(key + "\n")
            made.rename(file)
        except OSError as error:
            raise StoreError(f"{file} cannot be made: {error.strerror}") from None
        return key


def _read_secret(file: Path) -> str:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        key = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file} cannot be read: {error}", hint="delete it: a new one is made") from None
    if mode & 0o077:
        raise ConfigurationError(f"{file} may be read by others (mode {mode:o})", hint="chmod 600 it")
    if not key:
        raise ConfigurationError(f"{file} is empty", hint="delete it: a new one is made")
    return key


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be opened: {error.strerror}", hint="set a `data` folder this user may write in"
        ) from None


def _keep_out_of_git(path: Path) -> None:
    """A key and private texts are in the folder, which often is made within a project."""
    with suppress(OSError), (path / ".gitignore").open("x", encoding="ascii") as file:
        file.write("*\n")


def _take_lock(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while not _try_lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() >= deadline:
            raise _busy(folder, _read_holder(descriptor))
        time.sleep(0.01)
    holder = Holder(pid=os.getpid(), command=_command(), started=time.time())
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(holder), 0)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror}", hint="free some space on that disk") from None


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_holder(descriptor: int) -> Holder:
    try:
        return msgspec.json.decode(os.pread(descriptor, 65_536, 0), type=Holder)
    except msgspec.DecodeError:  # between taking the lock and writing who did
        return Holder(pid=0, command="", started=0.0)


def _busy(path: Path, holder: Holder) -> DataFolderBusy:
    if not holder.pid:
        return DataFolderBusy(f"{path} is in use by another process", hint="try again in a moment")
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder.started))
    return DataFolderBusy(
        f"{path} is in use by process {holder.pid} (`{holder.command}`) since {since}",
        hint=f"use it over its API, stop it (kill {holder.pid}), or set another `data` folder",
    )


def _command() -> str:
    """The program and its command alone: what follows may be a question or a name, and this stays in the file."""
    program, *arguments = sys.argv or [""]
    command = [name for name in arguments[:1] if not name.startswith("-")]
    words = shlex.join([Path(program).name, *command])[:200]
    return words.encode("utf-8", "replace").decode("utf-8")  # an argument may hold any bytes


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be made: {error.strerror}", hint="set a `data` folder this user may write in"
        ) from None


def _check_owned(path: Path) -> None:
    """A folder of that name under the temporary directory might be somebody else's."""
    status = path.lstat()
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) != 0o700 or not stat.S_ISDIR(status.st_mode):
        raise ConfigurationError(f"{path} is not a folder of this user alone", hint="set a shorter `data` path")
