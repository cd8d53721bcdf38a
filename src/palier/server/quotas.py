"""What a key may do in a minute, a day and a month: requests by a token bucket, money and tokens as counted."""

from __future__ import annotations

import time
from collections.abc import Callable

from palier.access import AccessKey
from palier.errors import BudgetExceeded, PalierError
from palier.interfaces import Purse
from palier.server.auth import at
from palier.stores.purse import day_ends, month_ends

_MAX_BUCKETS = 20_000
_MINUTE_S = 60.0


class RateLimited(PalierError):
    """429: the key makes more requests than its rate allows."""

    status = 429
    code = "rate_limit_exceeded"
    type = "rate_limit_error"


class Quotas:
    """Checked before a request is read: in memory, of one process.

    A bucket holds the requests of one minute, and fills evenly. A budget is compared with what was counted of requests
    that ended: the one that crosses it is answered, and so are those at work meanwhile.
    """

    def __init__(
        self, purse: Purse, clock: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._purse = purse
        self._clock = clock
        self._steady = steady
        self._buckets: dict[str, tuple[float, float]] = {}
        """Requests that are left, and when that was, by the name of the key: another secret fills none."""

    def take(self, key: AccessKey | None, *, spends: bool, requests: int = 1, held: int = 0) -> None:
        """Take `requests` from the key's rate, all or none; `held` are those that the same body took before.

        Raises `RateLimited`, and `BudgetExceeded` where it `spends`.
        """
        if key is None:
            return
        if key.rate is not None and requests:
            self._take(key.name, key.rate, requests, held)
        if spends and (key.budget is not None or key.tokens is not None):
            self._check_budget(key)

    def _take(self, name: str, rate: int, requests: int, held: int) -> None:
        now = self._steady()
        left, since = self._buckets.get(name, (float(rate), now))
        left = min(float(rate), left + (now - since) * rate / _MINUTE_S)
        if left < requests:
            wait = (min(requests, rate) - left) * _MINUTE_S / rate
            together = held + requests
            hint = "wait a little" if together <= rate else f"each of {together} prompts is a request: send fewer"
            raise RateLimited(
                f"the key `{name}` makes more than its {rate} requests a minute", retry_after=wait, hint=hint
            )
        if len(self._buckets) >= _MAX_BUCKETS:
            self._buckets = {each: b for each, b in self._buckets.items() if now - b[1] < _MINUTE_S}
        self._buckets[name] = (left - requests, now)

    def _check_budget(self, key: AccessKey) -> None:
        spent, now = self._purse.spending(key.name), self._clock()
        if key.budget is not None:
            cost, ends = (spent.cost_today, day_ends(now)) if key.per == "day" else (spent.cost_month, month_ends(now))
            if cost >= key.budget:
                raise _exceeded(f"{key.budget:g} US dollars of this {key.per}", key, ends, now)
        if key.tokens is not None and spent.tokens_today >= key.tokens:
            raise _exceeded(f"{key.tokens} tokens of today", key, day_ends(now), now)


def _exceeded(what: str, key: AccessKey, ends: float, now: float) -> BudgetExceeded:
    return BudgetExceeded(
        f"the key `{key.name}` has spent its {what}",
        hint=f"it may ask again from {at(ends)} on",
        retry_after=ends - now,
    )
