"""The training process: torch lives here alone, and a crash in it takes nothing else.

One JSON line on standard input says what to do (`Task`); JSON lines on standard output tell what is done (`Told`).
SIGTERM stops a training after a checkpoint. Then standard input is only watched: its end means that the parent is gone.

Run as `python -P -m palier.training.lora_child`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from palier.errors import PalierError
from palier.training.base_from_gguf import Gguf
from palier.training.lora_model import Student
from palier.training.lora_plan import Row
from palier.training.lora_train import Told, train

PR_SET_PDEATHSIG = 1
STOPPED = 75
"""Exit status of a training that was stopped and can go on (EX_TEMPFAIL)."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """`train`: what `folder` holds. `score`: `rows` (prompt and answer in tokens) under the adapter of PEFT folder
    `adapter`, and `plain` by the base alone; `score-merged`: `rows` by the merged model in `folder`, which `merge`
    writes.
    """

    do: Literal["train", "merge", "score", "score-merged"]
    base: str
    parent: int
    folder: str = ""
    adapter: str = ""
    rows: list[Any] = []
    plain: list[Any] = []
    threads: int = 1


def main() -> None:
    # Libraries print where they like: what they write to descriptor 1 must not end up in our answers.
    answers = os.dup(1)
    os.dup2(2, 1)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    task = msgspec.json.decode(line, type=Task)
    sys.addaudithook(_refuse_network)
    _die_with(task.parent)
    threading.Thread(target=_watch, daemon=True).start()
    wanted = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: wanted.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal it goes to the parent too, which then says SIGTERM

    def tell(told: Any) -> None:
        os.write(answers, msgspec.json.encode(told) + b"\n")

    status = run(task, tell, wanted.is_set)
    os._exit(status)


def run(task: Task, tell: Callable[[Any], None], stop: Callable[[], bool]) -> int:
    """Do the task and return the exit status: 0, `STOPPED`, or 1 after what went wrong was told."""
    try:
        if task.do == "train":
            whole = train(Path(task.folder), Path(task.base), tell, stop, threads=task.threads)
            return 0 if whole else STOPPED
        if task.do == "merge":
            _merge(task)
            return 0
        tell(_scores(task))
    except PalierError as error:
        tell(Told(event="failed", kind=type(error).__name__, words=error.message, hint=error.hint))
    except (MemoryError, RuntimeError) as error:
        words = str(error).splitlines()[:1] or ["out of memory"]
        hint = "shorter or fewer lessons at once (--batch), or a machine with more memory" if _memory(error) else ""
        tell(Told(event="failed", kind="Unavailable", words=f"torch: {words[0][:300]}", hint=hint))
    else:
        return 0
    return 1


def _memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "memory" in str(error).lower()


def _merge(task: Task) -> None:
    student = Student(Gguf(Path(task.base)), "cpu")
    student.read(Path(task.adapter))
    student.merge(Path(task.folder))


def _scores(task: Task) -> Told:
    student = Student(Gguf(Path(task.base)), "cpu")
    student.torch.set_num_threads(task.threads)
    rows, plain = msgspec.convert((task.rows, task.plain), tuple[list[Row], list[Row]])
    bare = student.judged(plain)
    if task.do == "score-merged":
        student.read_merged(Path(task.folder))
    else:
        student.read(Path(task.adapter))
    return Told(event="scores", scores=tuple(student.judged(rows)), plain=tuple(bare))


_REFUSED = frozenset(
    (
        *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"),
        *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"),
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"),
    )
)


def _refuse_network(event: str, _arguments: tuple[Any, ...]) -> None:
    """It teaches from files; nothing in it has a reason to open a connection, or to start a program that could."""
    if event in _REFUSED:
        raise PermissionError(f"{event} in the training process: it has no network and starts nothing")


def _watch() -> None:
    """End with standard input."""
    while os.read(0, 1):
        pass
    os._exit(0)


def _die_with(parent: int) -> None:
    """On Linux the kernel kills us with our parent, whatever native code is doing."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


if __name__ == "__main__":
    main()
