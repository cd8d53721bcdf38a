"""The engine's child process, started, watched and restarted.

A crash in native code takes the child, never the gateway: what it was answering fails with a clear error, what comes
next waits for the restart up to a limit. A new configuration (other adapters) is a new child beside the old one; the
old one answers what it has begun, then ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator

import msgspec

from palier.errors import PalierError, Unavailable
from palier.models.engine_child import Answer, Configuration

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 30.0
STEADY_S = 30.0
"""A child that lived so long did not die of its start: the pauses begin anew."""
DRAIN_S = 300.0
END_S = 5.0
LOG_LINES, LOG_LINE_BYTES = 200, 2000

_ENVIRONMENT = (
    *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"),
)
"""What the child sees of our environment: no key of any cloud is among it."""
_SPIN = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
"""Waiting threads sleep. Spinning ones take the processor from the gateway: 6.6 tokens/s against 47 under load."""


class Child:
    """One running engine. `active` counts the answers it is writing, `heard` is when a token last came of any of them
    (on the monotonic clock), `adapters` are the names of those it holds, in order, `log` holds the last lines of its
    standard error.
    """

    def __init__(self, process: asyncio.subprocess.Process, configuration: Configuration) -> None:
        self.address = ""
        self.key = configuration.key
        self.adapters = configuration.names
        self.active = 0
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.started = self.heard = time.monotonic()
        self._process = process
        self._idle = asyncio.Event()
        self._idle.set()
        self._reading = asyncio.create_task(self._read_log())

    @classmethod
    async def start(cls, configuration: Configuration, limit_s: float) -> Child:
        """A child that is ready to answer. Raises `Unavailable` with its last words where it does not get there."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "palier.models.engine_child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | _SPIN,
        )
        child = cls(process, configuration)
        try:
            async with asyncio.timeout(limit_s):
                child.address = (await child._greet(configuration)).address
        except TimeoutError:
            await child.kill()
            raise Unavailable(f"the engine did not start in {limit_s:g} s", hint=child.last_words()) from None
        except BaseException:
            await child.kill()
            raise
        return child

    async def _greet(self, configuration: Configuration) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(msgspec.json.encode(configuration) + b"\n")
            await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            await self.ended()
            await self._reading
            raise Unavailable(f"the engine died at its start ({self.death()})", hint=self.last_words())
        try:
            answer = msgspec.json.decode(line, type=Answer)
        except msgspec.DecodeError:
            raise Unavailable("the engine's process said something else than where it listens") from None
        if answer.error:
            raise Unavailable(f"the engine cannot start: {answer.error}", hint=self.last_words())
        return answer

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ended(self) -> None:
        """Return when the process has ended."""
        await self._process.wait()

    def death(self) -> str:
        """How it ended, in words."""
        code = self._process.returncode
        if code is None:
            return "still running"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"

    def last_words(self) -> str:
        return " | ".join(list(self.log)[-3:])

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Counts an answer, so that `drain` waits for it."""
        self.active += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.active -= 1
            if not self.active:
                self._idle.set()

    async def drain(self, limit_s: float) -> None:
        """Wait for what it is answering, then end it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._idle.wait()
        await self.stop()

    async def stop(self) -> None:
        """Closing its standard input ends it; where it does not, a signal does."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(END_S):
                await self.ended()
        except TimeoutError:
            await self.kill()
        await self._reading

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self.ended()
        await self._reading

    async def _read_log(self) -> None:
        """Keep the last lines of standard error; a line without an end is cut, so that nothing grows."""
        assert self._process.stderr is not None
        rest = b""
        while data := await self._process.stderr.read(4096):
            *lines, rest = (rest + data).split(b"\n")
            self.log.extend(line[:LOG_LINE_BYTES].decode("utf-8", "replace") for line in lines if line.strip())
            rest = rest[:LOG_LINE_BYTES]
        if rest.strip():
            self.log.append(rest.decode("utf-8", "replace"))


class Supervisor:
    """Keeps one child running. `configure` is called for each start: it gives the configuration, or raises.

    Nothing runs before the first `ready`. A first start that fails is told at once to every caller (it is a wrong
    setting more often than a passing trouble), and tried again like a restart.
    """

    def __init__(
        self, configure: Callable[[], Awaitable[Configuration]], *, start_timeout_s: float, restart_wait_s: float
    ) -> None:
        self._configure = configure
        self._start_timeout_s = start_timeout_s
        self._restart_wait_s = restart_wait_s
        self._child: Child | None = None
        self._was_ready = False
        self._failure: PalierError | None = None
        self._failures = 0
        self._next_try = 0.0
        self._changed = asyncio.Condition()
        self._starting = asyncio.Lock()
        self._keeping: asyncio.Task[None] | None = None
        self._old: dict[asyncio.Task[None], Child] = {}
        self._closed = False

    @property
    def child(self) -> Child | None:
        """The child that answers now, if one is ready."""
        return self._child if self._child is not None and self._child.alive else None

    @property
    def state(self) -> str:
        """For people: `ready`, `starting`, `restarting: why`..."""
        if self._closed:
            return "closed"
        if self.child is not None:
            return "ready"
        if self._failures:
            return f"restarting{f': {self._failure}' if self._failure else ''}"
        return "starting" if self._keeping is not None else "not started"

    async def ready(self) -> Child:
        """The child, waiting for it while it starts (`start_timeout_s`) or restarts (`restart_wait_s`).

        Raises `Unavailable` with `retry_after` after that, and what `configure` raises.
        """
        if self.child is not None:
            return self.child
        if self._keeping is None and not self._closed:
            self._keeping = asyncio.create_task(self._keep())
        limit_s = self._restart_wait_s if self._was_ready else self._start_timeout_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s), self._changed:
                await self._changed.wait_for(self._settled)
        if self.child is not None:
            return self.child
        if self._closed:
            raise Unavailable("the engine is closed")
        if self._failure is not None and not self._was_ready:
            raise _again(self._failure)
        wait = max(self._next_try - time.monotonic(), 1.0)
        why = f": {self._failure.message}" if self._failure is not None else ""
        raise Unavailable(f"the engine is not ready after {limit_s:g} s{why}", retry_after=wait)

    async def replace(self, switched: Callable[[], None] = lambda: None) -> None:
        """Start a child with what `configure` gives now, beside the present one; switch; drain the old.

        `switched` is called at the moment of switching. Where the new one cannot start, the old one goes on and the
        error is raised.
        """
        if self.child is None:
            await self.ready()
            switched()
            return
        async with self._starting:
            new = await self._launch()
            if self._closed:
                await new.stop()
                raise Unavailable("the engine is closed")
            old, self._child = self._child, new
            switched()
        await self._tell()
        if old is not None:
            task = asyncio.create_task(old.drain(DRAIN_S))
            self._old[task] = old
            task.add_done_callback(self._old.pop)

    async def close(self) -> None:
        """End the child, after what it is answering (`END_S` at most). Waiting callers get `Unavailable`."""
        self._closed = True
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._tell()
        present = [self._child] if self._child is not None else []
        await asyncio.gather(*(child.drain(END_S) for child in (*present, *self._old.values())))
        for task in tuple(self._old):
            task.cancel()

    def _settled(self) -> bool:
        told = self._failure is not None and not self._was_ready
        return self._closed or self.child is not None or told

    async def _launch(self) -> Child:
        try:
            return await Child.start(await self._configure(), self._start_timeout_s)
        except OSError as error:
            raise Unavailable(f"the engine's process cannot be started: {error.strerror}") from None

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _keep(self) -> None:
        """Start, wait for the end, pause, start again."""
        while True:
            try:
                async with self._starting:
                    if self.child is None:  # `replace` may have been first
                        self._child = await self._launch()
            except PalierError as error:
                self._failure = error
                self._failures += 1
            else:
                self._failure = None
                self._was_ready = True
                await self._tell()
                lived = await self._until_gone()
                self._failures = 1 if lived > STEADY_S else self._failures + 1
            pause = min(FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE_S)
            self._next_try = time.monotonic() + pause
            await self._tell()
            await asyncio.sleep(pause)

    async def _until_gone(self) -> float:
        """Wait for the end of the present child, whichever it then is; how long that one lived, in seconds."""
        child = None
        while child is not self._child:
            child = self._child
            assert child is not None
            await child.ended()
        assert child is not None
        return time.monotonic() - child.started


def _again(error: PalierError) -> PalierError:
    """The same error anew: one that is raised to many callers would gather the tracebacks of all of them."""
    return type(error)(error.message, hint=error.hint, param=error.param, retry_after=error.retry_after)
