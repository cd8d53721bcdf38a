"""What drift is looked for in: every `interfaces.drift.Passing` must do this. Subclass `PassingSuite`, and run it with
pytest.

    class TestMine(PassingSuite):
        @pytest.fixture
        async def traces(self, tmp_path): ...       # `interfaces.Traces`, empty at the start of each test
        @pytest.fixture
        async def audits(self, traces): ...         # `interfaces.Audits` and `interfaces.Judgements`
        @pytest.fixture
        async def ratings(self, traces): ...        # `interfaces.Ratings`
        @pytest.fixture
        async def passing(self, traces): ...

The four keep, and see, what belongs to the same traces. Asynchronous tests need pytest-asyncio in auto mode.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from palier.audits import Feedback
from palier.interfaces import Audits, Judgements, Ratings, Traces
from palier.interfaces.drift import Passing, Place
from palier.testing.audits import done_of, judgement_of
from palier.testing.traces import content_of, trace_of
from palier.types import Label, Trace


class Judged(Audits, Judgements, Protocol):
    """What keeps audits and who judged them."""


def _ids(traces: Iterable[Trace]) -> list[str]:
    return [trace.id for trace in traces]


class PassingSuite:
    """The contract of `interfaces.drift.Passing`."""

    async def test_of_many_as_many_from_all_over_them(self, traces: Traces, passing: Passing) -> None:
        for n in range(30):
            await traces.record(trace_of(f"t{n:02}", 100.0 + n, content=content_of(f"q{n}") if n == 29 else None))
        await traces.record(trace_of("other", 110.0, route="sales"))
        await traces.record(trace_of("failed", 111.0, status="failed"))
        every = await passing.between("support", 100, 130, 30)
        assert _ids(every) == [f"t{n:02}" for n in range(30)]
        assert every[29].content == content_of("q29")
        assert every[0].content is None
        assert _ids(await passing.between("support", 100, 130, 10)) == [f"t{n:02}" for n in range(2, 30, 3)]
        assert _ids(await passing.between("support", 105, 106, 10)) == ["t05"]
        assert len(await passing.between("support", 100, 130, 29)) == 15

    async def test_a_clock_that_steps_changes_no_order(self, traces: Traces, passing: Passing) -> None:
        assert await passing.last() == Place(0, 0.0, 0.0)
        for name, created in (("a", 500.0), ("b", 9e9), ("c", 100.0)):
            await traces.record(trace_of(name, created))
        place = await passing.last()
        assert _ids(await passing.after("support", Place(), place, 10)) == ["a", "b", "c"]
        await traces.record(trace_of("d", 50.0))
        await traces.record(trace_of("a", 501.0))  # recorded again: in its old place
        last = await passing.last()
        assert _ids(await passing.after("support", place, last, 10)) == ["d"]
        assert await passing.count_after("support", place) == 1
        assert list(await passing.after("support", last, last, 10)) == []

    async def test_how_right_what_was_served_is_by_one_source(
        self, traces: Traces, audits: Judged, passing: Passing
    ) -> None:
        for n, correct in enumerate((True, False, True)):
            audit = msgspec.structs.replace(done_of(f"a{n}", 100.0 + n), served="tier-1")
            await audits.draw(trace_of(f"a{n}", 100.0 + n), audit)
            for tier, source in (("tier-1", "person"), ("tier-2", "person"), ("tier-1", "judge")):
                right = correct if (tier, source) == ("tier-1", "person") else not correct
                said = judgement_of(f"a{n}", tier, source, correct=right)
                await audits.judge([msgspec.structs.replace(said, created=1000.0 - n)])
        assert list(await passing.judged_between("support", "person", 100, 103, 10)) == [1.0, 0.0, 1.0]
        assert list(await passing.judged_between("support", "person", 101, 102, 10)) == [0.0]
        assert list(await passing.judged_between("sales", "person", 0, 1e9, 10)) == []
        last = await passing.last()
        assert last.judgement == 1000.0
        assert list(await passing.judged_after("support", "person", Place(0, 998.5), last, 10)) == [0.0, 1.0]
        assert list(await passing.judged_after("support", "person", last, last, 10)) == []

    async def test_how_answers_were_rated(self, traces: Traces, ratings: Ratings, passing: Passing) -> None:
        async def rate(trace: str, who: str, rating: str | None, at: float) -> None:
            said = {"trace": trace, "principal": who, "rating": rating, "created": at}
            score = 0.5 if rating is None else None
            await ratings.rate(msgspec.convert({**said, "score": score}, Feedback), Label.INTERNAL, None)

        for n in range(3):
            await traces.record(trace_of(f"t{n}", 100.0 + n))
        await traces.record(trace_of("other", 100.0, route="sales"))
        for trace, who, rating, at in (
            *(("t0", "ann", "down", 1002.0), ("t1", "ann", "up", 1001.0), ("t1", "bob", "down", 1000.0)),
            *(("t2", "ann", None, 1003.0), ("other", "ann", "down", 1004.0)),
        ):
            await rate(trace, who, rating, at)
        assert list(await passing.rated_between("support", 100, 103, 10)) == [1.0, 0.0, 1.0]
        assert list(await passing.rated_between("support", 101, 102, 10)) == [0.0, 1.0]
        assert list(await passing.rated_between("support", 100, 103, 1)) == [1.0], "the last"
        last = await passing.last()
        assert last.rating == 1004.0
        assert list(await passing.rated_after("support", Place(0, 0.0, 1000.0), last, 10)) == [0.0, 1.0]
        assert list(await passing.rated_after("support", last, last, 10)) == []
        await rate("t1", "bob", "up", 1010.0)
        assert list(await passing.rated_after("support", last, await passing.last(), 10)) == [0.0]
