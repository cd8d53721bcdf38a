"""Which records something was fitted on, kept so that it can be asked for them and not be read for them.

Plain digests: a Bloom filter that errs as seldom would be a quarter smaller, and could not be counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from palier.types import Data

BYTES = 5
"""Of a digest: of 1,000 ids that it was not fitted on, a policy of 5,000 records names one in 200,000 policies."""


class Seen(Data, frozen=True, kw_only=True):
    """The ids of records, by digest: 5 bytes each, about 7 characters in a file. Raises `ValueError` for no such thing.

    The salt follows from the ids, so that the same records give the same file, and two files cannot be joined.
    """

    salt: bytes
    digests: bytes
    """Sorted, one after the other."""

    def __post_init__(self) -> None:
        if len(self.digests) % BYTES or not 0 < len(self.salt) <= 64:
            raise ValueError("seen: a salt and digests of 5 bytes")

    @classmethod
    def of(cls, ids: Iterable[str]) -> Seen:
        """What was fitted on these."""
        names = sorted({name.encode("utf-8", "surrogatepass") for name in ids})
        salt = blake2b(b"\0".join(names), digest_size=16).digest()
        return cls(salt=salt, digests=b"".join(sorted(_digest(salt, name) for name in names)))

    def among(self, ids: Iterable[str]) -> list[str]:
        """Those of `ids` that it was fitted on, in their order."""
        known = {self.digests[start : start + BYTES] for start in range(0, len(self.digests), BYTES)}
        return [name for name in ids if _digest(self.salt, name.encode("utf-8", "surrogatepass")) in known]


def _digest(salt: bytes, name: bytes) -> bytes:
    return blake2b(name, key=salt, digest_size=BYTES).digest()
