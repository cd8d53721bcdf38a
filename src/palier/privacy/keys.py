"""Where the keys of what is kept sealed stand: an environment variable, a file of your own, or `vault.key`.

A key is 32 random bytes in base64. There may be several, parted by commas, spaces or lines: the first seals, the
others only open what was sealed before. No message repeats what stands there.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from palier.config import Settings
from palier.errors import ConfigurationError, StoreError
from palier.privacy.sealing import KEY_BYTES, Sealer, new_key

MAX_KEYS = 16
MAKE = "openssl rand -base64 32"


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the keys stand: in the environment `variable` if one is named, else in `file`."""

    file: Path
    variable: str = ""
    own: bool = False
    """Whether palier makes the file where there is none."""

    @classmethod
    def of(cls, settings: Settings) -> KeySource:
        """As `[privacy]` says. Raises `ConfigurationError` where it names two places."""
        privacy, file = settings.privacy, settings.folder / "vault.key"
        if privacy.key_env and privacy.key_file:
            raise ConfigurationError("[privacy] names both key_env and key_file", hint="keep one of them")
        if privacy.key_file:
            return cls(settings.path(privacy.key_file))
        return cls(file, privacy.key_env) if privacy.key_env else cls(file, own=True)

    def __str__(self) -> str:
        return f"the environment variable {self.variable}" if self.variable else str(self.file)

    def read(self, *, make: bool = True) -> list[bytes]:
        """The keys, the one that seals first. Who owns the data folder may `make` the first where that is palier's.

        Raises `ConfigurationError`: none is there, one is no key, or others may read the file.
        """
        if self.variable:
            text = os.environ.get(self.variable, "")
            if not text.strip():
                raise ConfigurationError(
                    f"{self}, which [privacy] key_env names, is not set", hint=f"set it to what `{MAKE}` prints"
                )
            return self._parsed(text)
        if make and self.own and not self.file.exists():
            self.write([new_key()])
        return self._parsed(self._text())

    def write(self, keys: Sequence[bytes]) -> None:
        """Put `keys` in the file's place, whole or not at all. Raises `StoreError`."""
        made = self.file.with_name(f"{self.file.name}.new")
        try:
            made.unlink(missing_ok=True)
            _write_new(made, keys)
            made.rename(self.file)
            _sync(self.file.parent)
        except OSError as error:
            raise StoreError(
                f"{self.file} cannot be written: {error.strerror}",
                hint="is there space, and may it be written there?",
            ) from None

    def _text(self) -> str:
        try:
            mode = stat.S_IMODE(self.file.stat().st_mode)
            text = self.file.read_text(encoding="ascii")
        except FileNotFoundError:
            hint = "palier makes it when it starts" if self.own else f"(umask 077; {MAKE} > {self.file})"
            raise ConfigurationError(f"the key file {self.file} is not there", hint=hint) from None
        except UnicodeDecodeError:
            raise ConfigurationError(f"{self.file} holds no key", hint="32 bytes in base64") from None
        except OSError as error:
            raise ConfigurationError(f"{self.file} cannot be read: {error.strerror}") from None
        if mode & 0o077:
            raise ConfigurationError(
                f"{self.file} may be read by others (mode {mode:o})", hint=f"chmod 600 {self.file}"
            )
        return text

    def _parsed(self, text: str) -> list[bytes]:
        words = re.split(r"[\s,]+", text.strip())
        keys = [_decoded(word) for word in words]
        if "" in words or None in keys:
            number = next(n for n, key in enumerate(keys, 1) if key is None)
            raise ConfigurationError(f"{self}: key {number} is no key", hint=f"32 bytes in base64, as by `{MAKE}`")
        if len(keys) > MAX_KEYS:
            raise ConfigurationError(f"{self} holds {len(keys)} keys", hint=f"{MAX_KEYS} at most")
        return list(dict.fromkeys(key for key in keys if key is not None))


def _decoded(word: str) -> bytes | None:
    try:
        key = base64.b64decode(word.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def _write_new(path: Path, keys: Sequence[bytes]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
        out.writelines(base64.b64encode(key).decode() + "\n" for key in keys)
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    """So that a new name survives a power cut, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def rotate(source: KeySource, reseal: Callable[[Sealer], Awaitable[None]]) -> bool:
    """A new key, everything sealed anew with it, and then the old ones dropped. Whether a new key was made.

    Killed anywhere, the keys that are needed are there; the next call goes on with the rotation that was begun, which
    is one where there are several keys. Keys of the environment are the operator's to add and to drop.
    """
    keys = source.read()
    if source.variable and len(keys) == 1:
        raise ConfigurationError(
            f"{source} holds one key, and palier cannot put another there",
            hint=f"set it to NEW,OLD, where NEW is what `{MAKE}` prints, and run this again",
        )
    made = len(keys) == 1
    if made:
        keys = [new_key(), *keys]
        source.write(keys)
    await reseal(Sealer(keys))
    if not source.variable:
        source.write(keys[:1])
    return made
