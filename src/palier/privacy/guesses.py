"""How many numbers may be looked up for one key: who tries all of them would find those of texts it may not read.

That a text may not go shows whatever is told of it, so that each look-up of a number is a guess which is answered. What
is looked up is bounded instead: in one request, and by a bucket that fills evenly.
"""

from __future__ import annotations

import time
from collections.abc import Callable

MAX_REQUEST = 50_000
"""Marks of numbers and references looked up for one request: a thousand numbers, each in all its disguises."""
FREE = 500
"""Of one request that count for nothing: ten numbers. Who writes no more is bounded by its key's rate alone."""
MAX_HOUR = 1_000_000
"""Beyond those, for one key in an hour."""
MAX_KEYS = 20_000
_HOUR_S = 3_600.0


class Guesses:
    """What is left to each key, in memory, of one process."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._left: dict[str, tuple[float, float]] = {}
        """Look-ups that are left, and when that was."""

    def take(self, key: str, count: int) -> bool:
        """Whether `count` more may be looked up for a request of `key`; only then they are taken."""
        if count > MAX_REQUEST:
            return False
        count = max(0, count - FREE)
        now = self._steady()
        left, since = self._left.get(key, (float(MAX_HOUR), now))
        left = min(float(MAX_HOUR), left + (now - since) * MAX_HOUR / _HOUR_S)
        if left < count:
            return False
        if len(self._left) >= MAX_KEYS:
            self._left = {each: held for each, held in self._left.items() if now - held[1] < _HOUR_S}
        self._left[key] = (left - count, now)
        return True
