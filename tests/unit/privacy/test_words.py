"""What a client wrote, taken out of a request and put back."""

from __future__ import annotations

from palier.privacy.words import Words
from palier.types import Hit, Label, Message, Parameters, Request, ToolCall

TOOL = {
    "type": "function",
    "function": {
        "name": "call_back",
        "description": "Call Ada back",
        "parameters": {
            "type": "object",
            "properties": {"number": {"type": "string", "enum": ["06 39 98 00 01"], "description": "of Ada"}},
            "required": ["number"],
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


def test_all_that_the_client_wrote_is_a_text_and_no_name_is() -> None:
    assert written(ASKED) == [
        "Be brief.",
        "I am Ada.",
        "number",
        "06 39 98 00 01",
        "Ada was called.",
        "Call Ada back",
        "06 39 98 00 01",
        "of Ada",
        "Ada:",
    ]
    assert written(Request(id="r", route="x", text="Once", parameters=Parameters(suffix="end"))) == ["Once", "end"]


def test_texts_come_back_to_their_places() -> None:
    words = Words(ASKED, [PASSAGE])
    told, passages = words.with_texts(
        [text.replace("Ada", "<P1>").replace("06 39 98 00 01", "<T1>") for text in words.texts]
    )
    assert written(told) == [text.replace("Ada", "<P1>").replace("06 39 98 00 01", "<T1>") for text in written(ASKED)]
    assert told.messages[2].tool_calls == (ToolCall(id="call-1", name="call_back", arguments='{"number":"<T1>"}'),)
    assert told.messages[3].tool_call_id == "call-1"
    function = told.parameters.tools[0]["function"]
    assert function["name"] == "call_back"
    assert function["parameters"]["required"] == ["number"]
    assert function["parameters"]["properties"]["number"]["enum"] == ["<T1>"]
    assert (passages[PASSAGE.key].text, passages[PASSAGE.key].title) == ("<P1> moved.", "<P1>")


def test_who_speaks_is_not_told() -> None:
    told, _ = Words(ASKED).with_texts(Words(ASKED).texts)
    assert [message.name for message in told.messages] == [None, None, None, "call_back"]


def test_an_escape_hides_nothing_in_a_tools_arguments() -> None:
    hidden = ToolCall(
        id="c", name="f", arguments='{"mail": "ada\\u0040maison.example", "card": 4970101234567890, "ok": true}'
    )
    asked = Request(id="r", route="x", messages=(Message(role="assistant", tool_calls=(hidden,)),))
    words = Words(asked)
    assert words.texts == ["mail", "ada@maison.example", "card", "4970101234567890", "ok"]
    told, _ = words.with_texts(["mail", "<M>", "card", "<C>", "ok"])
    assert told.messages[0].tool_calls[0].arguments == '{"mail":"<M>","card":"<C>","ok":true}'
    same, _ = words.with_texts(words.texts)
    assert '"card":4970101234567890' in same.messages[0].tool_calls[0].arguments


def test_arguments_that_are_no_json_are_one_text() -> None:
    odd = ToolCall(id="c", name="f", arguments='{"mail": "ada')
    asked = Request(id="r", route="x", messages=(Message(role="assistant", tool_calls=(odd,)),))
    assert Words(asked).texts == ['{"mail": "ada']
