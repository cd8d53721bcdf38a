"""Judges that are scripted: what they are shown, taken apart again, and answers by a rule."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from palier.cards import CAPABILITIES, ModelCard
from palier.cases import Case, Outcome, Suite
from palier.errors import PalierError
from palier.evals.judging.judge import ROUTE, Judge
from palier.types import (
    Choice,
    Completed,
    Decision,
    Draft,
    Event,
    Label,
    Message,
    Parameters,
    Quantity,
    Request,
    Result,
    Step,
    Trace,
    Usage,
)

_BLOCK = re.compile(r"<<<(?P<name>[^\n]+) (?P<code>[a-z]{8})\n(?P<text>.*?)\n(?P=code) (?P=name)>>>", re.DOTALL)
LINES_ONLY = CAPABILITIES - {"json_schema", "json_object"}


def shown(request: Request) -> dict[str, str]:
    """The texts of a judge's prompt, by name."""
    return {match["name"]: match["text"] for match in _BLOCK.finditer(request.messages[-1].content)}


Script = Callable[[Request], "str | PalierError | None"]
"""What the judge says; an error to raise; None: the door keeps the prompt back."""


@dataclass
class ScriptedAsker:
    """An `evals.asking.Asker` that answers by `script`; each answer costs a tenth of a cent and 2 Wh."""

    script: Script
    requests: list[Request] = field(default_factory=list)

    def request(
        self,
        messages: Sequence[Message],
        *,
        route: str,
        parameters: Parameters,
        label: Label | None = None,
        language: str = "",
    ) -> Request:
        assert route == ROUTE
        return Request(
            id=f"r-{len(self.requests)}",
            route=route,
            messages=tuple(messages),
            parameters=parameters,
            label=label or Label.INTERNAL,
            language=language,
        )

    async def stream(self, request: Request) -> AsyncGenerator[Event | Completed, None]:
        self.requests.append(request)
        await asyncio.sleep(0)
        said = self.script(request)
        if isinstance(said, PalierError):
            raise said
        step = Step(tier="tier-1", model="large", outcome="answered" if said is not None else "refused", reason="why")
        yield Completed(
            result=Result(
                id=request.id,
                route=request.route,
                status="answered" if said is not None else "abstained",
                draft=Draft(choices=(Choice(text=said or ""),)),
                tier="tier-1",
                model="large",
                decision=Decision(action="stay", reason="why"),
                steps=(msgspec.structs.replace(step, usage=Usage(prompt=100, completion=6)),),
                label=request.label,
                cost=Quantity(value=0.001, low=0.001, high=0.001, basis="measured", method="scripted"),
                energy=Quantity(value=2.0, low=0.0, high=2.0, basis="estimated", method="scripted"),
            )
        )

    async def trace(self, request: str) -> Trace | None:
        return None

    def label_of(self, document: str) -> Label:
        return Label.RESTRICTED


def judge_with(*, json: bool = False) -> Judge:
    capabilities = CAPABILITIES if json else LINES_ONLY
    return Judge("large", "large", ModelCard(name="large", kind="fake", capabilities=capabilities), "ab" * 32)


def lines(a: int, b: int) -> str:
    return f"A: {a}\nB: {b}"


def grades_by(grade: Callable[[str], int], *, first: int = 0, second: int = 0) -> Script:
    """A judge that gives each text `grade`, what stands first `first` more, what stands second `second` more."""

    def script(request: Request) -> str:
        texts = shown(request)
        a, b = (min(max(grade(texts[name]) + more, 1), 5) for name, more in (("A", first), ("B", second)))
        return lines(a, b)

    return script


def suite_of(*cases: Case, language: str = "en") -> Suite:
    return Suite(name="judged", cases=cases, language=language)


def answered(candidate: str, case: Case, output: str, **changed: object) -> Outcome:
    outcome = Outcome(id=case.id, candidate=candidate, output=output, label=Label.INTERNAL)
    return msgspec.structs.replace(outcome, **changed)
