"""What happened to a request so far, from which its result and its trace are made."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from palier.errors import InvalidRequest, PalierError
from palier.interfaces import Admission, Redactions, Vectors
from palier.metrics.carbon import carbon
from palier.metrics.cost import UNSENT, cost, total
from palier.metrics.energy import energy
from palier.metrics.tokens import counted, estimated
from palier.pipeline.given import given
from palier.pipeline.landing import Landing
from palier.pipeline.posts import Log, Stopped
from palier.privacy.fingerprints import Seen
from palier.types import (
    UNKNOWN,
    Choice,
    Decision,
    Draft,
    Hit,
    Label,
    Marked,
    Message,
    Outcome,
    Parameters,
    Quantity,
    Request,
    Result,
    Source,
    Step,
    Trace,
    TraceContent,
    Usage,
)

_CITATION = re.compile(r"\[(\d{1,3})\]")


@dataclass(slots=True)
class Journey:
    """One request's way up the stairs. Mutable, of one task, written only by the pipeline."""

    request: Request
    retention_s: float
    keep_content: bool = True
    fingerprint: str = ""
    policy: str = ""
    started: float = field(default_factory=time.perf_counter)
    steps: list[Step] = field(default_factory=list)
    drafts: dict[str, Draft] = field(default_factory=dict)
    """By tier: the first that it wrote."""
    mended: list[Draft] = field(default_factory=list)
    """What tiers wrote when they were asked to mend their first."""
    obstacles: list[InvalidRequest] = field(default_factory=list)
    failures: list[PalierError] = field(default_factory=list)
    heard: dict[str, str] = field(default_factory=dict)
    """Upstreams' own words, by tier."""
    replaced: dict[str, Redactions] = field(default_factory=dict)
    """What was replaced in prompts, by tier."""
    timings: dict[str, float] = field(default_factory=dict)
    vector: Vectors | None = None
    """Of the question, shape (1, d), where a policy goes by it."""
    guessed: list[Usage] = field(default_factory=list)
    """Tokens that were paid for and that nobody counted."""
    cut: set[str] = field(default_factory=set)
    """Tiers whose draft was not heard to its end."""
    passed_over: bool = False
    """Whether a tier was not asked that might have answered, by its policy."""
    needed: frozenset[str] = frozenset()
    """Keys of the passages without which no tier could answer: the first found, and those a draft quoted."""
    label: Label = Label.PUBLIC
    """The most restrictive of what was asked and of what the tier received that answered."""
    received: Label = Label.PUBLIC
    """The most restrictive of what any tier received, also where its draft was thrown away."""
    written: Label = Label.PUBLIC
    """What the client wrote, as it says."""
    quotes: bool = False
    """Whether the client wrote what is known again, or goes on with a conversation that is, and more than it says."""
    seen: Seen | None = None
    """What was looked up of what the client wrote."""
    marked: Marked | None = None
    """By what its answer is to be known again."""
    answers: tuple[str, ...] | None = None
    """By which digests, if not by those of all that was told."""
    named: Label = Label.PUBLIC
    """What the titles carry that an abstention names."""
    guards: Log = field(default_factory=Log)
    """What guards said."""
    stopped: Stopped | None = None
    """Who did not let a text through, the last of them."""
    upwards: str = ""
    """Why the tiers below the last are not asked, as a guard of the question wants it."""
    retracted: bool = False
    """Whether a guard stopped what had been released."""
    error: str = ""
    serving: str = ""
    """Where the client left: the tier at work, if it was to serve whatever it says."""
    result: Result | None = None

    def __post_init__(self) -> None:
        self.label = self.written = self.request.label

    def carry(self, label: Label) -> None:
        """Raise the label of the request to that of what its earlier turns quote."""
        self.label = Label.highest(self.request.label, label)
        if self.label is not self.request.label:
            self.quotes = True
            self.request = msgspec.structs.replace(self.request, label=self.label)

    def stop(self, stopped: Stopped) -> None:
        """A guard did not let a text through."""
        self.stopped = stopped
        if stopped.place == "input" and stopped.verdict.action == "climb":
            self.upwards = stopped.why

    @property
    def refused(self) -> bool:
        """Whether a guard wants nobody to answer."""
        return self.stopped is not None and self.stopped.verdict.action == "refuse"

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the request came in."""
        return (time.perf_counter() - self.started) * 1000

    @property
    def expires(self) -> float:
        """When its words are forgotten."""
        return (self.request.created or time.time()) + self.retention_s

    @property
    def auditable(self) -> bool:
        """Whether it came to an answer, or was left on the way to one: that must not depend on what a tier said."""
        return bool(self.steps) and self.error in ("", "abandoned")

    # --- the steps -------------------------------------------------------------------------------------------------

    def skip(self, landing: Landing, obstacle: InvalidRequest) -> None:
        """A tier that cannot honour the request."""
        self.obstacles.append(obstacle)
        self._hear(landing, obstacle)
        self._step(landing, "skipped", obstacle.message)

    def pass_over(self, landing: Landing, decision: Decision) -> None:
        """A tier whose draft would not be served, whatever it says: it is not asked."""
        self.passed_over = True
        self._step(
            landing,
            "skipped",
            decision.reason,
            confidence=decision.confidence,
            threshold=decision.threshold,
            calibrated=decision.calibrated,
        )

    def refuse(self, landing: Landing, admission: Admission) -> None:
        """A tier that may not receive it."""
        reason = "what is asked may not go to this tier" if self._keeps_why(landing) else admission.reason
        self._step(landing, "refused", reason, **_judged(admission))

    def _keeps_why(self, landing: Landing) -> bool:
        """Whether the reason would tell whoever asks what its words are known by: see `discretion`."""
        to, request = landing.to, self.request
        otherwise = to.leaves and (to.barred or request.local_only)
        return self.quotes and not request.principal.admin and not otherwise and not to.highest.allows(request.label)

    def cut_off(self, landing: Landing, admission: Admission, draft: Draft) -> None:
        """What a tier wrote before it broke. Some of it may have been read: it carries what the tier received."""
        if any(choice.text or choice.tool_calls for choice in draft.choices):
            self.received = Label.highest(self.received, self._says(landing, admission, draft))
            self._keep(landing, draft)

    def _keep(self, landing: Landing, draft: Draft) -> None:
        """What a tier wrote; what it wrote to mend that stands beside it."""
        if landing.name in self.drafts:
            self.mended.append(draft)
        self.drafts.setdefault(landing.name, draft)

    @property
    def why(self) -> str:
        """Why the next tier is asked: what became of those below."""
        if self.request.tier is not None:
            return "asked by name"
        if not self.steps:
            return "the lowest tier"
        last = self.steps[-1]
        return f"{last.tier} {last.outcome}: {last.reason}"

    def redact(self, landing: Landing, admission: Admission) -> None:
        """What was replaced in the prompt that a tier is about to receive."""
        if admission.redactions is not None:
            self.replaced[landing.name] = admission.redactions

    def replacements(self) -> bytes:
        """What every placeholder stood for, by tier, as JSON."""
        return msgspec.json.encode({tier: msgspec.Raw(kept.sealable()) for tier, kept in self.replaced.items()})

    def fail(self, landing: Landing, admission: Admission, error: PalierError, draft: Draft) -> None:
        """A tier that did not answer, or not to the end: `draft` is what it wrote until then."""
        self.failures.append(error)
        self._hear(landing, error)
        began = any(choice.text or choice.tool_calls for choice in draft.choices)
        self.cut_off(landing, admission, draft)
        took = self._took(landing, admission, draft, began=began)
        self._step(
            landing,
            "failed",
            error.message,
            **_judged(admission),
            usage=draft.usage,
            latency_ms=draft.latency_ms,
            **(_unsent(took) if error.unsent else took),
        )

    def drafted(
        self,
        landing: Landing,
        admission: Admission,
        draft: Draft,
        decision: Decision,
        outcome: Outcome,
        *,
        unrestored: int = 0,
    ) -> None:
        """A tier that wrote a draft, and what was decided of it."""
        says = self._says(landing, admission, draft)
        self.received = Label.highest(self.received, says)
        if outcome != "climbed":
            self.label = Label.highest(self.label, says)
        self._keep(landing, draft)
        self._step(
            landing,
            outcome,
            decision.reason,
            confidence=decision.confidence,
            threshold=decision.threshold,
            calibrated=decision.calibrated,
            **_judged(admission),
            usage=draft.usage,
            **self._took(landing, admission, draft),
            latency_ms=draft.latency_ms,
            features=draft.features,
            unrestored=unrestored,
        )

    def left(self, landing: Landing, admission: Admission, draft: Draft, *, serves: bool) -> None:
        """A tier that was at work when the client left: what it wrote so far was paid for."""
        self.serving = landing.name if serves else ""
        self.drafted(landing, admission, draft, Decision(action="stay", reason="the client left"), "abandoned")

    def _says(self, landing: Landing, admission: Admission, draft: Draft) -> Label:
        """What a draft carries: that of all its tier received, or, of a quotation, of what it quotes."""
        if landing.taught is not None:
            return Label.highest(admission.label, landing.taught.label)
        if landing.model.card.generates or admission.prompt is None:
            return admission.label
        passages = admission.prompt.passages
        quoted = (passages[n - 1].label for n in draft.cited if 0 < n <= len(passages))
        return Label.highest(self.request.label, *quoted)

    def _took(self, landing: Landing, admission: Admission, draft: Draft, *, began: bool = True) -> dict[str, Any]:
        """What a draft took: by an estimate where its tokens were not counted, which they are at its end.

        One that never `began` was paid for by the hour, if at all.
        """
        card, guess = landing.model.card, None
        if draft.usage is None and began and card.generates and admission.sent is not None:
            guess = estimated(admission.sent, draft)
            self.guessed.append(guess)
        used = energy(card, draft.latency_ms, draft.usage, guess)
        paid = cost(card, draft.usage, guess, draft.latency_ms) if began or card.dollars_per_hour else UNKNOWN
        return {"cost": paid, "energy": used, "carbon": carbon(used, landing.zone), "simulated": card.simulated}

    def _hear(self, landing: Landing, error: PalierError) -> None:
        if error.said:
            self.heard[landing.name] = error.said

    def _step(self, landing: Landing, outcome: Outcome, reason: str, **figures: Any) -> None:
        began_ms = max(self.elapsed_ms - figures.get("latency_ms", 0.0), 0.0)
        version = landing.taught.id if landing.taught else ""
        named = {"tier": landing.name, "model": landing.model_name, "version": version, "began_ms": began_ms}
        self.steps.append(Step(**named, outcome=outcome, reason=reason, **figures))

    # --- the outcome -----------------------------------------------------------------------------------------------

    def finish(
        self,
        status: Literal["answered", "abstained"],
        draft: Draft,
        decision: Decision,
        *,
        passages: tuple[Hit, ...],
        landing: Landing | None = None,
    ) -> Result:
        """Settle the result; `passages` are the evidence as numbered in the prompt that was answered."""
        self.timings["total_ms"] = self.elapsed_ms
        quoted = cited(draft)
        if status == "answered" and (passed := [step for step in self.steps if step.outcome == "skipped"]):
            skipped = "; ".join(f"{step.tier} skipped: {step.reason}" for step in passed)
            decision = msgspec.structs.replace(decision, reason=f"{decision.reason}; {skipped}")
        self.result = Result(
            id=self.request.id,
            route=self.request.route,
            status=status,
            draft=draft,
            tier=landing.name if landing else None,
            model=landing.model_name if landing else "",
            confidence=decision.confidence,
            decision=decision,
            sources=tuple(_source(n, hit, n in quoted) for n, hit in enumerate(passages, 1)),
            steps=tuple(self.steps),
            guards=self.guards.rows,
            retracted=self.retracted,
            label=self.label,
            unquoted=self.unquoted,
            cost=total(step.cost for step in self.steps if step.latency_ms),
            energy=total(step.energy for step in self.steps if step.latency_ms),
            carbon=total(step.carbon for step in self.steps if step.latency_ms),
            timings=dict(self.timings),
        )
        return self.result

    def abstain(self, words: str, label: Label, *, why: str = "") -> Result:
        """Nobody's draft is good enough, or a guard says `why` nobody is to answer: say so, with what was found.

        `label` is that of the titles that `words` names.
        """
        ways = [why] if why else [f"{step.tier}: {step.reason}" for step in self.steps]
        best = max((step.confidence for step in self.steps if step.confidence is not None), default=None)
        if lost := [name for name in ("echo", "logprobs") if getattr(self.request.parameters, name)]:
            ways.append(f"an abstention has no {' and no '.join(lost)}")
        decision = Decision(action="abstain", reason="; ".join(ways) or "no tier may answer", confidence=best)
        self.named = label
        self.label = Label.highest(self.label, label)
        asked = self.request.parameters
        choice = Choice(text=words, refusal=_wants_a_form(asked))
        draft = Draft(choices=(choice,) * asked.n)
        return self.finish("abstained", draft, decision, passages=self.request.passages)

    def trace(self) -> Trace:
        """What is recorded, whether the request was answered or not."""
        request, result = self.request, self.result
        status = result.status if result and not self.error else "abandoned" if self.error == "abandoned" else "failed"
        decision = result.decision if result else Decision(action="abstain", reason=self.error)
        created = request.created or time.time()
        return Trace(
            id=request.id,
            created=created,
            route=request.route,
            principal=request.principal.name,
            key=request.principal.key,
            parent=request.parent,
            status=status,
            tier=result.tier if result else None,
            model=result.model if result else "",
            confidence=decision.confidence,
            action=decision.action,
            reason=decision.reason,
            calibrated=decision.calibrated,
            label=self.carries,
            language=request.language,
            usage=counted(self.steps),
            cost=result.cost if result else total(step.cost for step in self.steps if step.latency_ms),
            energy=result.energy if result else total(step.energy for step in self.steps if step.latency_ms),
            carbon=result.carbon if result else total(step.carbon for step in self.steps if step.latency_ms),
            latency_ms=self.elapsed_ms,
            timings=dict(self.timings),
            steps=tuple(self.steps),
            guards=self.guards.rows,
            evidence=tuple(hit.key for hit in request.passages),
            parameters=given(request.parameters),
            stream=request.stream,
            error=self.error,
            fingerprint=self.fingerprint,
            policy=self.policy if request.tier is None else "",
            answers=self._answers(),
            unquoted=self.unquoted,
            content=self._content(created) if self.keep_content else None,
            marked=self.marked,
        )

    @property
    def carries(self) -> Label:
        """The label of what was told; where a request ended without an outcome, anything that was written may be."""
        return self.label if self.result is not None else Label.highest(self.label, self.received)

    @property
    def raised(self) -> bool:
        """Whether it came to carry more than the client said of what it wrote."""
        return not self.written.allows(self.carries)

    @property
    def unquoted(self) -> Label | None:
        """What it would carry at most without what the client quoted; None where that changed nothing."""
        if not self.quotes:
            return None
        return Label.highest(self.written, *(hit.label for hit in self.request.passages))

    @property
    def told(self) -> tuple[str, ...]:
        """What must be known again: what the client's own label would not keep back if it came as a turn.

        Where a request ended without an outcome, all that was written: some of it may have been released. An abstention
        says no more than the titles it names.
        """
        if not self.raised or (self.abstained and self.written.allows(self.named)):
            return ()
        drafts = [self.result.draft] if self.result is not None else [*self.drafts.values(), *self.mended]
        return tuple(text for draft in drafts for choice in draft.choices for text in said(choice) if text)

    @property
    def abstained(self) -> bool:
        return self.result is not None and self.result.status == "abstained"

    def _answers(self) -> tuple[str, ...]:
        return self.answers if self.answers is not None else tuple(digest(text) for text in self.told)

    def _content(self, created: float) -> TraceContent:
        return TraceContent(
            label=Label.highest(self.label, self.received, *(hit.label for hit in self.request.passages)),
            expires=created + self.retention_s,
            messages=self.request.messages,
            answer=self.result.text if self.result else "",
            errors=dict(self.heard),
            drafts={tier: draft.text for tier, draft in self.drafts.items()},
            text=self.request.text,
        )


def _unsent(took: dict[str, Any]) -> dict[str, Any]:
    """Of an upstream that nothing went to, what is else not known is nothing."""
    return {name: UNSENT if isinstance(one, Quantity) and one.value is None else one for name, one in took.items()}


def _judged(admission: Admission) -> dict[str, Any]:
    """What the gate said, as figures of a step."""
    replaced = sum(admission.redactions.counts.values()) if admission.redactions else 0
    return {
        "label": admission.label,
        "verdict": admission.verdict,
        "withheld": admission.withheld,
        "redacted": replaced,
    }


def said(turn: Choice | Message) -> tuple[str, ...]:
    """What a model says in a turn: its words, and the arguments it calls tools with."""
    words = turn.text if isinstance(turn, Choice) else turn.content
    return (words, *(call.arguments for call in turn.tool_calls))


def cited(draft: Draft) -> set[int]:
    """The numbers of the passages that a draft quotes, or names like [1]."""
    return set(draft.cited) | {int(n) for n in _CITATION.findall(draft.text)}


def digest(text: str) -> str:
    """Names a text by its words: the white space between them, which clients change, does not count."""
    words = " ".join(text.split()).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(words, digest_size=16).hexdigest()


def _wants_a_form(asked: Parameters) -> bool:
    """Whether the client takes JSON or a tool call only, so that plain words must not come in the place of those."""
    form = (asked.response_format or {}).get("type", "text")
    return form != "text" or asked.tool_choice not in (None, "none", "auto")


def _source(n: int, hit: Hit, cited: bool) -> Source:
    return Source(
        n=n,
        document=f"{hit.collection}/{hit.document}",
        title=hit.title,
        url=hit.url,
        passage=hit.key,
        score=round(hit.score, 4),
        label=hit.label,
        text=hit.text if cited else "",
        cited=cited,
    )
