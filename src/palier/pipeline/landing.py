"""A tier as wired: its model, what it may receive, what it must reach; and what stands in a request's way to it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import msgspec

from palier.errors import InvalidRequest
from palier.interfaces import Admission, Destination, Gate, Model, Rule
from palier.metrics.zones import Zone
from palier.types import JSON, Label, Parameters, Request
from palier.versions import Version

_SIMPLE = (
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "parallel_tool_calls",
    "suffix",
)


@dataclass(frozen=True, slots=True)
class Landing:
    """One tier of a route. `threshold` 0 serves whatever it says."""

    name: str
    model_name: str
    model: Model
    to: Destination
    threshold: float
    passages: int
    max_tokens: int
    adapter: str = ""
    taught_in: tuple[str, ...] = ()
    """Languages of the lessons of its adapter, which may be others than the model's own."""
    rule: Rule | None = None
    """Of a policy: its probability counts instead of the packaged one, and its threshold instead of the settings'."""
    zone: Zone | None = None
    """Where its model takes its electricity."""
    guarantee: str = ""
    """What the policy promises, in words."""
    ahead: bool = False
    """It is chosen by the question alone, before it answers; what it then says is served as it comes."""

    judged: Label | None = None
    """The most confidential prompts that were judged: of others nothing is promised. None: all."""
    taught: Version | None = None
    """The student that serves it: what it says carries the label of what it was taught."""
    form: JSON | None = None
    """The `response_format` of requests that ask for none, where the model can keep to a schema."""

    def under(self, rule: Rule, guarantee: str, *, ahead: bool = False, judged: Label | None = None) -> Landing:
        """The same with what a policy says of it."""
        return replace(self, rule=rule, threshold=rule.threshold, guarantee=guarantee, ahead=ahead, judged=judged)

    def covers(self, request: Request) -> bool:
        """Whether a request is one of those that the policy was fitted on: a question, one answer, this adapter."""
        asked = request.parameters
        return (
            request.text is None
            and not asked.tools
            and asked.n == 1
            and (asked.adapter is None or asked.adapter == self.adapter)
        )

    def promise(self, label: Label) -> str:
        """What is promised of a prompt that carries `label`."""
        return self.guarantee if self.judged is None or self.judged.allows(label) else ""

    def constrained(self, parameters: Parameters) -> bool:
        """Whether it writes under a grammar of the form that is asked for, and cannot leave it."""
        form = (parameters.response_format or {}).get("type", "text")
        return self.model.card.kind == "engine" and form == "json_schema"

    def asked_alone(self) -> Landing:
        """The same for a client that named this tier: its threshold is not applied, and nothing is promised."""
        return replace(self, threshold=0.0, guarantee="", ahead=False)

    @property
    def keeps(self) -> bool:
        """Whether anything it says could be served."""
        return self.threshold <= 1.0

    def within(self, request: Request, needed: Collection[str] = ()) -> Request:
        """The request with the passages and the parameters that this tier's own settings allow.

        A passage that is `needed` and may not come here stays among them: it is the gate that keeps it back, and it
        must know.
        """
        passages = request.passages and tuple(
            hit
            for rank, hit in enumerate(request.passages)
            if rank < self.passages or (hit.key in needed and not self.to.highest.allows(hit.label))
        )
        parameters = request.parameters
        if parameters.max_tokens is None and self.model.card.generates:
            parameters = msgspec.structs.replace(parameters, max_tokens=self.max_tokens)
        if self.adapter and parameters.adapter is None:
            parameters = msgspec.structs.replace(parameters, adapter=self.adapter)
        if self.form and request.text is None and not parameters.tools and parameters.response_format is None:
            parameters = msgspec.structs.replace(parameters, response_format=self.form)
        return msgspec.structs.replace(request, passages=passages, parameters=parameters)

    async def admit(
        self, request: Request, gate: Gate, needed: Collection[str], *, why: str = "", audit: bool = False
    ) -> Admission:
        """What the gate lets through to this tier. There is no other way to it, for an answer or for an audit."""
        return await gate.admit(self.within(request, needed), self.to, needed=needed, why=why, audit=audit)

    def obstacle(self, request: Request) -> InvalidRequest | None:
        """Why this tier cannot honour the request as it is, or None. `param` names the field of the wire."""
        card = self.model.card
        for param, capability in wanted(request):
            if capability not in card.capabilities:
                return InvalidRequest(f"{card.name} cannot honour `{param}`", param=param)
        if card.languages and request.language and request.language not in (*card.languages, *self.taught_in):
            spoken = ", ".join(dict.fromkeys((*card.languages, *self.taught_in)))
            return InvalidRequest(
                f"{card.name} speaks {spoken}, and the question is in `{request.language}`",
                param="messages",
            )
        return None


def wanted(request: Request) -> list[tuple[str, str]]:
    """What a request asks of a tier, as (parameter of the wire, capability) in a fixed order."""
    parameters = request.parameters
    asked = [("prompt", "completions") if request.text is not None else ("messages", "chat")]
    asked += [(name, name) for name in _SIMPLE if getattr(parameters, name) is not None]
    asked += [(name, capability) for name, capability, present in _composite(parameters) if present]
    return asked


def _composite(parameters: Parameters) -> tuple[tuple[str, str, bool], ...]:
    form = (parameters.response_format or {}).get("type", "text")
    return (
        ("tools", "tools", bool(parameters.tools)),
        ("tool_choice", "tools", parameters.tool_choice not in (None, "none", "auto")),
        ("response_format", str(form), form != "text"),
        ("logprobs", "logprobs", parameters.logprobs),
        ("top_logprobs", "top_logprobs", parameters.top_logprobs > 0),
        ("n", "n", parameters.n > 1),
        ("stop", "stop", bool(parameters.stop)),
        ("echo", "echo", parameters.echo),
        ("palier.adapter", "adapter", parameters.adapter is not None),
    )
