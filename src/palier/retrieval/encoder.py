"""Texts to vectors, without holding the event loop: questions together and at once, documents by the way."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import numpy as np

from palier.errors import Busy
from palier.interfaces import Vectors, Workers
from palier.retrieval import sentence_model

S = TypeVar("S")
T = TypeVar("T")

_BATCH = 16
"""Texts a task: small enough (about 0.15 s of passages) that tasks of others come in between."""
_FEW, _SHORT = 4, 2_000
"""Up to so many texts are questions, and go before documents; so are up to `_BATCH` that have so many characters in
all, fewer than one question may have: the sentences that a guard looks at."""
_MAX_PENDING = 1024


class SentenceEncoder:
    """Implements `interfaces.Encoder` with the model of `sentence_model`, in worker processes.

    Up to four texts, or some short ones, take the interactive way: what many requests ask at the same moment is
    embedded in one task (16 texts cost 5 times what one does, not 16), each text once, and recent questions are
    remembered. More texts are documents: they go in small batches through `batch`, where it is given. `in_flight` is
    how many workers a lane has.
    """

    name: str
    dimension = sentence_model.DIMENSION

    def __init__(
        self, workers: Workers, batch: Workers | None = None, *, in_flight: int = 1, remembered: int = 1024
    ) -> None:
        self.name = sentence_model.name()
        self._workers = workers
        self._batch = batch or workers
        self._in_flight = in_flight
        self._remembered = remembered
        self._recent: OrderedDict[str, Vectors] = OrderedDict()
        self._pending: deque[tuple[str, asyncio.Future[Vectors]]] = deque()
        self._senders: set[asyncio.Task[None]] = set()

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32, shape (len(texts), 512); of a text, its first 4,000 characters count.

        Raises `Busy` and `Unavailable` as the workers do.
        """
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        if len(texts) <= _FEW or (len(texts) <= _BATCH and sum(map(len, texts)) <= _SHORT):
            return await self._at_once([_cut(text) for text in texts])
        return np.concatenate(await self._in_batches(sentence_model.embed, [_cut(text) for text in texts]))

    def forget(self) -> None:
        """Remember no question: the next to ask one pays for it, as whoever asked it first."""
        self._recent.clear()

    async def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids the model reads of each text: of its first 4,000 characters."""
        parts = await self._in_batches(sentence_model.tokenize, [_cut(text) for text in texts])
        return [ids for part in parts for ids in part]

    async def detokenize(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Texts from ids of the model's own vocabulary; `InvalidRequest` names one that is not in it."""
        parts = await self._in_batches(sentence_model.detokenize, [list(sequence) for sequence in ids])
        return [text for part in parts for text in part]

    async def _in_batches(self, function: Callable[[list[S]], T], items: list[S]) -> list[T]:
        """`function` of 16 items at a time, where documents go; of a few, where questions go."""
        workers = self._workers if len(items) <= _FEW else self._batch
        places = asyncio.Semaphore(self._in_flight)

        async def run(start: int) -> T:
            async with places:
                return await workers.run(function, items[start : start + _BATCH])

        return await asyncio.gather(*(run(start) for start in range(0, len(items), _BATCH)))

    async def _at_once(self, texts: Sequence[str]) -> Vectors:
        """Those that are not remembered are asked for, in this turn, and waited for together."""
        found = [self._known(text) for text in texts]
        missing = [text for text, known in zip(texts, found, strict=True) if known is None]
        if len(self._pending) + len(missing) > _MAX_PENDING:
            raise Busy(f"{len(self._pending)} texts wait to be embedded already", retry_after=1.0)
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Future[Vectors]] = [loop.create_future() for _ in missing]
        self._pending.extend(zip(missing, waiting, strict=True))
        if missing and len(self._senders) < self._in_flight:
            self._senders.add(asyncio.create_task(self._send()))
        asked = iter(await asyncio.gather(*waiting))
        return np.stack([next(asked) if known is None else known for known in found])

    def _known(self, text: str) -> Vectors | None:
        vector = self._recent.get(text)
        if vector is not None:
            self._recent.move_to_end(text)
        return vector

    async def _send(self) -> None:
        """Embed what is waiting, as much at a time as is waiting when a worker is free."""
        try:
            await self._send_all()
        finally:
            # At once, not as its callback, which runs a turn later: who came in between would find a sender that looks
            # at nothing any more, and wait until somebody else asks.
            self._senders.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _send_all(self) -> None:
        while self._pending:
            some = [self._pending.popleft() for _ in range(min(_BATCH, len(self._pending)))]
            some = [(text, future) for text, future in some if not future.done()]
            if not some:
                continue
            texts = list(dict.fromkeys(text for text, _ in some))
            try:
                embedded = await self._workers.run(sentence_model.embed, texts)
            except Exception as error:
                for _, future in some:
                    if not future.done():
                        future.set_exception(error)
                continue
            vectors = dict(zip(texts, embedded, strict=True))
            for text, vector in vectors.items():
                self._remember(text, vector)
            for text, future in some:
                if not future.done():
                    future.set_result(vectors[text])

    def _remember(self, text: str, vector: Vectors) -> None:
        self._recent[text] = vector.copy()
        if len(self._recent) > self._remembered:
            self._recent.popitem(last=False)


def _cut(text: str) -> str:
    """What the model reads of `text`; the rest need not travel."""
    return text[: sentence_model.MAX_CHARACTERS]
