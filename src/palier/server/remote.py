"""A running gateway as if it were an open `Palier`: the command line's side of the admin socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from palier.access import OWNER
from palier.audits import Feedback
from palier.cards import ModelCard
from palier.errors import InvalidRequest, NotFound, StoreError, Unavailable
from palier.server.access_calls import RemoteAccess
from palier.server.admin import (
    MAX_LINE,
    Ask,
    DeleteDocuments,
    Forget,
    Gateway,
    GetDocument,
    GetTrace,
    Health,
    ListCollections,
    ListDocuments,
    ListTraces,
    NoteFailing,
    Now,
    ProbeModel,
    PutDocuments,
    Reply,
    RouteStanding,
    Search,
    Status,
    line,
)
from palier.server.audit_calls import Rate, RemoteAudits, RemoteFeedback
from palier.server.calls import Call
from palier.server.drift_calls import RemoteDrift
from palier.server.lesson_calls import RemoteLessons
from palier.server.spending_calls import BudgetsNow, RemoteHours
from palier.server.student_calls import RemoteEffects, RemoteStudents
from palier.spending import BudgetStanding
from palier.types import Completed, Document, Event, Hit, Message, Parameters, Principal, Result, Trace

if TYPE_CHECKING:  # each brings the whole gateway along, which a command that asks one has no use for
    from palier.app.probing import Probed
    from palier.counting import GatewayNow
    from palier.forgetting import Forgotten
    from palier.policies import RouteStatus

T = TypeVar("T")
BATCH_BYTES = MAX_LINE // 8
"""Text sent in one `put`, about; JSON escapes can make it several times longer."""

_replies = msgspec.json.Decoder(Reply)
_events = msgspec.json.Decoder(Event | Completed)


class RemoteTraces:
    """What happened, read through the gateway."""

    def __init__(self, remote: RemotePalier) -> None:
        self._remote = remote

    async def get(self, id: str) -> Trace | None:
        found: Trace | None = await self._remote.call(GetTrace(id=id), Trace | None)
        return found

    async def list(
        self,
        *,
        before: float | None = None,
        before_id: str = "",
        limit: int = 50,
        route: str = "",
        status: str = "",
        tier: str = "",
    ) -> list[Trace]:
        call = ListTraces(before=before, before_id=before_id, limit=limit, route=route, status=status, tier=tier)
        found: list[Trace] = await self._remote.call(call, list[Trace])
        return found


class RemotePalier:
    """The methods of `Palier` that commands use, answered by the gateway behind `path`.

    Errors are raised as the gateway raised them; `Unavailable` when it goes away in the middle.
    """

    def __init__(self, path: Path, gateway: Gateway) -> None:
        self._path = path
        self.gateway = gateway
        self.traces = RemoteTraces(self)
        self.audits = RemoteAudits(self.call)
        self.feedback = RemoteFeedback(self.call)
        self.lessons = RemoteLessons(self.call)
        self.students = RemoteStudents(self.call)
        self.effects = RemoteEffects(self.call)
        self.hours = RemoteHours(self.call)
        self.drift = RemoteDrift(self.call)
        self.access = RemoteAccess(self.call)
        self.spending = self.access.spending
        self.readers = self.access.readers
        self.change_readers = self.access.change_readers

    @classmethod
    async def connect(cls, path: Path) -> RemotePalier | None:
        """The gateway behind `path`; None when none is running (no socket file, or a dead gateway's)."""
        remote = cls(path, Gateway(pid=0, version="", routes={}, cards={}))
        try:
            remote.gateway = await remote.call(Status(), Gateway)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        return remote

    @property
    def routes(self) -> dict[str, list[str]]:
        return self.gateway.routes

    def cards(self, route: str) -> list[ModelCard]:
        """The models of the route's tiers, lowest first."""
        if route not in self.gateway.cards:
            raise NotFound(f"there is no route `{route}`", hint=f"one of {', '.join(self.routes)}")
        return self.gateway.cards[route]

    async def health(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.call(Health(), dict[str, Any])
        return found

    async def probe(self, name: str) -> Probed:
        from palier.app.probing import Probed

        found: Probed = await self.call(ProbeModel(name=name), Probed)
        return found

    async def status(self) -> list[RouteStatus]:
        from palier.policies import RouteStatus

        found: list[RouteStatus] = await self.call(RouteStanding(), list[RouteStatus])
        return found

    async def now(self) -> GatewayNow:
        from palier.counting import GatewayNow

        found: GatewayNow = await self.call(Now(), GatewayNow)
        return found

    def request(
        self,
        question: str | Sequence[Message],
        *,
        route: str | None = None,
        tier: str | None = None,
        language: str = "",
        principal: Principal = OWNER,
        local_only: bool = False,
        **parameters: Any,
    ) -> Ask:
        """A question as `stream` takes it. The gateway checks it when it is asked."""
        messages = (Message(role="user", content=question),) if isinstance(question, str) else tuple(question)
        try:
            wanted = Parameters(**parameters)
        except TypeError as error:
            raise InvalidRequest(f"unknown parameter: {error}") from None
        return Ask(
            messages=messages,
            route=route,
            tier=tier,
            language=language,
            parameters=wanted,
            principal=principal,
            local_only=local_only,
        )

    async def stream(self, request: Ask) -> AsyncGenerator[Event | Completed, None]:
        """The answer as it comes; the last event is `Completed`. Closing the iterator cancels it."""
        async with contextlib.aclosing(self._replies(request)) as replies:
            async for reply in replies:
                if reply.event:
                    yield _events.decode(reply.event)

    async def ask(self, question: str | Sequence[Message], **options: Any) -> Result:
        """The outcome of one question; `options` are those of `request`."""
        async with contextlib.aclosing(self.stream(self.request(question, **options))) as events:
            async for event in events:
                if isinstance(event, Completed):
                    return event.result
        raise Unavailable("the gateway stopped before the answer was complete")

    async def search(
        self, query: str, collections: Sequence[str] = (), limit: int = 10, principal: Principal = OWNER
    ) -> list[Hit]:
        call = Search(query=query, collections=tuple(collections), limit=limit, principal=principal)
        found: list[Hit] = await self.call(call, list[Hit])
        return found

    async def list_collections(self, principal: Principal = OWNER) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.call(ListCollections(principal=principal), list[dict[str, Any]])
        return found

    async def put_documents(self, documents: Sequence[Document]) -> None:
        for batch in _batches(documents):
            await self.call(PutDocuments(documents=batch), Any)

    async def get_document(self, collection: str, id: str, principal: Principal = OWNER) -> Document | None:
        call = GetDocument(collection=collection, id=id, principal=principal)
        found: Document | None = await self.call(call, Document | None)
        return found

    async def note_failing(self, collection: str, roots: Sequence[str], failures: Sequence[tuple[str, str]]) -> None:
        await self.call(NoteFailing(collection=collection, roots=tuple(roots), failures=tuple(failures)), Any)

    async def delete_documents(self, collection: str, ids: Sequence[str]) -> int:
        found: int = await self.call(DeleteDocuments(collection=collection, ids=tuple(ids)), int)
        return found

    async def list_documents(
        self, collection: str, principal: Principal = OWNER, after: str = "", limit: int = 1000
    ) -> list[Document]:
        call = ListDocuments(collection=collection, principal=principal, after=after, limit=limit)
        found: list[Document] = await self.call(call, list[Document])
        return found

    async def forget(self, *, user: str = "", document: str = "", dry_run: bool = False) -> Forgotten:
        from palier.forgetting import Forgotten

        call = Forget(user=user, document=document, dry_run=dry_run)
        found: Forgotten = await self.call(call, Forgotten)
        return found

    async def budgets_now(self) -> list[BudgetStanding]:
        found: list[BudgetStanding] = await self.call(BudgetsNow(), list[BudgetStanding])
        return found

    async def rate(self, id: str, *, principal: Principal = OWNER, **said: Any) -> Feedback:
        """Keep feedback on the answer `id`; `said` as in `Palier.rate`."""
        kept: Feedback = await self.call(Rate(id=id, principal=principal, **said), Feedback)
        return kept

    async def call(self, call: Call, kind: Any) -> Any:
        """One call's result, converted to `kind`, a type."""
        async with contextlib.aclosing(self._replies(call)) as replies:
            async for reply in replies:
                if reply.result:
                    return msgspec.json.decode(reply.result, type=kind)
        raise Unavailable("the gateway stopped before it replied", hint="run the command again")

    async def _replies(self, call: Call) -> AsyncGenerator[Reply, None]:
        try:
            asked = line(call)
        except UnicodeEncodeError:
            raise InvalidRequest("the command holds half a character (bytes that are not UTF-8)") from None
        reader, writer = await asyncio.open_unix_connection(self._path, limit=MAX_LINE)
        try:
            writer.write(asked)
            await writer.drain()
            while text := await reader.readline():
                reply = _replies.decode(text)
                if reply.error is not None:
                    raise reply.error.error()
                yield reply
                if reply.result:
                    return
        except ConnectionError:
            raise Unavailable("the gateway stopped in the middle of a command", hint="run it again") from None
        except (ValueError, msgspec.MsgspecError) as error:
            raise StoreError(f"the gateway's reply cannot be read: {error}") from None
        finally:
            writer.close()
        raise Unavailable("the gateway stopped in the middle of a command", hint="run it again")


def _batches(documents: Iterable[Document]) -> Iterator[tuple[Document, ...]]:
    """Documents in groups that fit a line of the socket."""
    batch: list[Document] = []
    size = 0
    for document in documents:
        length = len(document.text.encode()) + 1000
        if batch and size + length > BATCH_BYTES:
            yield tuple(batch)
            batch, size = [], 0
        batch.append(document)
        size += length
    if batch:
        yield tuple(batch)
