"""Drift of an open palier: two windows compared when somebody asks, and the watch while the gateway runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from palier.app.alerts import post_of
from palier.drift.comparing import compare
from palier.drift.reference import Vectors
from palier.drift.report import DriftReport, Window, check_comparable
from palier.drift.signals import Observed
from palier.drifting import MOST, REFERENCE_MOST, Drifting, joined
from palier.errors import NotFound
from palier.interfaces import Connector
from palier.stores.drift import SqliteCensus, SqlitePassing
from palier.stores.knowledge import SqliteKnowledge
from palier.stores.states import StateFile
from palier.stores.traces import SqliteTraces

if TYPE_CHECKING:
    from palier.app.palier import Palier


class Drifts(Drifting):
    """The watch, and `compare`."""

    async def compare(self, route: str, now: Window, against: Window, level: float = 0.05) -> DriftReport:
        """What differs between what went by in two windows; of each at most so many requests (`drifting`).

        Raises `NotFound`, and `InvalidRequest` for windows that overlap or are none.
        """
        if route not in self._routes:
            raise NotFound(f"there is no route `{route}`", hint=f"routes: {', '.join(self._routes)}")
        check_comparable(now, against, level)
        report = await self._workers.run(
            partial(compare, level=level, encoder=self._gathering.encoder.name, route=route),
            await self._side(route, against, REFERENCE_MOST),
            await self._side(route, now, MOST),
        )
        return msgspec.structs.replace(report, sources=tuple(await self.sources(route)))

    async def _side(self, route: str, window: Window, most: int) -> tuple[Window, Sequence[Observed], Vectors | None]:
        traces = await self._passing.between(route, window.since, window.until, most)
        found, vectors = await self._gathering.of(traces)
        more = await self._said(route, window.since, window.until)
        return msgspec.structs.replace(window, n=len(traces)), [*found, *more], joined(vectors, len(more))


def drifts_of(
    palier: Palier, sources: Mapping[str, str], traces: SqliteTraces, knowledge: SqliteKnowledge, connector: Connector
) -> Drifts:
    """Of the parts of an open palier; `sources` judge the audits of its routes.

    Raises `ConfigurationError`: the variable of the webhook's key is not set.
    """
    settings = palier.settings
    return Drifts(
        settings.drift,
        settings.routes,
        sources,
        passing=SqlitePassing(traces.database),
        census=SqliteCensus(knowledge.database),
        file=StateFile(palier.folder.drift),
        encoder=palier.encoder,
        workers=palier.workers.batch,
        named=lambda route: palier.policies.of(route).named,
        post=post_of(settings, connector, "drift") if settings.drift.enabled else None,
    )
