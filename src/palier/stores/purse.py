"""What keys spent: counted in memory, written every few seconds, so that no request waits for it.

What was spent since the last writing is lost with a process that is killed: at most `KEEP_EVERY_S` of it.
"""

from __future__ import annotations

import time
from calendar import timegm
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import apsw

from palier.access import AccessKey, Spending, Spent
from palier.errors import PalierError
from palier.interfaces import Purse
from palier.spending import BudgetSide, BudgetStanding
from palier.stores.schema import statements
from palier.stores.sqlite import Database

KEEP_EVERY_S = 2.0
"""Seconds between two writings."""
KEPT_DAYS = 400
DAY_S = 86_400


@dataclass(slots=True)
class _Tally:
    """What a key spent, on the day and in the month it spent last."""

    day: str
    cost: float = 0.0
    tokens: int = 0
    month_cost: float = 0.0


class SqlitePurse:
    """`interfaces.Purse`. Days are those of UTC."""

    def __init__(self, database: Database, spent: Iterable[Spent], clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._day, self._ends = "", 0.0
        self._tallies: dict[str, _Tally] = {}
        self._changed: dict[tuple[str, str], Spent] = {}
        self._forgotten = ""
        """The day on which was last looked for what is too old."""
        for row in sorted(spent, key=lambda row: row.day):
            self._add(row.key, row.day, row.cost, row.tokens)

    def spend(self, key: str, cost: float, tokens: int) -> None:
        """Add to what `key` spent today."""
        day = self._today()
        tally = self._add(key, day, cost, tokens)
        self._changed[key, day] = Spent(key=key, day=day, cost=tally.cost, tokens=tally.tokens)

    def spending(self, key: str) -> Spending:
        """What it spent so far today and this month."""
        today, tally = self._today(), self._tallies.get(key)
        if tally is None or tally.day[:7] != today[:7]:
            return Spending()
        if tally.day != today:
            return Spending(cost_month=tally.month_cost)
        return Spending(cost_today=tally.cost, cost_month=tally.month_cost, tokens_today=tally.tokens)

    async def keep(self) -> None:
        """Write what changed. Raises `StoreError` and `Busy`; then the next call writes it."""
        today = self._today()
        rows, self._changed = self._changed, {}
        if not rows:
            return
        sql, oldest = statements("access"), _day(self._ends - KEPT_DAYS * DAY_S)

        def run(connection: apsw.Connection) -> None:
            values = [(row.key, row.day, row.cost, row.tokens) for row in rows.values()]
            connection.executemany(sql["spend"], values)
            if self._forgotten != today:
                connection.execute(sql["forget_spent"], (oldest,))

        try:
            await self._database.write(run)
        except PalierError:
            self._changed = {**rows, **self._changed}
            raise
        self._forgotten = today

    def _add(self, key: str, day: str, cost: float, tokens: int) -> _Tally:
        tally = self._tallies.get(key)
        if tally is None or tally.day != day:
            month = tally.month_cost if tally is not None and tally.day[:7] == day[:7] else 0.0
            tally = self._tallies[key] = _Tally(day, month_cost=month)
        tally.cost += cost
        tally.month_cost += cost
        tally.tokens += tokens
        return tally

    def _today(self) -> str:
        now = self._clock()
        if not self._ends - DAY_S <= now < self._ends:
            self._day = _day(now)
            self._ends = day_ends(now)
        return self._day


def read_spent(connection: apsw.Connection, now: float) -> list[Spent]:
    """What was spent this month."""
    rows = connection.execute(statements("access")["spent_since"], (f"{_day(now)[:7]}-01",))
    return [Spent(key=key, day=day, cost=cost, tokens=tokens) for key, day, cost, tokens in rows]


def day_ends(now: float) -> float:
    """When today (UTC) ends, in seconds since the epoch."""
    return (now // DAY_S + 1) * DAY_S


def month_ends(now: float) -> float:
    """When this month (UTC) ends, in seconds since the epoch."""
    year, month = time.gmtime(now)[:2]
    return float(timegm((year + month // 12, month % 12 + 1, 1, 0, 0, 0)))


def _day(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now))


def month_begins(now: float) -> float:
    """When this month (UTC) began, in seconds since the epoch."""
    return float(timegm((*time.gmtime(now)[:2], 1, 0, 0, 0)))


def standings(keys: Iterable[AccessKey], purse: Purse, now: float) -> list[BudgetStanding]:
    """How the budgets of `keys` that open now stand; of those of one name, that of the newest."""
    newest = {key.name: key for key in keys if key.holds_at(now)}
    limited = [key for key in newest.values() if key.budget is not None or key.soft is not None]
    return [_standing(key, purse.spending(key.name), now) for key in limited]


def _standing(key: AccessKey, spent: Spending, now: float) -> BudgetStanding:
    daily = key.per == "day"
    cost = spent.cost_today if daily else spent.cost_month
    return BudgetStanding(
        key=key.name,
        per=key.per,
        begins=now // DAY_S * DAY_S if daily else month_begins(now),
        ends=day_ends(now) if daily else month_ends(now),
        sides=(BudgetSide(of="cost", spent=cost, held=0.0, uncounted=0, soft=key.soft, hard=key.budget),),
    )
