"""A stand-in for a large model: it answers with the labels that the company's people gave.

    python examples/stand_in.py        # prints its URL, for `base_url` of a model; it ends with its standard input

No model is in it. It speaks the OpenAI API on loopback, so that a route with a large model can be shown without a key
and without a network: the gateway calls it as it calls a cloud, through the door. What it cannot stand in for is a
large model's errors (it makes none), its time (it takes none) and its count of tokens (it gives none).
`make learn-demo` starts it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

from palier.testing.upstream import Behaviour, Call, Upstream, Wire, answers, refuses

MESSAGES = Path(__file__).resolve().parent / "armorique" / "messages.jsonl"
PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]*_[0-9]+[A-Z]?_[A-Z0-9]{4}>")
"""What stands for personal data in what leaves."""


class People:
    """What people said of each message; one whose personal data was taken out is known by the rest of it."""

    def __init__(self, messages: Path) -> None:
        rows = [json.loads(line) for line in messages.read_text(encoding="utf-8").splitlines()]
        self._said = {row["text"]: row["intent"] for row in rows}

    def label(self, text: str) -> str | None:
        """None where nobody said anything of it, or not one thing."""
        if text in self._said:
            return self._said[text]
        pieces = PLACEHOLDER.split(text)
        if len(pieces) == 1:
            return None
        alike = re.compile(".+".join(map(re.escape, pieces)), re.DOTALL)
        found = {label for known, label in self._said.items() if alike.fullmatch(known)}
        return found.pop() if len(found) == 1 else None


def behaviour(people: People) -> Behaviour:
    """How it answers a call."""

    async def behave(call: Call, wire: Wire) -> None:
        asked = next((m["content"] for m in reversed(call.json["messages"]) if m["role"] == "user"), "")
        label = people.label(asked)
        said = answers(label, usage=None) if label else refuses(404, "nobody said what this message is about")
        await said(call, wire)

    return behave


async def main() -> None:
    """Answer until standard input closes: it cannot outlive whoever started it."""
    async with Upstream(default=behaviour(People(MESSAGES))) as upstream:
        print(upstream.url, flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main())
