"""Forgetting a user, or a document and what was answered from it, in every store; and who has learnt from it.

A store joins by one place in `stores` (`interfaces.Erasable`). The documents come first, so that nothing new is
answered from them, and the traces last, since they tell which requests are concerned: an erasure that was killed is
done again, and finishes. What is on its way meanwhile is recorded as what it would have become: see `Recording`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from palier.audits import Audit, Judgement
from palier.config.taught import POLICY
from palier.errors import ConfigurationError, InvalidRequest
from palier.interfaces import Audits, Erasable, Erasure, Traces
from palier.pipeline.journey import digest
from palier.routing import policy as policies
from palier.stores.erasure import ErasableTraces, concerns, nameless
from palier.stores.failing import Failing
from palier.types import Data, Trace
from palier.versions import Learner

REMEMBERED = 1_000
"""Erasures that late requests are held against: the newest of this process, and no request outlives it."""


class Artefact(Data, frozen=True, kw_only=True):
    """A policy that was, or may have been, fitted on requests that are forgotten."""

    path: str
    route: str
    version: str = ""
    """The student that it was fitted for; empty: for the route's own tiers."""
    fitted: str
    """The day; empty where the file cannot be read."""
    requests: int | None
    """On how many of those forgotten now; None: it does not say, and may have seen them."""
    earlier: int | None
    """The same of those forgotten before: of somebody else, or by an erasure that was cut short."""
    questions: bool
    """Whether it holds vectors of the questions it was fitted on."""


class Forgotten(Data, frozen=True, kw_only=True):
    """What was forgotten, or would be (`dry_run`): how many things of each kind, and what was fitted on them."""

    user: str = ""
    document: str = ""
    """`COLLECTION/ID`."""
    dry_run: bool = False
    before: float
    """Of what was asked until then, in seconds since the epoch."""
    counts: dict[str, int]
    artefacts: tuple[Artefact, ...] = ()
    learners: tuple[Learner, ...] = ()
    """Versions that were taught on it, or may have been: what they learnt stays in them."""


Learners = Callable[[Erasure], Awaitable[Sequence[Learner]]]


async def none_learnt(erasure: Erasure) -> Sequence[Learner]:
    """Where nothing is taught."""
    return ()


class Forgetting:
    """Erases, one user or document at a time.

    `policies` are the files that routes go by, by route; those of versions stand in the folders of `students`.

    `remember` writes down that something is forgotten, before anything is; `learners` finds who learnt from it.
    """

    def __init__(
        self,
        documents: Erasable,
        stores: Sequence[Erasable],
        traces: ErasableTraces,
        policies: Mapping[str, Path],
        students: Path | None = None,
        remember: Callable[[Erasure], None] = lambda erasure: None,
        learners: Learners = none_learnt,
    ) -> None:
        self._documents = documents
        self._stores = stores
        self._traces = traces
        self._policies = policies
        self._students = students
        self._remember = remember
        self._learners = learners
        self._alone = asyncio.Lock()
        self._begun: deque[Erasure] = deque(maxlen=REMEMBERED)

    async def forget(self, *, user: str = "", document: str = "", dry_run: bool = False) -> Forgotten:
        """Erase, and say what; `dry_run`: only say it. Done again, it does what was left.

        Raises `InvalidRequest` unless one of `user` and `document` (`COLLECTION/ID`) is given, and `StoreError` where
        something could not be deleted.
        """
        erasure = _erasure(user, document)
        async with self._alone:
            if not dry_run:
                await asyncio.to_thread(self._remember, erasure)
            counts = Counter(await self._documents.forget(erasure, dry_run=dry_run))
            erasure = msgspec.structs.replace(erasure, before=time.time())
            if not dry_run:
                self._begun.appendleft(erasure)
            await asyncio.sleep(0)  # what was recorded in this turn of the loop is handed over at its end
            requests = await self._traces.requests(erasure, digest)
            erasure = msgspec.structs.replace(erasure, requests=requests)
            learners = await self._learners(erasure)
            for store in (*self._stores, self._traces):
                counts.update(await store.forget(erasure, dry_run=dry_run))
            for store in () if dry_run else (self._documents, *self._stores, self._traces):
                await store.scrub(erasure)
            earlier = set(await self._traces.forgotten()).difference(requests)
            artefacts = await asyncio.to_thread(_artefacts, self._files(), requests, earlier)
        return Forgotten(
            user=user,
            document=document,
            dry_run=dry_run,
            before=erasure.before,
            counts=dict(counts),
            artefacts=tuple(artefacts),
            learners=tuple(learners),
        )

    def _files(self) -> list[tuple[str, str, Path]]:
        """Route, version and file of each policy: also of versions that do not answer, and may again."""
        own = [(route, "", path) for route, path in self._policies.items()]
        found = sorted(self._students.glob(f"*/{POLICY}")) if self._students is not None else []
        return [*own, *(("", path.parent.name, path) for path in found)]

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[None]:
        """Nothing is forgotten while the context is open: what is looked at in it is there until it is left."""
        async with self._alone:
            yield

    def of(self, trace: Trace) -> Erasure | None:
        """The erasure that `trace` comes too late for; None where there is none."""
        for erasure in self._begun:  # the newest first: all others are older than what came after it
            if erasure.before < trace.created:
                return None
            if concerns(erasure, trace):
                return erasure
        return None

    async def forget_late(self, request: str) -> None:
        """What a late request, or its audit, left in other stores before it was recorded."""
        for store in self._stores:
            await store.forget(Erasure(before=time.time(), requests=(request,)))


class Recording:
    """`Traces` and `Audits`, as requests are recorded: one that began before its user or document was forgotten, and
    ends after, comes nameless and without words, and is not drawn."""

    def __init__(self, traces: Traces, audits: Audits, forgetting: Forgetting, failing: Failing | None = None) -> None:
        self.failing = failing or Failing()
        """Whether that is possible."""
        self._traces = traces
        self._audits = audits
        self._forgetting = forgetting
        self.told: list[Callable[[Trace], None]] = []
        """Hear of each trace that is recorded."""

    def record(self, trace: Trace) -> Coroutine[Any, Any, None]:
        """As `interfaces.Traces`."""
        for told in self.told:
            told(trace)
        erasure = self._forgetting.of(trace)
        return self.failing.recorded(self._traces.record(trace) if erasure is None else self._late(trace, erasure))

    async def _late(self, trace: Trace, erasure: Erasure) -> None:
        await self._traces.record(nameless(trace, erasure))
        await self._forgetting.forget_late(trace.id)

    async def draw(self, trace: Trace, audit: Audit) -> None:
        """As `interfaces.Audits`."""
        if self._forgetting.of(trace) is None:
            for told in self.told:
                told(trace)
            await self.failing.recorded(self._audits.draw(trace, audit))
        else:
            await self.record(trace)

    async def get(self, id: str) -> Trace | None:
        """As `interfaces.Traces`."""
        return await self._traces.get(id)

    async def expire(self, now: float) -> int:
        """As `interfaces.Traces`."""
        return await self._traces.expire(now)

    async def keep(self, audit: Audit, judgements: Sequence[Judgement] = ()) -> bool:
        """As `interfaces.Audits`."""
        kept = await self._audits.keep(audit, judgements)
        if not kept:
            await self._forgetting.forget_late(audit.trace)
        return kept

    async def due(self, now: float, limit: int) -> list[Audit]:
        """As `interfaces.Audits`."""
        return await self._audits.due(now, limit)

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
        """As `interfaces.Traces`."""
        return await self._traces.list(
            before=before, before_id=before_id, limit=limit, route=route, status=status, tier=tier
        )


def _erasure(user: str, document: str) -> Erasure:
    if bool(user) == bool(document):
        raise InvalidRequest("say whom or what to forget: one of `user` and `document`", param="user")
    collection, slash, name = document.partition("/")
    if document and not (collection and slash and name):
        raise InvalidRequest(
            f"`{document}` is no document", hint="a document is named COLLECTION/ID: palier search", param="document"
        )
    return Erasure(user=user, collection=collection, document=name, before=time.time())


def _artefacts(files: Sequence[tuple[str, str, Path]], requests: Sequence[str], earlier: set[str]) -> list[Artefact]:
    """The policies that saw any of the requests, or do not say what they saw. Where nothing is forgotten, none did."""
    if not requests and not earlier:
        return []
    found = [_artefact(*file, requests, earlier) for file in files if file[-1].exists()]
    return [artefact for artefact in found if artefact.requests != 0 or artefact.earlier != 0]


def _artefact(route: str, version: str, path: Path, requests: Sequence[str], earlier: set[str]) -> Artefact:
    of = Artefact(path=str(path), route=route, version=version, fitted="", requests=None, earlier=None, questions=False)
    try:
        policy = policies.load(path)
    except ConfigurationError:  # nobody goes by it, and it may hold what it holds
        return of
    seen = policy.seen
    return msgspec.structs.replace(
        of,
        fitted=policy.guarantee.fitted,
        requests=None if seen is None else len(seen.among(requests)),
        earlier=None if seen is None else len(seen.among(earlier)),
        questions=any(tier.asks for tier in policy.tiers),
    )
