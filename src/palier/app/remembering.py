"""What an open palier does with what happened: tell it to whom it may be told, have it rated, forget it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from palier.access import Spending
from palier.app.knowing import LOCAL, Knowing
from palier.app.wiring import DAY_S
from palier.audits import PERSON, Audit, Feedback
from palier.config import label_source
from palier.errors import NotFound
from palier.forgetting import Forgetting, Forgotten, Recording
from palier.interfaces import BucketedHours, Judgements, Ratings, SearchableTraces
from palier.lessons import Lesson
from palier.pipeline import feedback, reading
from palier.stores.access import SqliteAccess
from palier.training.desk import Desk
from palier.types import Principal, Trace

LESSONS = 50
"""Lessons looked at in one go, so that others have their turn in between."""


class Remembering(Knowing):
    """The part of `Palier` that knows requests."""

    access: SqliteAccess
    """Keys, groups, and what keys spent."""
    traces: SearchableTraces
    feedback: Ratings
    audits: Judgements
    """Requests that every permitted tier answered, and who judged them."""
    hours: BucketedHours
    lessons: Desk
    """What students are taught."""
    _recording: Recording
    _forgetting: Forgetting

    async def rate(self, id: str, *, principal: Principal = LOCAL, **said: Any) -> Feedback:
        """Keep feedback on the answer `id`; `said`: `rating` ("up", "down") or `score`, `comment`, `correction`.

        Raises `NotFound` also for an answer that is not this principal's to judge.
        """
        store = self.settings.store
        return await feedback.rate(
            id,
            principal,
            traces=self.traces,
            ratings=self.feedback,
            keep_s=store.retention_days * DAY_S if store.record_content else None,
            reviews=lambda trace: reading.reviews(trace, principal, self._knowledge.standing),
            **said,
        )

    def listen(self, told: Callable[[Trace], None]) -> None:
        """From now on tell `told` each trace as it is about to be recorded."""
        self._recording.told.append(told)

    async def read_trace(self, id: str, principal: Principal = LOCAL) -> Trace | None:
        """The trace `id` as `principal` may read it: its own, or as a reviewer; see `palier.pipeline.reading`."""
        return await reading.read_trace(id, principal, self.traces, self._knowledge.standing)

    async def list_traces(self, principal: Principal = LOCAL, **asked: Any) -> reading.TracePage:
        """The newest traces that `principal` may read; `asked` as in `interfaces.Traces.list`."""
        return await reading.list_traces(principal, self.traces, self._knowledge.standing, **asked)

    async def search_traces(self, text: str, principal: Principal = LOCAL, **asked: Any) -> reading.TracePage:
        """Those that have `text` in their id or in words that `principal` may read; `asked` as in `list_traces`."""
        return await reading.search_traces(text, principal, self.traces, self._knowledge.standing, **asked)

    async def list_lessons(
        self, principal: Principal = LOCAL, *, limit: int = 20, after: str = "", **asked: str
    ) -> tuple[list[Lesson], str]:
        """Lessons that `principal` may review, in order of id, and the id to go on after (empty: there are no more).

        Whoever is no administrator reviews what asks a first question, and stands on nothing they may not read.
        """
        found: list[Lesson] = []
        while len(found) < limit:
            page = await self.lessons.page(after=after, limit=LESSONS, **asked)
            for lesson in page:
                after = lesson.id
                if await self._reviews(lesson, principal):
                    found.append(lesson)
                    if len(found) == limit:
                        return found, after
            if len(page) < LESSONS:
                return found, ""
        return found, after

    async def read_lesson(self, id: str, principal: Principal = LOCAL) -> Lesson:
        """The lesson `id`, for `principal` to review. Raises `NotFound`, also for one that is not theirs."""
        lesson = await self.lessons.get(id)
        if not await self._reviews(lesson, principal):
            raise NotFound(f"there is no lesson `{id[:80]}`", param="id")
        return lesson

    async def to_judge(
        self, route: str, principal: Principal = LOCAL, *, after: float = -1.0, after_id: str = ""
    ) -> Audit | None:
        """The next audited request of `route` that no person and not its own source has judged, in the order of the
        draw, of those whose words `principal` may read; None where there is none. Raises `NotFound`."""
        if route not in self.settings.routes:
            raise NotFound(f"there is no route `{route[:80]}`", param="route")
        sources = (PERSON, label_source(self.settings.routes[route]))
        while page := await self.audits.queue(route=route, sources=sources, after=after, after_id=after_id):
            for audit in page:
                trace = await self.read_trace(audit.trace, principal)
                if trace is not None and trace.content is not None:
                    return audit
            after, after_id = page[-1].place, page[-1].trace
        return None

    async def _reviews(self, lesson: Lesson, principal: Principal) -> bool:
        if principal.admin or not principal.reviewer:
            return principal.admin
        if any(message.role not in ("system", "user") for message in lesson.messages):
            return False
        keys = [f"{one.collection}/{one.document}#{one.passage}" for one in lesson.evidence if one.document]
        return all(await self._knowledge.standing(keys, principal)) if keys else True

    async def spending(self, keys: Sequence[str]) -> dict[str, Spending]:
        """What each of `keys` has spent so far."""
        return {key: self.access.purse.spending(key) for key in keys}

    async def forget(self, *, user: str = "", document: str = "", dry_run: bool = False) -> Forgotten:
        """Erase a user, or a document (`COLLECTION/ID`) with what was answered from it; `dry_run`: only say what.

        Requests on their way are recorded without name and words. Raises `InvalidRequest`, and `StoreError` where
        something could not be deleted: do it again, and it goes on.
        """
        return await self._forgetting.forget(user=user, document=document, dry_run=dry_run)
