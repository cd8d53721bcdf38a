"""What a client wrote, taken out of a request and put back."""

from __future__ import annotations

from typing import Any

import pytest

from palier.errors import InvalidRequest, TooLarge
from palier.privacy.words import Words
from palier.types import Hit, Label, Message, Parameters, Request, ToolCall

TOOL = {
    "type": "function",
    "function": {
        "name": "call_back",
        "description": "Call Ada back",
        "parameters": {
            "type": "object",
            "properties": {"line": {"type": "string", "enum": ["06 39 98 00 01"], "description": "of Ada"}},
            "required": ["line"],
        },
    },
}
CALL = ToolCall(id="call-1", name="call_back", arguments='{"number": "06 39 98 00 01"}')
ASKED = Request(
    id="r",
    route="support",
    messages=(
        Message(role="system", content="Be brief."),
        Message(role="user", content="I am Ada.", name="ada"),
        Message(role="assistant", tool_calls=(CALL,)),
        Message(role="tool", content="Ada was called.", tool_call_id="call-1", name="call_back"),
    ),
    parameters=Parameters(tools=(TOOL,), stop=("Ada:",)),
)
PASSAGE = Hit(collection="c", document="d", passage=0, text="Ada moved.", title="Ada", score=1.0, label=Label.INTERNAL)


def written(request: Request) -> list[str]:
    return Words(request).texts


def hidden(text: str) -> str:
    return text.replace("Ada", "<P1>").replace("06 39 98 00 01", "<T1>")


def called_with(arguments: str) -> Request:
    call = ToolCall(id="c", name="f", arguments=arguments)
    return Request(id="r", route="x", messages=(Message(role="assistant", tool_calls=(call,)),))


def test_all_that_the_client_wrote_is_a_text() -> None:
    assert written(ASKED) == [
        "Be brief.",
        "I am Ada.",
        "06 39 98 00 01",
        "Ada was called.",
        "call_back",
        "Call Ada back",
        "line",
        "06 39 98 00 01",
        "of Ada",
        "line",
        "Ada:",
    ]
    assert written(Request(id="r", route="x", text="Once", parameters=Parameters(suffix="end"))) == ["Once", "end"]


def test_texts_come_back_to_their_places() -> None:
    words = Words(ASKED, [PASSAGE])
    told, passages = words.with_texts([hidden(text) for text in words.texts])
    assert written(told) == [hidden(text) for text in written(ASKED)]
    assert told.messages[2].tool_calls[0].arguments == '{"number": "<T1>"}'
    function = told.parameters.tools[0]["function"]
    assert function["name"] == "call_back"
    assert function["parameters"]["required"] == ["line"]
    assert function["parameters"]["properties"]["line"]["enum"] == ["<T1>"]
    assert (passages[PASSAGE.key].text, passages[PASSAGE.key].title) == ("<P1> moved.", "<P1>")


def test_nothing_else_changes_where_no_text_does() -> None:
    told, _ = Words(ASKED).with_texts(Words(ASKED).texts)
    assert [message.content for message in told.messages] == [message.content for message in ASKED.messages]
    assert told.messages[2].tool_calls[0].arguments == CALL.arguments
    assert told.parameters == ASKED.parameters


def test_who_speaks_is_not_told() -> None:
    told, _ = Words(ASKED).with_texts(Words(ASKED).texts)
    assert [message.name for message in told.messages] == [None] * 4


def test_identifiers_of_calls_are_made_anew_and_still_fit() -> None:
    mail = "ada@maison.example"
    first, second = (ToolCall(id=own, name="f", arguments="{}") for own in (mail, "other"))
    asked = Request(
        id="r",
        route="x",
        messages=(
            Message(role="assistant", tool_calls=(first, second)),
            Message(role="tool", content="b", tool_call_id="other"),
            Message(role="tool", content="a", tool_call_id=mail),
        ),
    )
    told, _ = Words(asked).with_texts(Words(asked).texts)
    ids = [call.id for call in told.messages[0].tool_calls]
    assert ids == [told.messages[2].tool_call_id, told.messages[1].tool_call_id]
    assert len({*ids}) == 2
    assert all(new.isalnum() and len(new) == 9 and new != "other" for new in ids)


@pytest.mark.parametrize(
    "place", ["default", "enum", "examples", "const", "pattern", "properties", "required", "title"]
)
def test_every_string_of_a_schema_is_a_text(place: str) -> None:
    mail = "ada@maison.example"
    value = [{"name": mail, "id": mail}] if place in ("enum", "examples") else {mail: {"type": mail}}
    schema = {"type": "object", place: mail if place in ("const", "pattern", "title") else value}
    asked = Request(
        id="r",
        route="x",
        parameters=Parameters(
            tools=({"type": "function", "function": {"name": "f", "parameters": schema}},),
            response_format={"type": "json_schema", "json_schema": {"name": "g", "schema": schema}},
        ),
    )
    told, _ = Words(asked).with_texts([text.replace(mail, "<M>") for text in Words(asked).texts])
    sent = repr(told.parameters)
    assert mail not in sent
    assert sent.count("<M>") == repr(asked.parameters).count(mail)
    assert told.parameters.tools[0]["function"]["name"] == "f"


def test_numbers_of_a_schema_are_texts() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"const": 33639981234, "minimum": 3}}}
    asked = Request(id="r", route="x", parameters=Parameters(tools=(tool,)))
    told, _ = Words(asked).with_texts([text.replace("33639981234", "<N>") for text in Words(asked).texts])
    assert told.parameters.tools[0]["function"]["parameters"] == {"const": "<N>", "minimum": 3}


ESCAPED = "ada\\u0040maison\\u002eexample"


@pytest.mark.parametrize(
    "arguments",
    [
        f'{{"mail": "{ESCAPED}"}}',
        f'{{"n": NaN, "mail": "{ESCAPED}"}}',
        f'{{"n": "\\ud800", "mail": "{ESCAPED}"}}',
        f'{{"n": "line\nbreak", "mail": "{ESCAPED}"}}',
        f'{{"mail": "{ESCAPED}", "n": 1, "n": 2}}',
        '{"json": "{\\"mail\\": \\"ada\\\\u0040maison.example\\"}"}',
        f'{{"mail": "{ESCAPED}',
        f"{{'mail': '{ESCAPED}'}}",
        "[" * 5000 + f'"{ESCAPED}"' + "]" * 5000,
    ],
)
def test_an_escape_hides_nothing_in_a_tools_arguments(arguments: str) -> None:
    asked = called_with(arguments)
    words = Words(asked)
    assert any("ada@maison.example" in text for text in words.texts)
    told, _ = words.with_texts([text.replace("ada@maison.example", "<M>") for text in words.texts])
    sent = told.messages[0].tool_calls[0].arguments
    assert "<M>" in sent
    assert "0040" not in sent
    same, _ = words.with_texts(words.texts)
    assert same.messages[0].tool_calls[0].arguments == arguments


def test_an_escape_hides_nothing_in_what_a_tool_told() -> None:
    told = '{"mail": "ada\\u0040maison.example", "by": "L\\u00e9a \\ud83d\\ude00 \\ud800 \\u0022 \\u000a"}'
    asked = Request(id="r", route="x", messages=(Message(role="tool", content=told),))
    words = Words(asked)
    assert words.texts == ['{"mail": "ada@maison.example", "by": "Léa 😀 \\ud800 \\u0022 \\u000a"}']
    assert words.with_texts(words.texts)[0].messages == asked.messages


def test_numbers_of_a_tools_arguments_stay_as_they_were_written() -> None:
    arguments = (
        '{"x": 1.10, "y":1e3,  "z": 12345678901234567890123, "card": 4970101234567890, "phone": 3.3639981234e10}'
    )
    words = Words(called_with(arguments))
    told, _ = words.with_texts(
        [{"4970101234567890": "<C>", "33639981234": "<N>"}.get(text, text) for text in words.texts]
    )
    assert told.messages[0].tool_calls[0].arguments == arguments.replace("4970101234567890", '"<C>"').replace(
        "3.3639981234e10", '"<N>"'
    )


@pytest.mark.parametrize(
    "odd",
    ["call 06 39 98 12 34", "06 39 98 12 34", "06,39", "[00:11:22:33]", "[10:11:12]", '{"a": "b" "c"}', '{"a": b}'],
)
def test_arguments_that_are_no_json_are_one_text(odd: str) -> None:
    assert Words(called_with(odd)).texts == [odd]


@pytest.mark.parametrize("depth", [100, 600, 900, 5000, 200_000])
def test_arguments_may_be_nested_as_deep_as_they_like(depth: int) -> None:
    arguments = "[" * depth + '"Ada"' + "]" * depth
    told, _ = Words(called_with(arguments)).with_texts(["<P1>"])
    assert told.messages[0].tool_calls[0].arguments == arguments.replace("Ada", "<P1>")


def test_a_schema_nested_too_deep_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(100_000):
        schema = {"items": schema}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    with pytest.raises(InvalidRequest, match="`tools` is nested too deep"):
        Words(Request(id="r", route="x", parameters=Parameters(tools=(tool,))))


@pytest.mark.parametrize("arguments", [f"[{'1,' * 20_000}1]", "[1]"])
def test_values_have_a_limit(arguments: str) -> None:
    calls = tuple(ToolCall(id="c", name="f", arguments=arguments) for _ in range(20_001 if len(arguments) < 9 else 1))
    with pytest.raises(TooLarge):
        Words(Request(id="r", route="x", messages=(Message(role="assistant", tool_calls=calls),)))
