"""Tokens where nobody counted them: a client that left before the count came, an upstream that gives none."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from palier.types import Choice, Draft, Message, Prompt, Usage

BYTES = 4
"""Bytes of UTF-8 a token: about what byte-pair vocabularies make of English. Other scripts take more bytes a letter."""
TURN = 4
"""Tokens of what stands around a message."""


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
