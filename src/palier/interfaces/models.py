"""What answers, and what it needs to: workers, connections, vectors."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from palier.cards import ModelCard
from palier.interfaces.guarding import Scorer
from palier.types import Clearance, Event, Prompt

T = TypeVar("T")
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
else:  # numpy is a quarter of the time that a command takes to start
    Vectors = Any


class Workers(Protocol):
    """A bounded pool of worker processes for what would hold the event loop (architecture, decision 10)."""

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a module-level function elsewhere and return its value; its exception is raised here.

        Raises `Busy` when the queue is full and `Unavailable` when the worker died.
        """
        ...

    async def close(self) -> None: ...


class Reply(Protocol):
    """The answer to an outbound call, its body not yet read."""

    status: int
    headers: Mapping[str, str]

    async def read(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes (then `UpstreamGarbage`)."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. A cut or a stall raises `UpstreamGarbage` or `UpstreamTimeout`."""
        ...

    async def finish(self) -> None:
        """Nothing more is of interest: read to the end if that comes at once, so that the connection serves again."""
        ...


class Connector(Protocol):
    """The only way out: every outbound connection of the process is opened here (architecture, decision 11)."""

    def post(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        on_premises: bool,
        connect_s: float,
        first_byte_s: float,
        total_s: float,
        clearance: Clearance | None = None,
    ) -> AbstractAsyncContextManager[Reply]:
        """POST `body`. Redirects are returned as they are, never followed; no proxy is read from the environment.

        What is not `on_premises` leaves only with a `clearance` (`Prompt.clearance`; else `Forbidden`), and is in the
        ledger before it does. `on_premises` raises `ConfigurationError` where the address is neither loopback nor in a
        declared network. Leaving the context closes the connection. Raises `UpstreamTimeout` and
        `Unavailable` (cannot connect).
        """
        ...

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        on_premises: bool,
        connect_s: float,
        total_s: float,
        clearance: Clearance | None = None,
    ) -> AbstractAsyncContextManager[Reply]: ...

    async def close(self) -> None: ...


class Model(Protocol):
    """One source of answers: an engine, an endpoint, a quotation, a recording.

    `stream` yields `Delta`/`ToolDelta` as they come, `Cited` once where the model quotes, a `Finish` for each choice,
    then `Metered` when the count is known. Closing the iterator early cancels the generation. Raises `UpstreamError`,
    `UpstreamTimeout`, `Unavailable` or `InvalidRequest` (prompt too long: says both numbers).
    """

    card: ModelCard

    def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]: ...

    async def health(self) -> tuple[bool, str]:
        """Whether it could answer now, and a word on it ("ready", "restarting", "circuit open for 12 s")."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Startable(Protocol):
    """What a model may have besides: it takes time to be ready, and can begin before it is asked."""

    async def start(self) -> None:
        """Return when it is ready; raise what keeps it from being so."""
        ...


@runtime_checkable
class Adaptable(Protocol):
    """What a model may have besides: adapters that requests name, and that may become others while it runs."""

    @property
    def adapters(self) -> tuple[str, ...]:
        """Those that requests can name now."""
        ...

    async def replace_adapters(self, adapters: Mapping[str, str]) -> None:
        """Answer with these (name -> path) from now on; where they cannot be loaded nothing changes, and raises."""
        ...

    async def hold_adapters(self, adapters: Mapping[str, str]) -> None:
        """Have these loaded besides those that are, so that a request that names one finds it; raises as above."""
        ...


class Encoder(Protocol):
    """Texts to vectors. `name` and `dimension` are stored with every index; mixing is refused."""

    name: str
    dimension: int

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32, shape (len(texts), dimension)."""
        ...


@dataclass(frozen=True, slots=True)
class Resources:
    """What `app` hands to the builder of a model: `build(name, settings, resources) -> Model`."""

    connector: Connector
    encoder: Encoder
    workers: Workers
    folder: Path
    """The data folder."""
    resolve: Callable[[str], Path]
    """A path of `palier.toml` made absolute."""
    strict: Workers | None = None
    """For what strangers wrote and may never end: a task has little time and memory there. None: `workers`."""
    scorer: Callable[[str], Scorer] | None = None
    """Of an embedded model, by its name, for guards. Raises `ConfigurationError` for another."""
