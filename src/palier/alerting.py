"""Telling a webhook, after whoever waits for an answer: what it does not take is kept by whoever tells it, and tried
again, less and less often. Why it took none is logged once."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import msgspec

from palier.errors import PalierError

RETRY_S, LONGEST_S = 60.0, 3600.0
"""After a failure, and twice as long after each further one, up to the second."""
UNSENT = 500
"""Alerts that wait. Beyond, the oldest go: what they said stands in `palier status` and in `/metrics` all the same."""

log = logging.getLogger(__name__)

Post = Callable[[bytes], Awaitable[int]]
"""POST an alert through the connector; the status."""


class Webhook:
    """What takes alerts; `what` they are of is said in the log."""

    def __init__(self, post: Post, what: str) -> None:
        self._post, self._what = post, what
        self.unheard = ""
        """Why it took none the last time."""

    async def takes(self, alert: msgspec.Struct) -> bool:
        """Whether it took `alert`."""
        why = await self._refused(alert)
        if why and why != self.unheard:
            log.warning("alerts of %s are not sent: %s", self._what, why)
        self.unheard = why
        return not why

    async def _refused(self, alert: msgspec.Struct) -> str:
        try:
            status = await self._post(msgspec.json.encode(alert))
        except (PalierError, OSError) as error:
            return str(error)
        except Exception as error:
            log.exception("an alert of %s could not be sent", self._what)
            return type(error).__name__
        return "" if 200 <= status < 300 else f"the webhook answered {status}"


def later(wait_s: float, *, told: bool) -> float:
    """How long to wait after the next failure."""
    return RETRY_S if told else min(2 * wait_s, LONGEST_S)
