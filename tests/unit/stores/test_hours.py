"""What went by, added up: always what the traces that are there say."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.interfaces import Erasure
from palier.spending import Passing, WentBy
from palier.stores.erasure import ErasableTraces
from palier.stores.hours import DAY_S, HOUR_S, SETTLED_S, WEEK_S, SqliteHours
from palier.stores.schema import migrations
from palier.stores.traces import SqliteTraces
from palier.testing.traces import CREATED, trace_of
from palier.types import Quantity, Trace, Usage

quantities = st.one_of(
    st.just(Quantity()),
    st.integers(0, 1000).map(lambda n: Quantity(value=n / 8, low=n / 16, high=n / 4, basis="estimated")),
    st.integers(0, 1000).map(lambda n: Quantity(value=n / 8, basis="measured")),
)
traces = st.builds(
    lambda name, hour, route, status, tier, key, cost, energy, usage: msgspec.structs.replace(
        trace_of(name, CREATED + hour * HOUR_S, route=route, status=status, tier=tier),
        key=key,
        cost=cost,
        energy=energy,
        usage=usage,
    ),
    st.sampled_from("abcdef"),
    st.sampled_from([0, 1, 3, 24, 25, 50, 190, 400]),
    st.sampled_from(["support", "sales"]),
    st.sampled_from(["answered", "abstained"]),
    st.sampled_from(["tier-1", "tier-2", None]),
    st.sampled_from(["", "shop"]),
    quantities,
    quantities,
    st.one_of(st.none(), st.builds(Usage, prompt=st.integers(0, 99), completion=st.integers(0, 99))),
)


async def all_of(store: SqliteTraces) -> WentBy:
    return await SqliteHours(store.database).went_by(0, CREATED * 2)


def told(traces: Sequence[Trace], went: WentBy) -> None:
    """The sums are those of these traces."""
    rows = {(row.route, row.tier, row.status, row.key): row for row in went.passing}
    assert len(rows) == len(went.passing)
    groups: dict[tuple[str, str, str, str], list[Trace]] = {}
    for trace in traces:
        groups.setdefault((trace.route, trace.tier or "", trace.status, trace.key), []).append(trace)
    assert rows.keys() == groups.keys()
    for name, some in groups.items():
        row = rows[name]
        assert row.requests == len(some)
        assert row.latency_ms == pytest.approx(sum(trace.latency_ms for trace in some))
        assert row.prompt == sum(trace.usage.prompt for trace in some if trace.usage)
        assert row.uncounted == sum(trace.usage is None for trace in some)
        known = [trace.cost for trace in some if trace.cost.value is not None]
        assert row.cost.unknown == len(some) - len(known)
        assert row.cost.value == pytest.approx(sum(one.value or 0 for one in known))
        lows = (one.value if one.low is None else one.low for one in known)
        assert row.cost.low == pytest.approx(sum(low or 0 for low in lows))
    steps = [(trace.route, step) for trace in traces for step in trace.steps if step.latency_ms]
    assert sum(row.steps for row in went.landed) == len(steps)
    assert sum(row.energy.squares for row in went.landed) == pytest.approx(
        sum((step.energy.value or 0) ** 2 for _, step in steps)
    )


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.lists(traces, min_size=1, max_size=4), st.booleans()), max_size=5), st.integers(0, 200))
async def test_the_sums_are_those_of_the_traces_there_are(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[list[Trace], bool]], since: int
) -> None:
    """Whenever days are added up, and whatever is recorded again of them."""
    store = SqliteTraces.open(tmp_path_factory.mktemp("hours") / "traces.db")
    try:
        kept: dict[str, Trace] = {}
        for batch, rolls in batches:
            for trace in batch:
                await store.record(trace)
                kept[trace.id] = trace
            if rolls:
                await SqliteHours(store.database).roll(CREATED + 240 * HOUR_S)
        told(list(kept.values()), await all_of(store))
        begins = CREATED // HOUR_S * HOUR_S + since * HOUR_S
        went = await SqliteHours(store.database).went_by(begins, CREATED * 2)
        told([trace for trace in kept.values() if trace.created >= begins], went)
        edges = [begins, begins + 6 * HOUR_S, begins + 200 * HOUR_S, begins + 500 * HOUR_S]
        each = await SqliteHours(store.database).went_by_each(edges)
        assert [(one.since, one.until) for one in each] == list(itertools.pairwise(edges))
        for one in each:
            some = [trace for trace in kept.values() if one.since <= trace.created < one.until]
            assert sum(row.requests for row in one.passing) == len(some)
            costs = [trace.cost.value for trace in some if trace.cost.value is not None]
            assert sum(row.cost.value for row in one.passing) == pytest.approx(sum(costs))
            assert sum(row.steps for row in one.landed) == sum(bool(step.latency_ms) for t in some for step in t.steps)
    finally:
        await store.close()


async def test_a_day_is_added_up_when_it_is_over_and_thrown_away_when_it_changes(tmp_path: Path) -> None:
    store = SqliteTraces.open(tmp_path / "traces.db")
    hours, day = SqliteHours(store.database), CREATED // DAY_S * DAY_S
    for n in range(3):
        await store.record(trace_of(f"t{n}", day + n * DAY_S))
    assert await hours.roll(day + DAY_S + SETTLED_S - 1) == 0
    assert await hours.roll(day + 2 * DAY_S + SETTLED_S) == 2
    assert await hours.roll(day + 2 * DAY_S + SETTLED_S) == 0

    def rolled(connection: apsw.Connection) -> list[int]:
        return [at for (at,) in connection.execute("SELECT day FROM rolled WHERE day IN (SELECT at FROM day)")]

    assert await store.database.read(rolled) == [day, day + DAY_S]
    await store.record(trace_of("late", day + 5))
    assert await store.database.read(rolled) == [day + DAY_S]
    assert sum(row.requests for row in (await hours.went_by(day, day + 1)).passing) == 1 + 1
    assert await hours.roll(day + 2 * DAY_S + SETTLED_S) == 1
    await store.close()


async def test_a_week_is_added_up_when_its_days_are_and_thrown_away_with_one(tmp_path: Path) -> None:
    store = SqliteTraces.open(tmp_path / "traces.db")
    hours, week = SqliteHours(store.database), CREATED // WEEK_S * WEEK_S
    for n in range(8):
        await store.record(trace_of(f"t{n}", week + n * DAY_S))

    def rolled(connection: apsw.Connection) -> list[int]:
        return [at for (at,) in connection.execute("SELECT week FROM rolled_week WHERE week IN (SELECT at FROM week)")]

    assert await hours.roll(week + 6 * DAY_S + SETTLED_S) == 6
    assert await store.database.read(rolled) == []
    assert await hours.roll(week + WEEK_S + SETTLED_S) == 1
    assert await store.database.read(rolled) == [week]
    assert sum(row.requests for row in (await hours.went_by(week, week + WEEK_S)).passing) == 7
    await store.record(trace_of("late", week + 5))
    assert await store.database.read(rolled) == []
    assert sum(row.requests for row in (await hours.went_by(week, week + 8 * DAY_S)).passing) == 9
    assert await hours.roll(week + WEEK_S + SETTLED_S) == 1
    assert await store.database.read(rolled) == [week]
    assert sum(row.requests for row in (await hours.went_by(week, week + 8 * DAY_S)).passing) == 9
    await store.close()


async def test_a_span_is_of_whole_hours(tmp_path: Path) -> None:
    store = SqliteTraces.open(tmp_path / "traces.db")
    begins = CREATED // HOUR_S * HOUR_S
    for n, at in enumerate((begins - 1, begins, begins + HOUR_S - 1, begins + HOUR_S)):
        await store.record(trace_of(f"t{n}", at))
    found = await SqliteHours(store.database).went_by(begins + 1800, begins + 1801)
    assert (found.since, found.until) == (begins, begins + HOUR_S)
    assert sum(row.requests for row in found.passing) == 2
    await store.close()


async def test_a_user_who_is_forgotten_is_no_key_either(tmp_path: Path) -> None:
    store = SqliteTraces.open(tmp_path / "traces.db")
    for number, name in (("t1", "alice"), ("t2", "shop")):
        await store.record(msgspec.structs.replace(trace_of(number), principal=name, key=name))
    await SqliteHours(store.database).roll(CREATED + 9 * DAY_S)
    assert b"alice" in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    erasable = ErasableTraces(store.database)
    erasure = Erasure(user="alice", before=CREATED + 1)
    requests = await erasable.requests(erasure, lambda text: text)
    await erasable.forget(msgspec.structs.replace(erasure, requests=requests))
    await erasable.scrub(erasure)
    rows: tuple[Passing, ...] = (await all_of(store)).passing
    assert {row.key: row.requests for row in rows} == {"": 1, "shop": 1}
    await store.close()
    assert b"alice" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


async def test_those_of_before_are_counted_when_the_file_is_led_to_today(tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    store = SqliteTraces.open(path)
    some = [
        msgspec.structs.replace(trace_of(f"t{n}", CREATED + n * 900), key="shop" if n % 2 else "") for n in range(9)
    ]
    some.append(msgspec.structs.replace(trace_of("u"), usage=None, cost=Quantity(), steps=()))
    for trace in some:
        await store.record(trace)
    today = await all_of(store)
    await store.close()
    connection = apsw.Connection(str(path))
    since = next(number for number, sql in migrations("traces") if "CREATE TABLE hour" in sql)
    for number, sql in reversed(migrations("traces")):
        for kind, name in re.findall(r"CREATE (TABLE|INDEX) (\w+)", sql) if number >= since else ():
            connection.execute(f"DROP {kind} IF EXISTS {name}")
    connection.pragma("user_version", since - 1)
    connection.close()
    store = SqliteTraces.open(path)
    told(some, await all_of(store))
    again = await all_of(store)
    assert [msgspec.structs.replace(row, latency_ms=0.0) for row in again.landed] == [
        msgspec.structs.replace(row, latency_ms=0.0) for row in today.landed
    ]
    await store.close()
