"""The program a worker process runs: functions come in on one connection, their values go back on it.

Started by file name with nothing but the standard library at the top, so that it needs no `__main__` of its own (a
script without a main guard, a notebook) and takes the parent's `sys.path` before it loads anything of palier.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any, NoReturn, TypedDict


class Hello(TypedDict):
    """The first message: how this worker lives. `function` to run before the first task is pickled in `warm`."""

    path: list[str]
    memory_bytes: int
    timeout_s: float
    nice: int
    warm: bytes


_GRACE_S = 5
"""How long after its time limit the kernel ends a task, where the parent, which should have, is gone."""


def main() -> None:
    connection = Connection(int(sys.argv[1]))
    hello: Hello = pickle.loads(connection.recv_bytes())  # noqa: S301  from our parent
    sys.path[:] = hello["path"]
    os.nice(hello["nice"])
    _limit_memory(hello["memory_bytes"])
    sys.addaudithook(_refuse_network)
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, tasks), daemon=True).start()
    if hello["warm"]:
        _call(hello["warm"])
    while True:
        task = tasks.get()
        signal.alarm(int(hello["timeout_s"]) + _GRACE_S)
        reply = _call(task)
        signal.alarm(0)
        del task
        connection.send_bytes(reply)
        del reply


def _listen(connection: Connection, tasks: queue.SimpleQueue[bytes]) -> NoReturn:
    """Read tasks while others run, so that the end of the parent is noticed at once, even by kill -9."""
    while True:
        try:
            tasks.put(connection.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)


def _call(task: bytes) -> bytes:
    """Run a pickled (function, arguments); the pickled (value, None) or (None, exception)."""
    try:
        function, arguments = pickle.loads(task)  # noqa: S301  from our parent
        return pickle.dumps((function(*arguments), None), pickle.HIGHEST_PROTOCOL)
    except BaseException as error:
        return _pickle_error(error)


def _pickle_error(error: BaseException) -> bytes:
    """Some exceptions cannot travel: native ones, those whose constructor wants more than a message, exits."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    try:
        if not isinstance(error, Exception):
            raise TypeError("an exit of the parent is not the worker's to cause")
        reply = pickle.dumps((None, error), pickle.HIGHEST_PROTOCOL)
        pickle.loads(reply)  # noqa: S301  what was just written
    except Exception:
        reply = pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {str(error)[:500]}")))
    return reply


def _limit_memory(limit: int) -> None:
    """Cap the heap, so that a hostile file ends in MemoryError here and not in the machine's swap. 0 is no limit.

    RLIMIT_DATA rather than RLIMIT_AS: address space that native threads only reserve does not count. Systems other
    than Linux accept the call and ignore it, or refuse it; the time limit still holds there.
    """
    if limit:
        try:
            import resource

            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        except (ImportError, OSError, ValueError):
            pass


_REFUSED = frozenset(
    (
        *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"),
        *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"),
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"),
    )
)


def _refuse_network(event: str, _arguments: tuple[Any, ...]) -> None:
    """A worker computes; nothing in it has a reason to open a connection, or to start a program that could."""
    if event in _REFUSED:
        raise PermissionError(f"{event} in a worker process: palier's workers have no network and start nothing")


if __name__ == "__main__":
    main()
