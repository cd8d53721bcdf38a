"""What the embedded engine makes of texts: its own template, its own tokens, and how likely it finds what it writes.

A student is taught on exactly what the engine will read. So the engine itself lays out the messages and cuts them into
tokens; nobody else's reading of a template or of a vocabulary stands in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from palier.errors import UpstreamGarbage
from palier.models import engine_request
from palier.models.engine import Engine
from palier.types import Data, Message, Parameters, Prompt

SCORED = 64
"""Tokens of a text whose log-probabilities are told: it is written one by one."""
_ANSWER, _AFTER = "palier-answer", "palier-after"


class Written(Data, frozen=True, kw_only=True):
    """What the engine wrote greedily after a prompt: token ids, and the log-probability (nats) of each.

    None where the engine tells none: of a token that ends within a character.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float | None, ...]


class EngineTokens:
    """Tokens as `engine` has them. Raises what `Engine.native` raises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._end: tuple[int, ...] | None = None

    async def prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The ids that a chat of `messages` begins with, up to where the answer is to come."""
        return await self._cut(await self._laid_out(messages), begins=True, marks=True)

    async def answer(self, text: str) -> tuple[int, ...]:
        """The ids of an answer, with the one that ends it. Marks of the template in it are words."""
        if self._end is None:
            self._end = (await self._cut(await self._ending(), begins=False, marks=True))[:1]
            if not self._end:
                raise UpstreamGarbage("the chat template of these weights does not say where an answer ends")
        return (*await self._cut(text, begins=False, marks=False), *self._end)

    async def greedy(self, tokens: Sequence[int], limit: int, adapter: str = "") -> Written:
        """At most `limit` tokens that follow `tokens`, each the likeliest, under `adapter` ("": the base alone)."""
        return await self._written(tokens, limit, adapter, cache_prompt=False)

    async def logprobs(self, messages: Sequence[Message], answer: str) -> tuple[float | None, ...]:
        """See `interfaces.Scorer`: of the first `SCORED` tokens, by the base alone.

        The engine tells only of what it writes. So it is made to write the answer: a grammar of its tokens, one after
        the other, leaves it nothing else, and log-probabilities are those before any grammar.
        """
        wanted = (await self._cut(answer, begins=False, marks=False))[:SCORED]
        if not wanted:
            return ()
        grammar = f"root ::= {' '.join(f'<[{token}]>' for token in wanted)}"
        written = await self._written(
            await self.prompt(messages), len(wanted), grammar=grammar, post_sampling_probs=False, cache_prompt=True
        )
        if written.tokens != wanted:
            raise UpstreamGarbage("the engine wrote other tokens than its grammar left it")
        return written.logprobs

    async def _written(self, tokens: Sequence[int], limit: int, adapter: str = "", **more: Any) -> Written:
        adapters = self._engine.adapters
        body = {
            "prompt": list(tokens),
            "n_predict": limit,
            "n_probs": 1,
            "return_tokens": True,
            "temperature": 0.0,
            "stream": False,
            "lora": [{"id": n, "scale": float(name == adapter)} for n, name in enumerate(adapters)],
            **more,
        }
        said = await self._engine.native("/completion", body)
        written = _field(said, "tokens", list[int])
        # Where it ends at once, it tells of no probabilities.
        found = _field(said, "completion_probabilities", list[_Token]) if written else []
        logprobs: list[float | None] = [None] * len(written)
        place = 0
        for one in found:
            try:
                place = written.index(one.id, place)
            except ValueError:
                raise UpstreamGarbage("the engine told of a token that it did not write") from None
            logprobs[place] = one.logprob
            place += 1
        return Written(tokens=tuple(written), logprobs=tuple(logprobs))

    async def _laid_out(self, messages: Sequence[Message]) -> str:
        prompt = Prompt(id="", messages=tuple(messages), parameters=Parameters())
        body = {"messages": engine_request.body(prompt, [])["messages"]}
        text: str = _field(await self._engine.native("/apply-template", body), "prompt", str)
        return text

    async def _ending(self) -> str:
        """What the template writes after an answer, before the next turn."""
        turns = (("user", "."), ("assistant", _ANSWER), ("user", _AFTER))
        text = await self._laid_out([Message(role=role, content=content) for role, content in turns])  # type: ignore[arg-type]
        return text.partition(_ANSWER)[2].partition(_AFTER)[0]

    async def _cut(self, text: str, *, begins: bool, marks: bool) -> tuple[int, ...]:
        body = {"content": text, "add_special": begins, "parse_special": marks}
        return tuple(_field(await self._engine.native("/tokenize", body), "tokens", list[int]))


class _Token(msgspec.Struct):
    id: int
    logprob: float


def _field(said: Any, name: str, type: Any) -> Any:
    try:
        return msgspec.convert(said[name], type)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise UpstreamGarbage(f"the engine's own API answered without `{name}`: {str(error)[:200]}") from None
