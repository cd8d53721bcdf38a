"""An LLM judge: any tier or model, asked through the production pipeline, each answer in both positions.

What it says is a measurement with an error of its own, which is reported with it (`evals.judged`). A judge that may not
receive a text is not asked; one that answers outside its scale gives no figure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from palier.cards import ModelCard
from palier.cases import Case, Outcome, Suite
from palier.config import Model, Route, Settings
from palier.errors import ConfigurationError, PalierError
from palier.evals.judging import grading
from palier.evals.judging.verdicts import METRIC, Verdicts, judging_of, settled
from palier.evals.runs.asking import Asker, ask
from palier.evals.runs.kept import Results, Writer, case_key
from palier.evals.runs.running import IN_A_ROW, NOT_ASKED, PASSING, code_of
from palier.types import Label, Message, Parameters

ROUTE = "(judge)"
"""The route that the judge is asked by: one tier, no documents. No candidate can be called so."""
SEED = 1
CONCURRENCY = 4
TIMEOUT_S = 300.0
QUOTES = frozenset({"extract", "head"})
"""Kinds that cannot grade."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge as it is wired; see `judge_of`."""

    name: str
    model: str
    card: ModelCard
    key: str
    """Names all that its grades depend on but the prompt."""

    @property
    def json(self) -> bool:
        """Whether it can be held to a schema."""
        return "json_schema" in self.card.capabilities


# --- who judges ------------------------------------------------------------------------------------------------------


def route_of(settings: Settings, name: str, alone: Route, home: Route | None = None) -> Route:
    """The route to ask the judge `name` by: `alone`, a route with the judge's tier only, less its documents.

    What may go to the tier stays as it is: labels, regions, `local_only`, redaction. `home` is the suite's route, where
    `alone` is another: what it keeps at home stays there. Raises `ConfigurationError` where it cannot grade.
    """
    if len(alone.tiers) != 1:
        raise ConfigurationError(f"`{name}` cannot judge: it is a staircase", hint="name one tier, or a model")
    (tier,) = alone.tiers
    kind = settings.models[tier.model].kind
    if kind in QUOTES:
        raise ConfigurationError(
            f"`{name}` cannot judge: `{kind}` writes no grades", hint="name a tier or a model that generates"
        )
    tier = msgspec.structs.replace(tier, threshold=0.0, system="", passages=None, max_tokens=None)
    home = home or alone
    return msgspec.structs.replace(
        alone,
        tiers=(tier,),
        collections=(),
        system="",
        message_label=Label.highest(alone.message_label, home.message_label),
        local_only=alone.local_only or home.local_only,
        regions=_both(alone.regions, home.regions),
        sticky=False,
        policy="",
        on_failure="stop",
        max_tokens=grading.MAX_TOKENS,
        audit=0.0,
    )


def _both(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """Regions that both allow; none named: any."""
    if not some or not others:
        return some or others
    return tuple(region for region in some if region in others) or ("no region that both routes allow",)


def judge_of(name: str, route: Route, card: ModelCard, key: str) -> Judge:
    """The judge that answers by `route` (`route_of`); `card` is its tier's, `key` names it as it is wired.

    Raises `ConfigurationError` where it only quotes.
    """
    if not card.generates:
        raise ConfigurationError(f"`{name}` cannot judge: it quotes, and writes no grades")
    return Judge(name, route.tiers[0].model, card, key)


def same_model(settings: Settings, model: str, models: Collection[str]) -> list[str]:
    """Those of `models` (names in `palier.toml`) that are the judge's `model`, be it under another name."""
    own = _identity(settings.models[model])
    return [name for name in models if name in settings.models and _identity(settings.models[name]) == own]


def _identity(model: Model) -> tuple[str, ...]:
    what = model.model or model.weights or model.card or model.file
    return model.kind, model.base_url if model.kind == "endpoint" else "", what


# --- what is judged --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Question:
    """One prompt of the judge."""

    key: str
    case: Case
    messages: tuple[Message, ...]
    label: Label
    language: str


async def judge(
    judge: Judge,
    suite: Suite,
    cases: Sequence[Case],
    outcomes: Mapping[str, Mapping[str, Outcome]],
    asker: Asker,
    results: Results,
    *,
    labels: Mapping[str, Label] | None = None,
    concurrency: int = CONCURRENCY,
    timeout_s: float = TIMEOUT_S,
    progress: Callable[[int, int], None] | None = None,
) -> Verdicts:
    """Ask `judge` of every outcome (by candidate, then by id of the case) that there is something to judge by.

    The same text of two candidates is one question. What is answered is kept in `results`, and not asked again.
    `labels` are those of the route's documents (`COLLECTION/ID`): a reference carries what the case's documents carry.
    `progress` gets how many questions are answered, and of how many. Raises `StoreError` where nothing can be kept.
    """
    verdicts = Verdicts(judge.name, judge.model)
    documents = _Documents(labels or {})
    questions: dict[str, _Question] = {}
    orders: dict[tuple[str, str], tuple[str, str]] = {}
    for case in cases:
        known = Label.highest(case.label or Label.PUBLIC, documents.label_of(case))
        for candidate, of in outcomes.items():
            if (outcome := of.get(case.id)) is None:
                continue
            if (judging := settled(case, outcome, candidate)) is not None:
                verdicts.judgings[candidate, case.id] = judging
                continue
            pair = [_question(judge, suite, case, outcome, known, answer_first=first) for first in (True, False)]
            questions |= {question.key: question for question in pair}
            orders[candidate, case.id] = (pair[0].key, pair[1].key)
    asking = _Asking(judge, verdicts, asker, results, timeout_s, progress, len(questions))
    await asking.all(list(questions.values()), concurrency)
    for (candidate, case_id), (first, second) in orders.items():
        both = verdicts.asked[first], verdicts.asked[second]
        verdicts.judgings[candidate, case_id] = judging_of(candidate, case_id, both, json=judge.json)
    return verdicts


class _Documents:
    """What references carry that were written from documents."""

    def __init__(self, labels: Mapping[str, Label]) -> None:
        self._labels = labels
        self._by_id: dict[str, Label] = {}
        for name, label in labels.items():
            document = name.partition("/")[2]
            self._by_id[document] = Label.highest(label, self._by_id.get(document, Label.PUBLIC))

    def label_of(self, case: Case) -> Label:
        """Of the documents a case names. One that is not there is confidential, as every source without a label."""
        found = [self._by_id.get(name, Label.CONFIDENTIAL) for name in case.relevant] if self._labels else []
        if case.origin.startswith("document:"):
            found.append(self._labels.get(case.origin.removeprefix("document:"), Label.CONFIDENTIAL))
        return Label.highest(*found)


def _question(
    judge: Judge, suite: Suite, case: Case, outcome: Outcome, known: Label, *, answer_first: bool
) -> _Question:
    language = case.language or suite.language
    shown = () if case.evidence else tuple(hit for hit in outcome.cited if hit.text)
    asked = grading.Asked(
        question=_conversation(case),
        reference=next(reference for reference in case.references if reference.strip()),
        answer=outcome.output,
        evidence=case.evidence or tuple(hit.text for hit in shown),
        answer_first=answer_first,
        language=language[:2].lower(),
    )
    messages = grading.messages(asked, json=judge.json)
    label = Label.highest(known, outcome.label, *(hit.label for hit in shown))
    key = case_key(judge.key, messages, _parameters(judge), label, language)
    return _Question(key, case, messages, label, language)


def _conversation(case: Case) -> str:
    if case.input or not case.messages:
        return case.input
    return "\n".join(f"{message.role}: {message.content}" for message in case.messages)


def _parameters(judge: Judge) -> Parameters:
    """As little left to chance as the tier allows."""
    able = judge.card.capabilities
    return Parameters(
        temperature=0.0 if "temperature" in able else None,
        seed=SEED if "seed" in able else None,
        max_tokens=grading.MAX_TOKENS if "max_tokens" in able else None,
        response_format=grading.RESPONSE_FORMAT if judge.json else None,
    )


@dataclass(slots=True)
class _Asking:
    """The judge's prompts on their way. What failed or was withheld is not kept: another time it may go through."""

    judge: Judge
    verdicts: Verdicts
    asker: Asker
    results: Results
    timeout_s: float
    progress: Callable[[int, int], None] | None
    total: int
    in_a_row: int = 0

    async def all(self, questions: Sequence[_Question], concurrency: int) -> None:
        """Fill `verdicts.asked`."""
        before = self.results.load(self.judge.key) if questions else {}
        kept = {one.key: before[one.key] for one in questions if one.key in before}
        self.verdicts.asked.update(kept)
        self.verdicts.from_before = len(kept)
        left = [question for question in questions if question.key not in kept]
        if not left:
            return
        writer, queue = self.results.open(self.judge.key), iter(left)

        async def work() -> None:
            for question in queue:
                await self._one(question, writer)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(max(1, min(concurrency, len(left)))):
                    group.create_task(work())
        except* PalierError as failed:
            raise failed.exceptions[0] from None
        finally:
            writer.close()

    async def _one(self, question: _Question, writer: Writer) -> None:
        if self.in_a_row >= IN_A_ROW:
            error = f"{NOT_ASKED}: {IN_A_ROW} in a row failed"
            outcome = Outcome(id="", candidate="", status="failed", error=error)
        else:
            request = self.asker.request(
                question.messages,
                route=ROUTE,
                parameters=_parameters(self.judge),
                label=question.label,
                language=question.language,
            )
            outcome = await ask(self.asker, request, self.timeout_s)
        outcome = msgspec.structs.replace(outcome, id=question.case.id, candidate=METRIC, key=question.key)
        out_of_reach = outcome.status == "failed" and code_of(outcome) in PASSING | {NOT_ASKED}
        self.in_a_row = self.in_a_row + 1 if out_of_reach else 0
        if outcome.status == "answered":
            writer.add(outcome, question.case.origin)
        self.verdicts.asked[question.key] = outcome
        if self.progress is not None:
            self.progress(len(self.verdicts.asked), self.total)
