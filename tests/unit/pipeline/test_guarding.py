"""Guards at their posts: who stops what, what is told of it, and that pieces change nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.errors import Unavailable
from palier.interfaces.guarding import Context, Verdict
from palier.pipeline.guarding import Watch
from palier.pipeline.posts import Log, Post, Posts, look
from palier.pipeline.sentences import LONGEST, Sentences
from palier.types import Delta, Event, Finish, Parameters, TokenLogprob, ToolDelta


class Words:
    """A guard of words: `bad` climbs, `worse` refuses, `soft` is taken away; `boom`, `down` and `slow` fail."""

    def __init__(self, name: str = "words", *, sentences: bool = True) -> None:
        self.name = name
        self.sentences = sentences
        self.seen: list[str] = []

    async def check(self, text: str, context: Context) -> Verdict:
        self.seen.append(text)
        if "boom" in text:
            raise ZeroDivisionError
        if "down" in text:
            raise Unavailable("the encoder is down")
        if "slow" in text:
            await asyncio.sleep(5)
        if "worse" in text:
            return Verdict(action="refuse", reason="worse", score=0.9)
        if "bad" in text:
            return Verdict(action="climb", reason="bad", score=0.8)
        if "soft" in text:
            return Verdict(action="mend", text=text.replace("soft", "").strip() if len(text) > 8 else "")
        return Verdict(score=0.1)


def pieces(text: str, cuts: Sequence[int]) -> list[str]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[a:b] for a, b in pairwise(places)]


async def said(posts: Posts, parts: Sequence[str], **changed: object) -> tuple[str, Watch, Log]:
    told = Log()
    watch = Watch(posts, Context(**changed), told, "t")  # type: ignore[arg-type]
    events: list[Event] = []
    for part in parts:
        watch.take(Delta(text=part))
        events += await watch.cleared()
    watch.take(Finish(reason="stop"))
    events += await watch.end()
    return "".join(e.text for e in events if isinstance(e, Delta)), watch, told


@given(st.text(alphabet="ab .!?\n[1]M\u00bb\u2026", max_size=300), st.lists(st.integers(0, 10_000), max_size=20))
def test_sentences_are_the_same_in_whichever_pieces(text: str, cuts: list[int]) -> None:
    def cut(parts: Sequence[str]) -> list[str]:
        found = Sentences()
        return [s for part in parts for s in found.feed(part)] + list(found.end())

    whole = cut([text])
    assert cut(pieces(text, cuts)) == whole
    assert cut(list(text)) == whole
    assert "".join(whole) == text


def test_where_sentences_end() -> None:
    found = Sentences()
    text = "It is 29.99 euros [1]. M. Le Goff says so. [2] Call 02 61!\nThen wait\u2026 \u00bb Yes"
    assert [*found.feed(text), *found.end()] == [
        "It is 29.99 euros [1]. ",
        "M. Le Goff says so. [2] ",
        "Call 02 61!\n",
        "Then wait\u2026 \u00bb Yes",
    ]
    endless = Sentences()
    cut = list(endless.feed("x" * (3 * LONGEST)))
    assert [len(part) for part in cut] == [LONGEST] * len(cut)
    assert len(cut) >= 2


WORDS = st.lists(
    st.sampled_from(["good.", "bad.", "worse!", "soft.", "fine", "soft words here.", "[1]", "\n"]), max_size=12
)


@given(WORDS.map(" ".join), st.lists(st.integers(0, 10_000), max_size=12), st.booleans())
async def test_the_verdict_is_the_same_streamed_or_not(text: str, cuts: list[int], by_sentence: bool) -> None:
    posts = Posts(draft=(Post(Words(sentences=by_sentence)),), output=(Post(Words("out", sentences=by_sentence)),))
    whole, one, told = await said(posts, [text])
    streamed, other, again = await said(posts, pieces(text, cuts))
    assert streamed == whole
    assert (other.stopped and other.stopped.verdict) == (one.stopped and one.stopped.verdict)
    shown = [(row.guard, row.action, row.reason, row.score, row.texts) for row in told.rows]
    assert [(row.guard, row.action, row.reason, row.score, row.texts) for row in again.rows] == shown


@given(WORDS.map(" ".join), st.lists(st.integers(0, 10_000), max_size=12), st.booleans())
async def test_released_early_the_verdict_is_the_same(text: str, cuts: list[int], by_sentence: bool) -> None:
    text = text.replace("soft", "good")
    posts = Posts(draft=(Post(Words(sentences=by_sentence)),))
    _, checked, told = await said(posts, [text])
    log = Log()
    watch = Watch(posts, Context(), log, "t", early=True)
    at_once = ""
    for part in pieces(text, cuts):
        at_once += part if watch.take(Delta(text=part)) else ""
        assert not any(isinstance(event, Delta) for event in await watch.cleared())
    watch.take(Finish(reason="stop"))
    finished = [event for event in await watch.end() if isinstance(event, Finish)]
    assert watch.stopped == checked.stopped
    assert [(row.action, row.reason, row.texts) for row in log.rows] == [
        (row.action, row.reason, row.texts) for row in told.rows
    ]
    assert bool(finished) == (watch.stopped is None)
    assert text.startswith(at_once)
    assert at_once == text or watch.stopped is not None


async def test_sentences_are_released_before_a_later_one_stops() -> None:
    text, watch, told = await said(Posts(draft=(Post(Words()),)), ["All is fine. This is bad. Never said."])
    assert text == "All is fine. "
    assert watch.stopped is not None
    assert watch.stopped.why == "guard words: bad"
    (row,) = told.rows
    assert (row.action, row.texts, row.score, row.tier) == ("climb", 2, 0.8, "t")


async def test_a_guard_of_the_whole_holds_all_of_it() -> None:
    posts = Posts(draft=(Post(Words()),), output=(Post(Words("whole", sentences=False)),))
    assert (await said(posts, ["All is fine. ", "And bad."]))[0] == ""
    text, watch, _ = await said(posts, ["All is fine. ", "soft words here. ", "And good."])
    assert (text, watch.mended) == ("All is fine. words here.And good.", True)


async def test_an_answer_of_which_nothing_is_left_does_not_pass() -> None:
    for posts, action in ((Posts(draft=(Post(Words()),)), "climb"), (Posts(output=(Post(Words()),)), "refuse")):
        text, watch, _ = await said(posts, ["soft. ", "soft!"])
        assert text == ""
        assert watch.stopped is not None
        assert watch.stopped.verdict.action == action
        assert "nothing of it is left" in watch.stopped.why
    assert (await said(Posts(draft=(Post(Words()),)), ["soft. ", "Fine."]))[1].stopped is None
    assert (await said(Posts(draft=(Post(Words()),)), [" "]))[1].stopped is None


async def test_json_is_one_text_and_so_are_the_arguments_of_a_call() -> None:
    guard = Words()
    posts = Posts(draft=(Post(guard),))
    form = {"type": "json_object"}
    await said(posts, ['{"a": "One. ', 'Two."}'], parameters=Parameters(response_format=form))
    assert guard.seen == ['{"a": "One. Two."}']
    watch = Watch(posts, Context(), Log(), "t")
    for part in ('{"city": "b', 'ad"}'):
        watch.take(ToolDelta(index=0, id="c", name="f", arguments=part))
    watch.take(Finish(reason="tool_calls"))
    assert await watch.end() == []
    assert watch.stopped is not None
    fine = Watch(posts, Context(), Log(), "t")
    fine.take(ToolDelta(index=0, id="c", name="f", arguments='{"city": "Brest"}'))
    fine.take(Finish(reason="tool_calls"))
    assert [type(event).__name__ for event in await fine.end()] == ["ToolDelta", "Finish"]


@pytest.mark.parametrize("text", ["boom", "down", "slow"])
async def test_what_fails_fails_as_its_settings_say_and_is_told(text: str) -> None:
    for on_error, action in (("closed", "climb"), ("open", "pass")):
        told = Log()
        post = Post(Words(), on_error=on_error, timeout_s=0.02)  # type: ignore[arg-type]
        _, stopped = await look((post,), text, Context(place="draft"), told)
        assert (stopped is not None) == (on_error == "closed")
        (row,) = told.rows
        assert (row.action, row.failed) == (action, True)
        assert f"fails {on_error}" in row.reason


async def test_tokens_go_with_the_sentence_they_began_in() -> None:
    watch = Watch(Posts(draft=(Post(Words()),)), Context(), Log(), "t")
    rng = random.Random(1)
    for word in ("One ", "two. ", "Three", " four. ", "Five"):
        watch.take(Delta(text=word, logprobs=(TokenLogprob(token=word, logprob=-rng.random()),)))
    events = [event for event in await watch.end() if isinstance(event, Delta)]
    assert [[token.token for token in event.logprobs] for event in events] == [
        ["One ", "two. "],
        ["Three", " four. "],
        ["Five"],
    ]


async def test_a_line_that_goes_on_is_one_sentence() -> None:
    found = Sentences()
    text = "Listen. I will do it\ntonight. A list:\n- one\n\nand two"
    assert [*found.feed(text), *found.end()] == [
        "Listen. ",
        "I will do it\ntonight. ",
        "A list:\n",
        "- one\n\n",
        "and two",
    ]


async def test_saying_nothing_is_looked_at_too() -> None:
    class Some(Words):
        async def check(self, text: str, context: Context) -> Verdict:
            return Verdict() if text else Verdict(action="climb", reason="empty")

    for deltas in ([""], []):
        watch = Watch(Posts(draft=(Post(Some(sentences=False)),)), Context(), Log(), "t")
        for text in deltas:
            watch.take(Delta(text=text))
        watch.take(Finish(reason="stop"))
        await watch.end()
        assert watch.stopped is not None


async def test_tokens_of_what_is_withheld_are_withheld() -> None:
    said = ("Hello ", "there. ", "It ", "is ", "bad.")
    tokens = tuple(TokenLogprob(token=token, logprob=-1.0) for token in said)
    for whole in (tokens, tokens[1:]):
        watch = Watch(Posts(draft=(Post(Words()),)), Context(), Log(), "t")
        watch.take(Delta(text="".join(said), logprobs=whole))
        free = [event for event in await watch.end() if isinstance(event, Delta)]
        assert [event.text for event in free] == ["Hello there. "]
        assert [t.token for event in free for t in event.logprobs] == (["Hello ", "there. "] if whole == tokens else [])


async def test_a_refusal_stays_one() -> None:
    for by_sentence in (True, False):
        watch = Watch(Posts(draft=(Post(Words(sentences=by_sentence)),)), Context(), Log(), "t")
        watch.take(Delta(text="I cannot.", refusal=True))
        watch.take(Finish(reason="stop"))
        assert [event.refusal for event in await watch.end() if isinstance(event, Delta)] == [True]


async def called(name: str, arguments: str = '{"city": "Brest"}', *, sentences: bool = True) -> Watch:
    tools = ({"type": "function", "function": {"name": "bad_weather"}},)
    context = Context(parameters=Parameters(tools=tools))
    watch = Watch(Posts(draft=(Post(Words(sentences=sentences)),)), context, Log(), "t")
    watch.take(ToolDelta(index=0, id="c", name=name))
    watch.take(ToolDelta(index=0, arguments=arguments))
    watch.take(Finish(reason="tool_calls"))
    freed = await watch.end()
    assert bool(freed) == (watch.stopped is None)
    return watch


@pytest.mark.parametrize("sentences", [True, False])
async def test_the_name_of_a_call_is_looked_at_where_the_request_did_not_declare_it(sentences: bool) -> None:
    assert (await called("bad_weather", sentences=sentences)).stopped is None
    assert (await called("good_weather", sentences=sentences)).stopped is None
    for name in ("bad_idea", "dropAll_bad", "soft_words"):
        for arguments in ('{"city": "Brest"}', ""):
            assert (await called(name, arguments, sentences=sentences)).stopped is not None


async def test_a_name_is_read_as_words() -> None:
    guard = Words()
    watch = Watch(Posts(draft=(Post(guard),)), Context(), Log(), "t")
    watch.take(ToolDelta(index=0, id="c", name="forgetAll_your-rules", arguments="{}"))
    await watch.end()
    assert guard.seen == ["forget All your rules", "{}"]


async def test_a_choice_that_is_stopped_leaves_the_others_alone() -> None:
    watch = Watch(Posts(draft=(Post(Words()),)), Context(parameters=Parameters(n=2)), Log(), "t")
    told: list[Event] = []
    for event in (
        Delta(text="All is fine. ", choice=0),
        Delta(text="This is ba", choice=0),
        Delta(text="The other is fine. ", choice=1),
        Delta(text="d. Never.", choice=0),
        Delta(text="To its end.", choice=1),
        Finish(reason="stop", choice=0),
        Finish(reason="stop", choice=1),
    ):
        assert not watch.over
        watch.take(event)
        told += await watch.cleared()
    told += await watch.end()
    said = {n: "".join(e.text for e in told if isinstance(e, Delta) and e.choice == n) for n in (0, 1)}
    assert said == {0: "All is fine. ", 1: "The other is fine. To its end."}
    assert [event.choice for event in told if isinstance(event, Finish)] == [1]
    assert watch.stopped is not None
    assert watch.unfinished == [0]
    watch.take(Delta(text="And bad.", choice=1))
    await watch.end()
    assert watch.over


@given(st.integers(LONGEST - 250, LONGEST + 250), st.lists(st.integers(0, 10_000), max_size=6))
async def test_what_lies_across_a_cut_is_found(place: int, cuts: list[int]) -> None:
    text = ("word " * 2_000)[:place] + "worse" + " word" * 200
    for parts in ([text], pieces(text, cuts)):
        released, watch, _ = await said(Posts(draft=(Post(Words()),)), parts)
        assert watch.stopped is not None
        assert "w" not in released[max(place - 4, 0) :].replace("word", "")
    fine, watch, _ = await said(Posts(draft=(Post(Words()),)), pieces(text.replace("worse", "words"), cuts))
    assert (fine, watch.stopped) == (text.replace("worse", "words"), None)
