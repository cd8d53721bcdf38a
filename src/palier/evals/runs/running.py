"""Running a suite: every case to every candidate through the production pipeline, a few at once.

Candidates come one after the other, so that none slows another down. What is finished is kept as it finishes, and not
asked again. A case that fails is an outcome like any other. Where nothing of a candidate can be reached, the rest of
its cases are failures that say so.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from palier.cards import ModelCard
from palier.cases import Case, Outcome, Split, Suite
from palier.errors import PalierError
from palier.evals.figures import Candidate, Metered, Run
from palier.evals.runs import kept, prompting
from palier.evals.runs.asking import Asker, ask
from palier.evals.runs.candidates import Planned
from palier.evals.runs.kept import Results, Writer
from palier.evals.runs.metering import Meters, at_rest, metered
from palier.evals.runs.pricing import Rate, priced
from palier.types import Request

CONCURRENCY = 4
MAX_CONCURRENCY = 256
IN_A_ROW = 20
"""Failures one after another, none of them the case's own, after which a candidate is asked no more."""
NOT_ASKED = "not_asked"
OUT_OF_REACH = frozenset(
    {"upstream_error", "upstream_refused", "upstream_timeout", "connect_timeout", "unavailable", "queue_full"}
)
"""Codes of failures that another day would not have: they are asked again by the next run."""
PASSING = OUT_OF_REACH | {"store_error", "internal_error", "configuration_error"}


class Progress(Protocol):
    """Who is told how far it is."""

    def begin(self, candidate: str, cases: int, kept: int) -> None:
        """`kept` of `cases` are answered already."""
        ...

    def done(self, outcome: Outcome) -> None: ...

    def end(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Entrant:
    """A candidate ready to be asked: what is known of it, and the key of all its answers depend on.

    `given` are outcomes that came from elsewhere, by the case's id: it is then asked nothing.
    """

    planned: Planned
    described: Candidate
    key: str = ""
    cards: tuple[ModelCard, ...] = ()
    rates: Mapping[str, Rate] = field(default_factory=dict)
    """By which what is kept is priced, by model."""
    given: Mapping[str, Outcome] | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. `retry`: ask failures again, whatever they were; `again`: ask everything again."""

    concurrency: int = CONCURRENCY
    retry: bool = False
    again: bool = False
    timeout_s: float = 300.0


class Quiet:
    """A `Progress` that says nothing."""

    def begin(self, candidate: str, cases: int, kept: int) -> None: ...

    def done(self, outcome: Outcome) -> None: ...

    def end(self) -> None: ...


def select(suite: Suite, split: Split | None = None, limit: int | None = None) -> tuple[Case, ...]:
    """The cases of `split` (None: of both), at most `limit` of them, in the suite's order.

    Families are drawn whole by the hash of their name: the same ones each time, and those of a smaller limit first.
    """
    cases = suite.cases if split is None else suite.split(split)
    if limit is None or limit >= len(cases):
        return tuple(cases)
    families: dict[str, list[Case]] = {}
    for case in cases:
        families.setdefault(case.group, []).append(case)
    chosen: set[str] = set()
    for group in sorted(families, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if not chosen or len(chosen) + len(families[group]) <= limit:
            chosen.update(case.id for case in families[group])
    return tuple(case for case in cases if case.id in chosen)


async def run(
    suite: Suite,
    cases: Sequence[Case],
    entrants: Sequence[Entrant],
    asker: Asker,
    results: Results,
    options: Options = Options(),
    *,
    progress: Progress | None = None,
    meters: Meters | None = None,
    **said: Any,
) -> Run:
    """Ask every entrant every case; `said` are further fields of the `Run`.

    Raises `StoreError` where what is finished cannot be kept. Cancelled or killed, all that was finished is kept.
    """
    progress = progress or Quiet()
    idle = await at_rest(meters) if any(e.given is None for e in entrants) else None
    outcomes: dict[str, dict[str, Outcome]] = {}
    counted: list[Metered] = []
    for entrant in entrants:
        name = entrant.described.name
        if entrant.planned.kind == "published":
            continue
        if entrant.given is not None:
            outcomes[name] = _given(entrant, cases)
            continue
        asking = _Asking(suite, entrant, asker, results, options, progress)
        if asking.look(cases):
            await asker.ready()
        async with metered(meters, idle, name, asking.asked, counted):
            outcomes[name] = await asking.all(cases)
    return Run(
        suite=suite,
        cases=tuple(cases),
        candidates=tuple(entrant.described for entrant in entrants),
        outcomes=outcomes,
        metered=tuple(counted),
        **said,
    )


def unreachable(run: Run) -> bool:
    """Whether something was asked, and nothing of it could be reached."""
    asked = {name: found for name, found in run.outcomes.items() if found and not _imported(run, name)}
    return bool(asked) and all(
        outcome.status == "failed" and code_of(outcome) in OUT_OF_REACH | {NOT_ASKED}
        for found in asked.values()
        for outcome in found.values()
    )


def _imported(run: Run, name: str) -> bool:
    return any(candidate.name == name and candidate.kind == "imported" for candidate in run.candidates)


def code_of(outcome: Outcome) -> str:
    """The stable word that the error of a failed outcome begins with."""
    return outcome.error.partition(":")[0]


def _given(entrant: Entrant, cases: Iterable[Case]) -> dict[str, Outcome]:
    """The imported outcomes of `cases`; a case without one was not asked there, and has none here."""
    name, given = entrant.described.name, entrant.given or {}
    return {case.id: msgspec.structs.replace(given[case.id], candidate=name) for case in cases if case.id in given}


# --- one candidate ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Asking:
    """The cases of one candidate on their way."""

    suite: Suite
    entrant: Entrant
    asker: Asker
    results: Results
    options: Options
    progress: Progress
    asked: list[str] = field(default_factory=list)
    """Cases that were put to it now, and answered in one way or another."""
    in_a_row: int = 0
    last: str = ""

    found: dict[str, Outcome] = field(default_factory=dict)
    left: list[Posed] = field(default_factory=list)

    def look(self, cases: Sequence[Case]) -> int:
        """Find what is kept; how many are left to be asked."""
        known = {} if self.options.again else self.results.load(self.entrant.key)
        for case in cases:
            one = pose(self.suite, self.entrant, case, self.asker)
            before = known.get(one.key)
            if before is None or self._again(before):
                self.left.append(one)
            else:
                again = kept.fresh(case, before, self.entrant.described.name)
                self.found[case.id] = priced(again, self.entrant.rates)
        return len(self.left)

    async def all(self, cases: Sequence[Case]) -> dict[str, Outcome]:
        """An outcome of each case, in their order; `look` comes first."""
        self.progress.begin(self.entrant.described.name, len(cases), len(self.found))
        try:
            if self.left:
                await self._ask()
        finally:
            self.progress.end()
        return {case.id: self.found[case.id] for case in cases}

    def _again(self, before: Outcome) -> bool:
        """Whether a case that was asked is asked once more: it failed, and need not fail again; or it abstained, and a
        model had failed that might have answered.
        """
        if before.status == "abstained" and any(spell.outcome == "failed" for spell in before.spells):
            return True
        return before.status == "failed" and (self.options.retry or code_of(before) in PASSING)

    async def _ask(self) -> None:
        writer = self.results.open(self.entrant.key)
        queue = iter(self.left)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.options.concurrency, len(self.left))):
                    group.create_task(self._work(queue, writer))
        except* PalierError as failed:
            raise failed.exceptions[0] from None
        finally:
            writer.close()

    async def _work(self, queue: Iterator[Posed], writer: Writer) -> None:
        for one in queue:
            if self.in_a_row >= IN_A_ROW:
                outcome = self._not_asked(one)
            else:
                outcome = await self._one(one)
                writer.add(outcome, one.case.origin)
                self.asked.append(one.case.id)
                self._count(outcome)
            self.found[one.case.id] = outcome
            self.progress.done(outcome)

    def _count(self, outcome: Outcome) -> None:
        passing = outcome.status == "failed" and code_of(outcome) in PASSING
        self.in_a_row = self.in_a_row + 1 if passing else 0
        self.last = outcome.error

    def _not_asked(self, one: Posed) -> Outcome:
        why = f"{NOT_ASKED}: {IN_A_ROW} cases in a row failed, the last by {self.last}"
        return Outcome(id=one.case.id, candidate=self.entrant.described.name, key=one.key, status="failed", error=why)

    async def _one(self, one: Posed) -> Outcome:
        outcome = await ask(self.asker, one.request(), self.options.timeout_s)
        return msgspec.structs.replace(
            outcome,
            id=one.case.id,
            candidate=self.entrant.described.name,
            key=one.key,
            concurrency=self.options.concurrency,
        )


@dataclass(frozen=True, slots=True)
class Posed:
    """A case as it is put to a candidate."""

    case: Case
    key: str
    request: Callable[[], Request]
    """A new one each time: requests have names of their own."""


def pose(suite: Suite, entrant: Entrant, case: Case, asker: Asker) -> Posed:
    """`case` as a client would put it to `entrant`."""
    instructed = not entrant.cards or any(card.generates for card in entrant.cards)
    # What generates nothing follows no instructions: a head would take them for a part of the text.
    own = entrant.planned.declared.prompt
    prompt = entrant.planned.prompt if instructed else own or "{input}"
    messages = prompting.messages(case, prompt, suite.labels)
    parameters = prompting.parameters(suite, entrant.cards)
    language = case.language or suite.language
    key = kept.case_key(entrant.key, messages, parameters, case.label, language)

    def request() -> Request:
        return asker.request(
            messages, route=entrant.described.name, parameters=parameters, label=case.label, language=language
        )

    return Posed(case, key, request)
