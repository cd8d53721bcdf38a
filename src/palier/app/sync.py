"""The same for notebooks and scripts: palier on an event loop of its own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from palier.app.palier import Palier
from palier.config import Settings
from palier.forgetting import Forgotten
from palier.types import Document, Hit, Message, Result

T = TypeVar("T")


class SyncPalier:
    """The same for notebooks and scripts: `Palier` on an event loop of its own thread.

    with SyncPalier.open("palier.toml") as p:
        print(p.ask("When will the fibre be repaired?").text)
    """

    def __init__(self, palier: Palier, loop: asyncio.AbstractEventLoop) -> None:
        """Use `open`."""
        self._palier = palier
        self._loop = loop

    @classmethod
    @contextmanager
    def open(cls, source: str | Path | Settings = "palier.toml") -> Iterator[SyncPalier]:
        """As `Palier.open`."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="palier", daemon=True)
        thread.start()
        opened = Palier.open(source)
        try:
            palier = asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result()
            try:
                yield cls(palier, loop)
            finally:
                asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def ask(self, question: str | Sequence[Message], **asked: Any) -> Result:
        """As `Palier.ask`."""
        return self._run(self._palier.ask(question, **asked))

    def search(self, query: str, collections: Sequence[str] = (), limit: int = 10) -> list[Hit]:
        """As `Palier.search`."""
        return self._run(self._palier.search(query, collections, limit))

    def forget(self, *, user: str = "", document: str = "", dry_run: bool = False) -> Forgotten:
        """As `Palier.forget`."""
        return self._run(self._palier.forget(user=user, document=document, dry_run=dry_run))

    def put_documents(self, documents: Sequence[Document]) -> None:
        """As `Palier.put_documents`."""
        self._run(self._palier.put_documents(documents))
