"""What every store of shadows must do: subclass `ShadowsSuite`, give it `shadows` and `traces`, and run it with pytest.

`shadows` keeps 20 of each version at most. Asynchronous tests need pytest-asyncio in auto mode.
"""

from __future__ import annotations

from typing import Any

import msgspec

from palier.interfaces import Traces
from palier.interfaces.versions import Shadows
from palier.testing.traces import CREATED, trace_of
from palier.types import Label, Quantity
from palier.versions import Shadowed, ShadowWords

MOST = 20


def shadowed_of(trace: str, version: str = "v1", **fields: Any) -> Shadowed:
    """One with something in every field."""
    values: dict[str, Any] = {
        "route": "support",
        "created": CREATED,
        "outcome": "kept",
        "guard": "promises",
        "home": True,
        "agrees": True,
        "latency_ms": 12.5,
        "served_ms": 8.0,
        "energy": Quantity(value=0.2, basis="estimated", method="declared watts"),
        "words": ShadowWords(label=Label.INTERNAL, expires=CREATED + 100, answer=f"answer to {trace}"),
    }
    return Shadowed(trace=trace, version=version, **{**values, **fields})


def wordless(shadowed: Shadowed) -> Shadowed:
    """Its figures."""
    return msgspec.structs.replace(shadowed, words=None)


class ShadowsSuite:
    """The contract of `interfaces.versions.Shadows`."""

    async def _kept(self, shadows: Shadows, traces: Traces, id: str, **fields: Any) -> Shadowed:
        await traces.record(trace_of(id))
        shadowed = shadowed_of(id, **fields)
        assert await shadows.keep(shadowed)
        return shadowed

    async def test_they_are_kept_as_they_are_newest_first(self, shadows: Shadows, traces: Traces) -> None:
        first = await self._kept(shadows, traces, "a", created=1.0)
        second = await self._kept(shadows, traces, "b", created=2.0, agrees=None, words=None)
        await self._kept(shadows, traces, "c", version="v2")
        assert list(await shadows.list("v1", words=True)) == [second, first]
        assert list(await shadows.list("v1")) == [second, wordless(first)]
        assert list(await shadows.list("v1", limit=1)) == [second]
        assert list(await shadows.list("v1", before=2.0, before_id="b")) == [wordless(first)]
        assert list(await shadows.list("none")) == []

    async def test_one_request_counts_once_for_a_version(self, shadows: Shadows, traces: Traces) -> None:
        await self._kept(shadows, traces, "a")
        again = await self._kept(shadows, traces, "a", agrees=False)
        assert list(await shadows.list("v1", words=True)) == [again]

    async def test_nothing_is_kept_of_a_request_that_is_not_there_or_was_forgotten(
        self, shadows: Shadows, traces: Traces
    ) -> None:
        assert not await shadows.keep(shadowed_of("never"))
        await traces.record(msgspec.structs.replace(trace_of("gone"), forgotten=True))
        assert not await shadows.keep(shadowed_of("gone"))
        assert list(await shadows.list("v1")) == []

    async def test_words_go_after_their_retention_and_figures_stay(self, shadows: Shadows, traces: Traces) -> None:
        kept = await self._kept(shadows, traces, "a")
        assert await traces.expire(CREATED + 99) == 0
        assert list(await shadows.list("v1", words=True)) == [kept]
        assert await traces.expire(CREATED + 101) == 1
        assert list(await shadows.list("v1", words=True)) == [wordless(kept)]

    async def test_the_newest_of_each_version_are_kept(self, shadows: Shadows, traces: Traces) -> None:
        other = await self._kept(shadows, traces, "other", version="v2", created=0.0)
        for n in range(MOST + 5):
            await self._kept(shadows, traces, f"t{n:03}", created=float(n))
        assert [one.trace for one in await shadows.list("v1")] == [f"t{n:03}" for n in range(MOST + 4, 4, -1)]
        assert list(await shadows.list("v2", words=True)) == [other]
