"""The engine's process: loads the weights, opens the native HTTP listener, and lives as long as its parent.

One JSON line on standard input says what to load (`Configuration`; the access key is there, never in the arguments or
the environment, which other processes can read). One JSON line on standard output says where it listens, or why it
does not. Then standard input is only watched: its end means that the parent is gone.

Run as `python -P -m palier.models.engine_child`; nothing of palier but this file and msgspec is loaded here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from typing import Any

import msgspec

PR_SET_PDEATHSIG = 1
PROMPT_CACHE_MIB = 256
"""What it may keep of prompts that it has seen; its own default is 8 GiB."""


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What the child loads. `context` is in tokens for each of `parallel` requests."""

    name: str
    weights: str
    key: str
    parent: int
    context: int
    parallel: int
    threads: int
    adapters: tuple[str, ...] = ()
    """Paths of LoRA adapters; a request names one by its place."""
    names: tuple[str, ...] = ()
    """What the gateway calls them, in the same order."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Where it listens, or what went wrong."""

    address: str = ""
    error: str = ""


def main() -> None:
    # Native code prints where it likes: what it writes to descriptor 1 must not end up in our answer.
    answers = os.dup(1)
    os.dup2(2, 1)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    configuration = msgspec.json.decode(line, type=Configuration)
    sys.addaudithook(_refuse_network)
    _die_with(configuration.parent)
    threading.Thread(target=_watch, daemon=True).start()
    try:
        server = _serve(configuration)
    except Exception as error:
        _answer(answers, Answer(error=f"{type(error).__name__}: {error}"))
        os._exit(1)
    _answer(answers, Answer(address=server.listening_address))
    threading.Event().wait()


def _serve(configuration: Configuration) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = configuration.weights
    parameters.model_alias = {configuration.name}
    # The engine divides its context among the requests it works on at once.
    parameters.n_ctx = configuration.context * configuration.parallel
    parameters.n_parallel = configuration.parallel
    # Small batches: a request that is left during a long prompt frees its slot at the end of a batch.
    parameters.n_batch = parameters.n_ubatch = 256
    parameters.cache_ram_mib = PROMPT_CACHE_MIB
    parameters.cpuparams.n_threads = configuration.threads
    parameters.cpuparams_batch.n_threads = configuration.threads
    parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, 0.0) for path in configuration.adapters]
    parameters.lora_init_without_apply = True
    parameters.api_keys = [configuration.key]
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.endpoint_props = False
    parameters.endpoint_metrics = False
    parameters.verbosity = 0
    return xllamacpp.Server(parameters)


_REFUSED = frozenset(
    (
        *("socket.connect", "socket.sendto", "socket.sendmsg"),
        *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"),
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"),
    )
)


def _refuse_network(event: str, _arguments: tuple[Any, ...]) -> None:
    """The engine listens, by native code; nothing of Python's in it has a reason to open a connection."""
    if event in _REFUSED:
        raise PermissionError(f"{event} in the engine's process: it answers, and calls nobody")


def _answer(descriptor: int, answer: Answer) -> None:
    os.write(descriptor, msgspec.json.encode(answer) + b"\n")
    os.close(descriptor)


def _watch() -> None:
    """End with standard input. `os.read`, because a buffered reader that is interrupted by the exit aborts."""
    while os.read(0, 1):
        pass
    os._exit(0)


def _die_with(parent: int) -> None:
    """On Linux the kernel kills us with our parent, even while native loading lets no Python thread run.

    Elsewhere a parent that is killed during loading leaves us until the loading is over.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


if __name__ == "__main__":
    main()
