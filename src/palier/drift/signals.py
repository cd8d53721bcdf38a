"""A request as signals: what is compared with the reference."""

from __future__ import annotations

import math
from typing import Any

from palier.drift.report import KINDS
from palier.errors import InvalidRequest
from palier.types import Data, Trace

TEXT, VECTOR = "text", "vector"
MAX_DIMENSION = 8192


class Observed(Data, frozen=True, kw_only=True):
    """The numbers of one request by signal, those that are known; and its question, from which `topics` and `novelty`
    are made, where its words (or their vector) are there."""

    values: dict[str, float]
    question: str = ""
    vector: tuple[float, ...] = ()


def observed(trace: Trace) -> Observed:
    """The signals of a trace."""
    values = {
        "escalated": float(any(step.outcome == "climbed" for step in trace.steps)),
        "refused": float(trace.status == "abstained" or any(one.action == "refuse" for one in trace.guards)),
    }
    if (confidence := next((s.confidence for s in trace.steps if s.confidence is not None), None)) is not None:
        values["confidence"] = confidence
    scores = [step.features["score"] for step in trace.steps if "score" in step.features]
    if trace.evidence and scores:
        values["retrieval"] = scores[0]
    answering = next((step.usage for step in reversed(trace.steps) if step.tier == trace.tier), None)
    if answering is not None and answering.completion:
        values["length"] = float(answering.completion)
    messages = trace.content.messages if trace.content else ()
    question = next((message.content for message in reversed(messages) if message.role == "user"), "")
    return Observed(values=values, question=question or (trace.content.text or "" if trace.content else ""))


def of_line(item: dict[str, Any]) -> Observed:
    """The signals of a line of JSON (docs/reference/jsonl.md). Raises `InvalidRequest` naming the field."""
    values: dict[str, float] = {}
    for name in KINDS:
        if name in ("topics", "novelty") or item.get(name) is None:
            continue
        value = item[name]
        if not isinstance(value, bool | int | float) or not math.isfinite(value):
            raise InvalidRequest(f"`{name}` is a number, or true or false", param=name)
        if KINDS[name] == "share" and not 0 <= value <= 1:
            raise InvalidRequest(f"`{name}` is {value}: true, false, or from 0 to 1", param=name)
        values[name] = float(value)
    text, vector = item.get(TEXT) or "", item.get(VECTOR) or ()
    if not isinstance(text, str):
        raise InvalidRequest(f"`{TEXT}` is a text", param=TEXT)
    plain = isinstance(vector, list | tuple) and len(vector) <= MAX_DIMENSION
    if not plain or not all(type(x) in (int, float) and math.isfinite(x) for x in vector):
        raise InvalidRequest(f"`{VECTOR}` is a list of numbers, {MAX_DIMENSION} at most", param=VECTOR)
    return Observed(values=values, question=text, vector=tuple(float(x) for x in vector))
