"""The auditor: every permitted tier answers a drawn request, in the background, after its answer was served.

What is to be done stands in the store, not in memory: of any number that wait, `QUEUE` are read at once, and a gateway
that is killed goes on at its next start. The gate judges each destination as always, with the labels that the passages
have now. What the tiers say here reaches no client.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from palier.audits import Audit, AuditTier, AuditWords, Judgement
from palier.budgets import Tab
from palier.config import Route, label_source
from palier.errors import Busy, InvalidRequest, PalierError, StoreError, UpstreamTimeout
from palier.interfaces import Admission, Audits, Evidence, Links, Redactions, Vault
from palier.metrics.carbon import carbon
from palier.metrics.cost import cost
from palier.metrics.energy import energy
from palier.metrics.text import agreement
from palier.pipeline.drafts import EARLY_TOKENS, Collector, judgeable, with_signals
from palier.pipeline.guarding import Watch, held, said_of
from palier.pipeline.journey import cited
from palier.pipeline.known import looked_up
from palier.pipeline.landing import Landing
from palier.pipeline.outgoing import outgoing
from palier.pipeline.paying import most
from palier.pipeline.posts import Log, Stopped
from palier.pipeline.sample import stairs_of
from palier.types import Choice, Draft, Features, Label, Prompt

if TYPE_CHECKING:
    from palier.pipeline import Parts

log = logging.getLogger("palier.audit")

QUEUE = 8
"""Audits read into memory at once, each as long as a request may be; any others wait in the store."""
ATTEMPTS = 4
"""Times a tier is asked before it counts as failed, a minute after the first, then each four times as long."""
RETRY_S = 60.0
BUDGET_S = 900.0
"""When an audit is gone on with that the budget of its route keeps from asking a tier."""
POLL_S = 30.0
"""How often is looked for those whose time to be tried again has come."""
PAUSE_S = 0.25
PATIENCE_S = 30.0
"""How long requests at work are waited for, where they are few."""
MANY = 0.25
"""The load from which an audit waits as long as it takes."""
TIER_S = 300.0
"""Longest a tier may take to draft."""

GONE = "a passage it stood on was taken away, or has other words now"


class Auditor:
    """Goes on with what was drawn. `load` says how busy the gateway is, in shares of what it takes."""

    def __init__(
        self,
        audits: Audits,
        routes: Mapping[str, Route],
        parts_of: Callable[[str], Parts | None],
        evidence: Evidence,
    ) -> None:
        self.load: Callable[[], float] = lambda: 0.0
        self._audits = audits
        self._routes = routes
        self._parts_of = parts_of
        self._evidence = evidence
        self._woken = asyncio.Event()
        self._alone = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Work until `stop`, also on what an earlier process left."""
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="palier-audit")

    async def stop(self) -> None:
        """Leave what is being done, to be gone on with at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def wake(self) -> None:
        """There is something to do."""
        self._woken.set()

    async def complete(self) -> int:
        """Go on with all that is due, one after the other; how many are complete now. Raises what the store raises."""
        completed = 0
        async with self._alone:
            while page := await self._audits.due(time.time(), QUEUE):
                for audit in page:
                    completed += await self._try(audit)
        return completed

    async def _work(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self.complete()
            except PalierError as error:
                log.warning("audits wait: %s", error)
            try:
                async with asyncio.timeout(POLL_S):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _try(self, audit: Audit) -> bool:
        try:
            return await self._go_on(audit)
        except (StoreError, Busy):  # nothing can be read or kept now: all audits wait
            raise
        except Exception:
            log.exception("the audit of %s is given up", audit.trace)
            await self._lose(audit, "unforeseen; the log has more")
            return False

    async def _go_on(self, audit: Audit) -> bool:
        """Ask the tiers that were not asked yet; whether that was the last of it."""
        parts = self._parts_of(audit.route)
        if parts is None or (stairs_of(parts.landings), parts.fingerprint) != (audit.stairs, audit.fingerprint):
            return await self._lose(audit, "the route is another now")
        known = {tier.name for tier in audit.tiers}
        for landing in parts.landings:
            if landing.name in known:
                continue
            await self._make_way()
            words = await self._as_of_now(audit, parts)  # the wait, and the tier before, may have been long
            if words is None:
                return await self._lose(audit, GONE)
            audit = msgspec.structs.replace(audit, words=words)
            asked = await self._asked(audit, parts, landing)
            if not await self._audits.keep(asked) or asked.due > audit.due:
                return False
            audit = asked
        words = await self._as_of_now(audit, parts)
        if words is None:
            return await self._lose(audit, GONE)
        done = _done(await _guarded(msgspec.structs.replace(audit, words=words), parts))
        return await self._audits.keep(done, self._agreements(done))

    async def _lose(self, audit: Audit, reason: str) -> bool:
        log.warning("the audit of %s is lost: %s", audit.trace, reason)
        await self._audits.keep(msgspec.structs.replace(audit, state="lost", reason=reason, words=None))
        return False

    async def _as_of_now(self, audit: Audit, parts: Parts) -> AuditWords | None:
        """Its words, the request and each passage with the label it has now where higher; None where one is gone."""
        words = audit.words
        assert words is not None  # by the contract of `due`
        label, _ = await looked_up(words.request, parts, again=True)
        label = Label.highest(label, words.request.label)
        hits = []
        for hit in words.request.passages:
            now = await self._evidence(hit, words.request.principal)
            if now is None:
                return None
            hits.append(msgspec.structs.replace(hit, label=Label.highest(hit.label, now)))
        return msgspec.structs.replace(
            words,
            label=Label.highest(words.label, label, *(hit.label for hit in hits)),
            request=msgspec.structs.replace(words.request, label=label, passages=tuple(hits)),
        )

    async def _make_way(self) -> None:
        """Requests come first: those at work are waited for, a while where they are few."""
        waited = 0.0
        while (load := self.load()) > 0 and (load >= MANY or waited < PATIENCE_S):
            await asyncio.sleep(PAUSE_S)
            waited += PAUSE_S

    async def _asked(self, audit: Audit, parts: Parts, landing: Landing) -> Audit:
        """The audit after this tier; with a later `due`, where the tier is to be tried again."""
        assert audit.words is not None
        request = audit.words.request
        if obstacle := landing.obstacle(request):
            return _with(audit, landing, "skipped", obstacle.message)
        tab = parts.budget.open() if parts.budget else Tab()
        if tab.take(landing.model.card, landing.zone, lambda: most(landing, request)):
            return msgspec.structs.replace(audit, due=time.time() + BUDGET_S)
        try:
            return await self._ask(audit, parts, landing, tab)
        finally:
            tab.settle(())

    async def _ask(self, audit: Audit, parts: Parts, landing: Landing, tab: Tab) -> Audit:
        assert audit.words is not None
        request, needed = audit.words.request, frozenset(audit.words.needed)
        admission = await landing.admit(request, parts.gate, needed, why="drawn for the audit", audit=True)
        if admission.prompt is None:
            return _with(audit, landing, "skipped", admission.reason)
        if admission.redactions is not None and parts.vault is not None:
            await _keep_map(parts.vault, audit, landing, admission.redactions)
        try:
            draft, early = await _draft(landing, admission, parts.links)
        except InvalidRequest as error:
            return _with(audit, landing, "skipped", error.message)
        except PalierError as error:
            if audit.attempts + 1 < ATTEMPTS:
                due = time.time() + RETRY_S * 4**audit.attempts
                return msgspec.structs.replace(audit, attempts=audit.attempts + 1, due=due)
            return _with(audit, landing, "failed", error.message)
        asked = await _drafted(audit, parts, landing, admission.prompt, draft, early)
        tab.close([tier for tier in asked.tiers if tier.name == landing.name])
        return asked

    def _agreements(self, audit: Audit) -> tuple[Judgement, ...]:
        """What agreement with the last tier says of each draft: nothing where that tier wrote none."""
        route = self._routes[audit.route]
        last, words = audit.stairs[-1].partition("=")[0], audit.words
        reference = words.drafts.get(last, "") if words else ""
        if route.label_source != "agreement" or not words or not reference.strip():
            return ()
        return tuple(
            Judgement(
                trace=audit.trace,
                tier=tier,
                source=label_source(route),
                correct=agreement(words.drafts[tier], reference) >= route.agreement_at,
                who="palier",
                created=time.time(),
            )
            for tier in audit.drafted
        )


async def _keep_map(vault: Vault, audit: Audit, landing: Landing, redactions: Redactions) -> None:
    """Keep what was replaced for this tier beside what was replaced for those that were asked before."""
    assert audit.words is not None
    kept = msgspec.json.decode(await vault.map_of(audit.trace) or b"{}", type=dict[str, msgspec.Raw])
    kept[landing.name] = msgspec.Raw(redactions.sealable())
    await vault.keep_map(audit.trace, audit.words.expires, msgspec.json.encode(kept))


async def _draft(landing: Landing, admission: Admission, links: Links | None) -> tuple[Draft, float | None]:
    """What it writes, to the end and as a client would read it, and how it began."""
    assert admission.sent is not None
    collector = Collector()
    through = outgoing(admission, links)
    try:
        async with asyncio.timeout(TIER_S), aclosing(landing.model.stream(admission.sent)) as events:
            async for came in events:
                for event in through.take(came):
                    collector.add(event)
            for event in through.rest():
                collector.add(event)
    except TimeoutError:
        raise UpstreamTimeout(f"{landing.model_name} took more than {TIER_S:g} s to draft") from None
    return collector.draft(), collector.early_logprob(EARLY_TOKENS)


def _with(audit: Audit, landing: Landing, outcome: str, reason: str) -> Audit:
    tier = AuditTier(
        name=landing.name,
        model=landing.model_name,
        outcome="failed" if outcome == "failed" else "skipped",
        reason=reason,
    )
    return msgspec.structs.replace(audit, attempts=0, tiers=_in_order(audit, tier))


async def _guarded(audit: Audit, parts: Parts) -> Audit:
    """With what guards say of the drafts that the request itself threw away before any guard saw them.

    A policy that is fitted on this may keep such a draft, and the guards would look at it then.
    """
    words = audit.words
    assert words is not None
    if not parts.guards.watches:
        return audit
    drafts, tiers = dict(words.drafts), []
    seen = Prompt(id=audit.trace, passages=words.request.passages, parameters=words.request.parameters)
    for tier in audit.tiers:
        if tier.outcome == "drafted" and not tier.guarded:
            draft = Draft(choices=(Choice(text=drafts[tier.name]),))
            draft, stopped = await held(draft, Watch(parts.guards, said_of(words.request, seen), Log(), tier.name))
            drafts[tier.name] = draft.text
            tier = msgspec.structs.replace(tier, guarded=True, stopped=stopped.why if stopped else "")
        tiers.append(tier)
    return msgspec.structs.replace(audit, tiers=tuple(tiers), words=msgspec.structs.replace(words, drafts=drafts))


async def _drafted(
    audit: Audit, parts: Parts, landing: Landing, prompt: Prompt, draft: Draft, early: float | None
) -> Audit:
    card, words = landing.model.card, audit.words
    assert words is not None
    features: Features = {}
    if judgeable(prompt, draft):  # as where an answer is decided
        features = parts.confidence.features(prompt, draft)
        probability = parts.confidence.probability(features, generates=card.generates)
        features = with_signals(features, probability, early)
    stopped: Stopped | None = None
    if parts.guards.watches:
        draft, stopped = await held(draft, Watch(parts.guards, said_of(words.request, prompt), Log(), landing.name))
    used = energy(card, draft.latency_ms, draft.usage)
    tier = AuditTier(
        name=landing.name,
        model=landing.model_name,
        outcome="drafted",
        features=features,
        usage=draft.usage,
        cost=cost(card, draft.usage, busy_ms=draft.latency_ms),
        energy=used,
        carbon=carbon(used, landing.zone),
        latency_ms=draft.latency_ms,
        guarded=parts.guards.watches,
        stopped=stopped.why if stopped else "",
    )
    quoted = {prompt.passages[n - 1].key for n in cited(draft) if 0 < n <= len(prompt.passages)}
    words = msgspec.structs.replace(
        words, needed=tuple(sorted({*words.needed, *quoted})), drafts={**words.drafts, landing.name: draft.text}
    )
    return msgspec.structs.replace(audit, attempts=0, tiers=_in_order(audit, tier), words=words)


def _in_order(audit: Audit, tier: AuditTier) -> tuple[AuditTier, ...]:
    order = [step.partition("=")[0] for step in audit.stairs]
    return tuple(sorted((*audit.tiers, tier), key=lambda tier: order.index(tier.name)))


def _done(audit: Audit) -> Audit:
    """Complete: of its words, only what is needed to judge."""
    words = audit.words
    assert words is not None
    titles = tuple(msgspec.structs.replace(hit, text="") for hit in words.request.passages)
    words = msgspec.structs.replace(words, request=msgspec.structs.replace(words.request, passages=titles))
    return msgspec.structs.replace(audit, state="done", words=words)
