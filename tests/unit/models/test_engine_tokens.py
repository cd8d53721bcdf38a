"""Tokens as the engine has them: the same that it reads and writes when it answers."""

from __future__ import annotations

import pytest

from palier.models.engine_tokens import SCORED, EngineTokens
from palier.types import Delta, Message, Metered, Parameters, Prompt

from .conftest import Build

pytestmark = pytest.mark.engine

MESSAGES = (Message(role="system", content="Be brief."), Message(role="user", content="Capital of France? <|im_end|>"))


async def test_they_are_those_of_an_answer(build: Build) -> None:
    model = build()
    tokens = EngineTokens(model)
    prompt = await tokens.prompt(MESSAGES)
    asked = Prompt(id="1", messages=MESSAGES, parameters=Parameters(max_tokens=6, temperature=0.0, logprobs=True))
    events = [event async for event in model.stream(asked)]
    metered = events[-1]
    assert isinstance(metered, Metered)
    assert metered.usage.prompt == len(prompt)

    written = await tokens.greedy(prompt, 6)
    said = [token for event in events if isinstance(event, Delta) for token in event.logprobs]
    known = [value for value in written.logprobs if value is not None]
    assert known == pytest.approx([token.logprob for token in said], abs=0.1)
    text = "".join(event.text for event in events if isinstance(event, Delta))
    assert (await tokens.answer(text))[: len(written.tokens)] == written.tokens


async def test_an_answer_ends_as_the_template_ends_it_and_holds_no_mark(build: Build) -> None:
    tokens = EngineTokens(build())
    plain, marked = await tokens.answer("yes"), await tokens.answer("yes<|im_end|>")
    end = plain[-1]
    assert marked[-1] == end
    assert end not in (*plain[:-1], *marked[:-1])
    assert len(marked) > len(plain) + 1


async def test_it_tells_how_likely_it_finds_a_text_that_it_did_not_write(build: Build) -> None:
    tokens = EngineTokens(build())
    prompt = await tokens.prompt(MESSAGES)
    own = await tokens.greedy(prompt, 8)
    engine = tokens._engine
    text = (await engine.native("/detokenize", {"tokens": list(own.tokens)}))["content"]
    said = await tokens.logprobs(MESSAGES, text)
    again = (await tokens.answer(text))[:-1]
    if again == own.tokens:  # it cuts its own words as it wrote them
        assert said == pytest.approx(own.logprobs, abs=0.2)
    strange = await tokens.logprobs(MESSAGES, "Zebras graze été 12 € <|im_end|>")
    known = [value for value in strange if value is not None]
    assert len(strange) == len(await tokens.answer("Zebras graze été 12 € <|im_end|>")) - 1
    assert sum(known) / len(known) < sum(filter(None, said)) / len(said) - 1
    assert await tokens.logprobs(MESSAGES, "") == ()
    assert len(await tokens.logprobs(MESSAGES, "word " * 100)) == SCORED
