"""More lessons out of those that there are, and out of documents, by a teacher that may see them.

Other words for what a lesson asks, with its answer; and questions that a passage answers. A teacher that writes them
writes nonsense, too: each is kept only where the passage supports the answer (the grounding guard) and where the
teacher, asked the new question as a client would ask it, gives the same label, or an answer that says the same. Then
it meets what every lesson meets (`Desk.add`): the holdout, twins, labels, personal data.

What is made stands in a lesson as `synthetic`, of the request and the user of the lesson it was made of, so that it is
forgotten with it; and it is taught only beside that lesson, and as a share of what is (`lesson_sets.synthetic_within`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

import msgspec

from palier.cases import Outcome
from palier.errors import PalierError, Unavailable
from palier.ids import new_id
from palier.lessons import Brought, Evidence, Lesson, Origin, State, Teacher
from palier.metrics.text import agreement
from palier.text import detect
from palier.training import synthesis_prompts as prompts
from palier.training.lesson_sets import PAIR, PARAPHRASE
from palier.training.synthesis_log import Log
from palier.types import Data, Label, Message

AT_ONCE = 4
"""Sources that are worked on together."""
IN_A_ROW = 5
"""Calls that could not be made one after another, after which the teacher is asked no more."""
SHORTEST = 80
"""Characters of a passage that is asked about."""

HIDDEN = "are of what the teacher may not see"
UNREAD = "were not written in the form that was asked for"
SILENT = "were not answered by the teacher"
UNSUPPORTED = "are not supported by their passages"
OTHERWISE = "are answered otherwise when the teacher is asked again"

Stop = Literal["", "share", "calls", "cost"]
Ask = Callable[[Sequence[Message], Label, str], Awaitable[Outcome]]
Supports = Callable[[str, str, Sequence[str]], Awaitable[bool]]
"""Whether an answer to a question stands in passages."""
Keep = Callable[[Sequence[Lesson]], Awaitable[Brought]]


class Wanted(Data, frozen=True, kw_only=True):
    """What is to be made: `paraphrases` of each lesson, so many more `pairs`; and what that may take in a day."""

    paraphrases: int = 0
    pairs: int = 0
    room: int = 0
    """Synthetic lessons that there may still be."""
    max_calls: int = 500
    max_cost: float | None = None
    """US dollars."""


class Synthesised(Data, frozen=True, kw_only=True):
    """What came of it. `refused` are counts by reason."""

    paraphrases: int = 0
    pairs: int = 0
    refused: dict[str, int]
    sources: int = 0
    """Lessons and passages that something was made of, or tried."""
    calls: int = 0
    cost: float | None = None
    """US dollars of these calls; None where that of one is not known."""
    stopped: Stop = ""
    """Why there is more to do; empty: there is none."""


@dataclass(frozen=True, slots=True)
class Source:
    """A lesson to say otherwise, which is no conversation, or a passage to ask about."""

    lesson: Lesson | None = None
    passage: Evidence | None = None

    @property
    def name(self) -> str:
        """Its own among all."""
        if self.lesson is not None:
            return f"{PARAPHRASE}{self.lesson.id}"
        assert self.passage is not None
        said = msgspec.json.encode((self.passage.collection, self.passage.document, self.passage.text))
        return f"{PAIR}{blake2b(said, digest_size=16).hexdigest()}"


@dataclass(frozen=True, slots=True)
class School:
    """Who teaches on which route, and by what it is judged. `labels`: what the route answers with, where it does."""

    route: str
    teacher: str
    licence: str
    ask: Ask
    supports: Supports
    keep: Keep
    log: Log
    sees: Label
    """The most confidential text that the teacher may receive."""
    state: State = "accepted"
    system: str = ""
    agreement_at: float = 0.6
    labels: tuple[str, ...] = ()


class _Spent(Exception):
    """The budget is."""


class _Unanswered(Exception):
    """The teacher did not answer, or may not see it: another time it may."""


@dataclass(slots=True)
class _Run:
    """One run: what came of it so far."""

    school: School
    wanted: Wanted
    told: Callable[[int, int], None]
    made: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    costs: list[float | None] = field(default_factory=list)
    sources: int = 0
    in_a_row: int = 0
    stopped: Stop = ""

    def wave(self, left: list[Source]) -> list[Source]:
        """The next of `left` that are worked on together: whatever each may give or take, there is room and budget."""
        some: list[Source] = []
        pending, calls = 0, self.wanted.max_calls - self.school.log.spent()[0]
        while left and len(some) < AT_ONCE and not self.stopped:
            most = self.wanted.paraphrases if left[-1].lesson is not None else 1
            room = self._room(left[-1])
            if some and (pending + most > room or pending + most + len(some) + 1 > calls):
                break
            source = left.pop()
            if room:
                some.append(source)
                pending += most
            elif source.lesson is not None or self.made["pairs"] < self.wanted.pairs:
                self.stopped = "share"
        return some

    async def work(self, source: Source) -> None:
        """Make of a source what can be made of it, and keep it."""
        try:
            found = await self._made(source)
        except (_Unanswered, _Spent):
            return
        await self._keep(source, found)
        self.told(self.made.total(), self.calls)

    async def _keep(self, source: Source, found: Sequence[Lesson]) -> None:
        some = found[: self._room(source)]
        if some:
            brought = await self.school.keep(some)
            self.made["pairs" if source.lesson is None else "paraphrases"] += brought.added
            self.refused.update(brought.refused)
        if len(some) == len(found):
            self.school.log.finish(source.name)
        self.sources += 1

    def _room(self, source: Source) -> int:
        room = self.wanted.room - self.made.total()
        return max(min(room, self.wanted.pairs - self.made["pairs"]) if source.lesson is None else room, 0)

    async def _made(self, source: Source) -> list[Lesson]:
        """The lessons that `source` gives. Raises `_Unanswered`: another time it may, and `_Spent`."""
        label = source.lesson.label if source.lesson is not None else source.passage.label  # type: ignore[union-attr]
        if not self.school.sees.allows(label):
            self.refused[HIDDEN] += 1
            raise _Unanswered
        if source.lesson is not None:
            return await self._paraphrased(source.lesson, source.name)
        assert source.passage is not None
        return await self._paired(source.passage, source.name)

    async def _paraphrased(self, lesson: Lesson, name: str) -> list[Lesson]:
        count = self.wanted.paraphrases
        asked = prompts.paraphrase(lesson.question, count, lesson.language)
        said = await self._said(name, asked, lesson.label, lesson.language)
        found = prompts.paraphrases(said, lesson.question, count)
        if not found:
            self.refused[UNREAD] += 1
        return [
            self._of_lesson(lesson, question, f"{name}:{n}")
            for n, question in enumerate(found)
            if await self._stands(name, question, lesson.answer, lesson.evidence, lesson.label, lesson.language)
        ]

    async def _paired(self, passage: Evidence, name: str) -> list[Lesson]:
        language = detect(passage.text)
        said = await self._said(name, prompts.pair(passage, language), passage.label, language)
        pair = prompts.read_pair(said)
        if pair is None:
            self.refused[UNREAD] += 1
            return []
        stands = await self._stands(name, *pair, (passage,), passage.label, language)
        return [self._of_passage(passage, *pair, language, name)] if stands else []

    async def _stands(
        self, name: str, question: str, answer: str, evidence: Sequence[Evidence], label: Label, language: str
    ) -> bool:
        """Whether passages and teacher say so, too."""
        school = self.school
        labelled = answer in school.labels
        if evidence and not labelled and not await school.supports(answer, question, [one.text for one in evidence]):
            self.refused[UNSUPPORTED] += 1
            return False
        if labelled:
            asked = prompts.label(question, school.labels, language)
        else:
            asked = prompts.answer(question, evidence, school.system)
        again = await self._said(name, asked, label, language)
        same = again.strip().casefold() == answer.strip().casefold()
        if not same and (labelled or agreement(again, answer) < school.agreement_at):
            self.refused[OTHERWISE] += 1
            return False
        return True

    async def _said(self, name: str, messages: Sequence[Message], label: Label, language: str) -> str:
        """What the teacher says. Raises `_Unanswered`, `_Spent`, and `Unavailable` where it says nothing any more."""
        self._check_budget()
        self.calls += 1
        outcome = await self.school.ask(messages, label, language)
        self.costs.append(outcome.cost.value)
        self.school.log.called(name, outcome.cost.value)
        if outcome.status == "answered" and outcome.output.strip():
            self.in_a_row = 0
            return outcome.output
        self.refused[SILENT] += 1
        self.in_a_row += 1
        if self.in_a_row >= IN_A_ROW:
            raise Unavailable(
                f"the teacher answered nothing {IN_A_ROW} times in a row: {outcome.error or outcome.decision}",
                hint="what was made is kept, and the same command goes on",
            )
        raise _Unanswered

    def _check_budget(self) -> None:
        """Raise `_Spent` where another call would be one too many; those on their way count."""
        calls, cost = self.school.log.spent()
        if calls + self.calls - len(self.costs) >= self.wanted.max_calls:
            self.stopped = "calls"
        elif self.wanted.max_cost is not None and (cost is None or cost >= self.wanted.max_cost):
            self.stopped = "cost"
        if self.stopped in ("calls", "cost"):
            raise _Spent

    def _of_lesson(self, lesson: Lesson, question: str, name: str) -> Lesson:
        licences = dict.fromkeys(filter(None, (lesson.licence, self.school.licence)))
        return msgspec.structs.replace(
            lesson,
            id=f"lesson-{new_id()}",
            question=question,
            kind="synthetic",
            origin=msgspec.structs.replace(lesson.origin, name=name),
            teacher=Teacher(model=self.school.teacher, may_train=True),
            licence=", ".join(licences),
            invented=False,
            state=self.school.state,
            reason="",
            reviewer="",
            reviewed=0.0,
            created=0.0,
            revision=0,
        )

    def _of_passage(self, passage: Evidence, question: str, answer: str, language: str, name: str) -> Lesson:
        return Lesson(
            id=f"lesson-{new_id()}",
            route=self.school.route,
            question=question,
            answer=answer,
            kind="synthetic",
            origin=Origin(name=name),
            evidence=(passage,),
            teacher=Teacher(model=self.school.teacher, may_train=True),
            label=passage.label,
            collections=(passage.collection,) if passage.collection else (),
            language=language,
            licence=self.school.licence,
            state=self.school.state,
        )


async def synthesise(
    school: School,
    sources: Sequence[Source],
    wanted: Wanted,
    told: Callable[[int, int], None] = lambda made, calls: None,
) -> Synthesised:
    """Make lessons of `sources`, in their order, those apart that were done before.

    `told` hears how many there are, and after how many calls. Killed anywhere, the same call goes on. Raises
    `Unavailable` where the teacher cannot be reached, `StoreError`.
    """
    run = _Run(school, wanted, told)
    left = [source for source in reversed(sources) if not school.log.done(source.name)]
    try:
        while some := run.wave(left):
            async with asyncio.TaskGroup() as group:
                for source in some:
                    group.create_task(run.work(source))
    except* PalierError as failed:
        raise failed.exceptions[0] from None
    return Synthesised(
        paraphrases=run.made["paraphrases"],
        pairs=run.made["pairs"],
        refused=dict(sorted((+run.refused).items())),
        sources=run.sources,
        calls=run.calls,
        cost=None if None in run.costs else sum(cost for cost in run.costs if cost is not None),
        stopped=run.stopped,
    )
