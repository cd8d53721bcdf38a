"""Tokens of a request, and where nobody counted them: a client left before the count came, an upstream gives none."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from palier.types import Choice, Draft, Message, Prompt, Step, Usage

BYTES = 4
"""Bytes of UTF-8 a token: about what byte-pair vocabularies make of English. Other scripts take more bytes a letter."""
TURN = 4
"""Tokens of what stands around a message."""
_WROTE = ("answered", "climbed", "abandoned")


def counted(steps: Iterable[Step]) -> Usage | None:
    """All that tiers took; None where one of them answered and did not count, or none counted: unknown is never 0."""
    asked = list(steps)
    known = [step.usage for step in asked if step.usage is not None]
    if not known or any(step.usage is None and step.outcome in _WROTE for step in asked):
        return None
    return Usage(
        prompt=sum(usage.prompt for usage in known),
        completion=sum(usage.completion for usage in known),
        cached=sum(usage.cached for usage in known),
    )


def estimated(prompt: Prompt, draft: Draft) -> Usage:
    """What a generation took, by what was sent and what was heard of it. What a model thinks unheard is not in it."""
    asked = prompt.parameters
    sent = [prompt.text or "", *(text for message in prompt.messages for text in _said(message))]
    if asked.tools or asked.response_format:
        sent.append(msgspec.json.encode([asked.tools, asked.response_format]).decode())
    heard = [max(_tokens(_written(choice)), len(choice.logprobs)) for choice in draft.choices]
    return Usage(prompt=_tokens(sent) + TURN * len(prompt.messages), completion=sum(heard))


def _said(message: Message) -> Iterable[str]:
    return (message.content, *(call.name + call.arguments for call in message.tool_calls))


def _written(choice: Choice) -> Iterable[str]:
    return (choice.text, *(call.name + call.arguments for call in choice.tool_calls))


def _tokens(texts: Iterable[str]) -> int:
    return -(-sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) // BYTES)
