"""What becomes of requests that cannot be written down, as on a full disk: `[store] on_store_failure`.

Where they are refused, the one that finds out fails, and for a while those after it are refused before any tier is
asked; then one is let through to try. Where it goes on, they are answered, and counted as not recorded. Either is said
in the log while it lasts. What leaves is another matter: without its entry in the ledger nothing does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from palier.errors import Busy, PalierError, StoreError

RETRY_S = 5.0
"""How long requests are refused before one is let through to try."""
SAID_EVERY_S = 60.0

log = logging.getLogger("palier")


class Failing:
    """Whether requests are recorded, of one process."""

    def __init__(self, *, goes_on: bool = False, steady: Callable[[], float] = time.monotonic) -> None:
        self.goes_on = goes_on
        self.unrecorded = 0
        """Requests that were not recorded since the process began."""
        self.why = ""
        """Why they are not now; empty where they are."""
        self._steady = steady
        self._until = self._said = 0.0

    def check(self) -> None:
        """Raise `StoreError` where a request would be answered that could not be recorded a moment ago."""
        if self.goes_on or not self.why:
            return
        now = self._steady()
        if now < self._until:
            raise _refused("requests cannot be recorded, and are not answered", self._until - now)
        self._until = now + RETRY_S  # this one tries

    async def recorded(self, work: Awaitable[None]) -> None:
        """Await the recording of a request. Raises `StoreError` or `Busy` where it does not go on without.

        A store that is behind is as one that is full: else each request would ask its tiers, and then fail.
        """
        try:
            await work
        except (StoreError, Busy) as error:
            self._failed(error)
            if self.goes_on:
                return
            if isinstance(error, StoreError):
                raise _refused("the request could not be recorded, and is not answered", RETRY_S) from error
            raise
        else:
            if self.why:
                self.why = ""
                log.warning("requests are recorded again; since the start %d could not be", self.unrecorded)

    def _failed(self, error: PalierError) -> None:
        now, first = self._steady(), not self.why
        self.unrecorded += 1
        self.why, self._until = error.message, now + RETRY_S
        if first or now - self._said >= SAID_EVERY_S:
            self._said = now
            becomes = "are answered all the same" if self.goes_on else "are refused"
            log.error("REQUESTS ARE NOT RECORDED, and %s: %s (%d so far)", becomes, error, self.unrecorded)


def _refused(what: str, retry_after: float) -> StoreError:
    """For whoever asked: no path of this machine. Why is in the log already, each minute, and not at each request."""
    hint = 'palier doctor says why, such as a full disk; `[store] on_store_failure = "go on"` answers all the same'
    error = StoreError(what, hint=hint, retry_after=retry_after)
    error.logged = True
    return error
