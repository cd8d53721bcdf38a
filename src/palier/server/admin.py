"""The admin socket: how a command speaks to the gateway that owns the data folder (architecture, decision 10).

JSON lines over a unix socket inside the data folder, which only its owner may open (mode 0600). A connection carries
one call: the client writes a line, the gateway writes lines back and closes. A reply is `{"event": ...}` for each part
of a streamed answer, then `{"result": ...}`, or `{"error": ...}` from which the same exception is raised on the other
side. A client that leaves cancels what it asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from palier import __version__, errors
from palier.access import OWNER
from palier.cards import ModelCard
from palier.errors import Busy, InvalidRequest, PalierError, TooLarge
from palier.server import access_calls, audit_calls, backup_calls, drift_calls, lesson_calls, student_calls
from palier.server.access_calls import AccessCall, AnyAccessCall
from palier.server.audit_calls import AnyAuditCall, AuditCall
from palier.server.backup_calls import Backup
from palier.server.calls import Call
from palier.server.drift_calls import AnyDriftCall, DriftCall
from palier.server.lesson_calls import AnyLessonCall, LessonCall
from palier.server.spending_calls import BudgetsNow, WentByBetween
from palier.server.student_calls import AnyStudentCall, StudentCall
from palier.types import Document, Message, Parameters, Principal

if TYPE_CHECKING:
    from palier.app import Palier

log = logging.getLogger(__name__)

MAX_LINE = 64 * 2**20
"""Bytes of one call or reply; a document's text travels in one line."""
MAX_CONNECTIONS = 32
CALL_TIMEOUT_S = 10.0
"""How long a client may take to say what it wants."""


# --- the calls ---------------------------------------------------------------------------------------------------


class Status(Call, frozen=True, kw_only=True, tag="status"):
    """Who holds the folder, and its routes."""


class Health(Call, frozen=True, kw_only=True, tag="health"):
    """Each part, whether it is well."""


class ProbeModel(Call, frozen=True, kw_only=True, tag="models.probe"):
    """Whether the endpoint of a model can be reached."""

    name: str


class Now(Call, frozen=True, kw_only=True, tag="now"):
    pass


class RouteStanding(Call, frozen=True, kw_only=True, tag="routes.status"):
    """How each route stands: its policy."""


class Ask(Call, frozen=True, kw_only=True, tag="ask"):
    messages: tuple[Message, ...]
    route: str | None = None
    tier: str | None = None
    language: str = ""
    parameters: Parameters = Parameters()
    principal: Principal = OWNER
    local_only: bool = False


class Search(Call, frozen=True, kw_only=True, tag="search"):
    query: str
    collections: tuple[str, ...]
    limit: int = 10
    principal: Principal = OWNER


class ListCollections(Call, frozen=True, kw_only=True, tag="collections.list"):
    principal: Principal = OWNER


class PutDocuments(Call, frozen=True, kw_only=True, tag="documents.put"):
    documents: tuple[Document, ...]


class GetDocument(Call, frozen=True, kw_only=True, tag="documents.get"):
    collection: str
    id: str
    principal: Principal = OWNER


class NoteFailing(Call, frozen=True, kw_only=True, tag="documents.failing"):
    collection: str
    roots: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]


class DeleteDocuments(Call, frozen=True, kw_only=True, tag="documents.delete"):
    collection: str
    ids: tuple[str, ...]


class ListDocuments(Call, frozen=True, kw_only=True, tag="documents.list"):
    collection: str
    principal: Principal = OWNER
    after: str = ""
    limit: int = 1000


class Forget(Call, frozen=True, kw_only=True, tag="forget"):
    user: str = ""
    document: str = ""
    dry_run: bool = False


class ListTraces(Call, frozen=True, kw_only=True, tag="traces.list"):
    before: float | None = None
    before_id: str = ""
    limit: int = 50
    route: str = ""
    status: str = ""
    tier: str = ""


class GetTrace(Call, frozen=True, kw_only=True, tag="traces.get"):
    id: str


AnyCall = (
    Status
    | Health
    | ProbeModel
    | RouteStanding
    | Now
    | Ask
    | Search
    | ListCollections
    | PutDocuments
    | GetDocument
    | NoteFailing
    | DeleteDocuments
    | ListDocuments
    | Forget
    | ListTraces
    | GetTrace
    | AnyAuditCall
    | AnyAccessCall
    | AnyLessonCall
    | AnyStudentCall
    | AnyDriftCall
    | WentByBetween
    | BudgetsNow
    | Backup
)


# --- the replies -------------------------------------------------------------------------------------------------


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway behind the socket. `routes` are tier names by route, lowest first; `cards` their models, in order."""

    pid: int
    version: str
    routes: dict[str, list[str]]
    cards: dict[str, list[ModelCard]]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An error on its way: `kind` is the class's name in `palier.errors`."""

    kind: str
    message: str
    hint: str = ""
    param: str | None = None
    retry_after: float | None = None

    @staticmethod
    def of(error: PalierError) -> Fault:
        """The fault that says `error`."""
        return Fault(
            kind=type(error).__name__,
            message=error.message,
            hint=error.hint,
            param=error.param,
            retry_after=error.retry_after,
        )

    def error(self) -> PalierError:
        """The exception it was made from; the nearest known class when a plug-in's own cannot be found here."""
        found = getattr(errors, self.kind, PalierError)
        known = found if isinstance(found, type) and issubclass(found, PalierError) else PalierError
        return known(self.message, hint=self.hint, param=self.param, retry_after=self.retry_after)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One line from the gateway: one field is set, the others are empty."""

    event: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: Fault | None = None


_calls: msgspec.json.Decoder[AnyCall] = msgspec.json.Decoder(AnyCall)
_encoder = msgspec.json.Encoder()


def line(value: Any) -> bytes:
    """`value` as a JSON line. Raises `TooLarge` beyond `MAX_LINE`."""
    encoded = _encoder.encode(value)
    if len(encoded) >= MAX_LINE:
        raise TooLarge(f"{len(encoded)} bytes for the admin socket, which carries {MAX_LINE} at once")
    return encoded + b"\n"


# --- the gateway's side ------------------------------------------------------------------------------------------


class AdminServer:
    """Serves calls on `path` for an open `palier`, from entering the context to leaving it.

    The caller holds the data folder's lock: a socket file found in place is a dead gateway's, and is removed.
    """

    def __init__(self, palier: Palier, path: Path) -> None:
        self._palier = palier
        self._path = path
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> AdminServer:
        if self._path.exists() and stat.S_ISSOCK(self._path.lstat().st_mode):
            self._path.unlink()
        # Bound, made private, and only then listening: nobody else can connect in between.
        self._server = await asyncio.start_unix_server(self._accept, self._path, limit=MAX_LINE, start_serving=False)
        self._path.chmod(0o600)
        await self._server.start_serving()
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._converse(reader, writer, full=len(self._tasks) > MAX_CONNECTIONS)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client left, or the gateway stops: there is nobody to tell
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, full: bool) -> None:
        try:
            if full:
                raise Busy(f"{MAX_CONNECTIONS} commands are being served already", retry_after=1.0)
            call = await _read_call(reader)
            await _unless_gone(reader, self._serve(call, writer))
        except PalierError as error:
            writer.write(line({"error": Fault.of(error)}))
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("a call on the admin socket failed")
            fault = Fault(kind="PalierError", message="the gateway failed", hint="its log says how")
            writer.write(line({"error": fault}))
        await writer.drain()

    async def _serve(self, call: Call, writer: asyncio.StreamWriter) -> None:
        if isinstance(call, Ask):
            async with contextlib.aclosing(self._ask(call)) as events:
                async for event in events:
                    writer.write(line({"event": event}))
                    await writer.drain()
            writer.write(line({"result": None}))
        else:
            writer.write(line({"result": await self._value(call)}))

    async def _ask(self, call: Ask) -> AsyncGenerator[Any, None]:
        request = self._palier.request(
            call.messages,
            route=call.route,
            tier=call.tier,
            language=call.language,
            principal=call.principal,
            stream=True,
            local_only=call.local_only,
            **msgspec.structs.asdict(call.parameters),
        )
        async with contextlib.aclosing(self._palier.stream(request)) as events:
            async for event in events:
                yield event

    async def _value(self, call: Call) -> Any:
        p = self._palier
        match call:
            case Status():
                cards = {route: p.cards(route) for route in p.routes}
                return Gateway(pid=os.getpid(), version=__version__, routes=dict(p.routes), cards=cards)
            case Health():
                return await p.health()
            case ProbeModel():
                return await p.probe(call.name)
            case RouteStanding():
                return await p.status()
            case Now():
                return await p.now()
            case Search():
                return await p.search(call.query, call.collections, call.limit, call.principal)
            case ListCollections():
                return await p.list_collections(call.principal)
            case PutDocuments():
                return await p.put_documents(call.documents)
            case GetDocument():
                return await p.get_document(call.collection, call.id, call.principal)
            case NoteFailing():
                return await p.note_failing(call.collection, call.roots, call.failures)
            case DeleteDocuments():
                return await p.delete_documents(call.collection, call.ids)
            case ListDocuments():
                return await p.list_documents(call.collection, call.principal, after=call.after, limit=call.limit)
            case Forget():
                return await p.forget(user=call.user, document=call.document, dry_run=call.dry_run)
            case ListTraces():
                return await p.traces.list(
                    before=call.before,
                    before_id=call.before_id,
                    limit=call.limit,
                    route=call.route,
                    status=call.status,
                    tier=call.tier,
                )
            case GetTrace():
                return await p.traces.get(call.id)
            case WentByBetween():
                return await p.hours.went_by(call.since, call.until)
            case BudgetsNow():
                return await p.budgets_now()
            case Backup():
                return await backup_calls.value(p, call)
            case AccessCall():
                return await access_calls.value(p, call)
            case AuditCall():
                return await audit_calls.value(p, call)
            case LessonCall():
                return await lesson_calls.value(p, call)
            case DriftCall():
                return await drift_calls.value(p, call)
            case StudentCall():
                return await student_calls.value(p, call)
        raise InvalidRequest(f"the admin socket has no call {type(call).__name__}")


async def _read_call(reader: asyncio.StreamReader) -> AnyCall:
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            text = await reader.readline()
    except TimeoutError:
        raise InvalidRequest(f"no call came within {CALL_TIMEOUT_S:g} s") from None
    except ValueError:  # what StreamReader raises beyond its limit
        raise TooLarge(f"a call is at most {MAX_LINE} bytes") from None
    if not text:
        raise ConnectionResetError("the client left before it asked")
    try:
        return _calls.decode(text)
    except msgspec.MsgspecError as error:
        raise InvalidRequest(
            f"not a call of the admin socket: {error}", hint="is the gateway another version?"
        ) from None


async def _unless_gone(reader: asyncio.StreamReader, work: Any) -> None:
    """Await `work`, and cancel it when the client closes its end."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ConnectionResetError("the client left")
        await working
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
