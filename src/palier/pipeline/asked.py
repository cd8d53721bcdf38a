"""A tier that is asked: what it says is gathered, held or released, and judged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

import msgspec

from palier.errors import InvalidRequest, PalierError
from palier.interfaces import Admission, Confidence, Decide, Links
from palier.pipeline.drafts import EARLY_TOKENS, Collector, judgeable, with_signals
from palier.pipeline.guarding import Watch, held, said_of
from palier.pipeline.journey import Journey, cited
from palier.pipeline.landing import Landing
from palier.pipeline.mending import mendable
from palier.pipeline.outgoing import outgoing
from palier.pipeline.posts import Posts
from palier.routing.cascade import NEVER
from palier.types import Cited, Decision, Delta, Draft, Event, Finish, Outcome, ToolDelta


class Judges(Protocol):
    """What a draft is judged by: a part of `Parts`."""

    @property
    def confidence(self) -> Confidence: ...

    @property
    def decide(self) -> Decide: ...


def ahead(journey: Journey, parts: Judges, landing: Landing) -> Decision | None:
    """What can be decided before the tier is asked: that it would be in vain, or by its question alone all of it."""
    if landing.threshold > 1:
        return parts.decide(None, NEVER, guarantee=landing.guarantee)
    if landing.rule is None or landing.threshold <= 0:
        return None
    signals = landing.rule.asked(journey.vector)
    promise = landing.promise(journey.label)
    if landing.ahead:
        probability = landing.rule.probability(signals) if landing.covers(journey.request) else None
        return parts.decide(probability, landing.threshold, guarantee=promise)
    why = landing.rule.passes_over(signals)
    return in_vain(landing, why, promise) if why else None


def in_vain(landing: Landing, why: str, promise: str) -> Decision:
    """A draft that would not be kept, or was not, whatever its probability."""
    return Decision(action="climb", reason=why, threshold=landing.threshold, calibrated=bool(promise))


class Asked:
    """A tier that is asked, as a context: gathers what it says, and writes down how that ended.

    An error of the tier ends here, unless something was released already. A tier that serves whatever it says releases
    it as it comes; the words of any other are held until they are judged.
    """

    def __init__(
        self,
        journey: Journey,
        landing: Landing,
        admission: Admission,
        links: Links | None = None,
        guards: Posts | None = None,
        *,
        mending: bool = False,
    ) -> None:
        assert admission.prompt is not None
        assert admission.sent is not None
        self.prompt = admission.prompt
        """What its answer is judged by."""
        self.sent = admission.sent
        """What it receives."""
        self._outgoing = outgoing(admission, links)
        self.answered = self.failed = False
        self.hopeless = ""
        """Why its draft need not go on."""
        self.wanted = ""
        """What it is told to mend its draft by, where it may."""
        self._mending = mending
        self._wrote: list[str] = []
        self._ends = 0
        self._journey = journey
        self._landing = landing
        self._admission = admission
        self._collector = Collector()
        self._serves = (landing.threshold <= 0 or landing.ahead) and landing.model.card.generates
        self._released = False
        self._cuts = landing.rule is not None and not self._serves
        self._guards = guards if guards is not None and guards.watches else None
        self._early = guards is not None and guards.release == "then_retract" and journey.request.stream
        self._watch = self._watching() if self._guards is not None and self._serves else None
        self._raw = Collector()
        """What a watched tier said, whatever became of it."""

    def __enter__(self) -> None:
        pass

    def take(self, came: Event) -> Iterator[Event]:
        """Take what the tier said next; what of it the client gets at once."""
        if isinstance(came, Delta) and came.choice == 0:
            self._wrote.append(came.text)
        self._ends += isinstance(came, Finish)
        return filter(self._releases, self._outgoing.take(came))

    def rest(self) -> Iterator[Event]:
        """What was held back of a tier's words, once it has said all."""
        return filter(self._releases, self._outgoing.rest())

    @property
    def enough(self) -> bool:
        """Whether it need not go on; once its answers have ended, only its count of tokens is to come."""
        return bool(self.hopeless) and self._ends < self.sent.parameters.n

    @property
    def wrote(self) -> str:
        """Its first answer in the words it used, placeholders and all."""
        return "".join(self._wrote)

    @property
    def watched(self) -> bool:
        """Whether guards look at what it says before it is released."""
        return self._watch is not None

    async def cleared(self, *, end: bool = False) -> list[Event]:
        """What guards let through of what was taken, to be released; `end`: it has said all."""
        if self._watch is None:
            return []
        free = await (self._watch.end() if end else self._watch.cleared())
        self._released = self._released or any(isinstance(event, Delta | ToolDelta | Finish) for event in free)
        if (stopped := self._watch.stopped) is not None:
            if self._watch.over:
                self.hopeless = stopped.why
            if end and self._released:  # what was told stays told, and says that it was cut
                free += [Finish(reason="content_filter", choice=choice) for choice in self._watch.unfinished]
        for event in free:
            self._collector.add(event)
        return [event for event in free if not isinstance(event, Cited)]

    def _watching(self) -> Watch:
        assert self._guards is not None
        context = said_of(self._journey.request, self.prompt)
        early = self._serves and self._early
        return Watch(self._guards, context, self._journey.guards, self._landing.name, early=early)

    def _releases(self, event: Event) -> bool:
        if self._watch is not None:
            self._raw.add(event)
            if not self._watch.take(event):
                return False
        self._collector.add(event)
        if self._cuts:
            self._look_early()
        if not self._serves or isinstance(event, Cited):
            return False
        self._released = True
        return True

    def _look_early(self) -> None:
        """Once its first tokens are there, say whether a draft can still be kept."""
        early = self._collector.early_logprob(EARLY_TOKENS)
        if early is not None:
            self._cuts = False
            assert self._landing.rule is not None
            self.hopeless = self._landing.rule.cuts(early)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        match error:
            case None:
                self.answered = True
            case InvalidRequest():
                self._restore(error)
                self._journey.cut_off(self._landing, self._admission, self._collector.draft())
                self._journey.skip(self._landing, error)
            case PalierError():
                self.failed = True
                self._restore(error)
                self._journey.fail(self._landing, self._admission, error, self._collector.draft())
            case GeneratorExit() | asyncio.CancelledError():
                self._journey.left(self._landing, self._admission, self._collector.draft(), serves=self._serves)
                return False
            case _:
                self._journey.cut_off(self._landing, self._admission, self._collector.draft())
        if not isinstance(error, PalierError) or self._released:
            return False
        # Its frames hold the request and, by the journey, the error itself: a cycle that would stay for long.
        error.__traceback__ = error.__context__ = None
        return True

    def _restore(self, error: PalierError) -> None:
        """An upstream's own words may repeat the prompt, placeholders and all."""
        if self._admission.redactions is not None and error.said:
            restoring = self._admission.redactions.restoring()
            error.said = restoring.feed(error.said) + restoring.end()

    async def settle(self, parts: Judges) -> Draft | None:
        """Decide of what it said; gives the draft that stays, where it was held."""
        journey, landing, passages = self._journey, self._landing, self.prompt.passages
        stopped = self._watch.stopped if self._watch is not None else None
        if stopped is not None and not self._released:
            draft, decision, stays = self._raw.draft(), in_vain(landing, stopped.why, ""), False
        elif stopped is not None:
            draft, stays = self._collector.draft(), True
            journey.retracted = self._early
            cut = "retracted" if self._early else "cut short"
            decision = Decision(action="stay", reason=f"{cut}: {stopped.why}", threshold=landing.threshold)
        else:
            draft, decision = self._judge(parts, self._collector.draft())
            stays = self._serves or decision.action == "stay"
            if stays and self._guards is not None and not self._serves:
                draft, stopped = await held(draft, self._watching())
                if stopped is not None:
                    decision, stays = in_vain(landing, stopped.why, ""), False
        if stopped is not None:
            journey.stop(stopped)
            if not stays and not self._mending and mendable(landing, self.prompt, draft, stopped):
                self.wanted = stopped.verdict.repair
        outcome: Outcome = "answered" if stays else "climbed"
        journey.drafted(landing, self._admission, draft, decision, outcome, unrestored=self._outgoing.unrestored)
        if not stays:
            journey.needed |= {passages[n - 1].key for n in cited(draft) if 0 < n <= len(passages)}
            return None
        journey.finish("answered", draft, decision, landing=landing, passages=passages)
        return None if self._serves else draft

    def _judge(self, parts: Judges, draft: Draft) -> tuple[Draft, Decision]:
        """The draft with its signals, and the decision. There may be nothing to judge by (`judgeable`)."""
        landing = self._landing
        promise = landing.promise(self._admission.label)
        if self.hopeless:
            self._journey.cut.add(landing.name)
            return draft, in_vain(landing, self.hopeless, promise)
        if not landing.model.card.generates and not draft.text:
            return draft, Decision(action="climb", reason="nothing to quote", threshold=landing.threshold)
        decided = ahead(self._journey, parts, landing) if landing.ahead else None
        probability, draft = self._believed(parts, draft)
        if decided is None and landing.rule is not None and landing.threshold > 0:
            if why := landing.rule.in_vain(draft.features):
                return draft, in_vain(landing, why, promise)
            probability = probability if landing.covers(self._journey.request) else None
        return draft, decided or parts.decide(probability, landing.threshold, guarantee=promise)

    def _believed(self, parts: Judges, draft: Draft) -> tuple[float | None, Draft]:
        """The probability that the draft is good, by the policy where one holds, and the draft with its signals."""
        landing, prompt = self._landing, self.prompt
        if not judgeable(prompt, draft):
            return None, draft
        features = parts.confidence.features(prompt, draft)
        probability: float | None = parts.confidence.probability(features, generates=landing.model.card.generates)
        assert probability is not None
        features = with_signals(features, probability, self._collector.early_logprob(EARLY_TOKENS))
        if landing.rule is not None:
            features = {**features, **landing.rule.asked(self._journey.vector)}
            probability = landing.rule.probability(features)
        return probability, msgspec.structs.replace(draft, features=features)
