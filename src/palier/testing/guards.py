"""What every guard must do: subclass `GuardSuite`, give it its fixtures, and run it with pytest.

    class TestMine(GuardSuite):
        @pytest.fixture
        def guard(self):
            return MyGuard()

        passes = "A sentence that it lets through. "
        stops = "A sentence that it does not. "

Asynchronous tests need pytest-asyncio in auto mode.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from itertools import pairwise
from typing import ClassVar

from palier.errors import InvalidRequest
from palier.guards.verdicts import ACTIONS as ACTIONS
from palier.guards.verdicts import usable
from palier.interfaces.guarding import Choosy, Context, Guard, Verdict
from palier.pipeline.guarding import Watch
from palier.pipeline.posts import Log, Post, Posts
from palier.types import JSON, Delta, Event, Finish, GuardPlace, Parameters

HOSTILE = ("", " \n\t", "\x00", "\ud800", "\u202e\u200b", "x" * 50_000, "a. " * 5_000, "[1]" * 2_000, "(" * 3_000, "🏔️")
_SCHEMAS: tuple[JSON, ...] = ({}, {"type": 7}, {"$ref": "#/nowhere"}, {"pattern": "(?=a)b"}, {"not": {"not": {}}})
ASKED = (
    Parameters(),
    Parameters(n=3, max_tokens=1, stop=("x",), seed=1),
    *(Parameters(response_format={"type": form}) for form in ("text", "json_object", "json_schema", "another")),
    *(
        Parameters(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}})
        for schema in _SCHEMAS
    ),
    Parameters(tools=({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}, {})),
)
SECRET = "zqxj-4711-vwkk"  # noqa: S105  a word that no guard may repeat


class GuardSuite:
    """The contract of `interfaces.Guard`.

    A verdict is a function of the text and its context; it says no word of the text, points into it, and is the same
    whichever pieces a stream comes in.
    """

    passes: ClassVar[str]
    stops: ClassVar[str]
    place: ClassVar[GuardPlace] = "draft"
    evidence: ClassVar[tuple[str, ...]] = ()
    seconds: ClassVar[float] = 5.0
    """The longest any text here may take."""

    @property
    def context(self) -> Context:
        return Context(place=self.place, evidence=self.evidence, question="What is it?", language="en")

    async def test_what_is_to_pass_passes_and_what_is_not_does_not(self, guard: Guard) -> None:
        assert guard.name
        passed, stopped = await guard.check(self.passes, self.context), await guard.check(self.stops, self.context)
        assert passed.action == "pass"
        assert stopped.action != "pass"
        assert stopped.reason, "whoever is stopped is told why"

    async def test_a_verdict_is_well_formed_whatever_the_text(self, guard: Guard) -> None:
        for text in (*HOSTILE, self.passes, self.stops, self.passes + self.stops, self.stops[::-1]):
            async with asyncio.timeout(self.seconds):
                _check(await guard.check(text, self.context), text)

    async def test_the_same_text_has_the_same_verdict_also_at_once(self, guard: Guard) -> None:
        texts = [self.passes, self.stops, self.passes + self.stops] * 3
        alone = [await guard.check(text, self.context) for text in texts]
        assert await asyncio.gather(*(guard.check(text, self.context) for text in texts)) == alone

    async def test_no_word_of_the_text_is_in_the_reason(self, guard: Guard) -> None:
        for text in (f"{SECRET} {self.stops}", f"{self.stops.rstrip()} {SECRET}", SECRET):
            verdict = await guard.check(text, self.context)
            said = (verdict.reason, *(span.reason for span in verdict.spans))
            assert not any(SECRET in reason for reason in said)

    async def test_what_it_does_not_accept_is_the_fault_of_the_request(self, guard: Guard) -> None:
        if not isinstance(guard, Choosy):
            return
        for asked in ASKED:
            async with asyncio.timeout(self.seconds):
                with suppress(InvalidRequest):
                    await guard.accepts(asked)

    async def test_by_sentences_the_whole_is_stopped_where_one_of_them_is(self, guard: Guard) -> None:
        if not guard.sentences:
            return
        for text in (self.stops + self.passes, self.passes + self.stops):
            assert (await guard.check(text, self.context)).action != "pass"
        assert (await guard.check(self.passes + self.passes, self.context)).action == "pass"

    async def test_the_verdict_is_the_same_in_whichever_pieces(self, guard: Guard) -> None:
        for text in (self.passes, self.stops, self.passes + self.stops, self.stops + self.passes):
            whole = await self._streamed(guard, [text])
            for seed in range(8):
                assert await self._streamed(guard, pieces(text, random.Random(seed))) == whole  # noqa: S311
            assert await self._streamed(guard, list(text)) == whole

    async def _streamed(self, guard: Guard, parts: list[str]) -> tuple[str, Verdict | None, list[object]]:
        """What is released, who stopped it, and what is told, without its milliseconds."""
        told = Log()
        watch = Watch(Posts(draft=(Post(guard, timeout_s=60),)), self.context, told, "t")
        events: list[Event] = []
        for part in parts:
            watch.take(Delta(text=part))
            events += await watch.cleared()
        watch.take(Finish(reason="stop"))
        events += await watch.end()
        rows = [(row.action, row.reason, row.score, row.texts, row.failed) for row in told.rows]
        text = "".join(event.text for event in events if isinstance(event, Delta))
        return text, watch.stopped.verdict if watch.stopped else None, list(rows)


def pieces(text: str, chance: random.Random) -> list[str]:
    """`text` cut at random."""
    cuts = sorted({0, len(text), *(chance.randrange(len(text) + 1) for _ in range(chance.randrange(12)))})
    return [text[a:b] for a, b in pairwise(cuts)]


def _check(verdict: Verdict, text: str) -> None:
    assert usable(verdict, text)
    assert verdict.action == "mend" or not verdict.text
