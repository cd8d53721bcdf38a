"""A circuit breaker: an upstream that keeps failing is left alone for a while (M. Nygard, Release It!, 2007).

Closed: calls pass. After `failures` in a row it opens for `cooldown_s`: calls are refused at once. Then half open: one
call passes, and its outcome closes or opens it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Breaker:
    """Not for threads: one event loop uses it. 0 `failures` never open it. `clock` never goes back."""

    def __init__(self, failures: int, cooldown_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._cooldown = cooldown_s
        self._clock = clock
        self._failures = 0
        self._opened: float | None = None
        self._trying = False

    def wait(self) -> float:
        """Seconds until a call may pass; 0 when one may now. Changes nothing."""
        if self._opened is None:
            return 0.0
        left = self._opened + self._cooldown - self._clock()
        if left > 0:
            return left
        return 1.0 if self._trying else 0.0

    def enter(self) -> float:
        """As `wait`; where it gives 0, the caller passes and owes one of `succeeded`, `failed`, `left`."""
        wait = self.wait()
        if not wait and self._opened is not None:
            self._trying = True
        return wait

    def succeeded(self) -> None:
        """The upstream answered."""
        self._failures = 0
        self._opened = None
        self._trying = False

    def failed(self) -> None:
        """The upstream did not answer, or not with an answer."""
        self._failures += 1
        if self._limit and (self._trying or self._failures >= self._limit):
            self._opened = self._clock()
        self._trying = False

    def left(self) -> None:
        """The caller left before the outcome was known: nothing is learnt."""
        self._trying = False
