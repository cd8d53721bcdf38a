"""Encryption at rest: what is kept sealed opens only with its key, and only as what it belongs to.

AES-256-GCM (NIST SP 800-38D) with random nonces of 96 bits, good for 2^32 sealings with one key. A sealed text is a
version (one byte), the name of its key (8 bytes), the nonce (12), and the ciphertext with its tag (16 more than the
text). The header and what it belongs to are authenticated, so that no two of them can be swapped.

Of each key (32 random bytes) HKDF-SHA-256 (RFC 5869) makes three that tell nothing of one another: one that seals, one
that digests are keyed with, and its name.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from palier.errors import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_VERSION = b"\x01"
_NAME = 8
_NONCE = 12
_TAG = 16
_HEADER = 1 + _NAME


class Sealer:
    """`interfaces.Sealing` with a ring of keys: the first seals, all of them open."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` of 32 bytes, at least one."""
        self._keys = {key.name: key for key in map(_Key.of, keys)}
        self._first = next(iter(self._keys.values()))

    @property
    def key(self) -> str:
        """Names the key that seals."""
        return self._first.name

    @property
    def keys(self) -> Collection[str]:
        """All that open, the one that seals first."""
        return self._keys.keys()

    def seal(self, content: bytes, belongs: str) -> bytes:
        """`content`, 37 bytes longer, in a form that only opens as what it `belongs` to."""
        header = _VERSION + bytes.fromhex(self._first.name)
        nonce = secrets.token_bytes(_NONCE)
        return header + nonce + self._first.cipher.encrypt(nonce, content, header + belongs.encode())

    def open(self, sealed: bytes, belongs: str) -> bytes:
        """What was sealed. Raises `StoreError`: its key is not there, it was changed, or it belongs elsewhere."""
        from cryptography.exceptions import InvalidTag

        key = self._keys.get(name := self.key_of(sealed))
        if key is None:
            raise StoreError(
                f"{_subject(belongs)} is sealed with the key {name or '?'}, which is not there",
                hint="put that key back, after the one in use: palier vault says which there are",
            )
        header, nonce, rest = sealed[:_HEADER], sealed[_HEADER : _HEADER + _NONCE], sealed[_HEADER + _NONCE :]
        try:
            return key.cipher.decrypt(nonce, rest, header + belongs.encode())
        except InvalidTag:
            raise StoreError(f"{_subject(belongs)} was changed since it was sealed, or is of something else") from None

    def key_of(self, sealed: bytes) -> str:
        """Names the key it was sealed with; empty where it is nothing that was sealed."""
        whole = len(sealed) >= _HEADER + _NONCE + _TAG and sealed[:1] == _VERSION
        return sealed[1:_HEADER].hex() if whole else ""

    def digest(self, content: bytes) -> str:
        """HMAC-SHA-256 in hexadecimal, with the digest key of the key that seals."""
        return keyed_digest(self._first.digest_secret, content)

    def digest_secret(self) -> bytes:
        """What `digest` is keyed with: kept sealed, so that old digests can be checked when the key has gone."""
        return self._first.digest_secret


def keyed_digest(secret: bytes, content: bytes) -> str:
    """HMAC-SHA-256 in hexadecimal."""
    return hmac.digest(secret, content, "sha256").hex()


def new_key() -> bytes:
    """A key of the system's own randomness."""
    return secrets.token_bytes(KEY_BYTES)


@dataclass(frozen=True, slots=True, repr=False)
class _Key:
    name: str
    cipher: AESGCM
    digest_secret: bytes

    @classmethod
    def of(cls, key: bytes) -> _Key:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return cls(
            _derived(key, b"palier key name", _NAME).hex(),
            AESGCM(_derived(key, b"palier sealing", KEY_BYTES)),
            _derived(key, b"palier digest", KEY_BYTES),
        )


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(key)


def _subject(belongs: str) -> str:
    kind, _, name = belongs.partition(":")
    return f"the {kind} {name}" if name else f"the {kind}"
