"""Requests that were answered become lessons; what may not be learnt is refused, and counted with the reason.

Newest first, some at a time, until there are as many as wanted. Done again it finds nothing new: a lesson comes under
the name of its request and of who stands for it, once and for all. It also looks at the lessons that are there, and
withdraws what was disputed since, what a suite holds out by now, and what the evidence no longer lets be taught.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from palier.access import OWNER_NAME
from palier.audits import Audit
from palier.errors import TooLarge
from palier.ids import new_id
from palier.interfaces import Vectors
from palier.lessons import KINDS, MAX_BYTES, MAX_EVIDENCE, Evidence, Kind, Lesson, Origin, Teacher, rank
from palier.training import screening
from palier.training.candidates import (
    DISPUTED,
    FORBIDDEN,
    PERSON,
    TOO_LONG,
    Claim,
    Refused,
    Tiers,
    claim,
    disputed,
)
from palier.training.invented import Inventor
from palier.training.lesson_sets import capped
from palier.training.screening import HELD_OUT, LABELLED, PRIVATE, TWIN, Asked, Held, Library, restricted
from palier.training.stock import DAY_S, PALIER, Known, Stock, known, pages, rejected
from palier.types import Data, Label, Trace

AT_ONCE = 128
"""Lessons that are screened together."""
COMMIT = 200
_TRACES = 100
OVER_SHARE = "are over one user's share"
SUPERSEDED = "superseded: somebody stands for another answer"
AGAIN = "are lessons already"


class Harvested(Data, frozen=True, kw_only=True):
    """What came of it. `refused` and `withdrawn` are counts by reason."""

    route: str
    looked_at: int
    added: dict[str, int]
    """By kind."""
    queued: int
    """Of those added, how many wait for a reviewer."""
    refused: dict[str, int]
    withdrawn: dict[str, int]
    more: bool
    """Whether it stopped because there were as many as wanted."""
    held_out: int
    """Questions of suites that were kept apart."""


@dataclass(slots=True)
class Fresh:
    """Lessons that are about to be kept, with the vectors of what they ask as it was, and as it will stand there."""

    lessons: list[Lesson] = field(default_factory=list)
    as_asked: list[Vectors] = field(default_factory=list)
    vectors: dict[str, Vectors] = field(default_factory=dict)
    supersedes: dict[str, str] = field(default_factory=dict)
    """Id of the lesson that goes, by id of the one that comes."""


async def harvest(
    stock: Stock, route: str, held: Held, *, since: float, limit: int, told: Callable[[int], None] = lambda count: None
) -> Harvested:
    """Up to `limit` lessons from the requests of `route` since then. `told` hears how many requests were looked at."""
    there = [known(lesson) async for page in pages(stock.store, route) for lesson in page]
    withdrawn = await withdraw(stock, route, held)
    gone = {name for names in withdrawn.values() for name in names}
    there = [msgspec.structs.replace(one, state="rejected", withdrawn=True) if one.id in gone else one for one in there]
    work = _Harvest(stock, route, held, there)
    await work.begin()
    looked_at = 0
    async for trace in _since(stock, route, since):
        looked_at += 1
        told(looked_at)
        await work.look(trace)
        if len(work.fresh.lessons) >= limit:
            break
    else:
        await work.screen()
    added = await work.keep(limit)
    return Harvested(
        route=route,
        looked_at=looked_at,
        added={kind: n for kind in KINDS if (n := sum(one.kind == kind for one in added))},
        queued=sum(one.state == "queued" for one in added),
        refused=dict(sorted(work.refused.items())),
        withdrawn={why: len(names) for why, names in sorted(withdrawn.items())},
        more=len(work.fresh.lessons) >= limit,
        held_out=len(held.texts),
    )


async def _since(stock: Stock, route: str, since: float) -> AsyncIterator[Trace]:
    """Newest first, with the words that are kept."""
    before, before_id = None, ""
    while page := await stock.traces.list(before=before, before_id=before_id, limit=_TRACES, route=route):
        for trace in page:
            if trace.created < since:
                return
            yield await stock.traces.get(trace.id) or trace
        before, before_id = page[-1].created, page[-1].id


class _Harvest:
    """One run: what was found so far, and what it is compared with."""

    def __init__(self, stock: Stock, route: str, held: Held, there: Sequence[Known]) -> None:
        self.fresh = Fresh()
        self.refused: Counter[str] = Counter()
        self._stock = stock
        self._route = route
        self._held = held
        self._there = list(there)
        self._tiers: Tiers = stock.tiers(route)
        self._library = Library(stock.sources, stock.key)
        self._judged: dict[str, Audit] = {}
        self._inventor = Inventor(stock.key)
        self._waiting: list[Lesson] = []
        self._of_trace: dict[str, Known] = {}
        self._vectors: dict[str, Vectors] = {}

    async def begin(self) -> None:
        """Look at what is there."""
        self._judged = {audit.trace: audit async for audit in _judged(self._stock, self._route)}
        for one in self._there:
            other = self._of_trace.get(one.trace)
            if one.trace and (other is None or rank(one.kind) < rank(other.kind)):
                self._of_trace[one.trace] = one
        asking = await self._stock.store.asking(self._route, self._stock.encoder.name)
        self._vectors = dict(zip(asking.ids, asking.vectors, strict=True))
        stale = [one for one in self._there if one.id in set(asking.stale)]
        if stale:  # by another encoder: they are compared by this one, and stay as they are
            made = await self._stock.encoder.encode([one.asked for one in stale])
            self._vectors.update(zip((one.id for one in stale), made, strict=True))

    async def look(self, trace: Trace) -> None:
        """Take a request in; those that wait are screened when there are enough."""
        try:
            self._waiting.append(await self._lesson(trace))
        except Refused as refused:
            self.refused[str(refused)] += 1
        if len(self._waiting) >= AT_ONCE:
            await self.screen()

    async def _lesson(self, trace: Trace) -> Lesson:
        stock = self._stock
        said = await stock.ratings.ratings(trace.id)
        found = await self._library.passages(trace.evidence, trace.created)
        labels = {key: document.label for key, (document, _) in found.items()}
        claimed = claim(trace, said, self._judged.get(trace.id), self._tiers, evidence_labels=labels)
        other = self._of_trace.get(trace.id)
        if other is not None and rank(other.kind) <= rank(claimed.kind):
            raise Refused(AGAIN)
        if any(key not in found for key in claimed.keys):
            raise Refused(screening.GONE)
        if any(restricted(found[key][0]) for key in claimed.keys):
            raise Refused(PRIVATE)
        if len(claimed.keys) > MAX_EVIDENCE:
            raise Refused(TOO_LONG)
        evidence = tuple(self._library.evidence(*found[key]) for key in claimed.keys)
        lesson = self._made(trace, claimed, evidence)
        if not stock.rules.highest_label.allows(lesson.label):
            raise Refused(LABELLED)
        if len(msgspec.json.encode(lesson)) > MAX_BYTES:
            raise Refused(TOO_LONG)
        return lesson

    def _made(self, trace: Trace, claimed: Claim, evidence: tuple[Evidence, ...]) -> Lesson:
        stock, now = self._stock, time.time()
        source = self._tiers.models.get(claimed.model)
        waits = claimed.waits or stock.rules.review == "all"
        return Lesson(
            id=f"lesson-{new_id()}",
            route=self._route,
            question=claimed.question,
            answer=claimed.answer,
            kind=claimed.kind,
            origin=Origin(
                name=f"trace:{trace.id}:{claimed.kind}",
                trace=trace.id,
                who=stock.who(claimed.who),
                created=trace.created,
            ),
            messages=claimed.messages,
            evidence=evidence,
            teacher=Teacher(model=claimed.model, may_train=source.may_train if source else True),
            label=Label.highest(claimed.label, *(one.label for one in evidence)),
            collections=tuple(sorted({one.collection for one in evidence if one.collection})),
            language=trace.language,
            licence=source.licence if source else "",
            state="queued" if waits else "accepted",
            created=now,
            expires=now + stock.rules.retention_days * DAY_S,
        )

    async def screen(self) -> None:
        """Those that wait: out with what the benchmark holds out and with twins, and with everybody's personal data."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        new = await self._stock.store.origins([lesson.origin.name for lesson in waiting])
        self.refused[AGAIN] += len(new)
        waiting = [lesson for lesson in waiting if lesson.origin.name not in new]
        vectors = await self._stock.vectors(waiting)
        asked, traces = [lesson.asked for lesson in waiting], [lesson.origin.trace for lesson in waiting]
        held = await screening.held_out(asked, vectors, traces, self._held, self._stock.workers)
        self.refused[HELD_OUT] += sum(held)
        left = [n for n, out in enumerate(held) if not out]
        waiting, vectors = [waiting[n] for n in left], vectors[left]
        there = [one for one in self._there if not one.withdrawn]
        others = [self._asked(one) for one in there] + [self._asked(one) for one in self.fresh.lessons]
        rows = [*(self._vectors[one.id] for one in there), *self.fresh.as_asked]
        asks = [self._asked(one) for one in waiting]
        twin = await screening.twins(asks, vectors, others, rows, self._stock.workers)
        for lesson, vector, is_twin in zip(waiting, vectors, twin, strict=True):
            if is_twin:
                self.refused[TWIN] += 1
            else:
                await self._take(lesson, vector)
        self.refused += Counter()  # without those that are 0

    def _asked(self, one: Lesson | Known) -> Asked:
        """With how sure it is: what a tier below the top answered, and nobody looked at, keeps no other lesson away."""
        below = one.kind == "escalation" and one.state == "queued" and self._stock.rules.review != "all"
        return Asked(one.asked, len(KINDS) if below else rank(one.kind))

    async def _take(self, lesson: Lesson, vector: Vectors) -> None:
        try:
            (told,) = await self._stock.invented([lesson], self._inventor)
        except TooLarge:
            self.refused[TOO_LONG] += 1
            return
        self.fresh.lessons.append(told)
        self.fresh.as_asked.append(vector)
        same = told.asked == lesson.asked
        self.fresh.vectors[told.id] = vector if same else (await self._stock.vectors([told]))[0]
        if (other := self._of_trace.get(told.origin.trace)) is not None and other.state != "rejected":
            self.fresh.supersedes[told.id] = other.id

    async def keep(self, limit: int) -> list[Lesson]:
        """Keep what was found, within the users' shares, unless it is forgotten meanwhile; what was kept."""
        rules, owner = self._stock.rules, self._stock.who(OWNER_NAME)
        held = Counter(one.who for one in self._there if one.state != "rejected")
        some = self.fresh.lessons[:limit]
        chosen = capped(
            some, share=rules.user_share, least=rules.user_least, exempt=lambda who: who == owner, held=held
        )
        if over := len(some) - len(chosen):
            self.refused[OVER_SHARE] += over
        added: list[Lesson] = []
        async with self._stock.apart():
            standing = [lesson for lesson in chosen if await self._stands(lesson)]
            for start in range(0, len(standing), COMMIT):
                part = standing[start : start + COMMIT]
                vectors = np.stack([self.fresh.vectors[lesson.id] for lesson in part])
                kept = await self._stock.store.add(part, vectors, self._stock.encoder.name)
                added += [lesson for lesson, new in zip(part, kept, strict=True) if new]
            await self._supersede(added)
        return added

    async def _stands(self, lesson: Lesson) -> bool:
        """Whether nothing of it was forgotten while it was made."""
        trace = await self._stock.traces.get(lesson.origin.trace)
        if trace is None or trace.forgotten or trace.content is None:
            return False
        if lesson.kind != "correction":
            return True
        said = await self._stock.ratings.ratings(trace.id)
        return any(one.correction and self._stock.who(one.principal) == lesson.origin.who for one in said)

    async def _supersede(self, added: Sequence[Lesson]) -> None:
        for lesson in added:
            if (name := self.fresh.supersedes.get(lesson.id)) and (other := await self._stock.store.get(name)):
                await self._stock.store.change([rejected(other, SUPERSEDED, PALIER, time.time())])


async def _judged(stock: Stock, route: str) -> AsyncIterator[Audit]:
    """Audits that a person judged, with their drafts and no other words."""
    after, after_id = 0.0, ""
    while page := await stock.audits.done(
        route=route, source=PERSON, after=after, after_id=after_id, limit=8, words=True
    ):
        for audit in page:
            if audit.judgements and audit.words is not None:
                bare = msgspec.structs.replace(audit.words.request, messages=(), passages=())
                yield msgspec.structs.replace(audit, words=msgspec.structs.replace(audit.words, request=bare))
        after, after_id = page[-1].created, page[-1].trace


# --- what is there ---------------------------------------------------------------------------------------------------


async def withdraw(stock: Stock, route: str, held: Held) -> Mapping[str, list[str]]:
    """Reject the lessons of `route` that may not be taught any more; their ids by the reason.

    Those whose evidence became more confidential get its label.
    """
    asking = await stock.store.asking(route, stock.encoder.name)
    vectors = dict(zip(asking.ids, asking.vectors, strict=True))
    library, models = Library(stock.sources, stock.key), stock.tiers(route).models
    found: dict[str, list[str]] = {}
    async for page in pages(stock.store, route):
        some = [lesson for lesson in page if lesson.state != "rejected"]
        rows = [vectors[one.id] if one.id in vectors else (await stock.vectors([one]))[0] for one in some]
        matrix = np.stack(rows) if rows else np.empty((0, stock.encoder.dimension), np.float32)
        asked, traces = [one.asked for one in some], [one.origin.trace for one in some]
        held_now = await screening.held_out(asked, matrix, traces, held, stock.workers)
        for lesson, out in zip(some, held_now, strict=True):
            why, now = await _why(stock, lesson, library, forbids=_forbids(lesson.teacher, models))
            why = HELD_OUT if out else why
            changed = rejected(lesson, why, PALIER, time.time()) if why else now
            if changed is not lesson and await stock.change(lesson, changed) and why:
                found.setdefault(why, []).append(lesson.id)
    return found


def _forbids(teacher: Teacher, models: Mapping[str, object]) -> bool:
    source = models.get(teacher.model)
    return not teacher.may_train or (source is not None and not getattr(source, "may_train", True))


async def _why(stock: Stock, lesson: Lesson, library: Library, *, forbids: bool) -> tuple[str, Lesson]:
    """Why a lesson may not be taught (empty: it may), and the lesson with the labels of today."""
    if forbids:
        return FORBIDDEN, lesson
    standing = await library.standing(lesson.evidence, stock.rules.highest_label)
    if standing.why:
        return standing.why, lesson
    now = screening.labelled(lesson, standing)
    if not stock.rules.highest_label.allows(now.label):
        return LABELLED, lesson
    stands_alone: tuple[Kind, ...] = ("correction", "import", "synthetic")
    of_request = lesson.origin.trace and lesson.kind not in stands_alone
    if of_request and disputed(await stock.ratings.ratings(lesson.origin.trace)):
        return DISPUTED, lesson
    return "", now
