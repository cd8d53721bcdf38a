"""The audit: who is drawn, what the other tiers are asked, and what becomes of it when something fails."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.stairs import wired
from tests.unit.pipeline.test_guarding import Words

from palier.audits import Audit, Judgement
from palier.budgets import Budget, Budgets
from palier.cards import ModelCard, Price
from palier.config import Budget as Terms
from palier.config import Route, Tier
from palier.errors import UpstreamError
from palier.interfaces.guarding import Context, Verdict
from palier.models.fake import Fake, Rule
from palier.pipeline import Landing, Parts, answer, audit, stream
from palier.pipeline.audit import ATTEMPTS, QUEUE, Auditor
from palier.pipeline.posts import Post, Posts
from palier.pipeline.sample import Sample, stairs_of
from palier.privacy.egress import EgressGate
from palier.routing.audited import record_of
from palier.routing.cascade import decide
from palier.stores.audits import SqliteAudits
from palier.stores.hours import SqliteHours
from palier.stores.traces import SqliteTraces
from palier.types import Draft, Features, Hit, Label, Message, Parameters, Principal, Prompt, Request, Usage

AGREEMENT = "agreement f1>=0.6 with tier-3"
EVERY = 1.0


class Shelf:
    """A retriever over one shelf of passages, which also says what label each has now."""

    def __init__(self, *hits: Hit) -> None:
        self.hits = hits
        self.now: dict[str, Label | None] = {}

    async def search(
        self, query: str, collections: Sequence[str], limit: int, principal: Principal, *, context: str = ""
    ) -> list[Hit]:
        return list(self.hits[:limit])

    async def label(self, hit: Hit, principal: Principal) -> Label | None:
        return self.now.get(hit.document, hit.label)


SURE = {"never": 0.0, "hardly": 0.2, "evenly": 0.5, "likely": 0.7, "surely": 0.9, "wholly": 1.0}


class SaidSo:
    """A confidence that believes a draft whose last word says how sure it is."""

    def features(self, prompt: Prompt, draft: Draft) -> Features:
        return {"said": SURE.get(draft.text.rpartition(" ")[2], 0.5)}

    def probability(self, features: Features, *, generates: bool) -> float:
        return features["said"]


def hit(document: str = "fibre.md", label: Label = Label.PUBLIC) -> Hit:
    return Hit(
        collection="c", document=document, passage=0, text="29.99 euros a month.", score=1.0, label=label, title="Fibre"
    )


def tier(name: str, *script: Any, threshold: float = 0.5, highest: Label = Label.RESTRICTED, **card: Any) -> Landing:
    model = Fake(*script)
    if card:
        model.card = ModelCard(name=name, kind="fake", **{"capabilities": model.card.capabilities, **card})
    return wired(name, f"model-{name}", model, threshold, highest)


def calls(landing: Landing) -> int:
    assert isinstance(landing.model, Fake)
    return len(landing.model.calls)


class House:
    """A route that audits, and its store."""

    def __init__(self, traces: SqliteTraces, *landings: Landing, share: float = EVERY, **changed: Any) -> None:
        self.traces = traces
        self.audits = SqliteAudits(traces.database)
        self.shelf = Shelf(*changed.pop("hits", (hit(),)))
        tiers = tuple(Tier(model=landing.model_name, name=landing.name) for landing in landings)
        self.route = Route(tiers=tiers, **changed.pop("route", {}))
        self.auditor = Auditor(self.audits, {"support": self.route}, self.parts_of, self.shelf.label)
        fields: dict[str, Any] = {
            "landings": landings,
            "collections": ("c",),
            "retriever": self.shelf,
            "gate": EgressGate(),
            "confidence": SaidSo(),
            "decide": decide,
            "traces": traces,
            "answers": traces,
            "detect": lambda text: "en",
            "abstention": {},
            "languages": ("fr", "en"),
            "passages": 6,
            "climb_on_failure": True,
            "retention_s": 1000.0,
            "sample": Sample(share, b"secret", self.audits, stairs_of(landings), self.auditor.wake),
        }
        self.parts: Parts | None = Parts(**{**fields, **changed})

    def parts_of(self, route: str) -> Parts | None:
        return self.parts

    async def ask(self, **fields: Any) -> Any:
        assert self.parts is not None
        return await answer(request(**fields), self.parts)

    async def drawn(self) -> list[Audit]:
        return await self.audits.due(math.inf, 1000)

    async def only(self) -> Audit:
        (found,) = await self.audits.done(words=True)
        return found


def request(question: str = "How much is it?", **fields: Any) -> Request:
    return Request(
        id=fields.pop("id", f"chatcmpl-{secrets.token_hex(6)}"),
        route="support",
        messages=(Message(role="user", content=question),),
        **fields,
    )


def three() -> tuple[Landing, ...]:
    """The middle one answers; the last agrees with the first."""
    return (
        tier("tier-1", Rule(answer="It is 29.99 hardly")),
        tier("tier-2", Rule(answer="Nobody knows likely")),
        tier("tier-3", Rule(answer="It is 29.99 surely"), threshold=0.0),
    )


@pytest.fixture
async def traces(tmp_path: Path) -> AsyncIterator[SqliteTraces]:
    opened = SqliteTraces.open(tmp_path / "traces.db")
    yield opened
    await opened.close()


# --- the draw ---------------------------------------------------------------------------------------------------------


def sample(share: float, key: bytes = b"secret") -> Sample:
    return Sample(share, key, None, (), lambda: None)  # type: ignore[arg-type]


def test_a_share_of_requests_is_drawn_whatever_they_ask() -> None:
    asked = [request(id=f"chatcmpl-{i:024x}") for i in range(20_000)]
    places = [place for r in asked if (place := sample(0.02).draw(r)) is not None]
    assert 320 < len(places) < 480
    assert sum(place < 0.5 for place in places) / len(places) == pytest.approx(0.5, abs=0.1)
    assert all(0 <= place < 1 for place in places)
    others = [msgspec.structs.replace(r, messages=(), language="fr", label=Label.PUBLIC) for r in asked]
    assert [sample(0.02).draw(r) for r in others] == [sample(0.02).draw(r) for r in asked]


def test_another_key_draws_others() -> None:
    asked = [request(id=f"chatcmpl-{i:024x}") for i in range(5_000)]
    ours, theirs = ({r.id for r in asked if sample(0.1, key).draw(r) is not None} for key in (b"a", b"b"))
    assert len(ours & theirs) < 0.2 * len(ours)


def test_what_is_decided_beforehand_is_not_drawn() -> None:
    assert sample(1.0).draw(request()) is not None
    assert sample(1.0).draw(request(tier="tier-1")) is None
    assert sample(1.0).draw(request(text="Once")) is None


def test_a_request_that_is_not_drawn_costs_next_to_nothing() -> None:
    """A microsecond or two where this was written; the bound leaves room for a machine that does other work."""
    chosen, asked = sample(0.0001), request()
    best = math.inf
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(1_000):
            chosen.draw(asked)
        best = min(best, time.perf_counter() - start)
    assert best / 1_000 < 10e-6


# --- what is asked ----------------------------------------------------------------------------------------------------


async def test_every_tier_answers_and_what_was_asked_already_is_not_asked_again(traces: SqliteTraces) -> None:
    landings = three()
    house = House(traces, *landings)
    result = await house.ask()
    assert (result.tier, [calls(landing) for landing in landings]) == ("tier-2", [1, 1, 0])
    assert (await traces.get(result.id)) is not None
    assert await house.auditor.complete() == 1
    assert [calls(landing) for landing in landings] == [1, 1, 1]
    done = await house.only()
    assert [(t.name, t.outcome, t.reused) for t in done.tiers] == [
        ("tier-1", "drafted", True),
        ("tier-2", "drafted", True),
        ("tier-3", "drafted", False),
    ]
    assert (done.language, done.label, done.trace) == ("en", Label.INTERNAL, result.id)
    assert done.tiers[1].latency_ms == result.steps[1].latency_ms
    assert done.words is not None
    assert done.words.drafts["tier-2"] == "Nobody knows likely"
    assert done.words.request.passages[0].title == "Fibre"
    assert done.words.request.passages[0].text == "", "what is needed to judge, and no more"


async def test_of_a_tier_that_mended_its_draft_the_first_is_audited(traces: SqliteTraces) -> None:
    class Mendable(Words):
        async def check(self, text: str, context: Context) -> Verdict:
            verdict = await super().check(text, context)
            return msgspec.structs.replace(verdict, repair="say it otherwise" if verdict.action == "climb" else "")

    def script(prompt: Prompt) -> str:
        return "It is good." if any(m.content == "say it otherwise" for m in prompt.messages) else "It is bad."

    house = House(traces, tier("tier-1", script, threshold=0.0), guards=Posts(draft=(Post(Mendable()),)))
    assert (await house.ask()).text == "It is good."
    await house.auditor.complete()
    done = await house.only()
    (first,) = done.tiers
    assert (first.reused, first.stopped) == (True, "guard words: bad")
    assert done.words is not None
    assert done.words.drafts == {"tier-1": "It is bad."}


async def test_guards_look_at_every_draft_and_one_that_they_stop_is_never_kept(traces: SqliteTraces) -> None:
    landings = (
        tier("tier-1", Rule(answer="It is bad hardly")),  # thrown away before any guard saw it
        tier("tier-2", Rule(answer="It is bad likely")),  # stopped
        tier("tier-3", Rule(answer="It is soft surely"), threshold=0.0),  # mended
        tier("tier-4", Rule(answer="It is bad wholly"), threshold=0.0),  # asked by the audit alone
    )
    house = House(traces, *landings, guards=Posts(draft=(Post(Words()),)))
    assert (await house.ask()).tier == "tier-3"
    await house.auditor.complete()
    done = await house.only()
    assert [(t.guarded, t.stopped) for t in done.tiers] == [
        (True, "guard words: bad"),
        (True, "guard words: bad"),
        (True, ""),
        (True, "guard words: bad"),
    ]
    assert done.words is not None
    assert done.words.drafts["tier-3"] == "It is  surely"
    judged = msgspec.structs.replace(
        done,
        judgements=tuple(
            Judgement(trace=done.trace, tier=t.name, source="person", correct=True, who="a", created=1.0)
            for t in done.tiers
        ),
    )
    record = record_of(judged, "person")
    assert record is not None
    assert [bool(tier.features) for tier in record.tiers] == [False, False, True, False]


async def test_without_guards_an_audit_says_nothing_of_them(traces: SqliteTraces) -> None:
    house = House(traces, *three())
    await house.ask()
    await house.auditor.complete()
    assert not any(t.guarded or t.stopped for t in (await house.only()).tiers)


async def test_agreement_with_the_last_tier_judges(traces: SqliteTraces) -> None:
    house = House(traces, *three())
    await house.ask()
    await house.auditor.complete()
    judged = (await house.only()).judged(AGREEMENT)
    assert {tier: j.correct for tier, j in judged.items()} == {"tier-1": True, "tier-2": False, "tier-3": True}


@pytest.mark.parametrize("source", ["person", "judge"])
async def test_another_source_leaves_it_to_be_judged(traces: SqliteTraces, source: str) -> None:
    house = House(traces, *three(), route={"label_source": source})
    await house.ask()
    await house.auditor.complete()
    assert (await house.only()).judgements == ()
    assert len(await house.audits.queue(route="support", sources=[source])) == 1


async def test_features_come_with_the_logit_of_the_confidence(traces: SqliteTraces) -> None:
    landings = (
        tier("tier-1", Rule(answer="sure wholly"), threshold=0.6),
        tier("tier-2", Rule(answer="half evenly")),
        tier("tier-3", Rule(answer="no never")),
    )
    house = House(traces, *landings)
    await house.ask()
    await house.auditor.complete()
    features = [t.features for t in (await house.only()).tiers]
    assert [f["confidence"] for f in features] == [6.0, 0.0, -6.0]
    assert [f["said"] for f in features] == [1.0, 0.5, 0.0]


async def test_without_evidence_there_is_nothing_to_judge_by(traces: SqliteTraces) -> None:
    house = House(traces, tier("tier-1", threshold=0.0), tier("tier-3", threshold=0.0), hits=())
    await house.ask()
    await house.auditor.complete()
    assert [t.features for t in (await house.only()).tiers] == [{}, {}]


async def test_an_abstention_is_drawn_too(traces: SqliteTraces) -> None:
    house = House(traces, tier("tier-1", Rule(answer="x never")), tier("tier-3", Rule(answer="y never")))
    assert (await house.ask()).status == "abstained"
    assert await house.auditor.complete() == 1
    assert [t.reused for t in (await house.only()).tiers] == [True, True]


class Hasty:
    """A policy that passes over a tier, or cuts its draft short."""

    threshold = 0.5
    asks = False

    def __init__(self, *, over: str = "", cut: str = "") -> None:
        self.over, self.cut = over, cut

    def probability(self, features: Features) -> float | None:
        return features["said"]

    def asked(self, vector: Any) -> Features:
        return {"question": 1.5}

    def passes_over(self, features: Features) -> str:
        return self.over

    def cuts(self, early: float | None) -> str:
        return self.cut if early is not None else ""

    def in_vain(self, features: Features) -> str:
        return self.over


async def test_what_a_policy_passed_over_or_cut_short_is_heard_to_its_end(traces: SqliteTraces) -> None:
    words = " ".join(["word"] * 30)
    landings = (
        tier("tier-1", Rule(answer="x")).under(Hasty(over="in vain"), "10 % wrong at most"),
        tier("tier-2", Rule(answer=words)).under(Hasty(cut="cut short"), "10 % wrong at most"),
        tier("tier-3", Rule(answer="29.99"), threshold=0.0),
    )
    house = House(traces, *landings)
    result = await house.ask(parameters=Parameters(logprobs=True))
    assert [(step.outcome, step.reason) for step in result.steps[:2]] == [
        ("skipped", "in vain"),
        ("climbed", "cut short"),
    ]
    await house.auditor.complete()
    done = await house.only()
    assert [(t.name, t.outcome, t.reused) for t in done.tiers] == [
        ("tier-1", "drafted", False),
        ("tier-2", "drafted", False),
        ("tier-3", "drafted", True),
    ]
    assert done.words is not None
    assert done.words.drafts["tier-2"] == words


async def test_the_signal_of_one_policy_is_none_of_the_draft(traces: SqliteTraces) -> None:
    first = tier("tier-1", Rule(answer="29.99 surely")).under(Hasty(), "10 % wrong at most")
    house = House(traces, first, tier("tier-3", Rule(answer="29.99")))
    assert (await house.ask()).steps[0].features["question"] == 1.5
    await house.auditor.complete()
    assert [set(t.features) for t in (await house.only()).tiers] == [{"said", "confidence"}] * 2


async def test_another_fingerprint_loses_it(traces: SqliteTraces) -> None:
    house = House(traces, *three(), fingerprint="abc")
    await house.ask()
    assert [audit.fingerprint for audit in await house.drawn()] == ["abc"]
    assert house.parts is not None
    house.parts = dataclasses.replace(house.parts, fingerprint="def")
    assert await house.auditor.complete() == 0
    assert (await house.audits.count()).lost == 1


# --- the door ---------------------------------------------------------------------------------------------------------


async def test_a_tier_that_may_not_receive_it_is_not_asked_in_an_audit_either(traces: SqliteTraces) -> None:
    cloud = tier("tier-3", highest=Label.INTERNAL)
    house = House(traces, tier("tier-1", Rule(answer="29.99 surely")), cloud, hits=(hit(label=Label.CONFIDENTIAL),))
    await house.ask()
    await house.auditor.complete()
    skipped = (await house.only()).tiers[1]
    assert calls(cloud) == 0
    assert (skipped.outcome, skipped.reason) == (
        "skipped",
        "its evidence is confidential, and this tier may receive at most internal",
    )
    assert (await house.only()).judgements == (), "agreement says nothing where the last tier did not run"
    assert len(await house.audits.queue(route="support", sources=["person", AGREEMENT])) == 1


async def test_what_the_served_draft_quotes_is_needed_by_the_tiers_above(traces: SqliteTraces) -> None:
    """As if it had climbed: the second passage is what the answer stands on, and the cloud may not have it."""
    cloud = tier("tier-3", highest=Label.INTERNAL)
    hits = (hit(), hit("secret.md", Label.RESTRICTED))
    house = House(traces, tier("tier-1", Rule(answer="As said in [2] surely")), cloud, hits=hits)
    assert (await house.ask()).tier == "tier-1"
    await house.auditor.complete()
    assert calls(cloud) == 0
    assert (await house.only()).tiers[1].outcome == "skipped"


async def test_a_label_that_was_raised_since_counts(traces: SqliteTraces) -> None:
    cloud = tier("tier-3", highest=Label.INTERNAL)
    house = House(traces, tier("tier-1", Rule(answer="29.99 surely")), cloud)
    await house.ask()
    house.shelf.now["fibre.md"] = Label.RESTRICTED
    await house.auditor.complete()
    assert calls(cloud) == 0
    done = await house.only()
    assert done.tiers[1].outcome == "skipped"
    assert done.words is not None
    assert done.words.label is Label.RESTRICTED


async def test_a_passage_that_was_taken_away_is_shown_to_nobody(traces: SqliteTraces) -> None:
    house = House(traces, *(landings := three()))
    await house.ask()
    house.shelf.now["fibre.md"] = None
    assert await house.auditor.complete() == 0
    assert calls(landings[2]) == 0
    assert (await house.audits.count()).lost == 1


async def test_a_passage_that_goes_while_a_tier_writes_is_not_shown_to_the_next(traces: SqliteTraces) -> None:
    def deletes(prompt: Prompt) -> str:
        house.shelf.now["fibre.md"] = None
        return "It is 29.99"

    last = tier("tier-3", Rule(answer="29.99"))
    house = House(traces, tier("tier-1", Rule(answer="29.99 surely")), tier("tier-2", deletes), last)
    await house.ask()
    assert await house.auditor.complete() == 0
    assert calls(last) == 0
    assert (await house.audits.count()).lost == 1


async def test_what_a_tier_cannot_honour_is_skipped(traces: SqliteTraces) -> None:
    narrow = tier("tier-3", capabilities=frozenset({"chat"}))
    house = House(traces, tier("tier-1", Rule(answer="29.99 surely")), narrow)
    await house.ask(parameters=Parameters(temperature=0.5))
    await house.auditor.complete()
    assert (await house.only()).tiers[1].reason == "tier-3 cannot honour `temperature`"


# --- who is not drawn -------------------------------------------------------------------------------------------------


async def test_failed_requests_are_not_audited(traces: SqliteTraces) -> None:
    house = House(traces, tier("tier-3", Rule(answer="x", fail="unavailable"), threshold=0.0))
    with pytest.raises(Exception, match="scripted failure"):
        await house.ask()
    assert await house.drawn() == []
    assert [trace.status for trace in await traces.list()] == ["failed"]


async def test_one_that_is_left_before_a_tier_was_asked_is_not_audited(traces: SqliteTraces) -> None:
    house = House(traces, tier("tier-3", threshold=0.0))

    async def never(*_: Any, **__: Any) -> list[Hit]:
        await asyncio.sleep(30)
        return []

    house.shelf.search = never  # type: ignore[method-assign]
    await leave(house, after_s=0.05)
    assert await house.drawn() == []
    assert [trace.status for trace in await traces.list()] == ["abandoned"]


# --- who leaves -------------------------------------------------------------------------------------------------------


async def leave(house: House, *, events: int = 0, after_s: float = 0.0) -> None:
    """Ask, and hang up after so many events, or so long."""
    assert house.parts is not None
    if events:
        async with aclosing(stream(request(), house.parts)) as served:
            for _ in range(events):
                await anext(served)
        return
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(after_s):
            await house.ask()


async def test_who_hangs_up_on_what_is_served_does_not_escape_the_audit(traces: SqliteTraces) -> None:
    landings = (
        tier("tier-1", Rule(answer="no never")),
        tier("tier-3", Rule(answer="one two three", delay_s=0.01), threshold=0.0),
    )
    house = House(traces, *landings)
    await leave(house, events=1)
    assert [trace.status for trace in await traces.list()] == ["abandoned"]
    assert await house.auditor.complete() == 1
    done = await house.only()
    assert (done.served, done.undecided) == ("tier-3", False)
    assert [(t.name, t.outcome, t.reused) for t in done.tiers] == [
        ("tier-1", "drafted", True),
        ("tier-3", "drafted", False),
    ]
    assert done.words is not None
    assert done.words.drafts["tier-3"] == "one two three", "it is judged by all it says"


async def test_who_waits_for_a_tier_that_serves_whatever_it_says_was_served_by_it(traces: SqliteTraces) -> None:
    house = House(traces, tier("tier-3", lambda _: Rule(answer="29.99", first_s=0.3), threshold=0.0))
    await leave(house, after_s=0.1)
    assert await house.auditor.complete() == 1
    assert ((await house.only()).served, (await house.only()).undecided) == ("tier-3", False)


async def test_who_leaves_while_a_draft_is_held_was_served_nothing(traces: SqliteTraces) -> None:
    slow = tier("tier-1", Rule(answer="29.99 surely", first_s=0.3))
    house = House(traces, slow, tier("tier-3", Rule(answer="29.99"), threshold=0.0))
    await leave(house, after_s=0.1)
    assert await house.auditor.complete() == 1
    done = await house.only()
    assert (done.served, done.undecided) == ("", True)
    assert [(t.outcome, t.reused) for t in done.tiers] == [("drafted", False), ("drafted", False)]


async def test_who_leaves_a_draft_that_was_held_and_stays_was_served_by_its_tier(traces: SqliteTraces) -> None:
    house = House(traces, tier("tier-1", Rule(answer="29.99 surely")), tier("tier-3", threshold=0.0))
    await leave(house, events=1)
    (audit,) = await house.drawn()
    assert (audit.served, audit.undecided, [t.reused for t in audit.tiers]) == ("tier-1", False, [True])


async def test_who_leaves_an_abstention_was_served_one(traces: SqliteTraces) -> None:
    house = House(traces, tier("tier-1", Rule(answer="x never")), tier("tier-3", Rule(answer="y never")))
    await leave(house, events=1)
    (audit,) = await house.drawn()
    assert (audit.served, audit.undecided) == ("", False)


# --- when something fails ---------------------------------------------------------------------------------------------


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time() + seconds
    monkeypatch.setattr(audit.time, "time", lambda: now)


async def test_a_dead_tier_is_tried_again_later_and_then_counts_as_failed(
    traces: SqliteTraces, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = tier("tier-3", Rule(answer="x", fail="unavailable"))
    house = House(traces, tier("tier-1", Rule(answer="29.99 surely")), dead)
    await house.ask()
    waited = 0.0
    for attempt in range(1, ATTEMPTS):
        assert await house.auditor.complete() == 0
        assert await house.auditor.complete() == 0, "not before its time"
        assert calls(dead) == attempt
        monkeypatch.undo()
        waited += 60 * 4 ** (attempt - 1) + 1
        later(monkeypatch, waited)
    assert await house.auditor.complete() == 1
    done = await house.only()
    assert (done.tiers[1].outcome, done.tiers[1].reason) == ("failed", "scripted failure: unavailable")
    assert done.judgements == ()
    assert len(await house.audits.queue(route="support", sources=[AGREEMENT, "person"])) == 1


async def test_an_audit_waits_for_the_budget_and_what_it_takes_is_counted(
    traces: SqliteTraces, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, price = Price(input=0.0, output=0.0), Price(input=0.0, output=1e6)
    home = tier("tier-1", Rule(answer="29.99 surely"), price=free)
    dear = tier("tier-3", Rule(answer="one two three", delay_s=0.001), threshold=0.0, price=price)
    budget = Budget("support", Terms(hard=1.0))
    house = House(traces, home, dear, budget=budget)
    spent = budget.open()
    assert not spent.take(dear.model.card, None, lambda: Usage(prompt=0, completion=1))
    await house.ask()
    assert await house.auditor.complete() == 0
    assert not calls(dear), "the dollar is held for an answer at work"
    spent.close(())
    later(monkeypatch, audit.BUDGET_S + 1)
    assert await house.auditor.complete() == 1
    (side,) = budget.standing().sides
    cost = (await house.only()).tiers[1].cost.value
    assert (cost, side.held) == (side.spent, 0.0)
    assert cost
    after = Budgets({"support": msgspec.structs.replace(house.route, budget=budget.terms)})
    await after.look(SqliteHours(traces.database), house.audits)
    assert after.standing()[0].sides[0].spent == cost


async def test_a_tier_that_recovers_completes_the_audit(traces: SqliteTraces, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def recovers(prompt: Prompt) -> Rule:
        said.append("asked")
        return Rule(answer="29.99", fail="unavailable" if len(said) == 1 else "")

    house = House(traces, tier("tier-1", Rule(answer="29.99 surely")), tier("tier-3", recovers))
    await house.ask()
    await house.auditor.complete()
    later(monkeypatch, 61)
    assert await house.auditor.complete() == 1
    assert (await house.only()).tiers[1].outcome == "drafted"


async def test_a_tier_that_failed_the_request_is_not_asked_again(traces: SqliteTraces) -> None:
    first = tier("tier-1", Rule(answer="x", fail="unavailable"))
    house = House(traces, first, tier("tier-3", Rule(answer="29.99"), threshold=0.0))
    await house.ask()
    await house.auditor.complete()
    assert calls(first) == 1
    assert [(t.outcome, t.reused) for t in (await house.only()).tiers] == [("failed", True), ("drafted", True)]


async def test_what_no_code_foresaw_loses_one_audit_and_no_other(traces: SqliteTraces) -> None:
    def breaks(prompt: Prompt) -> str:
        if "bad" in prompt.question:
            raise ZeroDivisionError
        return "fine"

    house = House(traces, tier("tier-1", Rule(answer="29.99 surely")), tier("tier-3", breaks))
    await house.ask(question="bad")
    await house.ask(question="good")
    assert await house.auditor.complete() == 1
    count = await house.audits.count()
    assert (count.drawn, count.done, count.lost) == (0, 1, 1)


async def test_other_tiers_since_it_was_drawn_lose_it(traces: SqliteTraces) -> None:
    house = House(traces, *three())
    await house.ask()
    await house.ask()
    assert house.parts is not None
    house.parts = House(traces, *three()[:2]).parts
    assert await house.auditor.complete() == 0
    assert (await house.audits.count()).lost == 2


# --- in the background ------------------------------------------------------------------------------------------------


async def _until(condition: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_it_works_in_the_background_once_it_is_started(traces: SqliteTraces) -> None:
    house = House(traces, *three())
    await house.ask()
    house.auditor.start()
    await house.ask()
    await _until(lambda: _done(house, 2))
    await house.auditor.stop()
    assert await house.drawn() == []


async def _done(house: House, count: int) -> bool:
    return (await house.audits.count()).done == count


async def test_what_does_not_fit_the_queue_waits_in_the_store(traces: SqliteTraces) -> None:
    house = House(traces, tier("tier-1", Rule(answer="29.99 surely")), tier("tier-3", Rule(answer="29.99")))
    read: list[int] = []
    due = house.audits.due

    async def counted(now: float, limit: int) -> list[Audit]:
        page = await due(now, limit)
        read.append(len(page))
        return page

    house.audits.due = counted  # type: ignore[method-assign]
    await asyncio.gather(*(house.ask() for _ in range(2 * QUEUE + 5)))
    assert (await house.audits.count()).drawn == 2 * QUEUE + 5, "and is counted"
    assert await house.auditor.complete() == 2 * QUEUE + 5
    assert read == [QUEUE, QUEUE, 5, 0]


async def test_requests_at_work_come_first(traces: SqliteTraces) -> None:
    landings = three()
    house = House(traces, *landings)
    await house.ask()
    house.auditor.load = lambda: 1.0
    house.auditor.start()
    await asyncio.sleep(0.6)
    assert calls(landings[2]) == 0
    house.auditor.load = lambda: 0.0
    await _until(lambda: _done(house, 1))
    await house.auditor.stop()


async def test_few_requests_at_work_do_not_hold_it_up_for_ever(
    traces: SqliteTraces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PATIENCE_S", 0.3)
    house = House(traces, *three())
    await house.ask()
    house.auditor.load = lambda: 0.1
    assert await house.auditor.complete() == 1


async def test_stopped_in_the_middle_it_is_gone_on_with_at_the_next_start(traces: SqliteTraces) -> None:
    landings = (*three()[:2], tier("tier-3", Rule(answer="29.99", first_s=30.0)))
    house = House(traces, *landings)
    await house.ask()
    house.auditor.start()
    await _until(lambda: _called(landings[2]))
    await house.auditor.stop()
    assert (await house.audits.count()).drawn == 1
    next_start = House(traces, *landings[:2], tier("tier-3", Rule(answer="29.99")))
    assert await next_start.auditor.complete() == 1


async def _called(landing: Landing) -> bool:
    return calls(landing) > 0


async def test_an_answer_is_not_given_where_a_drawn_request_cannot_be_kept(traces: SqliteTraces) -> None:
    house = House(traces, *three())

    async def full(*_: Any) -> None:
        raise UpstreamError("the disk is full")

    house.audits.draw = full  # type: ignore[method-assign]
    with pytest.raises(UpstreamError):
        await house.ask()
