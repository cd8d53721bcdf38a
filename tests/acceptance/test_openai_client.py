"""The official `openai` client against a real gateway: what an application does."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import openai
import pytest
from pydantic import BaseModel
from tests.serving import Served

HELLO: Any = [{"role": "user", "content": "hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def asked(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture
def client(gateway: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0) as made:
        yield made


@pytest.fixture
async def aclient(gateway: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0) as made:
        yield made


def test_a_whole_answer_with_its_provenance(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="support", messages=HELLO, temperature=0, max_completion_tokens=50)
    assert answer.choices[0].message.content == "Brest is in Brittany."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4
    provenance: Any = answer.model_extra
    assert provenance["palier"]["tier"] == "tier-1"
    assert provenance["palier"]["trace"] == answer.id
    assert answer._request_id is not None


def test_a_tier_by_itself(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="stairs/tier-2", messages=HELLO)
    assert answer.model == "stairs/tier-2"
    assert answer.model_extra is not None
    assert [step["tier"] for step in answer.model_extra["palier"]["steps"]] == ["tier-2"]


def test_a_stream_with_usage_and_the_palier_object(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="support", messages=asked("count"), stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "one two three four five"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 5
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].model_extra is not None
    assert chunks[-1].model_extra["palier"]["tier"] == "tier-1"


async def test_the_asynchronous_client(aclient: openai.AsyncOpenAI) -> None:
    answer = await aclient.chat.completions.create(model="support", messages=asked("count"), n=2)
    assert [choice.message.content for choice in answer.choices] == ["one two three four five"] * 2
    text = ""
    async with aclient.chat.completions.stream(model="support", messages=asked("count")) as stream:
        async for event in stream:
            if event.type == "content.delta":
                text += event.delta
    assert text == "one two three four five"
    assert (await stream.get_final_completion()).choices[0].message.content == text


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_goes_back(client: openai.OpenAI, stream: bool) -> None:
    question = asked("What is the weather in Brest?")
    if stream:
        with client.chat.completions.stream(model="support", messages=question, tools=[WEATHER]) as events:
            answer: Any = events.get_final_completion()
    else:
        answer = client.chat.completions.create(model="support", messages=question, tools=[WEATHER])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    (call,) = choice.message.tool_calls or []
    assert (call.id, call.function.name, json.loads(call.function.arguments)) == (
        "call_1",
        "weather",
        {"city": "Brest"},
    )
    after = client.chat.completions.create(
        model="support",
        messages=[
            *question,
            choice.message,
            {"role": "tool", "tool_call_id": "call_1", "content": "raining"},
            {"role": "user", "content": "hello"},
        ],
        tools=[WEATHER],
    )
    assert after.choices[0].message.content == "Brest is in Brittany."


class City(BaseModel):
    city: str
    rain: bool


def test_structured_output_is_parsed(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(model="support", messages=asked("a city"), response_format=City)
    assert answer.choices[0].message.parsed == City(city="Brest", rain=True)
    loose = client.chat.completions.create(
        model="support", messages=asked("a city"), response_format={"type": "json_object"}
    )
    assert json.loads(loose.choices[0].message.content or "") == {"city": "Brest", "rain": True}


def test_logprobs_with_and_without_alternatives(client: openai.OpenAI) -> None:
    for top in (None, 2):
        extra: Any = {} if top is None else {"top_logprobs": top}
        answer = client.chat.completions.create(model="support", messages=asked("count"), logprobs=True, **extra)
        logprobs = answer.choices[0].logprobs
        assert logprobs is not None
        tokens = logprobs.content or []
        assert "".join(token.token for token in tokens) == "one two three four five"
        assert bytes(tokens[1].bytes or []).decode() == " two"
        assert [len(token.top_logprobs) for token in tokens] == [top or 0] * 5
    legacy = client.completions.create(model="support", prompt="count", logprobs=2)
    assert legacy.choices[0].logprobs is not None
    assert legacy.choices[0].logprobs.text_offset == [0, 3, 7, 13, 18]


def test_stop_and_length(client: openai.OpenAI) -> None:
    stopped = client.chat.completions.create(model="support", messages=asked("count"), stop=[" four"])
    assert stopped.choices[0].message.content == "one two three"
    cut = client.chat.completions.create(model="support", messages=asked("count"), max_tokens=2)
    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("one two", "length")


def test_embeddings_as_the_client_asks_for_them(gateway: Served, client: openai.OpenAI) -> None:
    name = gateway.palier.encoder.name
    answer = client.embeddings.create(model=name, input=["la pluie", "the rain"])
    first, second = (np.array(item.embedding) for item in answer.data)
    assert first @ second > 0.5
    short = client.embeddings.create(model=name, input="la pluie", dimensions=32, encoding_format="float")
    assert len(short.data[0].embedding) == 32
    assert answer.usage.total_tokens > 0


def test_models_by_list_and_by_name(gateway: Served, client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names[:2] == ["support", "support/tier-1"]
    assert gateway.palier.encoder.name in names
    for name in names:
        assert client.models.retrieve(name).id == name
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("support/none")


def test_errors_arrive_as_the_clients_own(gateway: Served, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(model="support", messages=HELLO, temperature=5)
    assert bad.value.param == "temperature"
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="nobody", messages=HELLO)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="support", messages=asked("fail: busy"))
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="support", messages=asked("fail: unavailable"))
    with (
        openai.OpenAI(base_url=gateway.base_url, api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_a_failure_in_the_middle_of_a_stream_is_raised(client: openai.OpenAI) -> None:
    words = ""
    with pytest.raises(openai.APIError, match="scripted failure: cut"):  # noqa: PT012  the words before it matter
        for chunk in client.chat.completions.create(model="support", messages=asked("cut after three"), stream=True):
            words += chunk.choices[0].delta.content or ""
    assert words == "one two three"


def test_a_client_that_breaks_off_a_stream_leaves_no_generation(gateway: Served, client: openai.OpenAI) -> None:
    model: Any = gateway.palier.models["scripted"]
    before = model.abandoned
    with client.chat.completions.create(model="support", messages=asked("slowly"), stream=True) as stream:
        next(iter(stream))
    deadline = time.monotonic() + 10
    while model.abandoned == before and time.monotonic() < deadline:
        client.models.list()
    assert model.abandoned > before
