"""One request to what became of it: an answer, an abstention, or a failure, with what it took."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

import msgspec

from palier.cases import Outcome, Retrieved, Spell
from palier.errors import PalierError, UpstreamTimeout
from palier.metrics.tokens import counted
from palier.types import (
    Completed,
    Delta,
    Event,
    Label,
    Message,
    Parameters,
    Request,
    Result,
    Step,
    ToolDelta,
    Trace,
)

log = logging.getLogger("palier.bench")


class Asker(Protocol):
    """Where cases are put: `app.bench`, or anything that answers as `Palier` does."""

    def request(
        self,
        messages: Sequence[Message],
        *,
        route: str,
        parameters: Parameters,
        label: Label | None = None,
        language: str = "",
    ) -> Request:
        """What a client of `route` would send; `label` raises that of its messages."""
        ...

    def stream(self, request: Request) -> AsyncGenerator[Event | Completed, None]:
        """See `palier.pipeline.stream`."""
        ...

    async def ready(self) -> None:
        """Before a candidate is asked: everything is started, and no question of another's is remembered."""
        ...

    async def trace(self, request: str) -> Trace | None:
        """What was recorded of it."""
        ...

    def label_of(self, document: str) -> Label:
        """Of a document, `COLLECTION/ID`."""
        ...


async def ask(asker: Asker, request: Request, timeout_s: float, *, read: bool = True) -> Outcome:
    """What became of a request, without the case's name. An error is an outcome, whatever it was.

    `read`: with what was recorded of it (what was found, what was paid for where it failed), once it is answered.
    """
    started = time.perf_counter()
    created = time.time()
    first: float | None = None
    result: Result | None = None
    error = ""
    try:
        async with asyncio.timeout(timeout_s), aclosing(asker.stream(request)) as events:
            async for event in events:
                if isinstance(event, Completed):
                    result = event.result
                elif first is None and isinstance(event, Delta | ToolDelta):
                    first = (time.perf_counter() - started) * 1000
    except PalierError as raised:
        error = f"{raised.code}: {raised.message}"
    except TimeoutError:
        error = f"{UpstreamTimeout.code}: no answer within {timeout_s:g} s"
    except Exception as raised:  # a defect of palier: the case has failed, and the others go on
        log.exception("a case ended by an unforeseen error")
        error = f"internal_error: {type(raised).__name__}"
    latency = (time.perf_counter() - started) * 1000
    trace = await _recorded(asker, request) if read else None
    outcome = Outcome(
        id="", candidate="", status="failed", error=error, trace=request.id, latency_ms=latency, created=created
    )
    if trace is not None:
        outcome = _with_trace(outcome, trace, asker)
    return outcome if result is None else _with_result(outcome, result, first)


async def _recorded(asker: Asker, request: Request) -> Trace | None:
    try:
        return await asker.trace(request.id)
    except PalierError as error:
        log.warning("what was recorded of a case cannot be read: %s", error)
        return None


def _with_trace(outcome: Outcome, trace: Trace, asker: Asker) -> Outcome:
    """With what was found, and what was paid, which a request that failed has too."""
    return msgspec.structs.replace(
        outcome,
        retrieved=tuple(_found(key, asker) for key in trace.evidence),
        spells=tuple(_spell(step) for step in trace.steps),
        guards=trace.guards,
        usage=counted(trace.steps),
        cost=trace.cost,
        energy=trace.energy,
        carbon=trace.carbon,
        label=trace.label,
    )


def _with_result(outcome: Outcome, result: Result, first: float | None) -> Outcome:
    answered = result.status == "answered" and not result.retracted
    sources = {source.passage: source for source in result.sources}
    retrieved = [
        msgspec.structs.replace(passage, cited=source.cited, text=source.text, label=source.label)
        if (source := sources.get(passage.passage))
        else passage
        for passage in outcome.retrieved
    ]
    return msgspec.structs.replace(
        outcome,
        status="answered" if answered else "abstained",
        output=result.text if answered else "",
        said="" if answered else result.text,
        tier=result.tier or "",
        model=result.model,
        confidence=result.confidence,
        decision=result.decision.reason,
        retrieved=tuple(retrieved),
        spells=tuple(_spell(step) for step in result.steps),
        guards=result.guards,
        usage=counted(result.steps),
        cost=result.cost,
        energy=result.energy,
        carbon=result.carbon,
        label=result.label,
        first_ms=first,
    )


def _found(key: str, asker: Asker) -> Retrieved:
    document = key.rpartition("#")[0]
    return Retrieved(document=document, passage=key, label=asker.label_of(document))


def _spell(step: Step) -> Spell:
    return Spell(
        tier=step.tier,
        model=step.model,
        outcome=step.outcome,
        confidence=step.confidence,
        usage=step.usage,
        cost=step.cost,
        energy=step.energy,
        carbon=step.carbon,
        busy_ms=step.latency_ms,
    )
