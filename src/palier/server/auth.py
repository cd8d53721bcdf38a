"""Who asks: one access key, made at first start, whose owner is the administrator."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from palier.errors import Unauthorized
from palier.types import Principal

_OWNER = Principal(name="local", admin=True)


def authenticate(headers: Mapping[bytes, bytes], key: bytes) -> Principal:
    """The principal whose key the `Authorization` header carries. Raises `Unauthorized`.

    `headers` have lower-case names. Keys are compared in constant time.
    """
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not given:
        raise Unauthorized(
            "no access key was given",
            hint="send `Authorization: Bearer KEY`; the key is in the file `key` of the data folder",
        )
    if not hmac.compare_digest(given.strip(), key):
        raise Unauthorized("the access key is not valid", hint="it is in the file `key` of the data folder")
    return _OWNER
