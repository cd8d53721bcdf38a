"""What every model must do: subclass `ModelsSuite`, give it a `model` fixture, and run it with pytest.

    class TestMine(ModelsSuite):
        question = "What is the capital of France?"

        @pytest.fixture
        async def model(self):
            model = MyModel()
            yield model
            await model.close()

`question` is one that it answers, with three words or more. What its card does not claim is not asked of it.
Asynchronous tests need pytest-asyncio in auto mode.
"""

from __future__ import annotations

import asyncio
import math
import re
from typing import Any

import pytest

from palier.cards import CAPABILITIES
from palier.errors import InvalidRequest
from palier.interfaces import Model
from palier.types import Cited, Clearance, Delta, Event, Finish, Message, Metered, Parameters, Prompt, Usage

CLEARED = Clearance(purpose="draft", destination="suite", route="suite")
"""What the suite asks, a model may receive wherever it runs."""
LEAVE_S = 5.0
"""How soon leaving a stream must be over."""


def cleared(**fields: Any) -> Prompt:
    """A prompt that may go to any model."""
    return Prompt(id="suite", clearance=CLEARED, **fields)


def needs(model: Model, *capabilities: str) -> None:
    """Skip the test where the card does not claim these."""
    missing = set(capabilities) - model.card.capabilities
    if missing:
        pytest.skip(f"{model.card.name} does not claim {', '.join(sorted(missing))}")


class ModelsSuite:
    """The laws of `palier.interfaces.Model`."""

    question = "What is the capital of France?"
    max_tokens = 24

    def prompt(self, **parameters: Any) -> Prompt:
        """The question as a chat. Greedy, and short, so far as the model can be told."""
        wanted = {"max_tokens": self.max_tokens, "temperature": 0.0, **parameters}
        message = Message(role="user", content=self.question)
        return Prompt(
            id="suite", clearance=CLEARED, messages=(message,), question=self.question, parameters=Parameters(**wanted)
        )

    async def ask(self, model: Model, prompt: Prompt | None = None) -> list[Event]:
        return [event async for event in model.stream(prompt or self.prompt())]

    async def test_the_card_says_what_it_is(self, model: Model) -> None:
        assert model.card.name
        assert model.card.kind
        assert model.card.capabilities <= CAPABILITIES

    async def test_the_events_come_in_order(self, model: Model) -> None:
        needs(model, "chat")
        events = await self.ask(model)
        assert text(events).strip()
        assert kinds(events, Finish) == [len(events) - 1 - isinstance(events[-1], Metered)]
        assert kinds(events, Metered) in ([], [len(events) - 1])
        assert len(kinds(events, Cited)) <= 1
        assert all(event.text or event.logprobs for event in events if isinstance(event, Delta))

    async def test_what_is_metered_is_not_nothing(self, model: Model) -> None:
        needs(model, "chat")
        for event in await self.ask(model):
            if isinstance(event, Metered):
                if not model.card.generates:  # then there are no tokens, and that is known
                    assert event.usage == Usage()
                    continue
                assert event.usage.prompt > 0
                assert event.usage.completion > 0
                assert 0 <= event.usage.cached <= event.usage.prompt

    async def test_it_answers_several_at_once(self, model: Model) -> None:
        needs(model, "chat")
        answers = await asyncio.gather(*(self.ask(model) for _ in range(4)))
        assert all(text(events).strip() for events in answers)

    async def test_leaving_is_quick_and_harms_nothing(self, model: Model) -> None:
        needs(model, "chat")
        for _ in range(3):
            events = model.stream(self.prompt())
            await anext(events)
            async with asyncio.timeout(LEAVE_S):
                await events.aclose()
        assert text(await self.ask(model)).strip()

    async def test_a_cancelled_caller_leaves_too(self, model: Model) -> None:
        needs(model, "chat")
        asking = asyncio.create_task(self.ask(model))
        await asyncio.sleep(0)
        asking.cancel()
        async with asyncio.timeout(LEAVE_S):
            await asyncio.gather(asking, return_exceptions=True)
        assert text(await self.ask(model)).strip()

    async def test_max_tokens(self, model: Model) -> None:
        needs(model, "chat", "max_tokens")
        events = await self.ask(model, self.prompt(max_tokens=2))
        whole = text(await self.ask(model))
        assert len(text(events)) < len(whole)
        assert whole.startswith(text(events))
        assert Finish(reason="length") in events

    async def test_stop(self, model: Model) -> None:
        needs(model, "chat", "stop")
        whole = text(await self.ask(model))
        stop = re.findall(r"\w+", whole)[2]
        events = await self.ask(model, self.prompt(stop=(stop,)))
        assert text(events) == whole[: whole.index(stop)]
        assert Finish(reason="stop") in events

    async def test_choices(self, model: Model) -> None:
        needs(model, "chat", "n")
        events = await self.ask(model, self.prompt(n=3))
        assert sorted(event.choice for event in events if isinstance(event, Finish)) == [0, 1, 2]
        assert all(text(events, choice).strip() for choice in range(3))

    async def test_the_same_seed_gives_the_same_answer(self, model: Model) -> None:
        needs(model, "chat", "seed", "temperature")
        await self.ask(model)  # a prompt that was seen may be computed otherwise, to the last bit
        one, other = [text(await self.ask(model, self.prompt(seed=42, temperature=1.0))) for _ in range(2)]
        assert one == other

    @pytest.mark.parametrize("top", [0, 2])
    async def test_log_probabilities(self, model: Model, top: int) -> None:
        needs(model, "chat", "logprobs", *(["top_logprobs"] if top else []))
        events = await self.ask(model, self.prompt(logprobs=True, top_logprobs=top))
        tokens = [token for event in events if isinstance(event, Delta) for token in event.logprobs]
        assert tokens
        for token in tokens:
            assert math.isnan(token.logprob) or token.logprob <= 0
            assert len(token.top) == top
        plain = await self.ask(model)
        assert not any(event.logprobs for event in plain if isinstance(event, Delta))

    async def test_a_completion(self, model: Model) -> None:
        needs(model, "completions")
        parameters = Parameters(max_tokens=self.max_tokens, temperature=0.0)
        events = await self.ask(model, cleared(text="The capital of France is", parameters=parameters))
        assert text(events).strip()
        assert len(kinds(events, Finish)) == 1

    async def test_an_echo_begins_with_the_prompt(self, model: Model) -> None:
        needs(model, "completions", "echo", "logprobs")
        parameters = Parameters(max_tokens=2, echo=True, logprobs=True, top_logprobs=1)
        events = await self.ask(model, cleared(text="The capital of France is", parameters=parameters))
        assert text(events).startswith("The capital of France is")
        tokens = [token for event in events if isinstance(event, Delta) for token in event.logprobs]
        assert "".join(token.token for token in tokens) == text(events)
        assert math.isnan(tokens[0].logprob), "nothing comes before the first token"

    async def test_a_prompt_that_is_too_long_is_told_with_both_numbers(self, model: Model) -> None:
        if model.card.context is None or not model.card.generates or model.card.context > 20_000:
            pytest.skip(f"the context of {model.card.name} is not known, or too large to fill here")
        message = Message(role="user", content="word " * (model.card.context * 2))
        parameters = Parameters(max_tokens=1)
        with pytest.raises(InvalidRequest, match=rf"\d+.*\b{model.card.context}\b"):
            await self.ask(model, cleared(messages=(message,), parameters=parameters))

    async def test_health_has_a_word_for_people(self, model: Model) -> None:
        await self.ask(model)
        ready, words = await model.health()
        assert ready
        assert words

    async def test_closing_twice_is_closing(self, model: Model) -> None:
        await model.close()
        await model.close()


def text(events: list[Event], choice: int = 0) -> str:
    """What choice `choice` says."""
    return "".join(event.text for event in events if isinstance(event, Delta) and event.choice == choice)


def kinds(events: list[Event], kind: type) -> list[int]:
    """Where events of `kind` are."""
    return [place for place, event in enumerate(events) if isinstance(event, kind)]
