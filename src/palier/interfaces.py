"""The seams: what the parts of floor 2 ask of each other, and what third parties may supply.

Each is one to four methods. The parts never import one another: `app` hands each its partners. A conformance suite for
each seam is in `palier.testing`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from palier.audits import Audit, AuditCount, Feedback, FeedbackCount, Judgement
from palier.cards import ModelCard
from palier.types import (
    Data,
    Decision,
    Document,
    Draft,
    Event,
    Features,
    Hit,
    Label,
    Passage,
    Principal,
    Prompt,
    Request,
    Trace,
)

T = TypeVar("T")
Vectors = NDArray[np.float32]


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
    ) -> AbstractAsyncContextManager[Reply]:
        """POST `body`. Redirects are returned as they are, never followed; no proxy is read from the environment.

        `on_premises` raises `ConfigurationError` where the address is neither loopback nor in a declared network.
        Leaving the context closes the connection. Raises `UpstreamTimeout` and `Unavailable` (cannot connect).
        """
        ...

    def get(
        self, url: str, *, headers: Mapping[str, str], on_premises: bool, connect_s: float, total_s: float
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


class Encoder(Protocol):
    """Texts to vectors. `name` and `dimension` are stored with every index; mixing is refused."""

    name: str
    dimension: int

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32, shape (len(texts), dimension)."""
        ...


class Documents(Protocol):
    """The documents of collections, with their passages and vectors. A write is durable when it returns."""

    async def put(self, documents: Sequence[tuple[Document, Sequence[Passage], Vectors]]) -> None:
        """Insert or replace whole documents, atomically, visible to the next search."""
        ...

    async def get(self, collection: str, document: str, principal: Principal) -> Document | None: ...

    async def delete(self, collection: str, documents: Sequence[str]) -> int:
        """Delete those that exist; how many there were."""
        ...

    async def list(
        self, collection: str, principal: Principal, *, after: str = "", limit: int = 1000
    ) -> list[Document]:
        """Documents in order of id, without their text (`text` is "")."""
        ...


class PassageIndex(Protocol):
    """Search by vector and by terms: only what `principal` may read, and exactly `limit` if there are so many."""

    async def by_vector(
        self, collections: Sequence[str], vector: Vectors, limit: int, principal: Principal
    ) -> list[Hit]:
        """Nearest passages by cosine; `Hit.cosine` is set, best first."""
        ...

    async def by_terms(
        self, collections: Sequence[str], terms: Sequence[str], limit: int, principal: Principal
    ) -> list[Hit]:
        """Best passages by BM25 over stemmed terms; `Hit.bm25` is set (higher is better), best first."""
        ...

    async def collections(self, principal: Principal) -> list[dict[str, Any]]:
        """One {name, documents, passages, encoder, dimension} a collection that `principal` may read."""
        ...


class Retriever(Protocol):
    """Question to passages."""

    async def search(
        self, query: str, collections: Sequence[str], limit: int, principal: Principal, *, context: str = ""
    ) -> list[Hit]:
        """The best passages, fused. `context` is the user turn before, which weighs less than `query`."""
        ...


class Traces(Protocol):
    """What happened."""

    async def record(self, trace: Trace) -> None:
        """Keep `trace`; it is durable when this returns.

        It is taken over before the first wait: who is cancelled meanwhile stops waiting, and it is kept all the same.
        """
        ...

    async def get(self, id: str) -> Trace | None:
        """The trace with its content, where that is still kept. The last `ids.SHORT_ID` digits of an id are enough."""
        ...

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
        """Newest first, of one time by id downwards, without content.

        Those created before `before`, where it is given, and of that very time those whose id comes before
        `before_id`: the last trace of a page gives both for the next.
        """
        ...

    async def expire(self, now: float) -> int:
        """Delete contents whose retention is over; how many."""
        ...


class Audits(Protocol):
    """Requests that were drawn for the audit, until every permitted tier ran on them."""

    async def draw(self, trace: Trace, audit: Audit) -> None:
        """Keep a drawn request and its trace, both or neither; durable when this returns.

        Taken over before the first wait, as by `Traces.record`. Under an id recorded before, it replaces.
        """
        ...

    async def keep(self, audit: Audit, judgements: Sequence[Judgement] = ()) -> None:
        """Keep how far a drawn request is, with what was judged of it, in one commit. Without `words`: forget them."""
        ...

    async def due(self, now: float, limit: int) -> list[Audit]:
        """Drawn ones to go on with at `now`, with their words, the longest due first.

        One whose words are past their retention is none of them: `Traces.expire` leaves it `lost`.
        """
        ...


class Judgements(Protocol):
    """Audits that ran, and who judged what the tiers wrote."""

    async def done(
        self,
        *,
        route: str = "",
        source: str = "",
        after: float = 0.0,
        after_id: str = "",
        limit: int = 200,
        words: bool = False,
    ) -> list[Audit]:
        """Those that are done, oldest first, of one time by id, with the judgements of `source` (of all where empty).

        `words`: with those too, where they are kept: a few at a time, a request may be long. Those after (`after`,
        `after_id`): `created` and `trace` of a page's last give both for the next.
        """
        ...

    async def queue(
        self, *, route: str, sources: Sequence[str], after: float = -1.0, after_id: str = "", limit: int = 8
    ) -> list[Audit]:
        """Those with words, and a draft that none of `sources` judged, in the order of the draw.

        `place` and `trace` of a page's last give `after` and `after_id` for the next.
        """
        ...

    async def undrafted(self, drafts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those of `drafts` (trace, tier) that no audit has, in their order: `judge` would raise for them."""
        ...

    async def judge(self, judgements: Sequence[Judgement]) -> None:
        """Keep all, or none; a later one replaces that of its trace, tier and source.

        Raises `NotFound` naming the first whose trace and tier have no draft.
        """
        ...

    async def count(self, *, route: str = "", sources: Sequence[str] = ()) -> AuditCount:
        """How far those of `route` (all where empty) are; judged: every draft, by one of `sources`."""
        ...


class Watched(Protocol):
    """Judged audits, each counted once by what watches a policy's promise."""

    async def unwatched(self, route: str, source: str, limit: int) -> list[Audit]:
        """Those of `route` that are done, with every draft judged by `source`, and not counted yet; oldest first."""
        ...

    async def watch_state(self, route: str, policy: str) -> bytes | None:
        """What was kept of those counted under `policy`."""
        ...

    async def count_watched(self, route: str, policy: str, state: bytes, traces: Sequence[str]) -> None:
        """Count `traces` and keep `state`, in one commit."""
        ...


class Ratings(Protocol):
    """What those who asked thought of answers. Nothing is fitted on it."""

    async def rate(self, feedback: Feedback, label: Label, expires: float | None) -> None:
        """Keep it in the place of what its principal said before of that trace.

        Its comment is kept until `expires` under `label`; None: not at all. The trace is there.
        """
        ...

    async def ratings(self, trace: str) -> list[Feedback]:
        """What was said of one answer, oldest first, with the comments that are still kept."""
        ...

    async def count(self, route: str = "") -> FeedbackCount:
        """How many answers of `route` (all where empty) were rated, and how."""
        ...


class Answers(Protocol):
    """What answers carry: those that come back as turns of a conversation are known again."""

    async def label_of(self, digests: Sequence[str]) -> Label:
        """The most restrictive label of the recorded answers (`Trace.answers`) among `digests`; public for none."""
        ...


class Confidence(Protocol):
    """Draft to the probability that it is good enough."""

    def features(self, prompt: Prompt, draft: Draft) -> Features:
        """Named signals, all finite."""
        ...

    def probability(self, features: Features, *, generates: bool) -> float:
        """In [0, 1]."""
        ...


class Rule(Protocol):
    """What a policy says of one tier: its own probability, from which one a draft is served, and what need not be."""

    @property
    def threshold(self) -> float: ...

    @property
    def asks(self) -> bool:
        """Whether the question's vector is a signal."""
        ...

    def probability(self, features: Features) -> float | None:
        """In [0, 1]; None where the signals are not those it was fitted on."""
        ...

    def asked(self, vector: Vectors | None) -> Features:
        """The signal of a question, vector (1, d); none where it was fitted on none."""
        ...

    def passes_over(self, features: Features) -> str:
        """Why a tier need not be asked, by the question's signal; empty where it may."""
        ...

    def cuts(self, early: float | None) -> str:
        """Why a draft need not go on, by the mean log-probability of its first tokens; empty where it may."""
        ...

    def in_vain(self, features: Features) -> str:
        """Why a whole draft with these signals is not kept, whatever its probability; empty where it may be."""
        ...


class Admission(Data, frozen=True):
    """What the gate says of one destination: `prompt` is None when it gets nothing, and `reason` says why.

    `label` is what the prompt carries (or would have carried); `withheld` counts the passages that were kept back.
    """

    prompt: Prompt | None
    label: Label
    reason: str = ""
    withheld: int = 0


class Gate(Protocol):
    """The door: assembles the prompt for one destination from what it may receive, then judges it."""

    def admit(self, request: Request, *, highest: Label, system: str, needed: Collection[str]) -> Admission:
        """`needed` are the keys of the passages without which the destination could not answer."""
        ...


class Decide(Protocol):
    """Probability to decision, pure: the gateway and `palier replay` call the same one."""

    def __call__(self, probability: float | None, threshold: float, *, guarantee: str = "") -> Decision: ...


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
