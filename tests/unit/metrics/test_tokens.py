"""Tokens by their characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from palier.metrics.tokens import counted, estimated
from palier.types import Choice, Draft, Message, Outcome, Parameters, Prompt, Step, TokenLogprob, ToolCall, Usage


def prompt(*said: str, **fields: object) -> Prompt:
    messages = tuple(Message(role="user", content=text) for text in said)
    return Prompt(id="p", messages=messages, **fields)  # type: ignore[arg-type]


def draft(*texts: str) -> Draft:
    return Draft(choices=tuple(Choice(text=text) for text in texts))


def test_what_was_sent_and_what_was_heard_both_count() -> None:
    english = "The fibre costs 29.99 euros a month, and the first three months are free."
    found = estimated(prompt(english), draft(english, english))
    assert 16 <= found.completion / 2 <= 22  # 18 by o200k_base
    assert found.prompt >= found.completion / 2
    assert estimated(prompt(), draft()).completion == 0
    assert estimated(Prompt(id="p", text=english), draft()).prompt >= 16


def test_tools_and_their_calls_count_too() -> None:
    tools = ({"type": "function", "function": {"name": "note", "parameters": {"type": "object"}}},)
    bare, given_tools = prompt("hello"), prompt("hello", parameters=Parameters(tools=tools))
    assert estimated(given_tools, draft()).prompt > estimated(bare, draft()).prompt + 15
    called = Draft(choices=(Choice(tool_calls=(ToolCall(id="c", name="note", arguments='{"a": "long enough"}'),)),))
    assert estimated(bare, called).completion >= 5


def test_tokens_that_came_one_by_one_are_counted() -> None:
    tokens = tuple(TokenLogprob(token="a", logprob=-1.0) for _ in range(9))
    assert estimated(prompt("q"), Draft(choices=(Choice(text="a" * 9, logprobs=tokens),))).completion == 9


@given(st.text(), st.text())
def test_law_more_text_takes_no_fewer_tokens(one: str, more: str) -> None:
    assert estimated(prompt(one), draft(one)).prompt <= estimated(prompt(one + more), draft(one)).prompt
    assert (estimated(prompt(one), draft(one)).completion > 0) == bool(one)


def step(outcome: Outcome, usage: Usage | None) -> Step:
    return Step(tier="t", model="m", outcome=outcome, reason="", usage=usage)


def test_a_head_below_an_upstream_that_does_not_count_is_not_nothing() -> None:
    head, some = step("climbed", Usage()), step("answered", Usage(prompt=3, completion=2))
    assert counted([head, step("answered", None)]) is None
    assert counted([step("answered", None)]) is None
    assert counted([]) is None
    assert counted([head, some]) == Usage(prompt=3, completion=2)
    assert counted([head, step("skipped", None), step("failed", None), some]) == Usage(prompt=3, completion=2)
