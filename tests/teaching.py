"""The keeping of lessons on real parts: files, the encoder, the recognisers; and requests to make lessons of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from palier import text
from palier.audits import Feedback
from palier.cards import ModelCard
from palier.cli.distill import Here
from palier.config import Redaction, Settings, parse
from palier.interfaces import Encoder, Vectors
from palier.lessons import Lesson
from palier.privacy.prompts import PromptRedactor
from palier.privacy.redaction import Redactor
from palier.retrieval import sentence_model
from palier.retrieval.encoder import SentenceEncoder
from palier.stores.audits import SqliteAudits
from palier.stores.feedback import SqliteFeedback
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.lessons import SqliteLessons
from palier.stores.traces import SqliteTraces
from palier.training.desk import Desk
from palier.training.stock import Stock
from palier.types import Document, Guarded, Label, Message, Passage, Quantity, Step, Trace, TraceContent

NOW = 1_800_000_000.0
EXPIRES = 9e9
KEY = b"k" * 32
CARDS = {
    "quote": ModelCard(name="quote", kind="extract", may_train_on_outputs=True, licence="Apache-2.0"),
    "open": ModelCard(name="open", kind="endpoint", may_train_on_outputs=True, licence="MIT"),
    "closed": ModelCard(name="closed", kind="endpoint"),
}
TREE: dict[str, Any] = {
    "models": {"quote": {"kind": "extract"}, "open": {"kind": "extract"}, "closed": {"kind": "extract"}},
    "routes": {
        "support": {
            "collections": ["docs"],
            "tiers": [
                {"model": "quote", "name": "low"},
                {"model": "closed", "name": "mid"},
                {"model": "open", "name": "top", "highest_label": "internal", "passages": 2},
            ],
        },
        "sales": {"tiers": [{"model": "open"}]},
    },
    "lessons": {"user_share": 1.0},
}


@cache
def redactor() -> PromptRedactor:
    """Patterns alone. One for all tests: to look for plug-ins takes a quarter of a second."""
    return PromptRedactor(Redactor(Redaction(names="off")))


class Bag:
    """An `Encoder` of words: for tests of thousands of texts, where what is near does not matter."""

    name = "bag"
    dimension = 64

    async def encode(self, texts: Sequence[str]) -> Vectors:
        found = np.zeros((len(texts), self.dimension), np.float32)
        for row, one in enumerate(texts):
            for word in text.tokens(one):
                found[row, hash(word) % self.dimension] += 1.0
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


class Teaching:
    """A desk, and what it stands on."""

    def __init__(self, stock: Stock, traces: SqliteTraces, knowledge: SqliteKnowledge, lessons: SqliteLessons) -> None:
        self.stock = stock
        self.desk = Desk(stock)
        self.traces = traces
        self.knowledge = knowledge
        self.lessons = lessons
        self.cards: dict[str, ModelCard] = dict(CARDS)
        self.forgetting = 0
        self.relabelled: list[tuple[str, Label]] = []

    def who(self, name: str) -> str:
        return self.stock.who(name)

    def ruled(self, **rules: Any) -> Teaching:
        """The same with other `[lessons]`."""
        settings = msgspec.structs.replace(
            self.stock.settings, lessons=msgspec.structs.replace(self.stock.settings.lessons, **rules)
        )
        parts = {name: getattr(self.stock, name) for name in self.stock.__slots__}
        return Teaching(Stock(**{**parts, "settings": settings}), self.traces, self.knowledge, self.lessons)

    async def asked(self, *some: Trace) -> None:
        for one in some:
            await self.traces.record(one)

    async def rated(self, trace: str, who: str = "ann", **said: Any) -> None:
        fields = {"rating": "up", "created": NOW, **said}
        await self.stock.ratings.rate(Feedback(trace=trace, principal=who, **fields), Label.INTERNAL, EXPIRES)

    async def put(self, id: str, *passages: str, **fields: Any) -> None:
        """A document of `docs`, written long before anything is asked."""
        given = {"label": Label.PUBLIC, "title": id, "updated": 1.0, "collection": "docs", **fields}
        document = Document(id=id, text="\n".join(passages), **given)
        starts = [sum(len(p) + 1 for p in passages[:n]) for n in range(len(passages))]
        cut = [
            Passage(document=id, index=n, text=p, start=starts[n], end=starts[n] + len(p))
            for n, p in enumerate(passages)
        ]
        vectors = await self.stock.encoder.encode(list(passages))
        await self.knowledge.put([(document, cut, vectors)])

    async def all(self, **asked: Any) -> list[Any]:
        return await self.desk.page(**asked)


@asynccontextmanager
async def teaching(
    folder: Path, *, tree: dict[str, Any] | None = None, encoder: Encoder | None = None
) -> AsyncIterator[Teaching]:
    """All of it in `folder`."""
    settings: Settings = parse(tree or TREE, root=folder)
    here = Here()
    encoder = encoder or SentenceEncoder(here)
    async with AsyncExitStack() as stack:
        traces = SqliteTraces.open(folder / "traces.db")
        stack.push_async_callback(traces.close)
        knowledge = SqliteKnowledge.open(folder / "knowledge.db", encoder.name, encoder.dimension, text.terms)
        stack.push_async_callback(knowledge.close)
        lessons = SqliteLessons.open(folder / "lessons.db")
        stack.push_async_callback(lessons.close)
        found: list[Teaching] = []

        @asynccontextmanager
        async def apart() -> AsyncIterator[None]:
            found[0].forgetting += 1
            yield

        async def relabelled(lessons: Sequence[Lesson]) -> None:
            found[0].relabelled += [(one.id, one.label) for one in lessons]

        stock = Stock(
            settings=settings,
            store=lessons,
            traces=traces,
            audits=SqliteAudits(traces.database),
            ratings=SqliteFeedback(traces.database),
            sources=knowledge,
            encoder=encoder,
            workers=here,
            redactor=redactor(),
            cards=lambda: found[0].cards,
            key=KEY,
            apart=apart,
            relabelled=relabelled,
        )
        found.append(Teaching(stock, traces, knowledge, lessons))
        yield found[0]


def step(tier: str, model: str, outcome: str = "answered", **more: Any) -> Step:
    return Step(tier=tier, model=model, outcome=outcome, reason="", cost=Quantity(), **more)


def climbed(
    id: str,
    question: str = "What does the lamp cost?",
    answer: str = "It costs 12 euros.",
    *,
    tier: str = "top",
    who: str = "ann",
    evidence: Sequence[str] = (),
    guards: Sequence[Guarded] = (),
    messages: Sequence[Message] = (),
    **changed: Any,
) -> Trace:
    """A request that `low` could not answer, and `tier` did."""
    models = {"low": "quote", "mid": "closed", "top": "open"}
    below = list(models)[: list(models).index(tier)]
    steps = (*(step(name, models[name], "climbed") for name in below), step(tier, models[tier]))
    turns = tuple(messages) or (Message(role="user", content=question),)
    fields: dict[str, Any] = {
        "created": NOW,
        "route": "support",
        "principal": who,
        "status": "answered",
        "tier": tier,
        "model": models[tier],
        "confidence": 0.9,
        "action": "stay",
        "reason": "",
        "calibrated": False,
        "label": Label.INTERNAL,
        "language": "en",
        "usage": None,
        "cost": Quantity(),
        "energy": Quantity(),
        "latency_ms": 1.0,
        "steps": steps,
        "guards": tuple(guards),
        "evidence": tuple(evidence),
        "content": TraceContent(
            label=Label.INTERNAL,
            expires=EXPIRES,
            messages=turns,
            answer=answer,
            drafts={**{name: f"draft of {name}" for name in below}, tier: answer},
        ),
    }
    return Trace(id=id, **{**fields, **changed})


def embed(texts: Sequence[str]) -> Vectors:
    return sentence_model.embed(list(texts))
