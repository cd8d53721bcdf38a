"""Events to a draft and back lose nothing, however the text was cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from palier.pipeline.drafts import Collector, replay
from palier.types import Choice, Draft, Finish, Metered, TokenLogprob, ToolCall, Usage

CHOICE = st.builds(
    Choice,
    text=st.text(max_size=40),
    tool_calls=st.lists(
        st.builds(
            ToolCall,
            id=st.text(min_size=1, max_size=5),
            name=st.text(min_size=1, max_size=5),
            arguments=st.text(max_size=9),
        ),
        max_size=2,
    ).map(tuple),
    finish=st.sampled_from(["stop", "length", "tool_calls"]),
    logprobs=st.lists(st.builds(TokenLogprob, token=st.text(max_size=3), logprob=st.floats(-9, 0)), max_size=3).map(
        tuple
    ),
)


def collect(draft: Draft) -> Draft:
    collector = Collector()
    for event in replay(draft):
        collector.add(event)
    return collector.draft()


@given(st.lists(CHOICE, min_size=1, max_size=3), st.none() | st.builds(Usage, prompt=st.integers(0, 9)))
def test_replay_then_collect_is_the_identity(choices: list[Choice], usage: Usage | None) -> None:
    kept = [c if c.text or not c.tool_calls else Choice(tool_calls=c.tool_calls, finish=c.finish) for c in choices]
    found = collect(Draft(choices=tuple(kept), usage=usage))
    assert found.choices == tuple(kept)
    assert found.usage == usage


def test_the_clock_starts_when_the_tier_is_asked_and_notes_the_first_event() -> None:
    collector = Collector()
    assert collector.draft().first_ms is None
    collector.add(Finish(reason="stop"))
    collector.add(Metered(usage=Usage(completion=1)))
    draft = collector.draft()
    assert draft.first_ms is not None
    assert 0 <= draft.first_ms <= draft.latency_ms
