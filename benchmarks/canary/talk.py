"""A conversation of the run: its exchanges with the gateway, and what came back of each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from benchmarks.canary.house import PEOPLE, House, Person

TURNS = 10
"""Exchanges of one conversation at most: an exchange's number is its conversation's times this, and its place."""
Message = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What the gateway said to one exchange."""

    status: int
    text: str = ""
    calls: tuple[Message, ...] = ()
    """Calls of tools, as a client sends them back."""
    report: dict[str, Any] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    """All that can be read in it."""

    @property
    def turn(self) -> Message:
        """The assistant's turn, as it is sent back."""
        turn: Message = {"role": "assistant", "content": self.text}
        return {**turn, "tool_calls": list(self.calls)} if self.calls else turn


@dataclass
class Reading:
    """What somebody could read in the end, and what they had written themselves."""

    exchange: int
    person: Person
    texts: tuple[str, ...]
    wrote: tuple[str, ...]


@dataclass
class Records:
    """What is kept of the whole run, to be looked through when it is over."""

    kinds: dict[int, str] = field(default_factory=dict)
    """Of conversations."""
    exchanges: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    readings: list[Reading] = field(default_factory=list)
    steps: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """Of each exchange with an answer: which tier was asked, or why not."""
    stuck: set[int] = field(default_factory=set)
    """Exchanges of which nothing may leave, whatever their words: their conversation is sticky, or the client said so."""
    traces: list[str] = field(default_factory=list)
    """Of answers to those who read everything."""
    deepest: int = 2
    """Disguises of a text, one within another, at most."""
    show: bool = False
    """Whether every exchange is printed."""
    errors: dict[int, str] = field(default_factory=dict)
    """What was said where there was no answer."""

    def kind(self, exchange: int) -> str:
        return self.kinds.get(exchange // TURNS, "?")


class Talk:
    """One conversation. Everything in it follows from the seed and its number."""

    def __init__(
        self, house: House, records: Records, seed: int, number: int, kind: str, people: Sequence[Person] = PEOPLE
    ) -> None:
        self.house = house
        self.company = house.company
        self.rng = Random(f"{seed} {number}")
        self.number = number
        self.person = self.rng.choice(people)
        self.stole: list[str] = []
        """What the client knows from elsewhere, and sends."""
        self.deepest = records.deepest
        self.depth = 0
        """Disguises, one within another, that were asked for; at most `deepest`."""
        self.exchange = number * TURNS - 1
        self._records = records
        records.kinds[number] = kind

    @property
    def left(self) -> int:
        """Disguises that may still be put on."""
        return max(self.deepest - self.depth, 0)

    def as_reader(self) -> None:
        """From now on somebody asks who may read what is restricted."""
        self.person = self.rng.choice(PEOPLE[:2])

    def keep_at_home(self) -> None:
        """The next exchange must not leave, whatever its words."""
        self._records.stuck.add(self.exchange + 1)

    async def ask(
        self, route: str, messages: list[Message], headers: dict[str, str] | None = None, **fields: Any
    ) -> Said:
        """One exchange by `/v1/chat/completions`; streamed or not, as it falls."""
        body = {"model": route, "messages": messages, "stream": self.rng.random() < 0.5, **fields}
        return await self._generate("/v1/chat/completions", body, headers)

    async def glimpse(self, route: str, messages: list[Message]) -> Said:
        """One exchange that is left in the middle of its stream: what was read until then."""
        body = {"model": route, "messages": messages, "stream": True}
        return await self._generate("/v1/chat/completions", body, None, enough=self.rng.randint(400, 4000))

    async def complete(
        self, route: str, prompt: str | list[str], headers: dict[str, str] | None = None, **fields: Any
    ) -> Said:
        """One exchange by `/v1/completions`."""
        streams = isinstance(prompt, str) and self.rng.random() < 0.5
        body = {"model": route, "prompt": prompt, "stream": streams, **fields}
        return await self._generate("/v1/completions", body, headers)

    async def look(self, method: str, path: str, body: dict[str, Any] | None = None) -> Said:
        """One request that asks nothing of a model."""
        return await self._send(method, path, body, {})

    def another_trace(self) -> str:
        """The trace of an answer to somebody who may read everything; empty where there is none yet."""
        known = self._records.traces
        return self.rng.choice(known[-200:]) if known and self.rng.random() < 0.7 else ""

    async def _generate(self, path: str, body: dict[str, Any], headers: dict[str, str] | None, enough: int = 0) -> Said:
        if self.person.key:
            body = {**body, "user": self.person.name}
        return await self._send("POST", path, {**body, "seed": self.exchange + 1}, headers or {}, enough)

    async def _send(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str], enough: int = 0
    ) -> Said:
        self.exchange += 1
        self._records.exchanges.append(self.exchange)
        headers = {"authorization": f"Bearer {self.house.key(self.person)}", **headers}
        try:
            async with self.house.client.request(method, path, json=body, headers=headers) as reply:
                raw = await (reply.content.read(enough) if enough else reply.read())
                if enough:
                    reply.close()
                said = _read(reply.status, reply.content_type, raw)
        except (aiohttp.ClientError, TimeoutError) as error:
            said = Said(0, texts=(type(error).__name__,))
        self._records.statuses[said.status] += 1
        if self._records.show:
            print(f"--- {self.exchange} ({self.person.name}) {method} {path} {json.dumps(body, ensure_ascii=False)}")
            print(f"{said.status} {said.turn} {json.dumps(said.report.get('steps'))}")
        self._keep(said)
        return said

    def _keep(self, said: Said) -> None:
        if steps := said.report.get("steps"):
            self._records.steps[self.exchange] = steps
        else:
            self._records.errors[self.exchange] = " ".join((str(said.status), *said.texts))[:300]
        if self.person.admin:
            if trace := said.report.get("trace"):
                self._records.traces.append(trace)
        else:
            self._records.readings.append(Reading(self.exchange, self.person, said.texts, tuple(self.stole)))


def _read(status: int, kind: str, raw: bytes) -> Said:
    """A reply, whole or streamed."""
    if kind != "text/event-stream":
        try:
            value = json.loads(raw)
        except ValueError:
            return Said(status, texts=(raw.decode("utf-8", "replace"),))
        texts = tuple(_strings(value))
        choices = value.get("choices") if isinstance(value, dict) else None
        if not choices:
            return Said(status, texts=texts)
        message = choices[0].get("message") or {"content": choices[0].get("text")}
        calls = tuple(message.get("tool_calls") or ())
        return Said(status, message.get("content") or "", calls, value.get("palier") or {}, texts)
    return _streamed(status, raw)


def _streamed(status: int, raw: bytes) -> Said:
    words: dict[int, list[str]] = {}
    calls: dict[tuple[int, int], Message] = {}
    report: dict[str, Any] = {}
    texts: list[str] = []
    for line in raw.decode("utf-8", "replace").splitlines():
        if not (line.startswith("data: {") and line.endswith("}")):
            continue
        try:
            chunk = json.loads(line[6:])
        except ValueError:
            continue  # a stream that was left
        report = chunk.get("palier") or report
        if "error" in chunk:
            texts += _strings(chunk)
        for choice in chunk.get("choices", ()):
            delta = choice.get("delta") or {"content": choice.get("text")}
            words.setdefault(choice["index"], []).append(delta.get("content") or "")
            for call in delta.get("tool_calls") or ():
                _add(calls.setdefault((choice["index"], call["index"]), _call()), call)
    first = tuple(call for (choice, _), call in sorted(calls.items()) if choice == 0)
    joined = ["".join(parts) for _, parts in sorted(words.items())]
    texts += [*joined, *_strings(list(calls.values())), *_strings(report)]
    return Said(status, joined[0] if joined else "", first, report, tuple(texts))


def _call() -> Message:
    return {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}


def _add(call: Message, delta: Message) -> None:
    function = delta.get("function") or {}
    call["id"] += delta.get("id") or ""
    for name in ("name", "arguments"):
        call["function"][name] += function.get(name) or ""


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in (str(key), *_strings(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in _strings(inner)]
    return []
