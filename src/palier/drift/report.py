"""The nouns of drift: what was looked at, what was found of it, and what is told to elsewhere. No words of requests."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from palier.errors import InvalidRequest
from palier.types import Data

Kind = Literal["ordered", "share", "topics"]
"""A number, a yes or no, or one of several topics."""

KINDS: dict[str, Kind] = {
    "topics": "topics",
    "novelty": "ordered",
    "retrieval": "ordered",
    "confidence": "ordered",
    "escalated": "share",
    "refused": "share",
    "length": "ordered",
    "quality": "share",
    "rated_down": "share",
}
"""The signals: what the question is about, and how far it is from all topics; the score of the best passage; the
confidence of the first tier that had one; whether the request climbed; whether it was abstained from or refused; the
tokens of the answer; whether an audited answer was right; whether a rated one was rated down."""


class Window(Data, frozen=True, kw_only=True):
    """From `since` (seconds) to before `until`; `n` requests of it were looked at, evenly where there were more."""

    since: float
    until: float
    n: int = 0


LEAST_LEVEL = 0.01
"""Lower, and the permutations could not reach it."""


def check_comparable(now: Window, against: Window, level: float) -> None:
    """Raise `InvalidRequest` for what cannot be compared."""
    for window in (now, against):
        if not (math.isfinite(window.since) and window.since < window.until):
            raise InvalidRequest("a window ends after it begins", hint="--since 7d --against 30d..7d")
    if now.since < against.until and against.since < now.until:
        raise InvalidRequest("the two windows have requests in common", hint="--since 7d --against 30d..7d")
    if not LEAST_LEVEL <= level <= 0.5:
        raise InvalidRequest(f"the level is {level:g}", hint=f"a probability, {LEAST_LEVEL} to 0.5", param="level")


class Finding(Data, frozen=True, kw_only=True):
    """What was found of one signal.

    `effect`: of a share the difference of the two; of a number Kolmogorov's distance, the most that the share of
    requests below any value differs; of topics the total variation, the share of requests that are about something
    else. `low` and `high` are the ends of its interval.
    """

    signal: str
    kind: Kind
    n_reference: int = 0
    n: int = 0
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    before: float | None = None
    """Of the reference: a share, or the median of a number."""
    now: float | None = None
    p: float | None = None
    adjusted: float | None = None
    """Holm's, over all signals."""
    drifts: bool = False
    untold: str = ""
    """Why nothing is said of it."""


class Sources(Data, frozen=True, kw_only=True):
    """The documents of a collection, all of them counted: nothing here is a sample."""

    collection: str
    documents: int
    stale: int
    """Not renewed for longer than `[drift] stale_days`."""
    empty: int
    """Without a passage: nothing of it can be found."""
    duplicated: int
    """Whose text another one has too, the first left out."""

    @property
    def shares(self) -> dict[str, float]:
        """Of all documents, by what is wrong with them."""
        every = max(self.documents, 1)
        return {"stale": self.stale / every, "empty": self.empty / every, "duplicated": self.duplicated / every}


class DriftReport(Data, frozen=True, kw_only=True):
    """One comparison of two windows. `level`: the probability that anything is said to drift where nothing does."""

    route: str = ""
    reference: Window
    now: Window
    level: float
    findings: tuple[Finding, ...]
    sources: tuple[Sources, ...] = ()

    @property
    def drifting(self) -> tuple[str, ...]:
        """The signals that drift."""
        return tuple(found.signal for found in self.findings if found.drifts)

    @property
    def judged(self) -> bool:
        """Whether anything can be said of any signal."""
        return any(found.p is not None for found in self.findings)


class Alert(Data, frozen=True, kw_only=True):
    """What is told to a webhook, once: that something began to drift, or that it is over. Numbers and names alone."""

    id: str
    """The same for the same alert, however often it arrives."""
    at: float
    route: str
    signal: str
    """One of `KINDS`, or `sources/COLLECTION/FAULT`."""
    state: Literal["drifting", "over"]
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    before: float | None = None
    now: float | None = None
    n: int = 0
    """Requests since the reference."""
    reference: Window | None = None


class Standing(Data, frozen=True, kw_only=True):
    """How the watch over one route stands."""

    route: str
    reference: Window | None = None
    chosen: str = ""
    """How the reference was chosen, or what is waited for."""
    evidence: dict[str, float] = msgspec.field(default_factory=dict)
    """By signal, the e-value against "nothing has changed"."""
    limit: float = 0.0
    """The evidence from which a signal is said to drift."""
    seen: dict[str, int] = msgspec.field(default_factory=dict)
    drifting: tuple[Alert, ...] = ()
    unsent: int = 0
    """Alerts that the webhook has not taken yet."""
    failing: str = ""
    """Why not, or why nothing could be looked at."""

    def __str__(self) -> str:
        if not self.reference:
            return f"drift: {self.chosen}" + (f"; {self.failing}" if self.failing else "")
        said = [_told(alert) for alert in self.drifting]
        most = max(self.seen.values(), default=0)
        words = f"drift: {'; '.join(said)}" if said else f"no drift in {most} requests since the reference"
        if self.unsent:
            words += f"; {self.unsent} alerts unsent"
        return words + (f" ({self.failing})" if self.failing else "")


def _told(alert: Alert) -> str:
    around = "" if alert.low is None or alert.high is None else f" [{alert.low:.2f}, {alert.high:.2f}]"
    return alert.signal if alert.effect is None else f"{alert.signal} by {alert.effect:.2f}{around}"
