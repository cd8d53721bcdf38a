"""What happened, what was judged of it, and what is known again by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from palier.audits import Audit, AuditCount, Feedback, FeedbackCount, Judgement
from palier.spending import WentBy
from palier.types import Data, Label, Trace


class Traces(Protocol):
    """What happened."""

    async def record(self, trace: Trace) -> None:
        """Keep `trace`; it is durable when this returns.

        It is taken over before the first wait: who is cancelled meanwhile stops waiting, and it is kept all the same.
        """
        ...

    async def get(self, id: str) -> Trace | None:
        """The trace with its content, where that is still kept. The last `ids.SHORT_ID` digits of an id are enough."""
        ...

    async def list(
        self,
        *,
        before: float | None = None,
        before_id: str = "",
        limit: int = 50,
        route: str = "",
        status: str = "",
        tier: str = "",
    ) -> list[Trace]:
        """Newest first, of one time by id downwards, without content.

        Those created before `before`, where it is given, and of that very time those whose id comes before
        `before_id`: the last trace of a page gives both for the next.
        """
        ...

    async def expire(self, now: float) -> int:
        """Delete contents whose retention is over; how many."""
        ...


class TraceSearch(Data, frozen=True, kw_only=True):
    """Traces that were found, newest first, with their words. `before`, `before_id` lead on; None: nothing is older."""

    traces: tuple[Trace, ...]
    before: float | None = None
    before_id: str = ""


class SearchableTraces(Traces, Protocol):
    """Traces that can be looked through."""

    async def search(
        self,
        text: str,
        *,
        before: float | None = None,
        before_id: str = "",
        limit: int = 50,
        route: str = "",
        status: str = "",
        tier: str = "",
    ) -> TraceSearch:
        """Those among the newest that fit (see `Traces.list`) which have `text` in their id or their words, whatever
        the case of plain letters, or were asked by a name that begins so."""
        ...


class Hours(Protocol):
    """What went by, added up by the hour as traces are recorded."""

    async def went_by(self, since: float, until: float) -> WentBy:
        """Of the hours from the one that `since` (seconds) is in, to before the first that begins at `until` or later.

        The sums are those of the traces there are: one recorded again counts as it was recorded last.
        """
        ...


class BucketedHours(Hours, Protocol):
    """The same, told of many spans at once."""

    async def went_by_each(self, edges: Sequence[float]) -> list[WentBy]:
        """Between each two of `edges` (seconds, whole hours), whatever key was shown: one row or more for each route,
        tier and status."""
        ...


class Audits(Protocol):
    """Requests that were drawn for the audit, until every permitted tier ran on them."""

    async def draw(self, trace: Trace, audit: Audit) -> None:
        """Keep a drawn request and its trace, both or neither; durable when this returns.

        Taken over before the first wait, as by `Traces.record`. Under an id recorded before, it replaces.
        """
        ...

    async def keep(self, audit: Audit, judgements: Sequence[Judgement] = ()) -> bool:
        """Keep how far a drawn request is, with what was judged of it, in one commit. Without `words`: forget them.

        False, and nothing is kept, where it is `lost` by now: its words were deleted while it was gone on with.
        """
        ...

    async def due(self, now: float, limit: int) -> list[Audit]:
        """Drawn ones to go on with at `now`, with their words, the longest due first.

        One whose words are past their retention is none of them: `Traces.expire` leaves it `lost`.
        """
        ...


class Judgements(Protocol):
    """Audits that ran, and who judged what the tiers wrote."""

    async def done(
        self,
        *,
        route: str = "",
        source: str = "",
        after: float = 0.0,
        after_id: str = "",
        limit: int = 200,
        words: bool = False,
    ) -> list[Audit]:
        """Those that are done, oldest first, of one time by id, with the judgements of `source` (of all where empty).

        `words`: with those too, where they are kept: a few at a time, a request may be long. Those after (`after`,
        `after_id`): `created` and `trace` of a page's last give both for the next.
        """
        ...

    async def queue(
        self, *, route: str, sources: Sequence[str], after: float = -1.0, after_id: str = "", limit: int = 8
    ) -> list[Audit]:
        """Those with words, and a draft that none of `sources` judged, in the order of the draw.

        `place` and `trace` of a page's last give `after` and `after_id` for the next.
        """
        ...

    async def undrafted(self, drafts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those of `drafts` (trace, tier) that no audit has, in their order: `judge` would raise for them."""
        ...

    async def judge(self, judgements: Sequence[Judgement]) -> None:
        """Keep all, or none; a later one replaces that of its trace, tier and source.

        Raises `NotFound` naming the first whose trace and tier have no draft.
        """
        ...

    async def count(self, *, route: str = "", sources: Sequence[str] = ()) -> AuditCount:
        """How far those of `route` (all where empty) are; judged: every draft, by one of `sources`."""
        ...


class Watched(Protocol):
    """Judged audits, each counted once by what watches a policy's promise."""

    async def unwatched(self, route: str, source: str, limit: int) -> list[Audit]:
        """Those of `route` that are done, with every draft judged by `source`, and not counted yet; oldest first."""
        ...

    async def watch_state(self, route: str, policy: str) -> bytes | None:
        """What was kept of those counted under `policy`."""
        ...

    async def count_watched(self, route: str, policy: str, state: bytes, traces: Sequence[str]) -> None:
        """Count `traces` and keep `state`, in one commit."""
        ...


class Ratings(Protocol):
    """What those who asked thought of answers. Nothing is fitted on it."""

    async def rate(self, feedback: Feedback, label: Label, expires: float | None) -> None:
        """Keep it in the place of what its principal said before of that trace.

        Its comment and its correction are kept until `expires` under `label`; None: not at all. The trace is there.
        """
        ...

    async def ratings(self, trace: str) -> list[Feedback]:
        """What was said of one answer, oldest first, with the comments and corrections that are still kept."""
        ...

    async def count(self, route: str = "", *, since: float = 0.0, until: float = math.inf) -> FeedbackCount:
        """How many answers of `route` (all where empty) were rated, and how: of those asked from `since` to `until`.

        `until` itself is not among them.
        """
        ...


class Answers(Protocol):
    """What answers carry: those that come back as turns of a conversation are known again."""

    async def label_of(self, digests: Sequence[str]) -> Label:
        """The most restrictive label of the recorded answers (`Trace.answers`) among `digests`; public for none."""
        ...
