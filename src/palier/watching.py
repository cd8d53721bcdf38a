"""Watching what policies promise: each judged audit goes to the monitor of its route, once, in one commit.

The order is that of the requests among those judged since the last look; that a label comes, and when, must not depend
on what it says. On a breach the route keeps nothing below the top until another policy is loaded; where a student was
live under it, what answered before does again (`broke`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from palier.audits import Audit
from palier.errors import PalierError
from palier.interfaces import Watched
from palier.policies import Policies
from palier.routing.audited import record_of
from palier.routing.monitor import Monitor
from palier.routing.policy import Policy

LOOK_EVERY_S = 5.0
PAGE = 50
"""Audits counted in one go: about two milliseconds."""

MANY_PAGES = 1_000

Broke = Callable[[str, str], Awaitable[None]]

log = logging.getLogger(__name__)


class Watch:
    """`words` says, by route, what was found so far; `monitors` are those of the routes that can be watched."""

    def __init__(
        self, audits: Watched, policies: Policies, sources: Mapping[str, str], broke: Broke | None = None
    ) -> None:
        """`sources` are those that judge each route's audits; a route without one has no audit. `broke` is told a route
        whose policy's promise is broken, and how, at every look until another decides."""
        self.words: dict[str, str] = {}
        self.monitors: dict[str, Monitor] = {}
        self._sources = sources
        self._audits = audits
        self._policies = policies
        self._broke = broke

    async def keep_looking(self) -> None:
        """Look now and every five seconds, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self, *, pages: int = MANY_PAGES) -> None:
        """Count what was judged meanwhile, `pages` of it a route at most. What goes wrong with one route is logged,
        told, and tried again."""
        held = self._policies.held()
        for route in [name for name in self.words if name not in held]:
            del self.words[route]
        self.monitors = {route: monitor for route, monitor in self.monitors.items() if route in held}
        for route, standing in held.items():
            assert standing.policy is not None
            try:
                await self._count(route, standing.policy, standing.named, pages)
            except PalierError as error:
                log.warning("route `%s` is not watched: %s", route, error)
                self.words[route] = f"not watched: {error}"
            except Exception:
                log.exception("route `%s` is not watched", route)
                self.words[route] = "not watched: unforeseen, and the log has more"

    async def _count(self, route: str, policy: Policy, named: str, pages: int) -> None:
        source, judging = policy.guarantee.label_source, self._sources.get(route)
        if judging != source:
            self.monitors.pop(route, None)
            whose = f"judged by `{judging}`" if judging else "none: [routes.NAME] audit"
            self.words[route] = f"not watched: the policy's labels are by `{source}`, and its audits are {whose}"
            return
        monitor = _restored(await self._audits.watch_state(route, named), policy)
        for _ in range(pages):
            page = await self._audits.unwatched(route, source, PAGE)
            for audit in page:
                loss = loss_of(audit, policy) if audit.policy == named else None
                monitor = monitor if loss is None else monitor.update(loss)
            if page:
                traces = [audit.trace for audit in page]
                await self._audits.count_watched(route, named, msgspec.json.encode(monitor), traces)
            if len(page) < PAGE:
                break
            await asyncio.sleep(0)
        self.words[route], self.monitors[route] = str(monitor), monitor
        if not monitor.alarm:
            return
        if not self._policies.of(route).broken:
            log.error("route `%s`: the guarantee broke, %s", route, monitor)
            self._policies.breach(route, named, f"the guarantee broke, calibrate again: {monitor}")
        if self._broke is not None:
            await self._broke(route, f"the guarantee broke: {monitor}")


def _restored(state: bytes | None, policy: Policy) -> Monitor:
    """The monitor as it was kept; a new one where there is none, or where its method is another now."""
    promise = policy.guarantee
    alpha = (1.0 + promise.risk) / 2.0 if promise.target == "regret" else promise.risk
    new = Monitor(alpha=alpha, delta=1.0 - promise.confidence)
    if state is None:
        return new
    try:
        return msgspec.json.decode(state, type=Monitor)
    except msgspec.MsgspecError as error:
        log.warning("watching begins anew: %s", error)
        return new


def loss_of(audit: Audit, policy: Policy) -> float | None:
    """What the request lost, in the sense of the policy's target, in [0, 1]; None where it does not count:
    one that was left undecided tells nothing of the policy's decisions.

    A regret in [-1, 1] is told as its distance from -1, halved: `_restored` promises the same of it.
    """
    promise = policy.guarantee
    record = record_of(audit, promise.label_source)
    if record is None or audit.undecided:
        return None
    losses = {tier.name: tier.loss for tier in record.tiers if not tier.skipped}
    loss = losses.get(audit.served) if audit.served else promise.abstain_loss
    if promise.target == "kept":
        return loss if audit.served and audit.served != policy.names[-1] else None
    if promise.target == "total" or loss is None:
        return loss
    top = losses.get(policy.names[-1], promise.abstain_loss)
    return None if top is None else (1.0 + loss - top) / 2.0
