"""The policies of an open palier: found, checked against their routes, and loaded again when their files change."""

from __future__ import annotations

import asyncio
import logging
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from palier.errors import ConfigurationError
from palier.pipeline.landing import Landing
from palier.routing import policy as policies
from palier.routing.cascade import NEVER
from palier.routing.policy import Policy
from palier.types import Data

LOOK_EVERY_S = 1.0
"""How soon a changed file is noticed: a look is one `stat`."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a route stands: its policy, or in `problem` why it has none that holds. `broken`: the monitor spoke."""

    policy: Policy | None = None
    named: str = ""
    """Names the policy (`routing.policy.identity`)."""
    problem: str = ""
    broken: str = ""

    @property
    def rules(self) -> str:
        """Names the policy that decides; empty where none does."""
        return "" if self.broken else self.named

    def __str__(self) -> str:
        if self.broken:
            return self.broken
        return str(self.policy.guarantee) if self.policy else f"not calibrated: {self.problem}"


class RouteStatus(Data, frozen=True, kw_only=True):
    """How a route stands, to be told: `words` say what is promised, or why nothing is."""

    route: str
    tiers: tuple[str, ...]
    calibrated: bool
    words: str
    watch: str
    policy: str
    fingerprint: dict[str, str]
    student: str = ""
    """Which version answers or answers beside, and which was taken back by itself."""
    budget: str = ""
    """What is spent of what it may take, and of how many requests that is not known."""
    drift: str = ""
    """Whether what goes by is what it was; empty where nobody looks."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """A route that may have a policy: where its file is, and what it must fit."""

    path: Path | None
    landings: tuple[Landing, ...]
    fingerprint: Mapping[str, str]
    otherwise_climbs: bool


Changed = Callable[[str, Standing, tuple[Landing, ...]], None]


class Policies:
    """Which policy each route follows. `changed` is called with a route, how it stands, and its landings under that.

    A file that cannot be read, or was made for something else, is refused and said; the route is then not calibrated.
    """

    def __init__(self, routes: Mapping[str, Ruled], changed: Changed) -> None:
        self._routes = dict(routes)
        self._changed = changed
        self._seen: dict[str, tuple[int, int, int] | None] = {}
        self._standings: dict[str, Standing] = {}

    def of(self, route: str) -> Standing:
        """How `route` stands now."""
        return self._standings[route]

    def held(self) -> dict[str, Standing]:
        """The routes that have a policy, also those whose promise broke."""
        return {name: standing for name, standing in self._standings.items() if standing.policy is not None}

    def status(self, watches: Mapping[str, str]) -> list[RouteStatus]:
        """How every route stands; `watches` says in words what watching it found."""
        return [
            RouteStatus(
                route=name,
                tiers=tuple(landing.name for landing in self._routes[name].landings),
                calibrated=standing.policy is not None and not standing.broken,
                words=str(standing),
                watch=watches.get(name, ""),
                policy=str(self._routes[name].path or ""),
                fingerprint=dict(self._routes[name].fingerprint),
            )
            for name, standing in self._standings.items()
        ]

    def rule(self, route: str, ruled: Ruled) -> None:
        """From now on `route` is another: other landings, perhaps another policy."""
        self._routes[route] = ruled
        self._seen[route] = _mark(ruled.path)
        self._settle(route, _found(ruled))

    def look(self) -> None:
        """Load what has changed."""
        for name in self._new():
            self._settle(name, _found(self._routes[name]))

    def _new(self) -> list[str]:
        """The routes whose files are not what was loaded."""
        found = []
        for name, ruled in self._routes.items():
            seen = _mark(ruled.path)
            if name not in self._standings or seen != self._seen[name]:
                self._seen[name] = seen
                found.append(name)
        return found

    def breach(self, route: str, named: str, why: str) -> None:
        """What the policy `named` promises of `route` is not true: keep nothing below the top until another is loaded.

        If another has been loaded meanwhile, nothing is broken.
        """
        if self._standings[route].named == named:
            self._settle(route, replace(self._standings[route], broken=why))

    async def keep_looking(self) -> None:
        """Look every second, until cancelled. A large file is read beside the event loop."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for name in self._new():
                try:
                    self._settle(name, await asyncio.to_thread(_found, self._routes[name]))
                except Exception:  # one odd file must not end the looking
                    log.exception("the policy of route `%s` could not be looked at", name)

    def _settle(self, name: str, standing: Standing) -> None:
        ruled = self._routes[name]
        before = self._standings.get(name)
        if before is not None and before.broken and before.named == standing.named and not standing.broken:
            standing = replace(standing, broken=before.broken)  # the same policy is not right again
        self._standings[name] = standing
        if standing.problem and ruled.path is not None:
            log.warning("route `%s` is not calibrated: %s", name, standing.problem)
        elif before is not None:
            log.info("route `%s`: %s", name, standing)
        self._changed(name, standing, _under(ruled, standing))


def _mark(path: Path | None) -> tuple[int, int, int] | None:
    """Tells one content of a file from the next; None where there is none."""
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _found(ruled: Ruled) -> Standing:
    if ruled.path is None:
        return Standing(problem="the route names no policy")
    try:
        policy = policies.load(ruled.path)
        names = [landing.name for landing in ruled.landings]
        policies.check_fits(policy, names, ruled.fingerprint, where=f"the policy {ruled.path}")
    except ConfigurationError as error:
        return Standing(problem=str(error))
    for tier in policy.tiers:
        tier.warm()
    return Standing(policy=policy, named=policies.identity(policy))


def landed(ruled: Ruled) -> tuple[Standing, tuple[Landing, ...]]:
    """How a route would stand that answers nobody, and its landings under that. Its file is read once."""
    standing = _found(ruled)
    return standing, _under(ruled, standing)


def _under(ruled: Ruled, standing: Standing) -> tuple[Landing, ...]:
    """The landings as the standing has them."""
    *lower, top = ruled.landings
    if standing.broken or (standing.policy is None and ruled.otherwise_climbs):
        why = standing.broken or "nothing is kept without a policy"
        return (*(replace(landing, threshold=NEVER, rule=None, guarantee=why) for landing in lower), top)
    if standing.policy is None:
        return ruled.landings
    promise = str(standing.policy.guarantee)
    # Agreement with the top says nothing of what the top may not receive: there nothing is promised.
    judged = top.to.highest if standing.policy.guarantee.label_source.startswith("agreement") else None
    ruled_tiers = zip(lower, standing.policy.tiers, strict=False)
    ahead = standing.policy.mode == "route"
    if standing.policy.guarantee.target != "kept":
        top = replace(top, threshold=0.0)  # certified as serving whatever it says: it must not abstain more often
    return (*(landing.under(tier, promise, ahead=ahead, judged=judged) for landing, tier in ruled_tiers), top)
