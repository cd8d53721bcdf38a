"""What a route may take in a day or a month, of money and of carbon: counted as requests go by, held for those at work.

A tier is asked while what was spent, and what is held for others at work, is less than the hard limit. What is held for
one is the most its answer can cost, so that however many are at work the limit is passed by at most the answer that
crosses it, as far as prices are by the token and tiers write no more than they are told to. What is not known is in no
sum: it is counted as unknown, and a hard limit asks no tier elsewhere that it cannot count, unless told to.

What was spent is what the traces and the audits say (`interfaces.Hours`): nothing more is kept, and a gateway that is
killed loses what it had not recorded.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from palier.access import AccessKey
from palier.cards import ModelCard
from palier.config import INSIDE, Route
from palier.config import Budget as Terms
from palier.errors import BudgetExceeded
from palier.interfaces import Hours, Purse
from palier.metrics.carbon import carbon
from palier.metrics.cost import cost
from palier.metrics.energy import energy
from palier.metrics.zones import Zone
from palier.spending import MEASURES, AuditsTook, BudgetSide, BudgetStanding, Measure, amount, budget_words
from palier.stores.purse import DAY_S, day_ends, month_begins, month_ends, standings
from palier.types import Quantity, Usage

BUSY_MS = 1000.0
"""How long a tier is taken to be busy where it is asked whether it costs anything at all."""
AGAIN_S = 5.0
"""When to ask again where nothing but what is held for others stands in the way."""
_PERIODS = 4
"""How many are kept: a clock that is set back finds what was spent before."""
_NAMES: dict[Measure, str] = {"cost": "US dollars", "carbon": "grams of CO2e"}

log = logging.getLogger("palier")


class RouteBudgetExceeded(BudgetExceeded):
    """Of a route, and not of the key that asked."""

    whose = "route"


class Took(Protocol):
    """A step, or a tier of an audit: what it took; one without latency was not asked."""

    @property
    def latency_ms(self) -> float: ...

    @property
    def cost(self) -> Quantity: ...

    @property
    def carbon(self) -> Quantity: ...


class Audited(Protocol):
    """Where audits say what they took."""

    async def took(self, since: float) -> list[AuditsTook]:
        """Of the requests that were asked from `since` on, by route."""
        ...


@dataclass(slots=True)
class _Tally:
    """Of one period: what is known to be spent, what is held, of how many requests it is not known."""

    spent: float = 0.0
    held: float = 0.0
    uncounted: int = 0
    told: str = ""
    """The last limit that was said to be passed."""


@dataclass(frozen=True, slots=True)
class _Limit:
    soft: float | None = None
    hard: float | None = None

    def passed(self, spent: float) -> tuple[str, float] | None:
        """The highest limit that `spent` is over, by its name; None: none is."""
        for name, least in (("hard limit", self.hard), ("soft limit", self.soft)):
            if least is not None and spent >= least:
                return name, least
        return None


_Tallies = dict[Measure, _Tally]


class Budget:
    """The budget of one route, of one process."""

    def __init__(self, route: str, terms: Terms, clock: Callable[[], float] = time.time) -> None:
        self.route, self.terms = route, terms
        self._clock = clock
        said: dict[Measure, _Limit] = {
            "cost": _Limit(terms.soft, terms.hard),
            "carbon": _Limit(terms.soft_co2e, terms.hard_co2e),
        }
        self.limits = {of: limit for of, limit in said.items() if limit != _Limit()}
        self._periods: dict[float, _Tallies] = {}

    def begins(self, at: float) -> float:
        """When the day or the month (UTC) began that `at` is in."""
        if self.terms.per == "day":
            return at // DAY_S * DAY_S
        return month_begins(at)

    def ends(self, at: float) -> float:
        """When it ends."""
        return day_ends(at) if self.terms.per == "day" else month_ends(at)

    def tallies(self, at: float) -> _Tallies:
        """What is counted of the period that `at` is in."""
        begins = self.begins(at)
        found = self._periods.get(begins)
        if found is None:
            found = self._periods[begins] = {of: _Tally() for of in self.limits}
            while len(self._periods) > _PERIODS:
                del self._periods[next(iter(self._periods))]
        return found

    def add(self, at: float, of: Measure, spent: float, uncounted: int) -> None:
        """Count what was taken before this process began."""
        if of in self.limits:
            tally = self.tallies(at)[of]
            tally.spent += spent
            tally.uncounted += uncounted

    def open(self, at: float | None = None) -> Tab:
        """For a request that came in at `at`."""
        return Tab(self, self._clock() if at is None else at)

    def standing(self) -> BudgetStanding:
        """How it stands now."""
        now = self._clock()
        tallies = self.tallies(now)
        sides = tuple(
            BudgetSide(
                of=of,
                spent=tallies[of].spent,
                held=max(tallies[of].held, 0.0),
                uncounted=tallies[of].uncounted,
                soft=limit.soft,
                hard=limit.hard,
            )
            for of, limit in self.limits.items()
        )
        return BudgetStanding(
            route=self.route, per=self.terms.per, begins=self.begins(now), ends=self.ends(now), sides=sides
        )

    def now(self) -> float:
        """The time of day by its clock."""
        return self._clock()


class Tab:
    """What one request takes: `take` before a tier is asked, `close` with all steps at the end, however it ended.

    Written by one task. Of a route without limits it does nothing.
    """

    def __init__(self, budget: Budget | None = None, at: float = 0.0) -> None:
        self._budget, self._at = budget, at
        self._tallies: _Tallies = budget.tallies(at) if budget is not None else {}
        self._held: dict[Measure, float] = {}
        self._counted = 0
        """Steps whose figures are in the sums."""
        self.refused: BudgetExceeded | None = None
        """Why the last tier was not asked that its budget forbids."""

    def take(self, card: ModelCard, zone: Zone | None, most: Callable[[], Usage]) -> str:
        """Hold the most that an answer of this model can take; else why it is not to be asked.

        `most`: the most tokens it can read and write. What is free is always asked.
        """
        if self._budget is None or not self._tallies:
            return ""
        tokens = most()
        likely, least = (_amounts(card, zone, tokens, busy_ms) for busy_ms in (BUSY_MS, 0.0))
        for of, limit in self._budget.limits.items():
            if limit.hard is not None and (why := self._forbids(card, of, limit.hard, likely[of])) is not None:
                self.refused = why
                return why.message
        for of, tally in self._tallies.items():
            held = least[of].value or 0.0
            tally.held += held
            self._held[of] = self._held.get(of, 0.0) + held
        return ""

    def settle(self, steps: Sequence[Took]) -> None:
        """Count what the steps took that are new, and hold no more."""
        for of, held in self._held.items():
            self._tallies[of].held -= held
        self._held.clear()
        for step in steps[self._counted :]:
            if step.latency_ms > 0:
                for of, tally in self._tallies.items():
                    tally.spent += _of(step, of).value or 0.0
        self._counted = len(steps)

    def close(self, steps: Sequence[Took]) -> None:
        """As `settle`, with all of its steps; what is not known of one is not known of the request."""
        self.settle(steps)
        for of, tally in self._tallies.items():
            tally.uncounted += any(step.latency_ms > 0 and _of(step, of).value is None for step in steps)
            self._tell(of, tally)

    @property
    def words(self) -> str:
        """What is to be said of it in the answer: nothing below the limits, and of two that are passed the hard one."""
        if self._budget is None:
            return ""
        per = self._budget.terms.per
        return "; ".join(
            _passed(of, tally.spent, passed[1], per, passed[0])
            for of, tally in self._tallies.items()
            if (passed := self._budget.limits[of].passed(tally.spent)) is not None
        )

    def _forbids(self, card: ModelCard, of: Measure, hard: float, likely: Quantity) -> BudgetExceeded | None:
        budget, tally = self._budget, self._tallies[of]
        assert budget is not None
        if likely.value is None:
            if card.kind in INSIDE or budget.terms.uncounted == "allow":
                return None
            what = f"the budget of route `{budget.route}` counts {_NAMES[of]}, and cannot here: {likely.method}"
            return RouteBudgetExceeded(what, hint='declare what the model takes, or set `uncounted = "allow"`')
        if likely.value == 0 or tally.spent + tally.held < hard:
            return None
        now, per = budget.now(), budget.terms.per
        limit = f"the budget of route `{budget.route}`, {amount(of, hard)} a {per},"
        if tally.spent < hard:
            what = f"{limit} has {amount(of, tally.spent)} spent, and {amount(of, tally.held)} held for answers at work"
            return RouteBudgetExceeded(what, retry_after=AGAIN_S, hint="ask again in a moment")
        ends = budget.ends(self._at)
        at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(ends))
        hint = f"it begins anew at {at}"
        return RouteBudgetExceeded(f"{limit} is spent", retry_after=max(ends - now, 1.0), hint=hint)

    def _tell(self, of: Measure, tally: _Tally) -> None:
        """Say in the log, once a period, that a limit is passed."""
        budget = self._budget
        assert budget is not None
        if (passed := budget.limits[of].passed(tally.spent)) is None or tally.told in (passed[0], "hard limit"):
            return
        tally.told, least = passed
        words = _passed(of, tally.spent, least, budget.terms.per, tally.told)
        log.warning("route `%s`: %s", budget.route, words)


class Budgets:
    """The budgets of all routes that have one."""

    def __init__(self, routes: Mapping[str, Route], clock: Callable[[], float] = time.time) -> None:
        made = (Budget(name, route.budget, clock) for name, route in routes.items())
        self._budgets = {budget.route: budget for budget in made if budget.limits}
        self._clock = clock

    def of(self, route: str) -> Budget | None:
        """None where it has no limit."""
        return self._budgets.get(route)

    async def look(self, hours: Hours, audits: Audited) -> None:
        """Count what traces and audits say was taken in the periods that go on. Once, before the first request."""
        now = self._clock()
        for per in {budget.terms.per for budget in self._budgets.values()}:
            some = {name: budget for name, budget in self._budgets.items() if budget.terms.per == per}
            begins = next(iter(some.values())).begins(now)
            went = await hours.went_by(begins, now + 1)
            for landed in went.landed:
                if (budget := some.get(landed.route)) is not None:
                    budget.add(now, "cost", landed.cost.value, 0)
                    budget.add(now, "carbon", landed.carbon.value, 0)
            for row in went.passing:
                if (budget := some.get(row.route)) is not None:
                    budget.add(now, "cost", 0.0, row.cost.unknown)
                    budget.add(now, "carbon", 0.0, row.carbon.unknown)
            for took in await audits.took(begins):
                if (budget := some.get(took.route)) is not None:
                    for of in MEASURES:
                        value, unknown = took.of(of)
                        budget.add(now, of, value, unknown)

    def standing(self) -> list[BudgetStanding]:
        """How each stands now."""
        return [budget.standing() for budget in self._budgets.values()]

    def words(self, route: str) -> str:
        """How that of `route` stands, in words; empty where it has none."""
        budget = self._budgets.get(route)
        return budget_words(budget.standing()) if budget is not None else ""


def key_words(key: AccessKey | None, purse: Purse) -> str:
    """What is to be said of the budget of `key` in an answer: nothing below its soft limit, nor of the owner's."""
    if key is None or key.soft is None:
        return ""
    return "; ".join(
        f"{_passed(side.of, side.spent, side.soft, standing.per, 'soft limit')} of the key `{key.name}`"
        for standing in standings([key], purse, time.time())
        for side in standing.sides
        if side.soft is not None and side.spent >= side.soft
    )


def _passed(of: Measure, spent: float, limit: float | None, per: str, name: str) -> str:
    return f"{amount(of, spent)} this {per}, over the {name} of {amount(of, limit or 0.0)}"


def _amounts(card: ModelCard, zone: Zone | None, tokens: Usage, busy_ms: float) -> dict[Measure, Quantity]:
    return {
        "cost": cost(card, tokens, busy_ms=busy_ms),
        "carbon": carbon(energy(card, busy_ms, tokens), zone),
    }


def _of(step: Took, of: Measure) -> Quantity:
    return step.cost if of == "cost" else step.carbon
