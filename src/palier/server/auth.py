"""Who asks, by the key that is shown, and whether that may: one table says what each route takes.

The owner's key is in the data folder and does everything. Other keys are known by the SHA-256 of their secret, looked
up in memory: what the time of a look-up tells is of the hash, from which nothing leads back to a secret.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from palier.access import OWNER, RESERVED, AccessKey, Role, check_user
from palier.errors import Forbidden, InvalidRequest, Unauthorized
from palier.interfaces import KeyFinder
from palier.types import Principal

SKEW_S = 300.0
"""How far the time of a signature may be from the gateway's. Within it the same signature is taken again."""
_USER, _SIGNATURE = b"x-palier-user", b"x-palier-signature"
_PURPOSE = b"palier user signature v1"


@dataclass(frozen=True, slots=True)
class Need:
    """What a route takes of who calls it. What `spends` waits for the budget to allow it."""

    role: Role
    spends: bool = False


_READS, _WRITES = Need(Role.VIEWER), Need(Role.OPERATOR)
_ASKS = Need(Role.VIEWER, spends=True)
NEEDS: Mapping[str, Mapping[str, Need]] = {
    "/v1/chat/completions": {"POST": _ASKS},
    "/v1/completions": {"POST": _ASKS},
    "/v1/embeddings": {"POST": _ASKS},
    "/v1/models": {"GET": _READS},
    "/v1/models/{id:path}": {"GET": _READS},
    "/v1/palier/search": {"POST": _READS},
    "/v1/palier/feedback": {"POST": _READS},
    "/v1/palier/traces": {"GET": _READS},
    "/v1/palier/traces/{id}": {"GET": _READS},
    "/v1/palier/collections": {"GET": _READS},
    "/v1/palier/collections/{collection}/documents": {"GET": _READS},
    "/v1/palier/collections/{collection}/documents/{id:path}": {"GET": _READS, "PUT": _WRITES, "DELETE": _WRITES},
    "/metrics": {"GET": Need(Role.OPERATOR)},
}
"""By path and method. A route that is not here cannot be made."""
OPEN = frozenset({"/healthz", "/readyz", "/openapi.json"})
"""What takes no key."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever shows a key; `key` is None for the owner's."""

    principal: Principal
    role: Role
    key: AccessKey | None
    is_key: Callable[[str], bool]

    def check(self, need: Need) -> None:
        """Raise `Forbidden`, naming the role that is needed, where this one's is not enough."""
        self.check_role(need.role)

    def check_role(self, role: Role) -> None:
        """Raise `Forbidden`, naming `role`, where this one's is not enough."""
        if not self.role.covers(role):
            raise Forbidden(
                f"this takes a key of the role `{role}`, and `{self.principal.key}` has `{self.role}`",
                hint="palier keys create NAME --role ROLE",
            )

    def may_ask(self, route: str) -> bool:
        """Whether the key is for that route."""
        return self.key is None or not self.key.routes or route in self.key.routes

    def asking_for(self, user: str | None) -> Principal:
        """Who asks, where the body of the request says `user`: which counts only where the key says so."""
        if user is None or self.key is None or self.key.speaks_for != "field":
            return self.principal
        return _user(user, self.key, self.is_key)


class Authenticator:
    """Finds who called. Costs a few microseconds, and waits for nothing."""

    def __init__(self, owner_key: str, keys: KeyFinder, clock: Callable[[], float] = time.time) -> None:
        self._owner = sha256(owner_key.encode()).digest()
        self._keys = keys
        self._clock = clock
        self._as_owner = Caller(OWNER, Role.ADMIN, None, keys.is_key)

    def __call__(self, headers: Mapping[bytes, bytes]) -> Caller:
        """Who shows the key in the `Authorization` header. `headers` have lower-case names.

        Raises `Unauthorized`, and `Forbidden` for a user that the key may not speak for.
        """
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        secret = given.strip()
        if scheme.lower() != b"bearer" or not secret:
            raise Unauthorized(
                "no access key was given",
                hint="send `Authorization: Bearer KEY`; the owner's is in the file `key` of the data folder",
            )
        caller = self.holder(sha256(secret).digest())
        if _USER not in headers:
            return caller
        return self._speaking(caller.key, secret, headers)

    def holder(self, digest: bytes) -> Caller:
        """Whose the key of this SHA-256 is. Raises `Unauthorized` where it does not hold now."""
        if hmac.compare_digest(digest, self._owner):
            return self._as_owner
        key = self._key(digest)
        return self.of(key)

    def of(self, key: AccessKey) -> Caller:
        """Whoever has `key`."""
        return Caller(key.principal, key.role, key, self._keys.is_key)

    def without_key(self, name: str, role: Role) -> Caller:
        """Somebody that a proxy signed in. Raises `InvalidRequest`, and `Forbidden` for a name that is a key's."""
        check_user(name)
        if name in RESERVED or self._keys.is_key(name):
            raise Forbidden(f"`{name}` is a key's name, or reserved, and no key of that name holds now")
        reviews = role.covers(Role.REVIEWER)
        principal = Principal(name=name, admin=role is Role.ADMIN, reviewer=reviews)
        return Caller(principal, role, None, self._keys.is_key)

    def _key(self, digest: bytes) -> AccessKey:
        key = self._keys.find(digest)
        if key is None:
            raise Unauthorized("the access key is not valid", hint="palier keys list shows those there are")
        now = self._clock()
        if not key.holds_at(now):
            why, when = ("was revoked", key.revoked) if key.revoked is not None else ("expired", key.expires)
            raise Unauthorized(f"the access key {key.prefix}... {why} {at(when or 0.0)}", hint="ask for another")
        return key

    def _speaking(self, key: AccessKey | None, secret: bytes, headers: Mapping[bytes, bytes]) -> Caller:
        """The caller as the user that the signed header names."""
        if key is None or key.speaks_for != "header":
            raise Forbidden(
                "this key speaks for no user by the header X-Palier-User",
                hint="palier keys create NAME --speaks-for header",
            )
        given = headers[_USER]
        _check_signature(given, headers.get(_SIGNATURE, b""), secret, self._clock())
        try:
            user = given.decode()
        except UnicodeDecodeError:
            raise InvalidRequest("the header X-Palier-User is no UTF-8") from None
        return Caller(_user(user, key, self._keys.is_key), key.role, key, self._keys.is_key)


def signing_key(secret: bytes) -> bytes:
    """What users are signed with, of who has the access key `secret`: HKDF-SHA256 (RFC 5869), 32 bytes, without salt.

    It is derived at each use, so that the gateway keeps nothing that signs.
    """
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, _PURPOSE + b"\x01", "sha256")


def at(time_s: float) -> str:
    """A time in UTC, as people read it."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(time_s))


def _user(name: str, key: AccessKey, is_key: Callable[[str], bool]) -> Principal:
    """The user as who asks: with its own groups, and the role and the budget of the key."""
    check_user(name)
    if name in RESERVED or is_key(name):
        raise Forbidden(f"`{name}` is a key's name, or reserved: no other key speaks for it", param="user")
    return Principal(name=name, reviewer=key.role.covers(Role.REVIEWER), key=key.name)


def _check_signature(user: bytes, signature: bytes, secret: bytes, now: float) -> None:
    parts = dict(part.strip().partition(b"=")[::2] for part in signature[:200].split(b","))
    signed, given = parts.get(b"t", b""), parts.get(b"v1", b"")
    if not signed.isdigit() or len(signed) > 12 or not given:
        raise Unauthorized(
            "the user is not signed", hint="send X-Palier-Signature: t=UNIX_TIME,v1=HEX (docs/how-to/who-may-read.md)"
        )
    if abs(now - int(signed)) > SKEW_S:
        raise Unauthorized(
            f"the user was signed at {at(int(signed))}, more than {SKEW_S / 60:g} minutes from now",
            hint="sign at each request, and look at the clocks",
        )
    expected = hmac.digest(signing_key(secret), signed + b"." + user, "sha256").hex().encode()
    if not hmac.compare_digest(expected, given.lower()):
        raise Unauthorized("the signature of the user is not this key's", hint="it is over `t.user`, the bytes as sent")
