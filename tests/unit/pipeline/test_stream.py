"""The way up the stairs, with scripted tiers and the real gate, decision and store of traces."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.stairs import wired

from palier.cards import ModelCard, Price
from palier.errors import InvalidRequest, UpstreamError, UpstreamGarbage
from palier.models.fake import Fake, Rule
from palier.pipeline import Landing, Parts, answer, stream
from palier.pipeline.journey import Journey
from palier.privacy.egress import EgressGate
from palier.routing.cascade import decide
from palier.stores.traces import SqliteTraces
from palier.types import (
    Cited,
    Completed,
    Delta,
    Draft,
    Features,
    Finish,
    Hit,
    Label,
    Message,
    Parameters,
    Principal,
    Prompt,
    Request,
    ToolCall,
)

FIBRE = "The fibre costs 29.99 euros a month."


class Shelf:
    """A retriever over one shelf of passages."""

    def __init__(self, *hits: Hit) -> None:
        self.hits = hits
        self.asked: list[tuple[str, str]] = []

    async def search(
        self, query: str, collections: Sequence[str], limit: int, principal: Principal, *, context: str = ""
    ) -> list[Hit]:
        self.asked.append((query, context))
        return list(self.hits[:limit])


class SaidSo:
    """A confidence that believes a draft which says how sure it is: "... (0.8)"."""

    def features(self, prompt: Prompt, draft: Draft) -> Features:
        return {"said": float(draft.text.rpartition("(")[2].rstrip(")") or 0) if draft.text.endswith(")") else 0.0}

    def probability(self, features: Features, *, generates: bool) -> float:
        return features["said"]


def hit(text: str = FIBRE, label: Label = Label.PUBLIC, document: str = "fibre.md") -> Hit:
    return Hit(collection="c", document=document, passage=0, text=text, score=1.0, label=label, title="Fibre")


def tier(name: str, *script: Any, threshold: float = 0.0, highest: Label = Label.RESTRICTED, **card: Any) -> Landing:
    model = Fake(*script)
    if card:
        model.card = ModelCard(name=name, kind="fake", **{"capabilities": model.card.capabilities, **card})
    return wired(name, f"model-{name}", model, threshold, highest)


@pytest.fixture
async def traces(tmp_path: Path) -> AsyncIterator[SqliteTraces]:
    opened = SqliteTraces.open(tmp_path / "traces.db")
    yield opened
    await opened.close()


def parts(traces: SqliteTraces, *landings: Landing, hits: Sequence[Hit] = (hit(),), **changed: Any) -> Parts:
    settings: dict[str, Any] = {
        "landings": landings,
        "collections": ("c",),
        "retriever": Shelf(*hits),
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
    }
    return Parts(**{**settings, **changed})


async def _read(events: AsyncIterator[Any], seen: list[str]) -> None:
    async for event in events:
        assert isinstance(event, Delta)
        seen.append(event.text)


def request(question: str = "How much is it?", **fields: Any) -> Request:
    return Request(id="r-1", route="support", messages=(Message(role="user", content=question),), **fields)


async def test_the_lowest_tier_that_is_sure_enough_answers(traces: SqliteTraces) -> None:
    second = tier("tier-2")
    result = await answer(
        request(), parts(traces, tier("tier-1", Rule(answer="29.99 [1] (0.9)"), threshold=0.6), second)
    )
    assert (result.status, result.tier, result.confidence) == ("answered", "tier-1", 0.9)
    assert result.decision.reason == "0.90 >= 0.60, not calibrated"
    assert [source.cited for source in result.sources] == [True]
    assert not second.model.calls  # type: ignore[attr-defined]


async def test_an_unsure_draft_is_not_shown_and_the_next_tier_answers(traces: SqliteTraces) -> None:
    built = parts(
        traces, tier("tier-1", Rule(answer="perhaps (0.2)"), threshold=0.6), tier("tier-2", Rule(answer="29.99"))
    )
    events = [event async for event in stream(request(), built)]
    text = "".join(event.text for event in events if isinstance(event, Delta))
    assert text == "29.99"
    assert isinstance(events[-1], Completed)
    assert [step.outcome for step in events[-1].result.steps] == ["climbed", "answered"]


async def test_three_tiers_are_climbed_in_order(traces: SqliteTraces) -> None:
    built = parts(
        traces,
        tier("a", Rule(answer="x (0.1)"), threshold=0.5),
        tier("b", Rule(answer="y (0.7)"), threshold=0.8),
        tier("c", Rule(answer="z (0.9)"), threshold=0.9),
    )
    result = await answer(request(), built)
    assert result.tier == "c"
    assert result.text == "z (0.9)"


async def test_nowhere_to_climb_is_an_honest_abstention_with_what_was_found(traces: SqliteTraces) -> None:
    result = await answer(request(), parts(traces, tier("tier-1", Rule(answer="x (0.1)"), threshold=0.5)))
    assert (result.status, result.tier) == ("abstained", None)
    assert "I don't know" in result.text
    assert "Fibre [1]" in result.text
    assert "tier-1: 0.10 < 0.50" in result.decision.reason


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "Je ne sais pas"), ("en", "I don't know"), ("de", "Je ne sais pas")]
)
async def test_it_abstains_in_the_language_of_the_question(traces: SqliteTraces, language: str, words: str) -> None:
    built = parts(traces, tier("t", Rule(answer="x (0.1)"), threshold=0.5), detect=lambda text: language)
    assert words in (await answer(request(), built)).text


async def test_restricted_evidence_does_not_climb(traces: SqliteTraces) -> None:
    cloud = tier("cloud", Rule(answer="!"), highest=Label.INTERNAL)
    built = parts(
        traces,
        tier("home", Rule(answer="x (0.1)"), threshold=0.5),
        cloud,
        hits=[hit("Mme Quiniou's number", Label.RESTRICTED, "customers.csv"), hit()],
    )
    result = await answer(request(), built)
    assert result.status == "abstained"
    assert not cloud.model.calls  # type: ignore[attr-defined]
    assert "cloud: its evidence is restricted, and this tier may receive at most internal" in result.decision.reason


async def test_a_tier_sees_only_the_passages_it_may_receive(traces: SqliteTraces) -> None:
    cloud = tier("cloud", Rule(answer="29.99"), highest=Label.INTERNAL)
    result = await answer(request(), parts(traces, cloud, hits=[hit(), hit("hidden", Label.CONFIDENTIAL, "margin.md")]))
    sent = cloud.model.calls[0]  # type: ignore[attr-defined]
    assert "hidden" not in repr(sent)
    assert result.steps[0].withheld == 1
    assert [source.document for source in result.sources] == ["c/fibre.md"]


async def test_what_a_lower_tier_quoted_must_be_seen_by_the_upper_one(traces: SqliteTraces) -> None:
    class Quoting(Fake):
        async def stream(self, prompt: Prompt):  # type: ignore[no-untyped-def, override]
            yield Delta(text="x (0.1)")
            yield Cited(passages=(2,), features={})
            yield Finish(reason="stop")

    cloud = tier("cloud", Rule(answer="!"), highest=Label.PUBLIC)
    home = wired("home", "quote", Quoting(), 0.5)
    built = parts(traces, home, cloud, hits=[hit(), hit("secret", Label.CONFIDENTIAL, "b.md")])
    assert (await answer(request(label=Label.PUBLIC), built)).status == "abstained"


async def test_a_failed_tier_is_climbed_over(traces: SqliteTraces) -> None:
    built = parts(traces, tier("a", Rule(answer="x", fail="unavailable")), tier("b", Rule(answer="yes")))
    result = await answer(request(), built)
    assert result.tier == "b"
    assert [step.outcome for step in result.steps] == ["failed", "answered"]


async def test_a_route_may_stop_at_a_failure(traces: SqliteTraces) -> None:
    built = parts(traces, tier("a", Rule(answer="x", fail="refused")), tier("b"), climb_on_failure=False)
    with pytest.raises(UpstreamError):
        await answer(request(), built)


async def test_when_every_tier_fails_the_last_error_is_told_and_recorded(traces: SqliteTraces) -> None:
    with pytest.raises(UpstreamGarbage):
        await answer(
            request(), parts(traces, tier("a", Rule(answer="x", fail="timeout")), tier("b", Rule(fail="garbage")))
        )
    trace = await traces.get("r-1")
    assert trace is not None
    assert (trace.status, len(trace.steps)) == ("failed", 2)


async def test_after_the_first_released_event_there_is_no_fallback(traces: SqliteTraces) -> None:
    other = tier("b", Rule(answer="other"))
    built = parts(traces, tier("a", Rule(answer="one two three", fail="cut", after=2)), other)
    seen: list[str] = []
    async with aclosing(stream(request(), built)) as events:
        with pytest.raises(UpstreamGarbage):
            await _read(events, seen)
    assert "".join(seen) == "one two"
    assert not other.model.calls  # type: ignore[attr-defined]
    trace = await traces.get("r-1")
    assert trace is not None
    assert trace.status == "failed"


async def test_a_held_draft_that_is_cut_falls_back(traces: SqliteTraces) -> None:
    built = parts(
        traces, tier("a", Rule(answer="one two", fail="cut", after=1), threshold=0.5), tier("b", Rule(answer="ok"))
    )
    assert (await answer(request(), built)).text == "ok"


async def test_a_tier_that_cannot_honour_a_parameter_is_skipped(traces: SqliteTraces) -> None:
    small = tier("small", capabilities=frozenset({"chat", "max_tokens"}))
    result = await answer(request(parameters=Parameters(seed=1)), parts(traces, small, tier("b", Rule(answer="ok"))))
    assert result.tier == "b"
    assert result.steps[0].outcome == "skipped"
    assert "`seed`" in result.steps[0].reason


async def test_when_no_tier_remains_the_parameter_is_named(traces: SqliteTraces) -> None:
    small = tier("small", capabilities=frozenset({"chat", "max_tokens"}))
    with pytest.raises(InvalidRequest) as raised:
        await answer(request(parameters=Parameters(seed=1)), parts(traces, small))
    assert raised.value.param == "seed"


async def test_a_prompt_too_long_for_a_tier_is_taken_by_the_next(traces: SqliteTraces) -> None:
    built = parts(traces, tier("short", context=3), tier("long", Rule(answer="ok")))
    result = await answer(request(), built)
    assert [step.outcome for step in result.steps] == ["skipped", "answered"]


async def test_a_prompt_too_long_for_every_tier_is_the_clients_fault(traces: SqliteTraces) -> None:
    with pytest.raises(InvalidRequest, match="3"):
        await answer(request(), parts(traces, tier("short", context=3)))


async def test_a_tier_asked_by_name_is_not_held_to_its_threshold(traces: SqliteTraces) -> None:
    built = parts(traces, tier("a", Rule(answer="x (0.1)"), threshold=0.9), tier("b"))
    result = await answer(request(tier="a"), built)
    assert (result.tier, result.text) == ("a", "x (0.1)")


async def test_a_tool_call_has_no_confidence_and_climbs_to_the_last_tier(traces: SqliteTraces) -> None:
    calls = (ToolCall(id="1", name="bill", arguments="{}"),)
    built = parts(traces, tier("a", Rule(tools=calls), threshold=0.3), tier("b", Rule(tools=calls)))
    tools = ({"type": "function", "function": {"name": "bill"}},)
    result = await answer(request(parameters=Parameters(tools=tools)), built)
    assert result.tier == "b"
    assert result.draft.choices[0].tool_calls == calls


async def test_a_raw_prompt_retrieves_nothing(traces: SqliteTraces) -> None:
    shelf = Shelf(hit())
    built = parts(traces, tier("a", Rule(answer="ok")), retriever=shelf)
    result = await answer(Request(id="r-1", route="x", text="Once upon"), built)
    assert (result.text, shelf.asked, result.sources) == ("ok", [], ())


async def test_retrieval_is_given_the_turn_before(traces: SqliteTraces) -> None:
    shelf = Shelf()
    messages = tuple(
        Message(role=role, content=text) for role, text in [("user", "a"), ("assistant", "b"), ("user", "c")]
    )  # type: ignore[arg-type]
    await answer(
        Request(id="r-1", route="x", messages=messages), parts(traces, tier("t", Rule(answer="ok")), retriever=shelf)
    )
    assert shelf.asked == [("c", "a")]


async def test_the_trace_is_durable_before_the_answer_is_complete(traces: SqliteTraces) -> None:
    async with aclosing(stream(request(), parts(traces, tier("a", Rule(answer="29.99"))))) as events:
        async for event in events:
            if isinstance(event, Completed):
                trace = await traces.get("r-1")
                assert trace is not None
                assert (trace.status, trace.tier, trace.evidence) == ("answered", "a", ("c/fibre.md#0",))
                assert trace.content is not None
                assert trace.content.answer == "29.99"


async def test_a_client_that_leaves_cancels_the_generation_and_is_recorded(traces: SqliteTraces) -> None:
    landing = tier("a", Rule(answer="one two three", delay_s=0.01))
    async with aclosing(stream(request(), parts(traces, landing))) as events:
        async for _ in events:
            break
    assert landing.model.abandoned == 1  # type: ignore[attr-defined]
    trace = await traces.get("r-1")
    assert trace is not None
    assert trace.status == "abandoned"
    assert trace.steps[-1].outcome == "abandoned"


async def test_words_are_not_kept_where_the_settings_say_so(traces: SqliteTraces) -> None:
    await answer(request(), parts(traces, tier("a", Rule(answer="ok")), keep_content=False))
    trace = await traces.get("r-1")
    assert trace is not None
    assert trace.content is None
    assert "How much" not in repr(trace)


async def test_a_drafts_words_stand_only_among_the_contents(traces: SqliteTraces) -> None:
    built = parts(traces, tier("a", Rule(answer="secret-draft (0.1)"), threshold=0.5), tier("b", Rule(answer="ok")))
    await answer(request(), built)
    trace = await traces.get("r-1")
    assert trace is not None
    assert trace.content is not None
    assert trace.content.drafts["a"] == "secret-draft (0.1)"
    assert all("secret-draft" not in repr(step) for step in trace.steps)


async def test_an_answer_keeps_its_label_in_the_turns_that_follow(traces: SqliteTraces) -> None:
    """Quoted from what is restricted, it comes back in the history of an innocent question: it goes no further up."""
    secret = hit("Mrs Doe was refunded 68.97 euros.", Label.RESTRICTED, "case.md")
    quoting = parts(traces, tier("tier-1", Rule(answer="She was refunded\n68.97 euros. [1]")), hits=[secret])
    first = await answer(request("What was refunded to Mrs Doe?"), quoting)
    assert first.label is Label.RESTRICTED
    cloud = tier("cloud", highest=Label.INTERNAL)
    turns = (
        Message(role="user", content="What was refunded to Mrs Doe?"),
        Message(role="assistant", content=" She was refunded 68.97 euros. [1] "),
        Message(role="user", content="Thanks. How much is the fibre?"),
    )
    for asker, reason in (
        (Principal(admin=True), "the conversation is restricted, and this tier may receive at most internal"),
        (Principal(), "what is asked may not go to this tier"),
    ):
        asked = Request(id="r-2", route="support", messages=turns, principal=asker)
        result = await answer(asked, parts(traces, cloud))
        assert not cloud.model.calls  # type: ignore[attr-defined]
        assert result.status == "abstained"
        assert result.steps[0].reason == reason
    trace = await traces.get("r-2")
    assert trace is not None
    assert trace.label is Label.RESTRICTED
    third = (*turns, Message(role="assistant", content=result.text), Message(role="user", content="Why?"))
    await answer(Request(id="r-3", route="support", messages=third), parts(traces, cloud))
    assert not cloud.model.calls  # type: ignore[attr-defined]
    await answer(Request(id="r-4", route="support", messages=third[3:]), parts(traces, cloud))
    assert cloud.model.calls, "that it abstained says nothing of what"  # type: ignore[attr-defined]


async def test_an_answer_that_carries_no_more_than_its_question_is_not_held_against_the_next(
    traces: SqliteTraces,
) -> None:
    cloud = tier("cloud", Rule(answer="29.99 [1]"), highest=Label.INTERNAL)
    first = await answer(request(), parts(traces, cloud))
    turns = (*request().messages, Message(role="assistant", content=first.text), Message(role="user", content="Why?"))
    assert (await answer(Request(id="r-2", route="support", messages=turns), parts(traces, cloud))).tier == "cloud"


async def test_a_client_that_leaves_while_a_draft_is_held_leaves_a_step(traces: SqliteTraces) -> None:
    slow = tier("tier-1", Rule(answer="one two three four", delay_s=10.0), threshold=0.6)
    asked = asyncio.create_task(answer(request(), parts(traces, slow)))
    while not slow.model.calls:  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    trace = await traces.get("r-1")
    assert trace is not None
    assert [(step.outcome, step.reason) for step in trace.steps] == [("abandoned", "the client left")]


async def test_a_failure_is_not_hidden_behind_a_refusal(traces: SqliteTraces) -> None:
    """Nobody could look at the evidence: that is no "I don't know"."""
    broken = tier("tier-1", Rule(fail="garbage"), threshold=0.6)
    cloud = tier("cloud", highest=Label.INTERNAL)
    with pytest.raises(UpstreamGarbage):
        await answer(request(), parts(traces, broken, cloud, hits=[hit(label=Label.RESTRICTED)]))


async def test_an_empty_quotation_is_no_answer(traces: SqliteTraces) -> None:
    quote = tier("quote", Rule(answer=""), generates=False)
    for asked in (request(), request(tier="quote")):
        result = await answer(asked, parts(traces, quote, hits=[]))
        assert (result.status, result.steps[0].reason) == ("abstained", "nothing to quote")
        assert result.confidence is None  # unknown is never 0


async def test_an_abstention_carries_the_label_of_the_titles_it_names(traces: SqliteTraces) -> None:
    public = [hit(), hit("More."), hit("Yet more.")]
    secret = msgspec.structs.replace(hit("She owes 3 euros.", Label.RESTRICTED, "case.md"), title="Case of Mrs Doe")
    unsure = tier("tier-1", Rule(answer="?"), threshold=0.9, highest=Label.INTERNAL)
    result = await answer(request(), parts(traces, unsure, hits=[*public, secret]))
    assert "Case of Mrs Doe [4]" in result.text
    assert result.label is Label.RESTRICTED


async def test_an_abstention_names_titles_as_words(traces: SqliteTraces) -> None:
    titles = ("[click](https://evil.example/?q=1)", "", "<img src=x>", "Box_prices")
    hits = [
        msgspec.structs.replace(hit(f"Passage {n}.", document=f"grille_tarifaire_{n}"), title=title)
        for n, title in enumerate(titles)
    ]
    unsure = tier("tier-1", Rule(answer="?"), threshold=0.9)
    result = await answer(request(), parts(traces, unsure, hits=hits))
    assert result.text.endswith(" The closest I found: click [1], grille tarifaire 1 [2], [3].")
    assert [source.title for source in result.sources][:1] == [titles[0]], "the source's own title is data"


async def test_a_tier_that_reads_fewer_passages_is_still_refused_what_a_lower_tier_quoted(traces: SqliteTraces) -> None:
    secret = hit("She was refunded 68.97 euros.", Label.RESTRICTED, "case.md")
    quote = tier("quote", Rule(answer="She was refunded 68.97 euros. [2]"), threshold=0.9)
    cloud = dataclasses.replace(tier("cloud", highest=Label.INTERNAL), passages=1)
    result = await answer(request(), parts(traces, quote, cloud, hits=[hit(), secret]))
    assert not cloud.model.calls  # type: ignore[attr-defined]
    assert result.steps[1].reason == "its evidence is restricted, and this tier may receive at most internal"


async def test_what_an_upstream_said_is_kept_among_the_words_only(traces: SqliteTraces) -> None:
    class Indiscreet(Fake):
        async def stream(self, prompt: Prompt):  # type: ignore[no-untyped-def, override]
            raise UpstreamGarbage("it failed", said="the prompt was: secret")
            yield

    indiscreet = wired("a", "m", Indiscreet())
    with pytest.raises(UpstreamGarbage) as raised:
        await answer(request(), parts(traces, indiscreet))
    assert "secret" in str(raised.value)
    trace = await traces.get("r-1")
    assert trace is not None
    assert trace.content is not None
    assert trace.content.errors == {"a": "the prompt was: secret"}
    assert "secret" not in repr(msgspec.structs.replace(trace, content=None))


# --- what must not be lost, and what must not stay -----------------------------------------------------------------


async def test_what_a_tier_wrote_before_it_failed_is_kept(traces: SqliteTraces) -> None:
    seen: list[str] = []
    landing = tier("a", Rule(answer="one two three", fail="cut", after=2))
    with pytest.raises(UpstreamGarbage):
        await _read(stream(request(), parts(traces, landing)), seen)
    trace = await traces.get("r-1")
    assert trace is not None
    assert trace.content is not None
    assert trace.content.drafts["a"] == "".join(seen)
    assert trace.usage is None, "unknown is never 0"


async def test_a_failed_tier_leaves_nothing_to_the_collector(traces: SqliteTraces) -> None:
    """Else each failed request holds its body until the collector comes."""
    built = parts(traces, tier("a", Rule(fail="unavailable"), threshold=0.5), tier("b", Rule(answer="ok (0.9)")))
    await answer(request(), built)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            await answer(request(), built)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [held for held in gc.garbage if isinstance(held, Journey | Request | BaseException)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == []


@pytest.mark.parametrize(
    ("asked", "refusal", "choices"),
    [
        ({"n": 3}, False, 3),
        ({"response_format": {"type": "json_object"}}, True, 1),
        ({"tool_choice": "required", "tools": ({"type": "function"},)}, True, 1),
        ({"response_format": {"type": "text"}, "tool_choice": "auto"}, False, 1),
    ],
)
async def test_an_abstention_has_the_form_that_was_asked_for_or_refuses_it(
    traces: SqliteTraces, asked: dict[str, Any], refusal: bool, choices: int
) -> None:
    landing = tier("a", Rule(answer="who knows (0.1)"), threshold=0.5)
    result = await answer(request(parameters=Parameters(**asked)), parts(traces, landing))
    assert result.status == "abstained"
    assert [choice.refusal for choice in result.draft.choices] == [refusal] * choices


async def test_a_parameter_that_stands_in_the_way_is_named_where_the_others_may_not_be_asked(
    traces: SqliteTraces,
) -> None:
    unable = tier("a", Rule(answer="x"), capabilities=frozenset({"chat"}))
    barred = tier("b", Rule(answer="y"), highest=Label.PUBLIC)
    with pytest.raises(InvalidRequest) as caught:
        await answer(request(parameters=Parameters(n=2)), parts(traces, unable, barred))
    assert caught.value.param == "n"
    assert "b might" in str(caught.value)


async def test_the_decision_says_who_was_skipped(traces: SqliteTraces) -> None:
    unable = tier("a", Rule(answer="x"), capabilities=frozenset({"chat"}))
    result = await answer(request(parameters=Parameters(n=2)), parts(traces, unable, tier("b", Rule(answer="y"))))
    assert "a skipped: a cannot honour `n`" in result.decision.reason


async def test_an_answer_carries_nothing_of_a_draft_that_was_thrown_away(traces: SqliteTraces) -> None:
    unsure = tier("tier-1", Rule(answer="?"), threshold=0.9)
    cloud = tier("cloud", Rule(answer="29.99 [1]"), highest=Label.INTERNAL)
    built = parts(traces, unsure, cloud, hits=[hit(), hit("secret", Label.RESTRICTED, "b.md")])
    result = await answer(request(label=Label.PUBLIC), built)
    assert (result.tier, result.label) == ("cloud", Label.PUBLIC)
    trace = await traces.get(result.id)
    assert trace is not None
    assert trace.content is not None
    assert (trace.label, trace.answers, trace.content.label) == (Label.PUBLIC, (), Label.RESTRICTED)


async def test_a_quotation_carries_what_it_quotes(traces: SqliteTraces) -> None:
    class Quoting(Fake):
        async def stream(self, prompt: Prompt):  # type: ignore[no-untyped-def, override]
            yield Delta(text="The fibre costs 29.99 euros. [1]")
            yield Cited(passages=(1,), features={})
            yield Finish(reason="stop")

    quoting = Quoting(card=msgspec.structs.replace(Fake().card, generates=False))
    home = wired("home", "quote", quoting, 0.0)
    built = parts(traces, home, hits=[hit(), hit("secret", Label.RESTRICTED, "b.md")])
    result = await answer(request(label=Label.PUBLIC), built)
    assert (result.label, result.steps[0].label) == (Label.PUBLIC, Label.RESTRICTED)


class Purse:
    """Counts what is spent."""

    def __init__(self) -> None:
        self.spent: list[tuple[str, float, int]] = []

    def spend(self, key: str, cost: float, tokens: int) -> None:
        self.spent.append((key, cost, tokens))

    def spending(self, key: str) -> Any: ...

    async def keep(self) -> None: ...


async def test_a_stream_that_is_left_before_its_count_is_paid_for(traces: SqliteTraces) -> None:
    """What was read was generated: leaving before the usage comes must not make it free."""
    words = " ".join(f"word{n}" for n in range(40))
    price = Price(input=1.0, output=1.0)
    landing = tier("tier-1", Rule(answer=words), price=price)
    purse, asked = Purse(), request(principal=Principal(name="ann", key="shop"))
    async with aclosing(stream(asked, parts(traces, landing, purse=purse))) as events:
        heard = ""
        async for event in events:
            heard += event.text if isinstance(event, Delta) else ""
            if "word39" in heard:
                break
    ((key, cost, tokens),) = purse.spent
    assert key == "shop"
    assert 40 <= tokens <= 400
    assert cost == pytest.approx(tokens / 1e6)
    trace = await traces.get("r-1")
    assert trace is not None
    assert (trace.status, trace.cost.basis, trace.usage) == ("abandoned", "estimated", None)


async def test_a_tier_that_failed_before_a_word_costs_nothing(traces: SqliteTraces) -> None:
    purse, asked = Purse(), request(principal=Principal(name="ann", key="shop"))
    broken = tier("tier-1", Rule(fail="garbage"), price=Price(input=1.0, output=1.0))
    with pytest.raises(UpstreamGarbage):
        await answer(asked, parts(traces, broken, purse=purse))
    assert purse.spent == [("shop", 0, 0)]
