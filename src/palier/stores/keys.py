"""Access keys: kept by their hash, looked up in memory.

The hash is one SHA-256, without a salt and not slow. Slow hashes are for what people choose, which can be guessed: a
secret here is 256 bits of chance, and nobody tries 2^255 of them however fast each is. So a request costs a
microsecond, and a key is found by its hash.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import apsw
import msgspec

from palier.access import NOBODY_NAME, OWNER_NAME, RESERVED, AccessKey, IssuedKey, check_group
from palier.errors import InvalidRequest, NotFound
from palier.stores.schema import statements
from palier.stores.sqlite import Database

MAX_KEYS = 10_000
"""Those that opened once and do no more leave first, the oldest of them."""
MAX_LIST = 100
"""Groups and routes of one key."""
MAX_RATE = 1_000_000
PREFIX = "plr_"
_SHOWN = len(PREFIX) + 4
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


def digest_of(secret: bytes) -> bytes:
    """What a secret is kept and found by."""
    return hashlib.sha256(secret).digest()


class SqliteKeys:
    """`interfaces.Keys` and `interfaces.KeyFinder`. The process owns the file: what is in memory is what is kept."""

    def __init__(
        self, database: Database, keys: Mapping[bytes, AccessKey], clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._keys = dict(keys)
        self._clock = clock
        self._changing = asyncio.Lock()
        self._names = {key.name for key in self._keys.values()}
        self._asked: Callable[[str], Awaitable[bool]] | None = None

    def look_among(self, asked: Callable[[str], Awaitable[bool]]) -> None:
        """From now on a new key is not given a name that `asked` knows, unless it `inherits`."""
        self._asked = asked

    # --- at each request

    def find(self, digest: bytes) -> AccessKey | None:
        """The key of this hash; see `interfaces.KeyFinder`."""
        return self._keys.get(digest)

    def is_key(self, name: str) -> bool:
        """Whether a key is, or was, called that."""
        return name in self._names

    def named(self, name: str) -> AccessKey | None:
        """The newest key called that which opens now; None where there is none."""
        now = self._clock()
        return next((key for key in reversed(self._keys.values()) if key.name == name and key.holds_at(now)), None)

    # --- changes

    async def create(self, key: AccessKey, *, inherits: bool = False) -> IssuedKey:
        """Make one; see `interfaces.Keys`."""
        async with self._changing:
            now = self._clock()
            _check(key, now)
            if self._held(key.name, now):
                raise InvalidRequest(
                    f"there is a key `{key.name}` already", hint="rotate it, revoke it, or take another name"
                )
            if self._asked is not None and not inherits and await self._asked(key.name):
                raise InvalidRequest(
                    f"somebody called `{key.name}` has asked before, and this key would read it",
                    hint=f"take another name, say --inherit, or erase it: palier forget --user {key.name}",
                    param="name",
                )
            return await self._issue(msgspec.structs.replace(key, revoked=None), now, {})

    async def revoke(self, name: str) -> AccessKey:
        """End it, and those it was rotated from; see `interfaces.Keys`."""
        async with self._changing:
            now = self._clock()
            ended = self._ended(name, now, 0.0)
            await self._keep(ended)
            return list(ended.values())[-1]

    async def rotate(self, name: str, keep_s: float = 0.0) -> IssuedKey:
        """Another secret; see `interfaces.Keys`."""
        async with self._changing:
            now = self._clock()
            ended = self._ended(name, now, keep_s)
            newest = [key for key in self._keys.values() if key.name == name and key.holds_at(now)][-1]
            return await self._issue(newest, now, ended)

    def _held(self, name: str, now: float) -> dict[bytes, AccessKey]:
        return {digest: key for digest, key in self._keys.items() if key.name == name and key.holds_at(now)}

    def _ended(self, name: str, now: float, keep_s: float) -> dict[bytes, AccessKey]:
        """The keys of `name` that still open, as they are from now on: revoked, or soon to expire."""
        held = self._held(name, now)
        if not held:
            raise NotFound(f"there is no key `{name[:80]}` in use", hint="palier keys list", param="name")
        if not 0 <= keep_s < math.inf:
            raise InvalidRequest("how long the old secret is kept must be a time from now on", param="keep_s")
        if not keep_s:
            return {digest: msgspec.structs.replace(key, revoked=now) for digest, key in held.items()}
        return {
            digest: msgspec.structs.replace(key, expires=min(key.expires or math.inf, now + keep_s))
            for digest, key in held.items()
        }

    async def _issue(self, terms: AccessKey, now: float, ended: dict[bytes, AccessKey]) -> IssuedKey:
        secret = PREFIX + secrets.token_urlsafe(32)
        key = msgspec.structs.replace(terms, created=now, prefix=secret[:_SHOWN])
        await self._keep(ended, {digest_of(secret.encode()): key}, self._surplus(now))
        return IssuedKey(key=key, secret=secret)

    def _surplus(self, now: float) -> list[bytes]:
        """What must go for one more to come."""
        count = len(self._keys) + 1 - MAX_KEYS
        if count <= 0:
            return []
        gone = [digest for digest, key in self._keys.items() if not key.holds_at(now)][:count]
        if len(gone) < count:
            raise InvalidRequest(f"there are {MAX_KEYS} keys in use, which is the limit", hint="revoke some")
        return gone

    async def _keep(
        self, changed: dict[bytes, AccessKey], made: Mapping[bytes, AccessKey] = {}, gone: Sequence[bytes] = ()
    ) -> None:
        """Write, then have it in memory: who asks meanwhile meets what was before."""
        sql = statements("access")

        def run(connection: apsw.Connection) -> None:
            for digest in gone:
                connection.execute(sql["drop_key"], (digest,))
            for digest, key in changed.items():
                connection.execute(sql["change_key"], (msgspec.json.encode(key), digest))
            for digest, key in made.items():
                connection.execute(sql["insert_key"], (digest, msgspec.json.encode(key)))

        await self._database.write(run)
        keys = {**self._keys, **changed, **made}
        for digest in gone:
            keys.pop(digest, None)
        self._keys, self._names = keys, {key.name for key in keys.values()}

    async def list(self) -> list[AccessKey]:
        """All that are kept, in the order they were made."""
        return list(self._keys.values())


def read_keys(connection: apsw.Connection) -> dict[bytes, AccessKey]:
    """All keys by their hash, in the order they were made."""
    rows = connection.execute(statements("access")["keys"])
    return {digest: msgspec.json.decode(terms, type=AccessKey) for digest, terms in rows}


def _check(key: AccessKey, now: float) -> None:
    if not _NAME.fullmatch(key.name) or key.name in RESERVED:
        raise InvalidRequest(
            f"`{key.name[:80]}` is no name of a key",
            hint=f"letters, digits and `._@+-`, 64 at most; not `{OWNER_NAME}`, the owner's, nor `{NOBODY_NAME}`",
            param="name",
        )
    for group in key.groups:
        check_group(group)
    if max(len(key.groups), len(key.routes)) > MAX_LIST:
        raise InvalidRequest(f"a key has at most {MAX_LIST} groups and routes", param="groups")
    if key.expires is not None and not now < key.expires < math.inf:
        raise InvalidRequest("a key must expire at a time that is to come", param="expires")
    if key.budget is not None and not 0 < key.budget < math.inf:
        raise InvalidRequest("a budget is a number of US dollars above 0", param="budget")
    if key.soft is not None and not 0 < key.soft <= (math.inf if key.budget is None else key.budget):
        raise InvalidRequest("a soft limit is a number of US dollars above 0, and not above the budget", param="soft")
    if key.tokens is not None and key.tokens < 1:
        raise InvalidRequest("a limit of tokens is at least 1", param="tokens")
    if key.rate is not None and not 1 <= key.rate <= MAX_RATE:
        raise InvalidRequest(f"a rate is 1 to {MAX_RATE} requests a minute", param="rate")
