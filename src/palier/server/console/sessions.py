"""Who is signed in: kept in memory here, known by the SHA-256 of what the cookie holds.

A session holds no longer than what opened it: a key that was revoked or has expired, or whom the proxy no longer names,
ends it at the next request. When the gateway stops, all end.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from palier.errors import Busy

MAX_SESSIONS = 1_000
MAX_OF_ONE = 20
"""Of one key or name: who signs in once more leaves where it was longest not seen."""


@dataclass(slots=True)
class Reading:
    """How many passages of a file are embedded, and of how many: 0 where more may follow than is known yet."""

    done: int = 0
    total: int = 0
    _before: int = 0
    """Passages of the batches that are behind."""

    def told(self, done: int, total: int) -> None:
        """Of the batch that is being embedded: `indexing.Told`."""
        if not done and self.done:
            self._before, self.total = self.done, 0
        elif not self._before:
            self.total = total
        self.done = self._before + done


@dataclass(frozen=True, slots=True)
class Session:
    """`key` is the SHA-256 of the access key that opened it, empty where the proxy named `user`."""

    key: bytes
    user: str
    csrf: str
    expires: float
    reading: dict[str, Reading] = field(default_factory=dict, compare=False)
    """How far the files are that it sent and that are being indexed, by the ticket that came with each."""

    def owns(self, token: str) -> bool:
        """Whether `token` is the one that this session's forms carry."""
        return hmac.compare_digest(token.encode(), self.csrf.encode())


class Sessions:
    """At most `MAX_SESSIONS`, those longest not seen leaving first."""

    def __init__(self, lasts_s: float, clock: Callable[[], float] = time.time) -> None:
        self._lasts_s = lasts_s
        self._clock = clock
        self._open: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, *, key: bytes = b"", user: str = "") -> tuple[str, Session]:
        """Open one: what its cookie holds, and the session."""
        self._close_surplus(key, user)
        token = secrets.token_urlsafe(32)
        session = Session(key, user, secrets.token_urlsafe(32), self._clock() + self._lasts_s)
        self._open[_digest(token)] = session
        return token, session

    def find(self, token: str) -> Session | None:
        """The session of a cookie, while it lasts."""
        name = _digest(token)
        session = self._open.get(name)
        if session is None:
            return None
        if session.expires <= self._clock():
            del self._open[name]
            return None
        self._open.move_to_end(name)
        return session

    def end(self, token: str) -> None:
        """Close the session of a cookie."""
        self._open.pop(_digest(token), None)

    def __len__(self) -> int:
        return len(self._open)

    def _close_surplus(self, key: bytes, user: str) -> None:
        now = self._clock()
        for name in [name for name, session in self._open.items() if session.expires <= now]:
            del self._open[name]
        own = [name for name, session in self._open.items() if (session.key, session.user) == (key, user)]
        for name in own[: max(len(own) + 1 - MAX_OF_ONE, 0)]:
            del self._open[name]
        while len(self._open) >= MAX_SESSIONS:
            self._open.popitem(last=False)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


WINDOW_S = 300.0
TRIES = 10
"""Sign-ins that may fail from one address within the window."""
TRIES_IN_ALL = 100
MAX_ADDRESSES = 10_000


class Throttle:
    """Counts sign-ins that failed, by address and in all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, list[float]] = OrderedDict()
        self._all: list[float] = []

    def check(self, address: str) -> None:
        """Raise `Busy`, with when to come back, where too many failed."""
        now = self._clock()
        for failed, most in ((self._failed.get(address, []), TRIES), (self._all, TRIES_IN_ALL)):
            recent = [at for at in failed if now - at < WINDOW_S]
            if len(recent) >= most:
                raise Busy(
                    "too many sign-ins failed",
                    hint="wait a few minutes; the key is in the file `key` of the data folder",
                    retry_after=WINDOW_S - (now - recent[-most]),
                )

    def failed(self, address: str) -> bool:
        """Count one; whether it was the last that is allowed."""
        now = self._clock()
        for failed in (self._failed.setdefault(address, []), self._all):
            failed[:] = [at for at in failed if now - at < WINDOW_S]
            failed.append(now)
        self._failed.move_to_end(address)
        while len(self._failed) > MAX_ADDRESSES:
            self._failed.popitem(last=False)
        return len(self._failed[address]) == TRIES
