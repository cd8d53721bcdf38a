"""What the keeping of lessons is made of, as `app` wires it; and what is known of the lessons of a route."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import msgspec

from palier.cards import ModelCard
from palier.config import Lessons as LessonSettings
from palier.config import Settings, highest_label, tier_name
from palier.interfaces import (
    Encoder,
    Judgements,
    LessonIndex,
    Lessons,
    Ratings,
    Redactor,
    Sources,
    Traces,
    Vectors,
    Workers,
)
from palier.lessons import Kind, Lesson, State
from palier.training.candidates import Source, Tiers
from palier.training.invented import Inventor
from palier.types import Label

PAGE = 200
DAY_S = 86_400.0
REJECTED_DAYS = 30.0
"""How long the words of a rejected lesson are kept."""
PALIER = "palier"
"""Who withdraws what may not be taught any more."""


class LessonStore(Lessons, LessonIndex, Protocol):
    """What keeps lessons, all of it."""


@dataclass(frozen=True, slots=True)
class Stock:
    """The parts that lessons pass through. `key` is the installation's; `apart` keeps forgetting out meanwhile;
    `relabelled` hears of lessons that are more confidential now: so is what was taught by them."""

    settings: Settings
    store: LessonStore
    traces: Traces
    audits: Judgements
    ratings: Ratings
    sources: Sources
    encoder: Encoder
    workers: Workers
    redactor: Redactor
    cards: Callable[[], Mapping[str, ModelCard]]
    key: bytes
    apart: Callable[[], AbstractAsyncContextManager[None]]
    relabelled: Callable[[Sequence[Lesson]], Awaitable[None]]

    @property
    def rules(self) -> LessonSettings:
        """`[lessons]`."""
        return self.settings.lessons

    def who(self, name: str) -> str:
        """See `hashed`."""
        return hashed(name, self.key)

    def tiers(self, route: str) -> Tiers:
        """What is known of a route's tiers now."""
        declared = self.settings.routes[route]
        names = [tier_name(declared, n) for n in range(len(declared.tiers))]
        return Tiers(
            names=tuple(names),
            highest={n: highest_label(self.settings, tier) for n, tier in zip(names, declared.tiers, strict=True)},
            passages={
                name: declared.passages if tier.passages is None else tier.passages
                for name, tier in zip(names, declared.tiers, strict=True)
            },
            models={
                name: Source(may_train=card.may_train_on_outputs, licence=card.licence)
                for name, card in self.cards().items()
            },
        )

    async def invented(
        self, lessons: Sequence[Lesson], inventor: Inventor | None = None, *, kept: Sequence[str] = ()
    ) -> list[Lesson]:
        """`lessons` without anybody's personal data: the same value becomes the same one in all of them.

        What a public passage says is left as it is, and what stands in `kept`. Raises `TooLarge` for a lesson with too
        many values.
        """
        inventor = inventor or Inventor(self.key)
        return [await self._invented(lesson, inventor, kept) for lesson in lessons]

    async def _invented(self, lesson: Lesson, inventor: Inventor, kept: Sequence[str]) -> Lesson:
        if lesson.invented:
            return lesson
        hidden = [one for one in lesson.evidence if one.label is not Label.PUBLIC]
        public = [*kept, *(one.text for one in lesson.evidence if one.label is Label.PUBLIC)]
        texts = [lesson.question, lesson.answer, *(m.content for m in lesson.messages), *(one.text for one in hidden)]
        found, replaced = await self.redactor.redact(texts, public, lesson.language)
        values = msgspec.json.decode(replaced.sealable(), type=dict[str, str])
        told = inventor.replace(found, values, lesson.language)
        question, answer, *rest = told
        turns, passages = rest[: len(lesson.messages)], iter(rest[len(lesson.messages) :])
        return msgspec.structs.replace(
            lesson,
            question=question,
            answer=answer,
            messages=tuple(
                msgspec.structs.replace(m, content=text) for m, text in zip(lesson.messages, turns, strict=True)
            ),
            evidence=tuple(
                one if one.label is Label.PUBLIC else msgspec.structs.replace(one, text=next(passages))
                for one in lesson.evidence
            ),
            invented=True,
        )

    async def change(self, before: Lesson, now: Lesson, vectors: Vectors | None = None) -> bool:
        """Put `now` in the place of `before`; False where that was changed meanwhile."""
        if not (await self.store.change([now], vectors, self.encoder.name if vectors is not None else ""))[0]:
            return False
        if now.label is not before.label:
            await self.relabelled([now])
        return True

    async def vectors(self, lessons: Sequence[Lesson]) -> Vectors:
        """Of what they ask, shape (n, d)."""
        return await self.encoder.encode([lesson.asked for lesson in lessons])


def hashed(name: str, key: bytes) -> str:
    """Names a user in lessons: without the installation's `key` nobody can tell whom."""
    if not name:
        return ""
    return blake2b(
        name.encode("utf-8", "surrogatepass"), key=key[:64], digest_size=12, person=b"palier-who"
    ).hexdigest()


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a lesson while others are compared with it."""

    id: str
    asked: str
    kind: Kind
    state: State
    who: str
    trace: str
    withdrawn: bool


async def pages(store: Lessons, route: str, state: str = "") -> AsyncIterator[list[Lesson]]:
    """The lessons of a route in order of id, some at a time."""
    after = ""
    while page := await store.page(route=route, state=state, after=after, limit=PAGE):
        yield page
        after = page[-1].id


def known(lesson: Lesson) -> Known:
    """What is remembered of it."""
    return Known(
        id=lesson.id,
        asked=lesson.asked,
        kind=lesson.kind,
        state=lesson.state,
        who=lesson.origin.who,
        trace=lesson.origin.trace,
        withdrawn=withdrawn(lesson),
    )


def withdrawn(lesson: Lesson) -> bool:
    """Whether it is not taught any more, and not because a person said so: the same question may be learnt anew."""
    return lesson.state == "rejected" and lesson.reviewer == PALIER


def rejected(lesson: Lesson, reason: str, reviewer: str, now: float) -> Lesson:
    """`lesson`, not to be taught: its words go after a month."""
    return msgspec.structs.replace(
        lesson,
        state="rejected",
        reason=reason,
        reviewer=reviewer,
        reviewed=now,
        expires=min(lesson.expires, now + REJECTED_DAYS * DAY_S),
    )
