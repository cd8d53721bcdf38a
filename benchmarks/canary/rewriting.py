"""What a client makes of a text before it sends it, and where in a request it puts it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote

from benchmarks.canary.forms import FORMS, form_within
from benchmarks.canary.talk import Message, Said, Talk
from benchmarks.canary.windows import WIDTH, decodings, squeezed

GRAM = 8
"""Words in a row by which the door knows a text: fewer are a stated limit."""
TOOL = {
    "type": "function",
    "function": {
        "name": "notify",
        "description": "Sends a text to the customer.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
    },
}


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def part(rng: Random, text: str) -> str:
    """A stretch of a text, long enough to be known by its words: 9 words, or 400 characters where it has none."""
    words = text.split(" ")
    if len(words) > 20 and len(text) > 4 * len(words):
        size = rng.randint(9, min(len(words), 80))
        start = rng.randint(0, len(words) - size)
        return " ".join(words[start : start + size])
    if len(text) > 420:
        size = rng.randint(400, len(text))
        start = rng.randint(0, len(text) - size)
        return text[start : start + size]
    return text


EDITS: tuple[Callable[[Random, str], str], ...] = (
    lambda rng, text: text,
    lambda rng, text: text,
    part,
    part,
    lambda rng, text: text.swapcase(),
    lambda rng, text: re.sub(r"[^\w\s+/=%&#;-]", "", text),
    lambda rng, text: re.sub(r"\s+", "\n", text),
    lambda rng, text: re.sub(r"^", "> ", text, flags=re.M),
    lambda rng, text: f"```\n{text}\n```",
    lambda rng, text: f"Hier on m'a dit ceci. {text} Qu'en penses-tu ?",
    lambda rng, text: "**" + text.replace(". ", ".** ", 1),
)
"""What changes no word of a text."""
WRAPS: tuple[Callable[[Random, str], str], ...] = (
    lambda rng, text: json.dumps({"note": {"old": [text]}}),
    lambda rng, text: f"https://intranet.example/search?q={quote(text[:4000], safe='')}",
)
"""One disguise more."""


def rewrite(talk: Talk, text: str) -> str:
    """What a client makes of a text before it sends it: other white space, a part, a disguise where one is left."""
    rng = talk.rng
    if talk.left and rng.random() < 0.4:
        if rng.random() < 0.5:
            return rng.choice(WRAPS)(rng, text)
        return FORMS[form_within(rng, talk.left)](rng.choice((text[:3000], _fair(talk, part(rng, text), text))))
    return _fair(talk, rng.choice(EDITS)(rng, text), text)


def _fair(talk: Talk, told: str, text: str) -> str:
    """`told`, unless a cut through an encoding left fewer words of a phrase than any door can know: then all of `text`."""
    if len(told) >= len(text) or " " in told.strip():
        return told
    plain = [squeezed(layer) for layer in decodings(told)]
    for phrase in (canary.text for canary in talk.company.canaries if canary.kind == "phrase"):
        whole, words = squeezed(phrase), phrase.split()
        windows = [whole[start : start + WIDTH] for start in range(len(whole) - WIDTH + 1)]
        grams = [squeezed("".join(words[start : start + GRAM])) for start in range(len(words) - GRAM + 1)]
        for layer in plain:
            if any(window in layer for window in windows) and not any(gram in layer for gram in grams):
                return text
    return told


def edited(talk: Talk, said: Said) -> str:
    """What a client makes of an answer before it sends it back."""
    return rewrite(talk, said.text or " ".join(call["function"]["arguments"] for call in said.calls))


def returned(talk: Talk, text: str, question: str) -> tuple[list[Message], dict[str, Any]]:
    """`text` somewhere in a conversation that ends in `question`."""
    place = talk.rng.randrange(8)
    end = user(question)
    match place:
        case 0:
            return [user("Bonjour"), {"role": "assistant", "content": text}, end], {}
        case 1:
            return [user(f"{text}\n\n{question}")], {}
        case 2:
            return [{"role": "system", "content": text}, end], {}
        case 3:
            return [user(text), {"role": "assistant", "content": "D'accord."}, end], {}
        case 4:
            arguments = json.dumps({"text": text}, ensure_ascii=False)
            return [user("Envoie-le."), *called(arguments, "ok"), end], {"tools": [TOOL]}
        case 5:
            return [user("Cherche."), *called("{}", text), end], {"tools": [TOOL]}
        case 6:
            told = {"name": "notify", "description": text[:8000], "parameters": {"type": "object"}}
            return [end], {"tools": [{"type": "function", "function": told}]}
    schema = {"type": "object", "description": text[:8000], "properties": {"a": {"enum": [text[:500]]}}}
    return [end], {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}}


def called(arguments: str, result: str) -> list[Message]:
    """A call of the tool and what came of it."""
    function = {"name": "notify", "arguments": arguments}
    call = {"id": "call_7", "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_7", "content": result},
    ]
