"""What went by, hour by hour, beside the traces: written in their commits, read by `palier report`.

A row is of an hour, a route, a tier, a status and a key: as many as a gateway has of those, whatever is asked of it.
Where a trace replaces another, the other is taken away again, so that the sums are those of the traces there are. Days
that are over are added up once more (`roll`), so that months are read in milliseconds; what changes a trace of such a
day throws that sum away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw
import msgspec

from palier.spending import Landed, Passing, Spread, Sum, WentBy
from palier.stores.schema import statements
from palier.stores.sqlite import Database
from palier.types import Quantity, Trace

HOUR_S = 3600
DAY_S = 86_400
SETTLED_S = 2 * HOUR_S
"""After its end, when a day is added up: requests of its last minutes are recorded by then."""
Key = tuple[int | str, ...]
Rows = dict[Key, list[float]]


class SqliteHours:
    """`interfaces.Hours`, in the file of the traces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def went_by(self, since: float, until: float) -> WentBy:
        """See `interfaces.Hours`."""
        span = {"since": int(since) // HOUR_S * HOUR_S, "until": -(-int(until) // HOUR_S) * HOUR_S}
        return await self._database.read(lambda connection: _went_by(connection, span))

    async def roll(self, now: float) -> int:
        """Add up the days that are over at `now`, one a commit; how many there were. Raises `StoreError` and `Busy`."""
        rolled = 0
        before = int(now - SETTLED_S) // DAY_S * DAY_S
        while await self._database.write(lambda connection: _roll(connection, before)):
            rolled += 1
        return rolled


def count(connection: apsw.Connection, traces: Sequence[Trace]) -> None:
    """Add traces that are about to be recorded, and take away those they replace; each id once."""
    names = msgspec.json.encode([trace.id for trace in traces]).decode()
    known = connection.execute(statements("hours")["known"], (names,))
    change(connection, [msgspec.json.decode(figures, type=Trace) for (figures,) in known], traces)


def change(connection: apsw.Connection, old: Sequence[Trace], new: Sequence[Trace]) -> None:
    """Take away the old ones, add the new ones; what comes to nothing goes."""
    rows, landings = _added(new, old)
    sql = statements("hours")
    connection.executemany(sql["add_hour"], [(*key, *values) for key, values in rows.items()])
    connection.executemany(sql["add_landing"], [(*key, *values) for key, values in landings.items()])
    for day in {_hour(trace) // DAY_S * DAY_S for trace in (*old, *new)}:
        connection.execute(sql["unroll"], (day,))
        if connection.changes():
            connection.execute(sql["forget_day"], (day,))
            connection.execute(sql["forget_landing_day"], (day,))
    for at in {_hour(trace) for trace in old}:
        connection.execute(sql["empty_hours"], (at,))
        connection.execute(sql["empty_landings"], (at,))


def _added(new: Iterable[Trace], old: Iterable[Trace]) -> tuple[Rows, Rows]:
    hours: Rows = {}
    landings: Rows = {}
    for sign, traces in ((1, new), (-1, old)):
        for trace in traces:
            at = _hour(trace)
            _add(hours, (at, trace.route, trace.tier or "", trace.status, trace.key), sign, _figures(trace))
            for step in trace.steps:
                if step.latency_ms > 0:
                    quantities = (step.cost, step.energy, step.carbon)
                    figures = (1, step.latency_ms, *(value for one in quantities for value in _spread(one)))
                    _add(landings, (at, trace.route, step.tier, step.outcome), sign, figures)
    return hours, landings


def _hour(trace: Trace) -> int:
    return int(trace.created) // HOUR_S * HOUR_S


def _add(rows: Rows, key: Key, sign: int, figures: Sequence[float]) -> None:
    row = rows.setdefault(key, [0] * len(figures))
    for place, value in enumerate(figures):
        row[place] += sign * value


def _figures(trace: Trace) -> tuple[float, ...]:
    usage = trace.usage
    tokens = (usage.prompt, usage.completion, 0) if usage else (0, 0, 1)
    quantities = (trace.cost, trace.energy, trace.carbon)
    return 1, trace.latency_ms, *tokens, *(value for one in quantities for value in _range(one))


def _range(one: Quantity) -> tuple[float, float, float, int]:
    if one.value is None:
        return 0.0, 0.0, 0.0, 1
    low, high = (one.value if end is None else end for end in (one.low, one.high))
    return one.value, low, high, 0


def _spread(one: Quantity) -> tuple[float, float, int]:
    return (0.0, 0.0, 1) if one.value is None else (one.value, one.value**2, 0)


def _roll(connection: apsw.Connection, before: int) -> bool:
    """Add up the oldest day that is not yet; whether there was one."""
    sql, day = statements("hours"), 0
    while (at := connection.execute(sql["next_hour"], {"day": day}).get) is not None:
        day = at // DAY_S * DAY_S
        if day >= before:
            break
        if not connection.execute(sql["is_rolled"], {"day": day}).get:
            for name in ("roll_day", "roll_landings", "roll"):
                connection.execute(sql[name], {"day": day})
            return True
        day += DAY_S
    return False


def _parts(connection: apsw.Connection, span: dict[str, int]) -> dict[str, str]:
    """A span of hours as days that are rolled, and spans of what is beside them, as JSON."""
    days = [day for (day,) in connection.execute(statements("hours")["rolled"], span)]
    ends = [span["since"], *(end for day in days for end in (day, day + DAY_S)), span["until"]]
    spans = [(begin, end) for begin, end in zip(ends[::2], ends[1::2], strict=True) if begin < end]
    return {"days": msgspec.json.encode(days).decode(), "spans": msgspec.json.encode(spans).decode()}


def _went_by(connection: apsw.Connection, span: dict[str, int]) -> WentBy:
    sql, parts = statements("hours"), _parts(connection, span)
    passing = [
        Passing(
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
        for route, tier, status, key, requests, latency_ms, prompt, completion, uncounted, *rest in connection.execute(
            sql["went_by"], parts
        )
    ]
    landed = [
        Landed(
            route=route,
            tier=tier,
            outcome=outcome,
            steps=steps,
            latency_ms=latency_ms,
            cost=_squared(rest[0:3]),
            energy=_squared(rest[3:6]),
            carbon=_squared(rest[6:9]),
        )
        for route, tier, outcome, steps, latency_ms, *rest in connection.execute(sql["landed"], parts)
    ]
    return WentBy(since=span["since"], until=span["until"], passing=tuple(passing), landed=tuple(landed))


def _sum(row: Sequence[float]) -> Sum:
    value, low, high, unknown = row
    return Sum(value=value, low=low, high=high, unknown=int(unknown))


def _squared(row: Sequence[float]) -> Spread:
    value, squares, unknown = row
    return Spread(value=value, squares=squares, unknown=int(unknown))
