"""Heads: the ledger's last hash, told to elsewhere from time to time, so that its past cannot be written anew.

A head goes to a file, to this machine's syslog, to a webhook: each by itself, when something left since it was last
told. One that fails is logged and tried again, and stops nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from logging.handlers import SysLogHandler
from pathlib import Path
from typing import NoReturn, Protocol

import msgspec

from palier.config import Ledger
from palier.errors import PalierError, StoreError, UpstreamRefused
from palier.interfaces import Head, Headed
from palier.types import Clearance

log = logging.getLogger("palier.heads")

RETRY_S = 60.0
"""After a failure; twice as long after each further one, but no longer than heads are apart."""
LAST_S = 5.0
"""How long the last head may take to go out when palier stops."""
LOGS = (Path("/dev/log"), Path("/var/run/syslog"))
"""Where syslog listens, on Linux and macOS."""
_TAIL = 4096

Post = Callable[[str, bytes, Clearance], Awaitable[int]]
"""POST bytes of JSON to a URL, through the connector; the status."""


class Sink(Protocol):
    """Where heads are told."""

    @property
    def name(self) -> str: ...

    async def told(self) -> Head | None:
        """The head that is known to have been told last, of an earlier process; None where that is not known."""
        ...

    async def send(self, head: Head) -> None:
        """It is there when this returns. Raises `PalierError` or `OSError`."""
        ...


class HeadFile:
    """Appends a line of JSON to a file, to the disk."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    async def told(self) -> Head | None:
        """The file's last line."""
        return await asyncio.to_thread(self._last)

    async def send(self, head: Head) -> None:
        """See `Sink`."""
        await asyncio.to_thread(self._append, msgspec.json.encode(head) + b"\n")

    def _last(self) -> Head | None:
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
                return msgspec.json.decode(file.read().rstrip().rpartition(b"\n")[2], type=Head)
        except (OSError, msgspec.MsgspecError):
            return None

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":  # a line that was cut short stays one of its own
                line = b"\n" + line
            if os.write(descriptor, line) != len(line):
                raise StoreError(f"{self._path} took half a line", hint="free some space on that disk")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Syslog:
    """Tells this machine's syslog, over its unix socket: what it does with it is its own configuration.

    The standard library's handler is only ever given a path, so that no connection leaves the machine.
    """

    name = "syslog"

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or next((path for path in LOGS if path.exists()), LOGS[0])

    async def told(self) -> Head | None:
        """Not known: syslog is only written to."""
        return None

    async def send(self, head: Head) -> None:
        """See `Sink`."""
        await asyncio.to_thread(self._send, msgspec.json.encode(head).decode())

    def _send(self, text: str) -> None:
        handler = _Strict(address=str(self._path), facility=SysLogHandler.LOG_USER)
        handler.ident = "palier: "
        try:
            handler.emit(logging.makeLogRecord({"msg": text, "levelname": "INFO"}))
        finally:
            handler.close()


class _Strict(SysLogHandler):
    def handleError(self, record: logging.LogRecord) -> NoReturn:  # noqa: N802 - the library's name
        """Raise what happened, instead of printing it."""
        raise


class Webhook:
    """Posts the head as JSON. It passes the door like all that leaves, and so has an entry of its own."""

    def __init__(self, url: str, post: Post) -> None:
        self.name = "webhook"
        self._url = url
        self._post = post

    async def told(self) -> Head | None:
        """Not known."""
        return None

    async def send(self, head: Head) -> None:
        """See `Sink`."""
        clearance = Clearance(purpose="head", destination="heads_webhook", reason=f"the head of entry {head.sequence}")
        status = await self._post(self._url, msgspec.json.encode(head), clearance)
        if not 200 <= status < 300:
            raise UpstreamRefused(f"the webhook answered {status}", hint="[ledger] heads_webhook")


def sinks(settings: Ledger, resolve: Callable[[str], Path], post: Post) -> list[Sink]:
    """Those that `[ledger]` names."""
    found: list[Sink] = []
    if settings.heads_file:
        found.append(HeadFile(resolve(settings.heads_file)))
    if settings.heads_syslog:
        found.append(Syslog())
    if settings.heads_webhook:
        found.append(Webhook(settings.heads_webhook, post))
    return found


class Heads:
    """Tells each sink, every `every_s` seconds, when the head moved: at once at the start, and once more at the end."""

    failing: dict[str, str]
    """Why the sinks that failed did, by their name, until they work again."""

    def __init__(self, ledger: Headed, sinks: Sequence[Sink], every_s: float) -> None:
        self.failing = {}
        self._ledger = ledger
        self._sinks = sinks
        self._every_s = every_s
        self._told: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Tell until `stop`."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._keep_telling(sink), name=f"palier-heads-{sink.name}") for sink in self._sinks
            ]

    async def stop(self) -> None:
        """Tell what is not told yet, if that goes quickly, and end."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
            await asyncio.wait([asyncio.ensure_future(self._last(sink)) for sink in self._sinks])

    async def tell(self, sink: Sink) -> bool:
        """Tell one, if the head moved; False where that failed, which `failing` and the log say."""
        try:
            if sink.name not in self._told:
                self._told[sink.name] = await self._known(sink)
            if await self._ledger.moved(self._told[sink.name]) and (head := await self._ledger.head()):
                await sink.send(head)
                self._told[sink.name] = head.sequence
        except (PalierError, OSError) as error:
            words = str(error)
            log.warning("the ledger's head could not be told to %s: %s", sink.name, words)
            self.failing[sink.name] = words
            return False
        except Exception:
            log.exception("the ledger's head could not be told to %s", sink.name)
            self.failing[sink.name] = "unforeseen; the log has more"
            return False
        self.failing.pop(sink.name, None)
        return True

    async def _known(self, sink: Sink) -> int:
        """The entry up to which it was told by an earlier process; 0 where that was of another ledger."""
        told, head = await sink.told(), await self._ledger.head()
        sequence = head.sequence if head else 0
        if told is None or (head and told.installation != head.installation):
            return 0
        if told.sequence > sequence:
            words = "the ledger ends at entry %d, and entry %d was told to %s: palier audit verify --heads says more"
            log.error(words, sequence, told.sequence, sink.name)
            return 0
        return told.sequence

    async def _keep_telling(self, sink: Sink) -> None:
        wait_s = RETRY_S
        while True:
            if await self.tell(sink):
                wait_s = RETRY_S
                await asyncio.sleep(self._every_s)
            else:
                await asyncio.sleep(min(wait_s, self._every_s))
                wait_s *= 2

    async def _last(self, sink: Sink) -> None:
        try:
            async with asyncio.timeout(LAST_S):
                await self.tell(sink)
        except TimeoutError:
            log.warning("the ledger's last head was not told to %s: it took more than %g s", sink.name, LAST_S)


def read(lines: Sequence[str]) -> tuple[list[Head], int]:
    """The heads in `lines`, as they were exported, whatever a log wrote before each; and how many lines are none."""
    heads, others = [], 0
    for line in lines:
        if not line.strip():
            continue
        try:
            heads.append(msgspec.json.decode(line[max(line.find("{"), 0) :].strip(), type=Head))
        except (msgspec.MsgspecError, UnicodeEncodeError):
            others += 1
    return heads, others
