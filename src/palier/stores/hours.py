"""What went by, hour by hour, beside the traces: written in their commits, read by `palier report`.

A row is of an hour, a route, a tier, a status and a key: as many as a gateway has of those, whatever is asked of it.
Where a trace replaces another, the other is taken away again, so that the sums are those of the traces there are. Days
that are over are added up once more (`roll`), and weeks of those, so that months are read in milliseconds; what changes
a trace of such a day throws that sum away, and that of its week.

They say also which hours hold anything that fits a list (`holding`): what is rare, or not there, is found without
reading the index of all traces.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import apsw
import msgspec

from palier.spending import Landed, Passing, Spread, Sum, WentBy
from palier.stores.schema import statements
from palier.stores.sqlite import Database
from palier.types import Usage

HOUR_S = 3600
DAY_S = 86_400
WEEK_S = 7 * DAY_S
SETTLED_S = 2 * HOUR_S
"""After its end, when a day is added up: requests of its last minutes are recorded by then."""
LATEST = 2**53
"""After every time there is."""
T = TypeVar("T")
Key = tuple[int, *tuple[str, ...]]


class SqliteHours:
    """`interfaces.BucketedHours`, in the file of the traces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def went_by(self, since: float, until: float) -> WentBy:
        """See `interfaces.Hours`."""
        span = {"since": int(since) // HOUR_S * HOUR_S, "until": -(-int(until) // HOUR_S) * HOUR_S}
        return await self._database.read(lambda connection: _went_by(connection, span))

    async def went_by_each(self, edges: Sequence[float]) -> list[WentBy]:
        """See `interfaces.BucketedHours`."""
        ends = [int(edge) // HOUR_S * HOUR_S for edge in edges]
        spans = [{"since": since, "until": until} for since, until in itertools.pairwise(ends)]
        return await self._database.read(lambda connection: [_went_by_each(connection, span) for span in spans])

    async def roll(self, now: float) -> int:
        """Add up the days that are over at `now`, one a commit, then their weeks; how many days there were.

        Raises `StoreError` and `Busy`.
        """
        rolled = 0
        before = int(now - SETTLED_S) // DAY_S * DAY_S
        while await self._database.write(lambda connection: _roll(connection, before)):
            rolled += 1
        while await self._database.write(lambda connection: _roll_week(connection, before)):
            pass
        return rolled


class _Quantity(msgspec.Struct, frozen=True, gc=False):
    value: float | None = None
    low: float | None = None
    high: float | None = None


class _Step(msgspec.Struct, frozen=True, gc=False):
    tier: str
    outcome: str
    cost: _Quantity = _Quantity()
    energy: _Quantity = _Quantity()
    carbon: _Quantity = _Quantity()
    latency_ms: float = 0.0


class Counted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is counted of a trace: the rest of its figures is not read."""

    created: float
    route: str
    status: str
    tier: str | None
    usage: Usage | None
    cost: _Quantity
    energy: _Quantity
    latency_ms: float
    key: str = ""
    carbon: _Quantity = _Quantity()
    steps: tuple[_Step, ...] = ()


counted: Callable[[bytes], Counted] = msgspec.json.Decoder(Counted).decode
"""From figures as they are kept."""


class Tally:
    """What traces add to the sums, and what those that they replace take away."""

    def __init__(self) -> None:
        self._added, self._taken = _Grouped(), _Grouped()

    def add(self, trace: Counted) -> None:
        """Count one more."""
        self._added.put(trace)

    def take_away(self, trace: Counted) -> None:
        """Count one no more."""
        self._taken.put(trace)

    def write(self, connection: apsw.Connection) -> None:
        """Change the sums; what comes to nothing goes."""
        sql, added, taken = statements("hours"), self._added, self._taken
        connection.executemany(sql["add_hour"], _changes(added.hours, taken.hours, _sums))
        connection.executemany(sql["add_landing"], _changes(added.landings, taken.landings, _landed_sums))
        for day in {at // DAY_S * DAY_S for at, *_ in (*added.hours, *taken.hours)}:
            _throw_away(connection, "day", "unroll", day)
            _throw_away(connection, "week", "unroll_week", day // WEEK_S * WEEK_S)  # also where that day held nothing
        for at in {at for at, *_ in taken.hours}:
            connection.execute(sql["empty_hours"], (at,))
            connection.execute(sql["empty_landings"], (at,))


class _Grouped:
    """Traces, and the tiers that worked on them, by the row that they count in: added up at the end, many at once."""

    def __init__(self) -> None:
        self.hours: defaultdict[Key, list[Counted]] = defaultdict(list)
        self.landings: defaultdict[Key, list[_Step]] = defaultdict(list)

    def put(self, trace: Counted) -> None:
        at = int(trace.created) // HOUR_S * HOUR_S
        self.hours[at, trace.route, trace.tier or "", trace.status, trace.key].append(trace)
        for step in trace.steps:
            if step.latency_ms > 0:
                self.landings[at, trace.route, step.tier, step.outcome].append(step)


def change(connection: apsw.Connection, old: Iterable[bytes], new: Iterable[bytes]) -> None:
    """Count the new ones in the place of the old ones, all by their figures."""
    tally = Tally()
    for figures in old:
        tally.take_away(counted(figures))
    for figures in new:
        tally.add(counted(figures))
    tally.write(connection)


def _throw_away(connection: apsw.Connection, table: str, unroll: str, at: int) -> None:
    sql = statements("hours")
    connection.execute(sql[unroll], (at,))
    if connection.changes():
        for name in ("forget", "forget_landings"):
            connection.execute(sql[name].replace("table", table), (at,))


def _changes(
    added: Mapping[Key, list[T]], taken: Mapping[Key, list[T]], sums: Callable[[list[T]], Sequence[float]]
) -> Iterator[tuple[float | str, ...]]:
    """Rows, with what is to be added to each of their sums."""
    for key, some in added.items():
        if key not in taken:
            yield (*key, *sums(some))
    for key, others in taken.items():
        more = sums(added[key]) if key in added else itertools.repeat(0)
        yield (*key, *(new - old for new, old in zip(more, sums(others), strict=False)))


def _sums(traces: list[Counted]) -> list[float]:
    usages = [trace.usage for trace in traces if trace.usage]
    return [
        len(traces),
        sum([trace.latency_ms for trace in traces]),
        sum([usage.prompt for usage in usages]),
        sum([usage.completion for usage in usages]),
        len(traces) - len(usages),
        *_ranges([trace.cost for trace in traces]),
        *_ranges([trace.energy for trace in traces]),
        *_ranges([trace.carbon for trace in traces]),
    ]


def _landed_sums(steps: list[_Step]) -> list[float]:
    return [
        len(steps),
        sum([step.latency_ms for step in steps]),
        *_spreads([step.cost for step in steps]),
        *_spreads([step.energy for step in steps]),
        *_spreads([step.carbon for step in steps]),
    ]


def _ranges(some: list[_Quantity]) -> tuple[float, float, float, int]:
    """Sums of the values and of the ends of their ranges, and how many are not known, which are in no sum."""
    known = [(one, one.value) for one in some if one.value is not None]
    return (
        sum([value for _, value in known]),
        sum([value if one.low is None else one.low for one, value in known]),
        sum([value if one.high is None else one.high for one, value in known]),
        len(some) - len(known),
    )


def _spreads(some: list[_Quantity]) -> tuple[float, float, int]:
    """The sum of the values and of their squares, and how many are not known."""
    known = [one.value for one in some if one.value is not None]
    return sum(known), sum([value**2 for value in known]), len(some) - len(known)


def _roll(connection: apsw.Connection, before: int) -> bool:
    """Add up the oldest day that is not yet; whether there was one."""
    sql, day = statements("hours"), 0
    while (at := connection.execute(sql["next_hour"], {"day": day}).get) is not None:
        day = at // DAY_S * DAY_S
        if day >= before:
            break
        if not connection.execute(sql["is_rolled"], {"day": day}).get:
            _roll_up(connection, "hour", "day", day, day + DAY_S)
            connection.execute(sql["roll"], {"day": day})
            return True
        day += DAY_S
    return False


def _roll_week(connection: apsw.Connection, before: int) -> bool:
    """Add up the oldest week that is over and is not yet; whether there was one.

    Its days first: one of them may have been thrown away a moment ago.
    """
    if _roll(connection, before):
        return True
    sql = statements("hours")
    week = connection.execute(sql["next_week"], {"before": before}).get
    if week is None:
        return False
    _roll_up(connection, "day", "week", week, week + WEEK_S)
    connection.execute(sql["roll_week"], {"at": week})
    return True


def _roll_up(connection: apsw.Connection, lower: str, upper: str, at: int, end: int) -> None:
    for name in ("roll_up", "roll_up_landings"):
        sql = statements("hours")[name].replace("lower", lower).replace("upper", upper)
        connection.execute(sql, {"at": at, "end": end})


def _parts(connection: apsw.Connection, span: dict[str, int]) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """A span of hours as weeks and days that are rolled, and spans of what is beside them."""
    sql = statements("hours")
    weeks = [week for (week,) in connection.execute(sql["rolled_weeks"], span)]
    inside = set(weeks)
    days = [day for (day,) in connection.execute(sql["rolled"], span) if day // WEEK_S * WEEK_S not in inside]
    wholes = sorted([*((week, week + WEEK_S) for week in weeks), *((day, day + DAY_S) for day in days)])
    ends = [span["since"], *itertools.chain.from_iterable(wholes), span["until"]]
    spans = [(begin, end) for begin, end in zip(ends[::2], ends[1::2], strict=True) if begin < end]
    return weeks, days, spans


def _went_by(connection: apsw.Connection, span: dict[str, int]) -> WentBy:
    sql = statements("hours")
    names = ("weeks", "days", "spans")
    parts = {
        name: msgspec.json.encode(some).decode() for name, some in zip(names, _parts(connection, span), strict=True)
    }
    return WentBy(
        since=span["since"],
        until=span["until"],
        passing=tuple(_passing(row) for row in connection.execute(sql["went_by"], parts)),
        landed=tuple(_landed(row) for row in connection.execute(sql["landed"], parts)),
    )


def _went_by_each(connection: apsw.Connection, span: dict[str, int]) -> WentBy:
    """As `_went_by`, whatever the key."""
    sql = statements("hours")
    days = [day for (day,) in connection.execute(sql["rolled"], span)]
    ends = [span["since"], *(end for day in days for end in (day, day + DAY_S)), span["until"]]
    hours = zip(ends[::2], ends[1::2], strict=True)
    spans = [("day", day, day + DAY_S) for day in days] + [("hour", begin, end) for begin, end in hours if begin < end]
    passing: list[Passing] = []
    landed: list[Landed] = []
    for table, since, until in spans:
        of = {"since": since, "until": until}
        each = {name: sql[name].replace("table", table) for name in ("went_by_each", "landed_each")}
        passing += [_passing(row) for row in connection.execute(each["went_by_each"], of)]
        landed += [_landed(row) for row in connection.execute(each["landed_each"], of)]
    return WentBy(since=span["since"], until=span["until"], passing=tuple(passing), landed=tuple(landed))


def _passing(row: Sequence[Any]) -> Passing:
    route, tier, status, key, requests, latency_ms, prompt, completion, uncounted, *rest = row
    return Passing(
        route=route,
        tier=tier,
        status=status,
        key=key,
        requests=requests,
        latency_ms=latency_ms,
        prompt=prompt,
        completion=completion,
        uncounted=uncounted,
        cost=_sum(rest[0:4]),
        energy=_sum(rest[4:8]),
        carbon=_sum(rest[8:12]),
    )


def _landed(row: Sequence[Any]) -> Landed:
    route, tier, outcome, steps, latency_ms, *rest = row
    return Landed(
        route=route,
        tier=tier,
        outcome=outcome,
        steps=steps,
        latency_ms=latency_ms,
        cost=_squared(rest[0:3]),
        energy=_squared(rest[3:6]),
        carbon=_squared(rest[6:9]),
    )


def _sum(row: Sequence[float]) -> Sum:
    value, low, high, unknown = row
    return Sum(value=value, low=low, high=high, unknown=int(unknown))


def _squared(row: Sequence[float]) -> Spread:
    value, squares, unknown = row
    return Spread(value=value, squares=squares, unknown=int(unknown))


# --- what holds what is looked for -----------------------------------------------------------------------------------


def holding(
    connection: apsw.Connection, filters: str, values: Mapping[str, Any], before: float | None
) -> Iterator[tuple[int, int]]:
    """The hours, newest first and up to that of `before`, that hold traces which fit `filters` (conditions on `route`,
    `status` and `tier`, with `values`), and how many each of them holds."""
    sql = statements("hours")
    day_holds, hours_that_hold = (sql[name].replace("filters", filters) for name in ("day_holds", "hours_that_hold"))
    end = LATEST if before is None else int(max(min(before, LATEST - HOUR_S), 0)) // HOUR_S * HOUR_S + HOUR_S
    while (at := connection.execute(sql["newest_hour"], {"end": end}).get) is not None:
        asked = {**values, "day": at // DAY_S * DAY_S, "end": end}
        rolled = connection.execute(sql["is_rolled"], asked).get
        if not rolled or connection.execute(day_holds, asked).get:
            yield from connection.execute(hours_that_hold, asked)
        end = asked["day"]
