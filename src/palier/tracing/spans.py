"""A trace as spans of OpenTelemetry: OTLP as JSON, with the semantic conventions for generative AI (v1.41).

One span for the request (`invoke_workflow ROUTE`), below it one for the retrieval, for each tier that worked
(`chat MODEL`), for what left to it (`egress TIER`), for each guard, and for the decision. What the conventions have no
name for begins with `palier.`. Times are those that were measured; of guards, which look at many texts, the sum, laid
at the end of what they looked at. Ids are made of the request's, so that what is sent twice is the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from palier.types import Guarded, Label, Quantity, Step, Trace

JSON = dict[str, Any]
Value = str | bool | int | float | None
PALIER = "palier"
"""The provider of models that run here."""
_INTERNAL, _SERVER, _CLIENT = 1, 2, 3
_ERROR = 2
_LONGEST = 100_000
"""Characters of the words of one span."""


def batch(spans: list[JSON], version: str) -> JSON:
    """An export request of spans. `version`: of palier."""
    resource = {"attributes": _attributes({"service.name": PALIER, "service.version": version})}
    scope = {"name": PALIER, "version": version}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}


def spans_of(trace: Trace, providers: Mapping[str, str], *, content: Label | None = None) -> list[JSON]:
    """The spans of a request, its own first. `providers`: who serves a model, by its name; `content`: the most
    confidential words that go along, None: none do.
    """
    return list(_Spans(trace, providers).all(content))


def sampled(trace: Trace) -> bool:
    """Whether the span it was asked in, if any, is one that is kept."""
    return not trace.parent or bool(int(trace.parent[-2:], 16) & 1)


class _Spans:
    def __init__(self, trace: Trace, providers: Mapping[str, str]) -> None:
        self._trace = trace
        self._providers = providers
        digest = hashlib.sha256(trace.id.encode("utf-8", "replace")).hexdigest()
        _, given, parent, _ = trace.parent.split("-") if trace.parent else ("", digest[:32], "", "")
        self._id, self._parent, self._root = given, parent, self._span_id("request")

    def all(self, content: Label | None) -> Iterator[JSON]:
        trace = self._trace
        yield self._request(content)
        found_ms = trace.timings.get("retrieve_ms")
        before_ms = sum(row.took_ms for row in trace.guards if row.place == "input")
        if found_ms is not None:
            said: dict[str, Value] = {"gen_ai.operation.name": "retrieval", "palier.passages": len(trace.evidence)}
            yield self._span("retrieval", "retrieval", before_ms, found_ms, said, kind=_INTERNAL)
        worked = [step for step in trace.steps if step.latency_ms > 0]
        for number, step in enumerate(worked):
            yield from self._tier(number, step)
        for row in trace.guards:
            yield self._guard(row, worked, before_ms + (found_ms or 0.0))
        yield self._decision()

    def _request(self, content: Label | None) -> JSON:
        trace = self._trace
        said: dict[str, Value] = {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": trace.route,
            "gen_ai.response.id": trace.id,
            "gen_ai.response.model": trace.model or None,
            "gen_ai.request.stream": trace.stream,
            "gen_ai.response.time_to_first_chunk": _seconds(trace.timings.get("first_ms")),
            "palier.status": trace.status,
            "palier.tier": trace.tier,
            "palier.label": trace.label.value,
            "palier.policy": trace.policy or None,
            **_tokens(trace.usage),
            **_spent(trace.cost, trace.energy, trace.carbon),
        }
        kept = trace.content
        if kept is not None and content is not None and content.allows(kept.label):
            asked = [{"role": m.role, "parts": [{"type": "text", "content": m.content}]} for m in kept.messages]
            if kept.text is not None:
                asked.append({"role": "user", "parts": [{"type": "text", "content": kept.text}]})
            answer = {"role": "assistant", "parts": [{"type": "text", "content": kept.answer}]}
            said["gen_ai.input.messages"] = _words(asked)
            said["gen_ai.output.messages"] = _words([{**answer, "finish_reason": "stop"}])
        error = trace.error.partition(":")[0] if trace.error else ""
        name = f"invoke_workflow {trace.route}"
        return self._span("request", name, 0.0, trace.latency_ms, said, kind=_SERVER, error=error, root=True)

    def _tier(self, number: int, step: Step) -> Iterator[JSON]:
        content = self._trace.content
        operation = "text_completion" if content is not None and content.text is not None else "chat"
        said: dict[str, Value] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": self._providers.get(step.model, PALIER),
            "gen_ai.request.model": step.model,
            "palier.tier": step.tier,
            "palier.outcome": step.outcome,
            "palier.confidence": step.confidence,
            "palier.threshold": step.threshold,
            "palier.calibrated": step.calibrated,
            "palier.simulated": step.simulated or None,
            **_tokens(step.usage),
            **_spent(step.cost, step.energy, step.carbon),
        }
        error = step.outcome if step.outcome in ("failed", "abandoned") else ""
        key, name = f"tier {number}", f"{operation} {step.model}"
        yield self._span(key, name, step.began_ms, step.latency_ms, said, kind=_CLIENT, error=error)
        if step.verdict is not None:
            left: dict[str, Value] = {
                "palier.tier": step.tier,
                "palier.verdict": step.verdict,
                "palier.label": step.label.value,
                "palier.withheld": step.withheld,
                "palier.redacted": step.redacted,
            }
            yield self._span(
                f"egress {number}", f"egress {step.tier}", step.began_ms, 0.0, left, kind=_INTERNAL, below=key
            )

    def _guard(self, row: Guarded, worked: list[Step], found_at_ms: float) -> JSON:
        ends = {step.tier: step.began_ms + step.latency_ms for step in worked}
        if row.place == "input":
            ends_ms = row.took_ms
        elif row.place == "evidence":
            ends_ms = found_at_ms + row.took_ms
        else:
            ends_ms = ends.get(row.tier, self._trace.latency_ms)
        said: dict[str, Value] = {
            "palier.guard": row.guard,
            "palier.place": row.place,
            "palier.tier": row.tier or None,
            "palier.action": row.action,
            "palier.score": row.score,
            "palier.texts": row.texts,
        }
        key = f"guard {row.guard} {row.place} {row.tier}"
        error = "guard_failed" if row.failed else ""
        begins_ms = max(ends_ms - row.took_ms, 0.0)
        return self._span(key, f"guard {row.guard}", begins_ms, row.took_ms, said, kind=_INTERNAL, error=error)

    def _decision(self) -> JSON:
        trace = self._trace
        said: dict[str, Value] = {
            "palier.action": trace.action,
            "palier.confidence": trace.confidence,
            "palier.calibrated": trace.calibrated,
            "palier.tier": trace.tier,
        }
        return self._span("decision", "decision", trace.latency_ms, 0.0, said, kind=_INTERNAL)

    def _span(
        self,
        key: str,
        name: str,
        begins_ms: float,
        took_ms: float,
        said: Mapping[str, Value],
        *,
        kind: int,
        error: str = "",
        root: bool = False,
        below: str = "",
    ) -> JSON:
        begins = round(self._trace.created * 1e6) * 1000 + round(begins_ms * 1e6)  # a float has no more digits
        parent = self._parent if root else self._span_id(below) if below else self._root
        span: JSON = {
            "traceId": self._id,
            "spanId": self._span_id(key),
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(begins),
            "endTimeUnixNano": str(begins + round(took_ms * 1e6)),
            "attributes": _attributes({**said, "error.type": error or None}),
            "status": {"code": _ERROR} if error else {},
        }
        return {**span, "parentSpanId": parent} if parent else span

    def _span_id(self, key: str) -> str:
        return hashlib.sha256(f"{self._trace.id} {key}".encode("utf-8", "replace")).hexdigest()[:16]


def _attributes(said: Mapping[str, Value]) -> list[JSON]:
    """As OTLP writes them; what is None is left out."""
    return [{"key": key, "value": _value(value)} for key, value in said.items() if value is not None]


def _value(value: str | bool | float) -> JSON:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def _tokens(usage: Any) -> dict[str, Value]:
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.prompt,
        "gen_ai.usage.output_tokens": usage.completion,
        "gen_ai.usage.cache_read.input_tokens": usage.cached,
    }


def _spent(cost: Quantity, energy: Quantity, carbon: Quantity) -> dict[str, Value]:
    """What is known; a figure that is not has no attribute."""
    named = {"palier.cost_usd": cost, "palier.energy_wh": energy, "palier.carbon_g": carbon}
    return {name: quantity.value for name, quantity in named.items()}


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000


def _words(messages: list[JSON]) -> str:
    """Valid JSON whatever it holds; of too much, nothing but how much it was."""
    text = json.dumps(messages, ensure_ascii=False).encode("utf-8", "replace").decode()
    if len(text) <= _LONGEST:
        return text
    return json.dumps([{"role": "system", "parts": [{"type": "text", "content": f"{len(text)} characters, left out"}]}])
