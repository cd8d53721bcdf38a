"""Where lessons are kept, looked through, and handed out to be taught.

A correction waits until somebody else than who wrote it has accepted it. Whatever is accepted, edited or brought from
elsewhere meets what a harvested lesson meets: the benchmark's holdout, the label, the evidence as it is now.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from palier.access import OWNER_NAME
from palier.errors import InvalidRequest, NotFound, TooLarge
from palier.interfaces import Vectors
from palier.lessons import (
    MAX_ANSWER,
    MAX_QUESTION,
    MAX_WEIGHT,
    Brought,
    Edit,
    Evidence,
    Lesson,
    LessonCount,
    State,
    rank,
)
from palier.training import harvest as harvesting
from palier.training import screening
from palier.training.candidates import FORBIDDEN, TOO_LONG
from palier.training.harvest import AGAIN, OVER_SHARE, Harvested
from palier.training.invented import Inventor
from palier.training.lesson_sets import Carried, Split, capped, carried, families, question, split, synthetic_within
from palier.training.screening import HELD_OUT, LABELLED, TWIN, Asked, Held, Library
from palier.training.stock import DAY_S, Stock, pages, rejected, withdrawn
from palier.types import Data

MAX_AT_ONCE = 1_000
"""Lessons that are reviewed, or brought, by one call."""
MAX_REASON = 500
ALONE = "say otherwise what is not taught any more"
OVER_SYNTHETIC = "are over the share of synthetic lessons"
OUTDONE = "are outdone: a surer one asks the same"
_FILES = 100
"""Of a suite, that are looked at; and documents that are read at once."""


class TrainingSet(Data, frozen=True, kw_only=True):
    """What a student may be taught now, and what that makes of it."""

    split: Split
    carried: Carried
    left_out: dict[str, int]
    """Accepted lessons that are not in it, by reason."""

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """All of them."""
        return (*self.split.train, *self.split.validation)


class Desk:
    """The lessons of an installation."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self._alone = asyncio.Lock()
        self._held: tuple[tuple[tuple[str, float], ...], Held] = ((), Held())

    # --- coming ----------------------------------------------------------------------------------------------------

    async def harvest(
        self, route: str, *, since: float = 0.0, limit: int = 1_000, suites: Sequence[str] = ()
    ) -> Harvested:
        """Up to `limit` lessons from requests since then. `suites` are held out besides those of the settings.

        Raises `NotFound` for a route, and as `suite.load` for a suite that cannot be read.
        """
        self._check(route)
        async with self._alone:
            held = await self.held(suites)
            return await harvesting.harvest(self._stock, route, held, since=since, limit=limit)

    async def add(self, lessons: Sequence[Lesson], *, who: str, accept: bool = False) -> Brought:
        """Keep lessons that were brought from elsewhere; with `accept` those that do not say so are taught unread."""
        _check_number(lessons)
        for route in {lesson.route for lesson in lessons}:
            self._check(route)
        async with self._alone:
            held = await self.held()
            found, refused = await self._screened([self._brought(one, who, accept) for one in lessons], held)
            refused = Counter(refused)
            async with self._stock.apart():
                standing = [one for one in found if await self._remembered(one)]
                refused[screening.GONE] += len(found) - len(standing)
                vectors = await self._stock.vectors(standing)
                kept = await self._stock.store.add(standing, vectors, self._stock.encoder.name)
            places = [n for n, new in enumerate(kept) if new]
            added = [standing[n] for n in places]
            outdone = await self._outdone(added, vectors[places])
        refused[AGAIN] += len(kept) - sum(kept)
        contradicted = sum(one.answer.strip() != by.answer.strip() for one, by in outdone)
        return Brought(
            added=len(added),
            queued=sum(one.state == "queued" for one in added),
            refused=dict(sorted((+refused).items())),
            outdone=dict(sorted(Counter(one.kind for one, _ in outdone).items())),
            contradicted=contradicted,
        )

    async def _remembered(self, lesson: Lesson) -> bool:
        """Whether the request that an exported lesson is of, if it is here, was not forgotten."""
        trace = await self._stock.traces.get(lesson.origin.trace) if lesson.origin.trace else None
        return trace is None or not trace.forgotten

    def _brought(self, lesson: Lesson, who: str, accept: bool) -> Lesson:
        now = time.time()
        state: State = lesson.state
        reviewer, reviewed = lesson.reviewer, lesson.reviewed
        if lesson.kind == "correction" and state == "accepted" and not reviewer:
            state = "queued"
        if accept and state == "queued":
            state, reviewer, reviewed = "accepted", who, now
        created = min(lesson.created or now, now)
        return msgspec.structs.replace(
            lesson,
            state=state,
            reviewer=reviewer,
            reviewed=reviewed,
            created=created,
            expires=now + self._stock.rules.retention_days * DAY_S,
        )

    async def _screened(self, lessons: Sequence[Lesson], held: Held) -> tuple[list[Lesson], Counter[str]]:
        refused: Counter[str] = Counter()
        new = await self._stock.store.origins([one.origin.name for one in lessons])
        refused[AGAIN] += len(new)
        lessons = [one for one in lessons if one.origin.name not in new]
        vectors = await self._stock.vectors(lessons)
        asked, traces = [one.asked for one in lessons], [one.origin.trace for one in lessons]
        out = await screening.held_out(asked, vectors, traces, held, self._stock.workers)
        library, inventor = Library(self._stock.sources, self._stock.key), Inventor(self._stock.key)
        standing, places = [], []
        for n, (lesson, held_out) in enumerate(zip(lessons, out, strict=True)):
            now, why = await self._as_it_stands(lesson, library)
            if held_out or why:
                refused[HELD_OUT if held_out else why] += 1
            else:
                standing.append(now)
                places.append(n)
        found = []
        for lesson, is_twin in zip(standing, await self._twins(standing, vectors[places]), strict=True):
            if is_twin:
                refused[TWIN] += 1
                continue
            try:
                found += await self._stock.invented([lesson], inventor)
            except TooLarge:
                refused[TOO_LONG] += 1
        return found, refused

    async def _twins(self, lessons: Sequence[Lesson], vectors: Vectors) -> list[bool]:
        """Whether each asks what another lesson of its route asks, be it one that comes with it."""
        found = [False] * len(lessons)
        for route in {one.route for one in lessons}:
            places = [n for n, one in enumerate(lessons) if one.route == route]
            there = [one async for page in pages(self._stock.store, route) for one in page if not withdrawn(one)]
            others = [Asked(one.asked, rank(one.kind)) for one in there]
            new = [Asked(lessons[n].asked, rank(lessons[n].kind)) for n in places]
            rows = await self._rows(route, there)
            told = await screening.twins(new, vectors[places], others, rows, self._stock.workers)
            for n, is_twin in zip(places, told, strict=True):
                found[n] = is_twin
        return found

    async def _outdone(self, added: Sequence[Lesson], vectors: Vectors) -> list[tuple[Lesson, Lesson]]:
        """Accepted lessons that are not taught beside those just `added`, and by which of them."""
        found: list[tuple[Lesson, Lesson]] = []
        for route in {one.route for one in added}:
            places = [n for n, one in enumerate(added) if one.route == route and one.state == "accepted"]
            own = {one.id for one in added}
            there = [
                one async for page in pages(self._stock.store, route, "accepted") for one in page if one.id not in own
            ]
            if not places or not there:
                continue
            new = [Asked(added[n].asked, rank(added[n].kind)) for n in places]
            others, rows = [Asked(one.asked, rank(one.kind)) for one in there], await self._rows(route, there)
            told = await screening.outdone(new, vectors[places], others, rows, self._stock.workers)
            found += [(one, added[places[by]]) for one, by in zip(there, told, strict=True) if by >= 0]
        return found

    async def _rows(self, route: str, there: Sequence[Lesson]) -> list[Vectors]:
        """What each asks, by the encoder of today."""
        asking = await self._stock.store.asking(route, self._stock.encoder.name)
        known = dict(zip(asking.ids, asking.vectors, strict=True))
        return [known[one.id] if one.id in known else (await self._stock.vectors([one]))[0] for one in there]

    async def _as_it_stands(self, lesson: Lesson, library: Library) -> tuple[Lesson, str]:
        """The lesson with today's labels, and why it may not be taught (empty: it may)."""
        models = self._stock.tiers(lesson.route).models
        source = models.get(lesson.teacher.model)
        if not lesson.teacher.may_train or (source is not None and not source.may_train):
            return lesson, FORBIDDEN
        standing = await library.standing(lesson.evidence, self._stock.rules.highest_label)
        if standing.why:
            return lesson, standing.why
        now = screening.labelled(lesson, standing)
        return now, "" if self._stock.rules.highest_label.allows(now.label) else LABELLED

    # --- reading ---------------------------------------------------------------------------------------------------

    async def get(self, id: str) -> Lesson:
        """The lesson; the last 12 digits of its id are enough. Raises `NotFound`."""
        found = await self._stock.store.get(id)
        if found is None:
            raise NotFound(f"there is no lesson `{id[:80]}`", hint="palier lessons list", param="id")
        return found

    async def page(
        self, *, route: str = "", state: str = "", kind: str = "", after: str = "", limit: int = 200
    ) -> list[Lesson]:
        """In order of id; see `interfaces.Lessons`."""
        return await self._stock.store.page(route=route, state=state, kind=kind, after=after, limit=limit)

    async def count(self, route: str = "") -> LessonCount:
        """How many there are."""
        return await self._stock.store.count(route)

    # --- reviewing -------------------------------------------------------------------------------------------------

    async def accept(self, ids: Sequence[str], *, who: str) -> list[Lesson]:
        """Let lessons be taught. Raises `InvalidRequest` saying which may not be, and why."""
        return await self._review(ids, who=who, reason="", accepts=True)

    async def reject(self, ids: Sequence[str], *, who: str, reason: str = "") -> list[Lesson]:
        """Let lessons not be taught: their words go after a month, and they are not harvested again."""
        if len(reason) > MAX_REASON:
            raise InvalidRequest(f"a reason is at most {MAX_REASON} characters", param="reason")
        return await self._review(ids, who=who, reason=reason, accepts=False)

    async def _review(self, ids: Sequence[str], *, who: str, reason: str, accepts: bool) -> list[Lesson]:
        _check_number(ids)
        found = [await self.get(name) for name in dict.fromkeys(ids)]
        if accepts:
            await self._check_acceptable(found, who)
        now = time.time()
        changed = [self._accepted(one, who, now) if accepts else rejected(one, reason, who, now) for one in found]
        kept = await self._stock.store.change(changed)
        lost = [one.id for one, done in zip(found, kept, strict=True) if not done]
        if lost:
            raise InvalidRequest(
                f"{lost[0]} was changed by somebody else meanwhile", hint="look at it again", param="id"
            )
        return changed

    def _accepted(self, lesson: Lesson, who: str, now: float) -> Lesson:
        kept = self._stock.rules.retention_days * DAY_S
        # One that was brought is kept from then on, however long ago it was made.
        expires = max((lesson.created or now) + kept, lesson.expires)
        return msgspec.structs.replace(lesson, state="accepted", reason="", reviewer=who, reviewed=now, expires=expires)

    async def _check_acceptable(self, lessons: Sequence[Lesson], who: str) -> None:
        library, held = Library(self._stock.sources, self._stock.key), await self.held()
        vectors = await self._stock.vectors(lessons)
        asked, traces = [one.asked for one in lessons], [one.origin.trace for one in lessons]
        out = await screening.held_out(asked, vectors, traces, held, self._stock.workers)
        for lesson, held_out in zip(lessons, out, strict=True):
            own = lesson.kind == "correction" and who != OWNER_NAME and self._stock.who(who) == lesson.origin.who
            if own:
                raise InvalidRequest(
                    f"{lesson.id}: a correction is accepted by somebody else than who wrote it", param="id"
                )
            now, why = await self._as_it_stands(lesson, library)
            if now.label is not lesson.label:
                await self._stock.change(lesson, now)
                raise InvalidRequest(f"{lesson.id}: it is {now.label} by now", hint="look at it again", param="id")
            if held_out or why:
                told = HELD_OUT if held_out else why
                raise InvalidRequest(f"{lesson.id} may not be taught: such lessons {told}", param="id")

    async def edit(self, id: str, edit: Edit, *, who: str) -> Lesson:
        """Change a lesson: whoever edits it stands for it. Personal data that comes in by it is replaced, too.

        One that is given a higher label than lessons may have is rejected, and what was taught by it carries that.
        Raises `InvalidRequest` for what may not stand in one.
        """
        before = await self.get(id)
        after = _edited(before, edit)
        kept = [before.question, before.answer, *(turn.content for turn in before.messages)]
        (after,) = await self._stock.invented([msgspec.structs.replace(after, invented=False)], kept=kept)
        now, why = await self._as_it_stands(after, Library(self._stock.sources, self._stock.key))
        vectors = await self._stock.vectors([now])
        held = await self.held()
        out = await screening.held_out([now.asked], vectors, [now.origin.trace], held, self._stock.workers)
        beyond = edit.label is not None and not out[0] and why == LABELLED
        if (out[0] or why) and not beyond:
            raise InvalidRequest(f"such lessons {HELD_OUT if out[0] else why}", param="question")
        at = time.time()
        now = rejected(now, why, who, at) if beyond else msgspec.structs.replace(now, reviewer=who, reviewed=at)
        if not await self._stock.change(before, now, vectors):
            raise InvalidRequest(f"{id} was changed by somebody else meanwhile", hint="look at it again", param="id")
        return await self.get(now.id)

    # --- going out -------------------------------------------------------------------------------------------------

    async def to_teach(self, route: str) -> TrainingSet:
        """What students of `route` may be taught now: accepted, withdrawn of nobody, no user having too many.

        The split keeps families on one side; `carried` is the label and the collections of all of it.
        """
        self._check(route)
        stock, rules = self._stock, self._stock.rules
        async with self._alone:
            withdrawn = await harvesting.withdraw(stock, route, await self.held())
            accepted = [one async for page in pages(stock.store, route, "accepted") for one in page]
            asking = await stock.store.asking(route, stock.encoder.name)
        owner = stock.who(OWNER_NAME)
        within = capped(accepted, share=rules.user_share, least=rules.user_least, exempt=lambda who: who == owner)
        lessons, alone, over = synthetic_within(within, rules.synthetic_share)
        vectors = dict(zip(asking.ids, asking.vectors, strict=True))
        for one in lessons:
            if one.id not in vectors:  # by another encoder
                vectors[one.id] = (await stock.vectors([one]))[0]
        lessons, outdone = await self._surest(lessons, vectors)
        rows = [vectors[one.id] for one in lessons]
        matrix = np.stack(rows) if rows else np.empty((0, stock.encoder.dimension), np.float32)
        leader = await stock.workers.run(families, [question(one) for one in lessons], matrix)
        left_out = Counter({why: len(names) for why, names in withdrawn.items()})
        left_out.update({OVER_SHARE: len(accepted) - len(within), ALONE: alone, OVER_SYNTHETIC: over, OUTDONE: outdone})
        return TrainingSet(
            split=split(lessons, leader, rules.validation),
            carried=carried(lessons),
            left_out=dict(+left_out),
        )

    async def _surest(self, lessons: list[Lesson], vectors: Mapping[str, Vectors]) -> tuple[list[Lesson], int]:
        """Those of which no surer one asks the same: it may have come later, and say something else."""
        if not lessons:
            return lessons, 0
        asked = [Asked(one.asked, rank(one.kind)) for one in lessons]
        rows = np.stack([vectors[one.id] for one in lessons])
        outdone = await screening.twins(asked, rows, [], [], self._stock.workers)
        kept = [one for one, is_outdone in zip(lessons, outdone, strict=True) if not is_outdone]
        return kept, sum(outdone)

    async def passages(self, names: Sequence[tuple[str, str]]) -> list[Evidence]:
        """What lessons may be made of in documents (collection, id): not what only some readers, or named users, read,
        nor what is more confidential than a lesson may be.
        """
        library, highest = Library(self._stock.sources, self._stock.key), self._stock.rules.highest_label
        found = []
        for start in range(0, len(names), _FILES):
            for document in await library.look(names[start : start + _FILES]):
                if document is not None and not screening.restricted(document) and highest.allows(document.label):
                    found += [library.evidence(document, number) for number in sorted(document.passages)]
        return found

    # --- what is held out ------------------------------------------------------------------------------------------

    async def held(self, further: Sequence[str] = ()) -> Held:
        """What suites hold out; read again where a file of theirs is another. Raises as `suite.load` does."""
        settings = self._stock.settings
        paths = [*(settings.path(name) for name in settings.lessons.suites), *map(Path, further)]
        marks = await asyncio.to_thread(_marks, paths)
        if marks != self._held[0]:
            self._held = (marks, await screening.held_of(paths, self._stock.encoder, self._stock.workers))
        return self._held[1]

    def _check(self, route: str) -> None:
        known = self._stock.settings.routes
        if route not in known:
            raise NotFound(
                f"there is no route `{route[:80]}`", hint=f"routes: {', '.join(known) or 'none'}", param="route"
            )


def _edited(lesson: Lesson, edit: Edit) -> Lesson:
    """Raises `InvalidRequest`."""
    question = lesson.question if edit.question is None else edit.question
    answer = lesson.answer if edit.answer is None else edit.answer
    for name, text, most in (("question", question, MAX_QUESTION), ("answer", answer, MAX_ANSWER)):
        if not text.strip() or len(text) > most:
            raise InvalidRequest(f"`{name}` must say something, in at most {most} characters", param=name)
    weight = lesson.weight if edit.weight is None else edit.weight
    if not 0 < weight <= MAX_WEIGHT:
        raise InvalidRequest(f"`weight` is {weight:g}, and goes from above 0 to {MAX_WEIGHT:g}", param="weight")
    if edit.label is not None and not edit.label.allows(lesson.label):
        raise InvalidRequest(f"it is {lesson.label}: a label is raised, and never lowered", param="label")
    messages = lesson.messages
    if messages and edit.question is not None:
        messages = (*messages[:-1], msgspec.structs.replace(messages[-1], content=question))
    return msgspec.structs.replace(
        lesson,
        question=question,
        answer=answer,
        messages=messages,
        weight=weight,
        label=edit.label or lesson.label,
        family=lesson.family if edit.family is None else edit.family[:200],
    )


def _check_number(some: Sequence[object]) -> None:
    if len(some) > MAX_AT_ONCE:
        raise TooLarge(f"{len(some)} lessons at once; at most {MAX_AT_ONCE}")


def _marks(paths: Sequence[Path]) -> tuple[tuple[str, float], ...]:
    """The files of suites, and when each was written."""
    found = []
    for path in paths:
        files = sorted(path.iterdir())[:_FILES] if path.is_dir() else [path]
        found += [(str(file), file.stat().st_mtime if file.exists() else 0.0) for file in files]
        found.append((str(path), 0.0))
    return tuple(found)
