"""`/v1/chat/completions` received: the OpenAI API's request, checked and turned into palier's nouns."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from palier.errors import InvalidRequest
from palier.server.wire import Wire, check_depth, decode, object_of
from palier.server.wire_parameters import Generation, MaxTokens, ShortText, sampling
from palier.types import JSON, Label, Message, Parameters, ToolCall

FunctionName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

REFUSED = {
    "audio": "palier answers in text",
    "modalities": 'palier answers in text; leave it out or send ["text"]',
    "prediction": "no tier takes a predicted output",
    "web_search_options": "palier searches its own collections only",
    "reasoning_effort": "no tier has a reasoning budget",
    "verbosity": "no tier has it; say it in a system message",
    "moderation": "palier moderates by its guards, not by request",
    "functions": "it is deprecated; send `tools`",
    "function_call": "it is deprecated; send `tool_choice`",
    "prompt_cache_retention": "palier keeps no prompt cache beyond the engine's own",
    "prompt_cache_options": "palier keeps no prompt cache beyond the engine's own",
    "store": "palier records by its own settings ([store] in palier.toml); leave it out or send false",
    "service_tier": "there is one service; leave it out or send `auto` or `default`",
}


class TextPart(Wire, frozen=True, kw_only=True, tag_field="type", tag="text"):
    text: str


class RefusalPart(Wire, frozen=True, kw_only=True, tag_field="type", tag="refusal"):
    refusal: str


Content = str | Annotated[list[TextPart], Meta(min_length=1, max_length=1000)]


class Turn(Wire, frozen=True, kw_only=True):
    """What every message may have: `label` is palier's own, and says how confidential this one is. It only raises."""

    label: Label | None = None


class SystemMessage(Turn, frozen=True, kw_only=True, tag_field="role", tag="system"):
    content: Content
    name: ShortText | None = None


class DeveloperMessage(SystemMessage, frozen=True, kw_only=True, tag_field="role", tag="developer"):
    """What OpenAI's newer models call a system message."""


class UserMessage(Turn, frozen=True, kw_only=True, tag_field="role", tag="user"):
    content: Content
    name: ShortText | None = None


class CalledFunction(Wire, frozen=True, kw_only=True):
    """`parsed_arguments` is what the `openai` client adds to an answer that is sent back to it."""

    name: FunctionName
    arguments: str
    parsed_arguments: Any = None


class FunctionCall(Wire, frozen=True, kw_only=True, tag_field="type", tag="function"):
    """`index` is a leftover of a stream."""

    id: ShortText
    function: CalledFunction
    index: int | None = None


class AssistantMessage(Turn, frozen=True, kw_only=True, tag_field="role", tag="assistant"):
    """An earlier answer, as it came: what is only ever null or empty in one is taken so, and what clients add to it."""

    content: str | list[TextPart | RefusalPart] | None = None
    name: ShortText | None = None
    refusal: str | None = None
    tool_calls: Annotated[list[FunctionCall], Meta(max_length=128)] | None = None
    annotations: Annotated[list[Any], Meta(max_length=0)] | None = None
    audio: None = None
    function_call: None = None
    parsed: Any = None


class ToolMessage(Turn, frozen=True, kw_only=True, tag_field="role", tag="tool"):
    content: Content
    tool_call_id: ShortText
    name: ShortText | None = None


ChatMessage = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage


class FunctionDefinition(Wire, frozen=True, kw_only=True):
    name: FunctionName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Wire, frozen=True, kw_only=True, tag_field="type", tag="function"):
    function: FunctionDefinition


class NamedFunction(Wire, frozen=True, kw_only=True):
    name: FunctionName


class NamedTool(Wire, frozen=True, kw_only=True, tag_field="type", tag="function"):
    function: NamedFunction


class TextFormat(Wire, frozen=True, kw_only=True, tag_field="type", tag="text"):
    pass


class JsonObjectFormat(Wire, frozen=True, kw_only=True, tag_field="type", tag="json_object"):
    pass


class JsonSchema(Wire, frozen=True, kw_only=True):
    name: FunctionName
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class JsonSchemaFormat(Wire, frozen=True, kw_only=True, tag_field="type", tag="json_schema"):
    json_schema: JsonSchema


class ChatRequest(Generation, frozen=True, kw_only=True):
    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=2048)]
    max_tokens: MaxTokens | None = None
    max_completion_tokens: MaxTokens | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: Annotated[list[Tool], Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    # harmless, without effect
    metadata: Annotated[dict[ShortText, ShortText], Meta(max_length=16)] | None = None
    safety_identifier: ShortText | None = None
    prompt_cache_key: ShortText | None = None
    # accepted with the one value that means what palier does
    store: bool | None = None
    service_tier: Literal["auto", "default"] | None = None
    modalities: Annotated[list[Literal["text"]], Meta(min_length=1, max_length=1)] | None = None
    # refused, but for null
    audio: None = None
    prediction: None = None
    web_search_options: None = None
    reasoning_effort: None = None
    verbosity: None = None
    moderation: None = None
    functions: None = None
    function_call: None = None
    prompt_cache_retention: None = None
    prompt_cache_options: None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.store:
            raise InvalidRequest(f"`store` is not supported: {REFUSED['store']}", param="store")
        if self.top_logprobs is not None and not self.logprobs:
            raise InvalidRequest("`top_logprobs` needs `logprobs: true`", param="top_logprobs")
        if self.max_tokens and self.max_completion_tokens and self.max_tokens != self.max_completion_tokens:
            raise InvalidRequest(
                f"`max_tokens` is {self.max_tokens} and `max_completion_tokens` is {self.max_completion_tokens}",
                hint="they mean the same: send one",
                param="max_tokens",
            )


_DECODER = msgspec.json.Decoder(ChatRequest)


def decode_chat(body: bytes) -> ChatRequest:
    """A chat request, checked. Raises `InvalidRequest` naming the field."""
    return decode(_DECODER, body, REFUSED)


def messages(wire: ChatRequest) -> tuple[Message, ...]:
    """The conversation. Raises `InvalidRequest` for a tool's result that answers no call."""
    called: set[str] = set()
    turns = []
    for index, message in enumerate(wire.messages):
        turn = _message(message, f"messages[{index}]")
        if message.label is not None:
            turn = msgspec.structs.replace(turn, label=message.label)
        called.update(call.id for call in turn.tool_calls)
        if turn.tool_call_id is not None and turn.tool_call_id not in called:
            param = f"messages[{index}].tool_call_id"
            raise InvalidRequest(f"`{param}` is `{turn.tool_call_id}`: no tool call before it has this id", param=param)
        turns.append(turn)
    return tuple(turns)


def _message(message: ChatMessage, path: str) -> Message:
    match message:
        case SystemMessage():
            return Message(role="system", content=_text(message.content), name=message.name)
        case UserMessage():
            return Message(role="user", content=_text(message.content), name=message.name)
        case ToolMessage():
            return Message(
                role="tool", content=_text(message.content), name=message.name, tool_call_id=message.tool_call_id
            )
    content = message.content if message.content is not None else message.refusal
    calls = tuple(
        ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
        for call in message.tool_calls or ()
    )
    if content is None and not calls:
        raise InvalidRequest(f"`{path}.content` is required where there is no tool call", param=f"{path}.content")
    return Message(role="assistant", content=_text(content or ""), name=message.name, tool_calls=calls)


def _text(content: str | list[TextPart] | list[TextPart | RefusalPart]) -> str:
    """Text parts are paragraphs: joined by a line break."""
    if isinstance(content, str):
        return content
    return "\n".join(part.text if isinstance(part, TextPart) else part.refusal for part in content)


def parameters(wire: ChatRequest) -> Parameters:
    """How to generate. Raises `InvalidRequest` for combinations that mean nothing."""
    tools = tuple(_tool(tool, index) for index, tool in enumerate(wire.tools or ()))
    return Parameters(
        **sampling(wire),
        max_tokens=wire.max_completion_tokens or wire.max_tokens,
        logprobs=bool(wire.logprobs),
        top_logprobs=wire.top_logprobs or 0,
        tools=tools,
        tool_choice=_tool_choice(wire),
        parallel_tool_calls=_parallel(wire),
        response_format=_response_format(wire),
    )


def _tool(tool: Tool, index: int) -> JSON:
    check_depth(tool.function.parameters, f"tools[{index}].function.parameters")
    return {"type": "function", "function": object_of(tool.function)}


def _tool_choice(wire: ChatRequest) -> str | JSON | None:
    choice = wire.tool_choice
    if choice is None or (choice == "none" and not wire.tools):
        return None
    if not wire.tools:
        raise InvalidRequest("`tool_choice` is only allowed with `tools`", param="tool_choice")
    if isinstance(choice, str):
        return choice
    names = [tool.function.name for tool in wire.tools]
    if choice.function.name not in names:
        raise InvalidRequest(
            f"`tool_choice.function.name` is `{choice.function.name}`, which is not among `tools`",
            param="tool_choice.function.name",
        )
    return {"type": "function", "function": {"name": choice.function.name}}


def _parallel(wire: ChatRequest) -> bool | None:
    if wire.parallel_tool_calls is not None and not wire.tools:
        raise InvalidRequest("`parallel_tool_calls` is only allowed with `tools`", param="parallel_tool_calls")
    return wire.parallel_tool_calls


def _response_format(wire: ChatRequest) -> JSON | None:
    match wire.response_format:
        case JsonObjectFormat():
            return {"type": "json_object"}
        case JsonSchemaFormat(json_schema=schema):
            check_depth(schema.schema, "response_format.json_schema.schema")
            return {"type": "json_schema", "json_schema": object_of(schema)}
    return None
