"""What a request took, from its steps to its trace: cost, energy, carbon, and what is simulated."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.pipeline.test_stream import parts, request, tier

from palier.cards import Price
from palier.errors import UpstreamGarbage
from palier.metrics.zones import zone
from palier.models.fake import Rule
from palier.pipeline import Landing, answer
from palier.stores.traces import SqliteTraces
from palier.types import UNKNOWN, Result, Trace

FRANCE, SWEDEN = zone("FRA"), zone("SWE")


@pytest.fixture
async def traces(tmp_path: Path) -> AsyncIterator[SqliteTraces]:
    opened = SqliteTraces.open(tmp_path / "traces.db")
    yield opened
    await opened.close()


def placed(landing: Landing, **fields: Any) -> Landing:
    return dataclasses.replace(landing, **fields)


async def kept(traces: SqliteTraces, *landings: Landing) -> tuple[Result, Trace]:
    result = await answer(request(), parts(traces, *landings))
    trace = await traces.get(result.id)
    assert trace is not None
    return result, trace


async def test_the_whole_is_the_sum_of_its_steps_and_is_recorded(traces: SqliteTraces) -> None:
    low = placed(
        tier("tier-1", Rule(answer="No idea [1] (0.1)"), threshold=0.5, watts=100.0, dollars_per_hour=1.0), zone=FRANCE
    )
    high = placed(tier("tier-2", Rule(answer="Noon [1] (0.9)"), watts=400.0, dollars_per_hour=10.0), zone=SWEDEN)
    result, trace = await kept(traces, low, high)
    one, other = result.steps
    for figure in ("cost", "energy", "carbon"):
        whole, parts_of_it = getattr(result, figure), (getattr(one, figure), getattr(other, figure))
        assert whole.value == pytest.approx(sum(part.value for part in parts_of_it))
        assert getattr(trace, figure) == whole
    assert one.carbon.value == pytest.approx(one.energy.value * 56.039 / 1000)
    assert other.carbon.value == pytest.approx(other.energy.value * 40.695 / 1000)
    assert "FRA" in result.carbon.method
    assert "SWE" in result.carbon.method
    assert [step.carbon for step in trace.steps] == [one.carbon, other.carbon]


async def test_one_step_without_a_zone_makes_the_carbon_unknown(traces: SqliteTraces) -> None:
    low = placed(tier("tier-1", Rule(answer="No idea [1] (0.1)"), threshold=0.5, watts=100.0), zone=FRANCE)
    result, _ = await kept(traces, low, tier("tier-2", Rule(answer="Noon [1] (0.9)"), watts=400.0))
    assert result.energy.value is not None
    assert result.carbon.value is None
    assert result.carbon.low is None, "the known step may have taken nothing"
    assert result.carbon.method == "no zone of electricity is set"


async def test_a_simulated_tier_says_so_in_its_step_and_its_figures(traces: SqliteTraces) -> None:
    made_up = placed(
        tier("tier-1", Rule(answer="Noon [1] (0.9)"), price=Price(input=1.0, output=1.0), watts=100.0, simulated=True),
        zone=FRANCE,
    )
    result, trace = await kept(traces, made_up)
    assert result.steps[0].simulated
    assert trace.steps[0].simulated
    for figure in (result.cost, result.energy, result.carbon):
        assert figure.method.startswith("simulated: ")
        assert figure.basis == "estimated"


async def test_a_failure_before_a_word_is_paid_for_by_the_hour_only(traces: SqliteTraces) -> None:
    for card, paid in (({"dollars_per_hour": 3600.0}, True), ({"price": Price(input=1.0, output=1.0)}, False)):
        broken = placed(tier("tier-1", Rule(fail="garbage"), watts=100.0, **card), zone=FRANCE)
        asked = msgspec.structs.replace(request(), id=f"r-{paid}")
        with pytest.raises(UpstreamGarbage):
            await answer(asked, parts(traces, broken))
        trace = await traces.get(f"r-{paid}")
        assert trace is not None
        step = trace.steps[0]
        assert (step.cost != UNKNOWN) == paid
        assert step.energy.value is not None
        assert step.carbon.value is not None
