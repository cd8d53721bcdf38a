"""A small installation to be benchmarked: scripted tiers over two documents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

from palier.cases import Case, Suite
from palier.config import Settings, parse
from palier.errors import InvalidRequest, Unavailable
from palier.evals.figures import Candidate
from palier.evals.runs.candidates import Planned
from palier.evals.runs.running import Entrant
from palier.ids import new_id
from palier.types import (
    Choice,
    Completed,
    Decision,
    Delta,
    Document,
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

DOCUMENTS = (
    Document(id="fibre.md", collection="shelf", text="The fibre costs 29.99 euros a month.", label=Label.PUBLIC),
    Document(id="box.md", collection="shelf", text="The box is returned to the shop in Brest.", label=Label.PUBLIC),
)
SCRIPT: tuple[dict[str, Any], ...] = (
    {"pattern": "fibre", "answer": "29.99 euros [1]"},
    {"pattern": "box", "answer": "To the shop in Brest [1]"},
    {"pattern": "refuse", "fail": "refused"},
    {"pattern": "invalid", "fail": "invalid"},
    {"answer": "I do not know"},
)


def settings(folder: Path, *script: dict[str, Any], **changed: Any) -> Settings:
    """Two tiers: a small scripted one, and a large one."""
    lines = "".join(json.dumps(rule) + "\n" for rule in script or SCRIPT)
    (folder / "script.jsonl").write_text(lines)
    tiers = [
        {"model": "small", "threshold": 0.99, "highest_label": "restricted", "system": "Be brief."},
        {"model": "large", "highest_label": "internal"},
    ]
    tree: dict[str, Any] = {
        "data": "data",
        "models": {
            "small": {"kind": "fake", "file": "script.jsonl"},
            "large": {"kind": "fake", "file": "script.jsonl"},
            "spare": {"kind": "fake", "file": "script.jsonl"},
        },
        "routes": {"support": {"tiers": tiers}, "other": {"tiers": [{"model": "spare", "highest_label": "internal"}]}},
    }
    return parse({**tree, **changed}, root=folder)


def suite(*inputs: str, **changed: Any) -> Suite:
    """A case for each of `inputs`, called by its number."""
    cases = tuple(Case(id=str(n), input=text, references=("29.99 euros",)) for n, text in enumerate(inputs, 1))
    return Suite(**{"name": "support", "route": "support", "cases": cases, **changed})


class Scripted:
    """An `evals.asking.Asker` without a pipeline: answers by a word of the question, and counts who asks at once."""

    def __init__(self, *, takes_s: float = 0.0) -> None:
        self.asked: list[str] = []
        self.at_once = self.most = self.readied = 0
        self._takes_s = takes_s

    def request(
        self,
        messages: Sequence[Message],
        *,
        route: str,
        parameters: Parameters,
        label: Label | None = None,
        language: str = "",
    ) -> Request:
        return Request(
            id=f"bench-{new_id()}",
            route=route,
            messages=tuple(messages),
            parameters=parameters,
            label=label or Label.INTERNAL,
            language=language,
        )

    async def ready(self) -> None:
        self.readied += 1

    async def stream(self, request: Request) -> AsyncGenerator[Event | Completed, None]:
        question = request.question
        self.asked.append(question)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(self._takes_s)
            if "down" in question:
                raise Unavailable("nobody is there")
            if "invalid" in question:
                raise InvalidRequest("it speaks no Breton")
            if "bug" in question:
                raise ZeroDivisionError
            if "never" in question:
                await asyncio.sleep(60)
            yield Delta(text=question.upper())
            yield Completed(result=self._result(request))
        finally:
            self.at_once -= 1

    def _result(self, request: Request) -> Result:
        question = request.question
        abstains = "unknown" in question
        return Result(
            id=request.id,
            route=request.route,
            status="abstained" if abstains else "answered",
            draft=Draft(choices=(Choice(text="I don't know" if abstains else question.upper()),)),
            tier=None if abstains else "tier-1",
            decision=Decision(action="stay", reason="good"),
            steps=(
                Step(tier="tier-1", model="m", outcome="answered", reason="good", usage=Usage(prompt=3, completion=2)),
            ),
            cost=Quantity(value=0.5, basis="measured"),
        )

    async def trace(self, request: str) -> Trace | None:
        return None

    def label_of(self, document: str) -> Label:
        return Label.INTERNAL


def entrant(name: str = "a", key: str = "ab" * 32) -> Entrant:
    """One that is asked the question itself."""
    return Entrant(Planned(name, "tier", "{input}"), Candidate(name=name, kind="tier"), key)
