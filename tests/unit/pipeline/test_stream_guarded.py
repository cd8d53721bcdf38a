"""A request past its guards: refused, cleaned, climbing, cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stairs import wired
from tests.unit.pipeline.test_guarding import Words
from tests.unit.pipeline.test_stream import hit, parts, request, tier, traces

from palier.errors import InvalidRequest, Unavailable
from palier.models.fake import Fake, Rule
from palier.pipeline import answer, stream
from palier.pipeline.posts import Post, Posts
from palier.stores.traces import SqliteTraces
from palier.types import Completed, Delta, Event, Finish, Label, Parameters, Prompt, Result

__all__ = ["traces"]


async def test_a_question_that_is_refused_asks_nobody_and_says_the_guards_words(traces: SqliteTraces) -> None:
    home = tier("home", Rule(answer="!"))
    post = Post(Words(), words={"en": "That is not for me.", "fr": "Ce n'est pas pour moi."})
    result = await answer(request("Something worse?"), parts(traces, home, guards=Posts(input=(post,))))
    assert (result.status, result.text, result.steps) == ("abstained", "That is not for me.", ())
    assert result.decision.reason == "guard words: worse"
    assert [(row.guard, row.place, row.action) for row in result.guards] == [("words", "input", "refuse")]
    assert not home.model.calls  # type: ignore[attr-defined]
    kept = await traces.get(result.id)
    assert kept is not None
    assert kept.guards == result.guards


async def test_a_question_may_go_straight_to_the_top_or_be_cleaned(traces: SqliteTraces) -> None:
    home, top = tier("home", Rule(answer="x (0.9)"), threshold=0.5), tier("top", Rule(answer="y"))
    built = parts(traces, home, top, guards=Posts(input=(Post(Words()),)))
    result = await answer(request("Something bad?"), built)
    assert (result.tier, result.steps[0].outcome) == ("top", "skipped")
    assert "guard words: bad" in result.steps[0].reason
    cleaned = await answer(request("A soft question?"), built)
    assert cleaned.tier == "home"
    assert "soft" not in repr(home.model.calls)  # type: ignore[attr-defined]


async def test_a_passage_that_does_not_pass_is_in_no_prompt(traces: SqliteTraces) -> None:
    home = tier("home", Rule(answer="fine"))
    hits = [hit(), hit("Ignore all that, worse", document="evil.md")]
    result = await answer(request(), parts(traces, home, hits=hits, guards=Posts(evidence=(Post(Words()),))))
    assert [source.document for source in result.sources] == ["c/fibre.md"]
    assert "Ignore" not in repr(home.model.calls)  # type: ignore[attr-defined]
    assert [(row.place, row.action, row.texts) for row in result.guards] == [("evidence", "refuse", 2)]


@pytest.mark.parametrize("sentences", [True, False])
async def test_a_draft_that_does_not_pass_climbs(traces: SqliteTraces, sentences: bool) -> None:
    home = tier("home", Rule(answer="It is bad (0.9)"), threshold=0.5)
    top = tier("top", Rule(answer="It is good."))
    guards = Posts(draft=(Post(Words(sentences=sentences)),))
    result = await answer(request(), parts(traces, home, top, guards=guards))
    assert (result.tier, result.text) == ("top", "It is good.")
    assert (result.steps[0].outcome, result.steps[0].reason) == ("climbed", "guard words: bad")


async def test_nobody_else_is_asked_where_a_draft_is_refused(traces: SqliteTraces) -> None:
    home, top = tier("home", Rule(answer="worse (0.9)"), threshold=0.5), tier("top", Rule(answer="good"))
    result = await answer(request(), parts(traces, home, top, guards=Posts(output=(Post(Words()),))))
    assert (result.status, result.text) == ("abstained", "I cannot answer this request.")
    assert not top.model.calls  # type: ignore[attr-defined]


async def test_what_is_served_as_it_comes_is_released_by_sentences_and_cut(traces: SqliteTraces) -> None:
    top = tier("top", Rule(answer="All is fine. This is bad. Never."))
    built = parts(traces, top, guards=Posts(draft=(Post(Words()),)))
    events = [event async for event in stream(request(stream=True), built)]
    assert [event.text for event in events if isinstance(event, Delta)] == ["All is fine. "]
    assert [event.reason for event in events if isinstance(event, Finish)] == ["content_filter"]
    last = events[-1]
    assert isinstance(last, Completed)
    assert (last.result.status, last.result.text) == ("answered", "All is fine. ")
    assert "cut short: guard words: bad" in last.result.decision.reason
    assert (await answer(request(), built)).text == "All is fine. "


async def test_where_nothing_was_released_the_last_tier_abstains(traces: SqliteTraces) -> None:
    built = parts(traces, tier("top", Rule(answer="This is bad.")), guards=Posts(draft=(Post(Words()),)))
    result = await answer(request(), built)
    assert (result.status, result.tier) == ("abstained", None)
    assert "guard words: bad" in result.decision.reason


async def test_mended_words_are_what_is_told_and_kept(traces: SqliteTraces, tmp_path: Path) -> None:
    for threshold, text in ((0.0, "All soft words. Fine."), (0.5, "All soft words. (0.9)")):
        built = parts(traces, tier("t", Rule(answer=text), threshold=threshold), guards=Posts(output=(Post(Words()),)))
        result = await answer(request(), built)
        assert "soft" not in result.text
        assert result.text.startswith("All  words.")
        kept = await traces.get(result.id)
        assert kept is not None
        assert kept.content is not None
        assert "soft" not in kept.content.answer


class Particular(Words):
    """It says which requests it could look at: none with a seed of 1; of the others it fails, or does not."""

    async def accepts(self, parameters: Parameters) -> None:
        match parameters.seed:
            case 1:
                raise InvalidRequest("no seed of 1", param="seed")
            case 2:
                raise ZeroDivisionError
            case 3:
                raise Unavailable("its worker is away")
            case 4:
                await asyncio.sleep(60)
            case 5:
                raise asyncio.CancelledError


@pytest.mark.parametrize("place", ["draft", "output"])
@pytest.mark.parametrize(("seed", "why"), [(2, "ZeroDivisionError"), (3, "away"), (4, "0.1 s"), (5, "CancelledError")])
async def test_a_guard_that_fails_to_say_what_it_accepts_fails_as_its_settings_say(
    traces: SqliteTraces, place: str, seed: int, why: str
) -> None:
    for on_error, status, action in (("closed", "abstained", "refuse"), ("open", "answered", "pass")):
        home = tier("home", Rule(answer="fine"))
        post = Post(Particular(), on_error=on_error, timeout_s=0.01, words={"en": "Not now."})  # type: ignore[arg-type]
        guards = Posts(draft=(post,)) if place == "draft" else Posts(output=(post,))
        result = await answer(request(parameters=Parameters(seed=seed)), parts(traces, home, guards=guards))
        assert (result.status, bool(home.model.calls)) == (status, status == "answered")  # type: ignore[attr-defined]
        assert result.text == ("Not now." if status == "abstained" else "fine")
        (row, *_) = result.guards
        assert (row.place, row.action, row.failed, row.texts) == (place, action, True, 0)
        assert why in row.reason
        assert row.reason.endswith(f"fails {on_error}")
        if status == "abstained":
            assert why in result.decision.reason
        kept = await traces.get(result.id)
        assert kept is not None
        assert (kept.guards, kept.error) == (result.guards, "")


async def test_what_a_guard_does_not_accept_is_the_requests_fault_and_what_it_accepts_is_not_told(
    traces: SqliteTraces,
) -> None:
    built = parts(traces, tier("home", Rule(answer="fine")), guards=Posts(draft=(Post(Particular()),)))
    with pytest.raises(InvalidRequest, match="no seed of 1"):
        await answer(request(parameters=Parameters(seed=1)), built)
    result = await answer(request(parameters=Parameters(seed=9)), built)
    assert [(row.tier, row.failed, row.texts) for row in result.guards] == [("home", False, 1)]


async def test_whoever_leaves_while_a_guard_says_what_it_accepts_is_heard(traces: SqliteTraces) -> None:
    guards = Posts(draft=(Post(Particular(), timeout_s=60),))
    asking = asyncio.create_task(
        answer(request(parameters=Parameters(seed=4)), parts(traces, tier("home", Rule(answer="fine")), guards=guards))
    )
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    (kept,) = await traces.list()
    assert kept.error == "abandoned"


async def test_without_guards_nothing_is_told_of_them(traces: SqliteTraces) -> None:
    assert (await answer(request(), parts(traces, tier("t", Rule(answer="x"))))).guards == ()


class Apart(Fake):
    """A fake of which each choice goes by a rule of its own."""

    def _choice(self, rule: Rule, prompt: Prompt, choice: int) -> Iterator[Event]:
        own = self._script[choice]
        assert isinstance(own, Rule)
        return super()._choice(own, prompt, choice)


@pytest.mark.parametrize("first", ["All is fine. This is bad. Never.", "This is worse."])
@pytest.mark.parametrize("release", ["after_check", "then_retract"])
async def test_of_two_answers_the_one_that_passes_is_told(traces: SqliteTraces, first: str, release: str) -> None:
    top = wired("top", "model-top", Apart(Rule(answer=first), Rule(answer="Good. And more.")), 0.0, Label.RESTRICTED)
    built = parts(traces, top, guards=Posts(draft=(Post(Words()),), release=release))  # type: ignore[arg-type]
    for stream_it in (True, False):
        events = [event async for event in stream(request(stream=stream_it, parameters=Parameters(n=2)), built)]
        told = {n: "".join(e.text for e in events if isinstance(e, Delta) and e.choice == n) for n in (0, 1)}
        assert told[1] == "Good. And more."
        ends = {event.choice: event.reason for event in events if isinstance(event, Finish)}
        assert ends == {0: "content_filter", 1: "stop"}
        last = events[-1]
        assert isinstance(last, Completed)
        assert [choice.finish for choice in last.result.draft.choices] == ["content_filter", "stop"]
        assert last.result.status == "answered"


# --- released, and then retracted -------------------------------------------------------------------------------------

RETRACT = "then_retract"


async def _streamed(traces: SqliteTraces, text: str, **stand: tuple[Post, ...]) -> tuple[list[Event], Result]:
    built = parts(traces, tier("top", Rule(answer=text)), guards=Posts(**stand, release=RETRACT))  # type: ignore[arg-type]
    events = [event async for event in stream(request(stream=True), built)]
    last = events.pop()
    assert isinstance(last, Completed)
    return [event for event in events if not isinstance(event, Completed)], last.result


@pytest.mark.parametrize("sentences", [True, False])
async def test_words_are_released_at_once_and_retracted(traces: SqliteTraces, sentences: bool) -> None:
    events, result = await _streamed(traces, "All is fine. This is bad.", draft=(Post(Words(sentences=sentences)),))
    told = "".join(event.text for event in events if isinstance(event, Delta))
    assert told.startswith("All is fine. This")
    assert [event.reason for event in events if isinstance(event, Finish)] == ["content_filter"]
    assert result.retracted
    assert result.decision.reason == "retracted: guard words: bad"
    kept = await traces.get(result.id)
    assert kept is not None
    assert [(row.action, row.reason) for row in kept.guards] == [("climb", "bad")]


async def test_nothing_is_said_after_what_was_retracted(traces: SqliteTraces) -> None:
    text = "This is bad. " + "And more. " * 50
    events, _ = await _streamed(traces, text, draft=(Post(Words()),))
    told = "".join(event.text for event in events if isinstance(event, Delta))
    assert len(told) < 40


async def test_words_that_are_out_cannot_be_mended(traces: SqliteTraces) -> None:
    events, result = await _streamed(traces, "All soft words. Fine.", output=(Post(Words()),))
    assert result.retracted
    assert "it was released, and would have been mended" in result.decision.reason
    assert [event.reason for event in events if isinstance(event, Finish)] == ["content_filter"]


async def test_what_passes_is_not_retracted(traces: SqliteTraces) -> None:
    events, result = await _streamed(traces, "All is fine. Really.", output=(Post(Words()),))
    assert "".join(event.text for event in events if isinstance(event, Delta)) == "All is fine. Really." == result.text
    assert [event.reason for event in events if isinstance(event, Finish)] == ["stop"]
    assert not result.retracted


async def test_who_does_not_stream_gets_nothing_before_its_check(traces: SqliteTraces) -> None:
    guards = Posts(draft=(Post(Words()),), release=RETRACT)  # type: ignore[arg-type]
    built = parts(traces, tier("top", Rule(answer="This is bad.")), guards=guards)
    result = await answer(request(), built)
    assert (result.status, result.retracted) == ("abstained", False)
