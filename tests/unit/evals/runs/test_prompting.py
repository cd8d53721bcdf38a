"""Placeholders are filled in once; whatever texts hold is left as it is."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.installation import suite

from palier.cards import ModelCard
from palier.cases import Case
from palier.errors import ConfigurationError
from palier.evals.runs import prompting
from palier.types import Message


@given(st.text(), st.text(), st.text())
def test_what_is_put_in_is_not_read_again(text: str, evidence: str, label: str) -> None:
    case = Case(id="1", input=text, evidence=(evidence,))
    made = prompting.fill("{labels}|{input}|{evidence}", case.input, case, (label,))
    assert made == f"{label}|{text}|{evidence}"


def test_other_braces_mean_nothing() -> None:
    case = Case(id="1", input="a {b} {0} {input}")
    prompt = 'Answer {"city": {"name": "..."}} or {{input}}: {input}'
    assert prompting.fill(prompt, case.input, case) == 'Answer {"city": {"name": "..."}} or {input}: a {b} {0} {input}'


def test_a_dialogue_is_asked_in_its_last_user_turn() -> None:
    turns = (
        Message(role="user", content="Hello"),
        Message(role="assistant", content="Yes?"),
        Message(role="user", content="The fibre?"),
    )
    made = prompting.messages(Case(id="1", messages=turns), "Briefly: {input}")
    assert [turn.content for turn in made] == ["Hello", "Yes?", "Briefly: The fibre?"]
    assert made[0] is turns[0]


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("Say {inptu} of {input}", "did you mean `{input}`"),
        ("Hello", "has no `{input}`"),
        ("{input} {labels}", "the suite has none"),
        ("{input} {evidence}", "2 cases have none, `1` the first"),
    ],
)
def test_what_cannot_be_filled_in_is_said(prompt: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        prompting.check(prompt, suite("a", "b"), "the prompt")
    assert words in str(raised.value)


def test_what_a_tier_cannot_honour_is_not_sent() -> None:
    able = ModelCard(name="a", kind="endpoint", capabilities=frozenset({"chat", "temperature", "seed"}))
    less = msgspec.structs.replace(able, capabilities=frozenset({"chat", "temperature"}))
    assert prompting.parameters(suite("a"), [able]).seed == prompting.SEED
    both = prompting.parameters(suite("a"), [able, less])
    assert (both.temperature, both.seed) == (0.0, None)
    schema = {"type": "object"}
    asked = prompting.parameters(suite("a", schema=schema), [less]).response_format
    assert asked is not None
    assert asked["json_schema"]["schema"] == schema, "what is asked for stays, whoever cannot give it"
