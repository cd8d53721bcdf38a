"""What every store of audits, judgements and feedback must do: subclass `AuditsSuite`, and run it with pytest.

    class TestMine(AuditsSuite):
        @pytest.fixture
        async def traces(self, tmp_path): ...       # `interfaces.Traces`, empty at the start of each test
        @pytest.fixture
        async def audits(self, traces): ...         # `interfaces.Audits` and `interfaces.Judgements`
        @pytest.fixture
        async def ratings(self, traces): ...        # `interfaces.Ratings`

The three keep what belongs to the same traces. Asynchronous tests need pytest-asyncio in auto mode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
import pytest

from palier.audits import Audit, AuditTier, AuditWords, Feedback, Judgement
from palier.errors import NotFound
from palier.interfaces import Audits, Judgements, Ratings, Traces, Watched
from palier.testing.traces import CREATED, EXPIRES, content_of, trace_of
from palier.types import Hit, Label, Message, Parameters, Quantity, Request, Usage

AGREEMENT = "agreement f1>=0.6 with tier-2"


class Store(Audits, Judgements, Watched, Protocol):
    """All of what keeps audits."""


def words_of(id: str, drafts: Mapping[str, str], expires: float = EXPIRES) -> AuditWords:
    """What was asked, with one passage, and what was drafted."""
    passage = Hit(
        collection="docs", document="fibre.md", passage=3, text="29,99 €", score=0.5, label=Label.PUBLIC, title="Fibre"
    )
    request = Request(
        id=id,
        route="support",
        messages=(Message(role="user", content="Ma fibre ?"),),
        parameters=Parameters(temperature=0.5, response_format={"type": "text"}),
        passages=(passage,),
        language="fr",
    )
    return AuditWords(
        label=Label.CONFIDENTIAL, expires=expires, request=request, needed=(passage.key,), drafts=dict(drafts)
    )


def tier_of(name: str, **changed: Any) -> AuditTier:
    """A tier that drafted, with something in every field."""
    fields: dict[str, Any] = {
        "model": f"model of {name}",
        "outcome": "drafted",
        "features": {"coverage": 0.5, "confidence": -1.5},
        "usage": Usage(prompt=120, completion=9),
        "cost": Quantity(value=0.25, basis="measured"),
        "energy": Quantity(),
        "latency_ms": 41.5,
    }
    return AuditTier(name=name, **{**fields, **changed})


def audit_of(id: str = "t", created: float = CREATED, **changed: Any) -> Audit:
    """A drawn audit whose first tier was asked by the request itself."""
    fields: dict[str, Any] = {
        "route": "support",
        "language": "fr",
        "label": Label.INTERNAL,
        "place": 0.01,
        "stairs": ("tier-1=small", "tier-2=large"),
        "due": created,
        "tiers": (tier_of("tier-1", reused=True),),
        "words": words_of(id, {"tier-1": "29,99"}),
    }
    return Audit(trace=id, created=created, **{**fields, **changed})


def done_of(id: str = "t", created: float = CREATED, **changed: Any) -> Audit:
    """One that ran on both its tiers."""
    fields: dict[str, Any] = {
        "state": "done",
        "tiers": (tier_of("tier-1", reused=True), tier_of("tier-2")),
        "words": words_of(id, {"tier-1": "29,99", "tier-2": "29,99 €"}),
    }
    return audit_of(id, created, **{**fields, **changed})


def judgement_of(trace: str = "t", tier: str = "tier-1", source: str = "person", **changed: Any) -> Judgement:
    """Right, says a person, unless told otherwise."""
    fields: dict[str, Any] = {"correct": True, "who": "local", "created": CREATED}
    return Judgement(trace=trace, tier=tier, source=source, **{**fields, **changed})


async def drawn(audits: Audits, *some: Audit) -> None:
    """Draw them, one after the other."""
    for audit in some:
        await audits.draw(trace_of(audit.trace, audit.created, route=audit.route, content=content_of()), audit)


class AuditsSuite:
    """The contracts of `interfaces.Audits`, `Judgements`, `Watched` and `Ratings`."""

    # --- drawn requests

    async def test_a_drawn_request_is_kept_with_its_trace(self, audits: Store, traces: Traces) -> None:
        await drawn(audits, audit_of())
        assert await traces.get("t") == trace_of("t", content=content_of())
        assert await audits.due(CREATED, 10) == [audit_of()]
        assert await audits.done() == []

    async def test_drawing_again_replaces(self, audits: Store) -> None:
        await drawn(audits, audit_of(), audit_of(attempts=3))
        assert await audits.due(CREATED, 10) == [audit_of(attempts=3)]

    async def test_those_due_come_first_and_no_more_than_asked_for(self, audits: Store) -> None:
        await drawn(audits, audit_of("c", due=3.0), audit_of("a", due=1.0), audit_of("b", due=2.0))
        assert [audit.trace for audit in await audits.due(2.0, 10)] == ["a", "b"]
        assert [audit.trace for audit in await audits.due(9.0, 2)] == ["a", "b"]
        assert await audits.due(9.0, 0) == []
        await audits.keep(audit_of("a", due=8.0, attempts=1))
        assert [audit.trace for audit in await audits.due(9.0, 10)] == ["b", "c", "a"]

    async def test_one_that_is_done_is_due_no_more(self, audits: Store) -> None:
        await drawn(audits, audit_of())
        said = judgement_of(source=AGREEMENT), judgement_of(tier="tier-2", source=AGREEMENT)
        await audits.keep(done_of(), said)
        assert await audits.due(CREATED, 10) == []
        assert await audits.done(words=True) == [done_of(judgements=said)]
        assert await audits.done() == [done_of(judgements=said, words=None)]

    async def test_one_that_is_lost_stays_so(self, audits: Store) -> None:
        await drawn(audits, audit_of())
        assert await audits.keep(audit_of(attempts=1))
        assert await audits.keep(audit_of(state="lost", reason="the route is gone", words=None))
        assert not await audits.keep(done_of(), [judgement_of()])
        assert await audits.done() == await audits.due(CREATED, 10) == []
        assert (await audits.count()).lost == 1

    async def test_one_that_is_lost_is_counted(self, audits: Store) -> None:
        await drawn(audits, audit_of())
        await audits.keep(audit_of(state="lost", reason="the route is gone", words=None))
        assert await audits.due(CREATED, 10) == await audits.done() == []
        count = await audits.count()
        assert (count.drawn, count.done, count.lost) == (0, 0, 1)

    async def test_words_go_and_figures_stay(self, audits: Store, traces: Traces) -> None:
        await drawn(audits, audit_of("waits"), audit_of("ran"))
        await audits.keep(done_of("ran"), [judgement_of("ran")])
        assert await traces.expire(EXPIRES - 1) == 0
        await traces.expire(EXPIRES)
        assert await audits.due(CREATED, 10) == []
        assert await audits.done(words=True) == [done_of("ran", words=None, judgements=(judgement_of("ran"),))]
        count = await audits.count(sources=["person"])
        assert (count.drawn, count.done, count.lost) == (0, 1, 1)
        assert (count.judged, count.unjudged, count.forgotten) == (0, 1, 1), "tier-2 can never be judged"
        assert await audits.queue(route="support", sources=["person"]) == []

    async def test_many_tasks_at_once(self, audits: Store) -> None:
        async def task(number: int) -> None:
            await drawn(audits, audit_of(f"{number}"))
            await audits.keep(done_of(f"{number}"), [judgement_of(f"{number}")])

        await asyncio.gather(*(task(number) for number in range(64)))
        found = await audits.done(limit=1_000)
        assert len(found) == 64
        assert all(len(audit.judgements) == 1 for audit in found)

    # --- those that ran

    async def test_pages_oldest_first_through_one_time(self, audits: Store) -> None:
        for name, created in (("d", 2.0), ("a", 2.0), ("c", 2.0), ("b", 2.0), ("new", 3.0), ("old", 1.0)):
            await drawn(audits, done_of(name, created))
        await drawn(audits, done_of("sales", 2.5, route="sales"))
        seen: list[str] = []
        after, after_id = 0.0, ""
        while page := await audits.done(route="support", after=after, after_id=after_id, limit=2):
            seen += [audit.trace for audit in page]
            after, after_id = page[-1].created, page[-1].trace
        assert seen == ["old", "a", "b", "c", "d", "new"]
        assert len(await audits.done()) == 7

    async def test_only_the_source_that_is_asked_for(self, audits: Store) -> None:
        await drawn(audits, done_of())
        ours, theirs = judgement_of(), judgement_of(source="judge", correct=None, score=0.25)
        await audits.judge([ours, theirs])
        assert (await audits.done(source="judge"))[0].judgements == (theirs,)
        assert (await audits.done())[0].judgements == (theirs, ours)
        assert (await audits.done(source="nobody"))[0].judgements == ()

    async def test_a_later_judgement_replaces_that_of_its_source(self, audits: Store) -> None:
        await drawn(audits, done_of())
        await audits.judge([judgement_of()])
        changed = judgement_of(correct=None, score=0.5, who="somebody", created=CREATED + 1)
        await audits.judge([changed])
        assert (await audits.done())[0].judgements == (changed,)

    @pytest.mark.parametrize(("trace", "tier"), [("absent", "tier-1"), ("t", "tier-3"), ("t", "skipped")])
    async def test_what_nobody_drafted_cannot_be_judged(self, audits: Store, trace: str, tier: str) -> None:
        await drawn(audits, done_of(tiers=(tier_of("tier-1"), tier_of("skipped", outcome="skipped"))))
        with pytest.raises(NotFound, match=tier):
            await audits.judge([judgement_of(), judgement_of(trace, tier)])
        assert (await audits.done())[0].judgements == (), "all or none"

    async def test_drafts_that_nobody_wrote_are_told_in_their_order(self, audits: Store) -> None:
        await drawn(audits, done_of(tiers=(tier_of("tier-1"), tier_of("skipped", outcome="skipped"))))
        absent = [("t", "skipped"), ("absent", "tier-1")]
        assert await audits.undrafted([absent[0], ("t", "tier-1"), absent[1]]) == absent
        assert await audits.undrafted([]) == []

    async def test_the_queue_holds_what_none_of_the_sources_judged_in_the_order_of_the_draw(
        self, audits: Store
    ) -> None:
        for name, place in (("c", 0.3), ("a", 0.1), ("b", 0.2), ("d", 0.4)):
            await drawn(audits, done_of(name, place=place))
        await drawn(audits, audit_of("waits"), done_of("sales", route="sales"))
        await audits.judge([judgement_of("a"), judgement_of("a", "tier-2"), judgement_of("b")])
        await audits.judge([judgement_of("d", tier, AGREEMENT) for tier in ("tier-1", "tier-2")])

        async def waiting(*sources: str, **page: Any) -> str:
            return "".join(audit.trace for audit in await audits.queue(route="support", sources=sources, **page))

        assert await waiting("person") == "bcd"
        assert await waiting("person", AGREEMENT) == "bc"
        assert await waiting() == "abcd"
        assert await waiting("person", limit=2) == "bc"
        assert await waiting("person", after=0.3, after_id="c") == "d"
        assert {j.tier for j in (await audits.queue(route="support", sources=["person"]))[0].judgements} == {"tier-1"}

    async def test_counts_by_route_and_source(self, audits: Store) -> None:
        await drawn(audits, done_of("a"), done_of("b"), audit_of("c"), done_of("sales", route="sales"))
        await audits.judge([judgement_of("a"), judgement_of("a", "tier-2"), judgement_of("b")])
        count = await audits.count(route="support", sources=["person"])
        assert (count.drawn, count.done, count.judged, count.unjudged, count.forgotten) == (1, 2, 1, 1, 0)
        assert count.cost == 0.5, "of tier-2 alone: the requests themselves had asked tier-1"
        assert (await audits.count()).done == 3
        assert count.fingerprint == ""
        await drawn(audits, done_of("old", 1.0, fingerprint="old"), done_of("new", CREATED + 1, fingerprint="new"))
        assert (await audits.count(route="support")).fingerprint == "new"
        await drawn(audits, done_of("empty", tiers=(tier_of("tier-1", outcome="skipped"),)))
        count = await audits.count(route="support", sources=["person"])
        assert (count.done, count.judged, count.unjudged) == (5, 1, 3), "where nobody drafted there is nothing to judge"

    # --- feedback

    async def test_feedback_is_one_a_principal_and_the_later_one(self, ratings: Ratings, traces: Traces) -> None:
        await traces.record(trace_of("t"))
        first = Feedback(trace="t", principal="a", rating="down", comment="faux", created=1.0)
        later = Feedback(trace="t", principal="a", score=0.75, created=2.0)
        other = Feedback(trace="t", principal="b", rating="up", comment="é\U0001f600", created=1.5)
        for feedback in (first, other):
            await ratings.rate(feedback, Label.INTERNAL, EXPIRES)
        assert await ratings.ratings("t") == [first, other]
        await ratings.rate(later, Label.INTERNAL, EXPIRES)
        assert await ratings.ratings("t") == [other, later]
        count = await ratings.count("support")
        assert (count.up, count.down, count.scored, count.score) == (1, 0, 1, 0.75)
        assert (await ratings.count("sales")).up == 0
        assert (await ratings.count("support", since=CREATED, until=CREATED + 1)).up == 1
        assert (await ratings.count("support", since=CREATED + 1)).up == 0
        assert (await ratings.count("support", until=CREATED)).up == 0, "its end is not of it"
        assert await ratings.ratings("absent") == []

    async def test_comments_are_words(self, ratings: Ratings, traces: Traces) -> None:
        await traces.record(trace_of("t"))
        said = Feedback(trace="t", principal="a", rating="up", comment="merci", created=1.0)
        await ratings.rate(said, Label.INTERNAL, EXPIRES)
        assert await traces.expire(EXPIRES) == 1
        assert await ratings.ratings("t") == [msgspec.structs.replace(said, comment="")]
        await ratings.rate(said, Label.INTERNAL, None)
        assert (await ratings.ratings("t"))[0].comment == "", "nor are they kept where no words are"

    async def test_corrections_are_words_too(self, ratings: Ratings, traces: Traces) -> None:
        await traces.record(trace_of("t"))
        said = Feedback(trace="t", principal="a", rating="down", correction="29,99 €", created=1.0)
        await ratings.rate(said, Label.INTERNAL, EXPIRES)
        assert await ratings.ratings("t") == [said]
        await traces.expire(EXPIRES)
        assert await ratings.ratings("t") == [msgspec.structs.replace(said, correction="")]

    async def test_feedback_is_no_judgement(self, audits: Store, ratings: Ratings) -> None:
        await drawn(audits, done_of())
        await ratings.rate(Feedback(trace="t", principal="a", rating="up", created=1.0), Label.INTERNAL, None)
        assert (await audits.done())[0].judgements == ()
        assert [audit.trace for audit in await audits.queue(route="support", sources=["person"])] == ["t"]

    # --- what is watched

    async def test_judged_audits_are_counted_once(self, audits: Store) -> None:
        await drawn(audits, done_of("a"), done_of("b", CREATED + 1), audit_of("c"), done_of("d", route="sales"))
        for name in ("a", "b", "d"):
            await audits.judge([judgement_of(name), judgement_of(name, tier="tier-2")])
        found = await audits.unwatched("support", "person", 10)
        assert [audit.trace for audit in found] == ["a", "b"]
        assert [len(audit.judgements) for audit in found] == [2, 2]
        assert await audits.unwatched("support", "person", 1) == found[:1]
        await audits.count_watched("support", "p", b"state", ["a"])
        assert [audit.trace for audit in await audits.unwatched("support", "person", 10)] == ["b"]
        assert await audits.watch_state("support", "p") == b"state"
        assert await audits.watch_state("support", "q") is await audits.watch_state("sales", "p") is None

    async def test_one_is_counted_when_every_draft_is_judged_by_the_source(self, audits: Store) -> None:
        await drawn(audits, done_of("a"))
        await audits.judge([judgement_of("a"), judgement_of("a", tier="tier-2", source="judge")])
        assert await audits.unwatched("support", "person", 10) == []
        await audits.judge([judgement_of("a", tier="tier-2")])
        assert [audit.trace for audit in await audits.unwatched("support", "person", 10)] == ["a"]
