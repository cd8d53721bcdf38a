"""The nouns of a report: what went by in a span of time, who answered, what it took."""

from __future__ import annotations

from typing import Literal, get_args

from palier.types import Data, Quantity


class Sum(Data, frozen=True, kw_only=True):
    """Of a quantity: what is known added up, the ends of its range, and how many were not known and are in none."""

    value: float = 0.0
    low: float = 0.0
    high: float = 0.0
    unknown: int = 0


class Passing(Data, frozen=True, kw_only=True):
    """Requests of one route, tier that answered ("" where none did), status and access key ("" is the owner's)."""

    route: str
    tier: str
    status: str
    key: str
    requests: int
    latency_ms: float
    """Of all of them together."""
    prompt: int
    completion: int
    uncounted: int
    """Requests whose tokens nobody counted."""
    cost: Sum
    """US dollars."""
    energy: Sum
    """Wh."""
    carbon: Sum
    """Grams of CO2e."""


class Spread(Data, frozen=True, kw_only=True):
    """A sum, that of the squares, and how many are in neither."""

    value: float = 0.0
    squares: float = 0.0
    unknown: int = 0


class Landed(Data, frozen=True, kw_only=True):
    """How often a tier worked on a request, with one outcome, and what it took."""

    route: str
    tier: str
    outcome: str
    steps: int
    latency_ms: float
    cost: Spread
    energy: Spread
    carbon: Spread


class WentBy(Data, frozen=True, kw_only=True):
    """All that went by from `since` to before `until` (seconds, whole hours)."""

    since: float
    until: float
    passing: tuple[Passing, ...] = ()
    landed: tuple[Landed, ...] = ()


By = Literal["route", "tier", "key", "team"]
"""What a report has a line of."""


class Share(Data, frozen=True, kw_only=True):
    """Of `n`, with its 95 % interval (Wilson)."""

    value: float
    low: float
    high: float
    n: int


class Line(Data, frozen=True, kw_only=True):
    """Requests of one route, tier, key or team."""

    name: str
    requests: int
    answered: int
    abstained: int
    failed: int
    """Those that were left among them."""
    climbed: Share | None = None
    """Those that the last tier answered, of those that were answered; None where there were none."""
    latency_ms: float
    """Mean."""
    prompt: int
    completion: int
    uncounted: int
    cost: Sum
    energy: Sum
    carbon: Sum


class Saved(Data, frozen=True, kw_only=True):
    """Of one route, against always climbing: dollars, Wh, grams of CO2e; below 0 where climbing would be cheaper."""

    route: str
    last: str
    """The last tier, which everything would have climbed to."""
    kept: int
    """Requests that a tier below it answered."""
    cost: Quantity
    energy: Quantity
    carbon: Quantity


class Report(Data, frozen=True, kw_only=True):
    """What `palier report` prints. `since` and `until` are whole hours."""

    since: float
    until: float
    by: By
    total: Line
    lines: tuple[Line, ...]
    saved: tuple[Saved, ...]
    budgets: tuple[BudgetStanding, ...] = ()
    """As they stand now, whatever the span."""


Measure = Literal["cost", "carbon"]
"""What a budget is of: US dollars, grams of CO2e."""
MEASURES: tuple[Measure, ...] = get_args(Measure)


class BudgetSide(Data, frozen=True, kw_only=True):
    """The money, or the carbon, of a budget."""

    of: Measure
    spent: float
    """What is known."""
    held: float
    """For requests at work, the most their answers can take."""
    uncounted: int
    """Requests of which it is not known, and which are in no sum."""
    soft: float | None = None
    hard: float | None = None

    @property
    def state(self) -> Literal["below", "soft", "hard"]:
        """Which of its limits was reached."""
        if self.hard is not None and self.spent >= self.hard:
            return "hard"
        return "soft" if self.soft is not None and self.spent >= self.soft else "below"


class BudgetStanding(Data, frozen=True, kw_only=True):
    """How the budget of a route, or of a key, stands, from `begins` to `ends` (seconds, days of UTC)."""

    route: str = ""
    key: str = ""
    per: Literal["day", "month"]
    begins: float
    ends: float
    sides: tuple[BudgetSide, ...]


class AuditsTook(Data, frozen=True, kw_only=True):
    """What audits of a route took themselves; of `uncosted` of them it is not known what they cost."""

    route: str
    cost: float
    carbon: float
    uncosted: int
    unweighed: int

    def of(self, measure: Measure) -> tuple[float, int]:
        """The sum of what is known, and of how many audits it is not."""
        return (self.cost, self.uncosted) if measure == "cost" else (self.carbon, self.unweighed)


def amount(of: Measure, value: float) -> str:
    """Money or carbon, as people read it."""
    return f"${value:.4g}" if of == "cost" else f"{value:.4g} g CO2e"


def budget_words(standing: BudgetStanding) -> str:
    """How a budget stands, in words."""
    return "; ".join(_side_words(side, standing.per) for side in standing.sides)


def _side_words(side: BudgetSide, per: str) -> str:
    spent = amount(side.of, side.spent)
    words = f"{spent} of {amount(side.of, side.hard)} this {per}" if side.hard is not None else f"{spent} this {per}"
    if side.state == "hard":
        words += ", which is all: tiers that cost something are not asked"
    elif side.soft is not None:
        words += f", {'over' if side.state == 'soft' else 'below'} the soft limit of {amount(side.of, side.soft)}"
    if side.uncounted:
        words += f"; the budget cannot count {side.uncounted:,} request{'s' if side.uncounted > 1 else ''}"
    return words
