"""What an open palier says of itself: how routes stand, what their budgets have left, which models are well."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from palier.app.drift import Drifts
from palier.app.probing import Probed, probe
from palier.app.students import Students
from palier.app.telling import Telling
from palier.budgets import Budgets
from palier.counting import Counts, GatewayNow
from palier.interfaces import Model
from palier.overspending import Overspending
from palier.pipeline.audit import Auditor
from palier.policies import RouteStatus
from palier.privacy.connector import HttpConnector
from palier.spending import BudgetStanding
from palier.stores.failing import Failing


class Reporting(Telling):
    """The part of `Palier` that says how it is."""

    students: Students
    """What was taught, and which of it answers."""
    drift: Drifts
    budgets: Budgets
    """What routes may take."""
    overspending: Overspending
    """What is told when they take more."""
    counts: Counts
    auditor: Auditor
    """Completes what is drawn: `start` it, or `await auditor.complete()`."""
    models: dict[str, Model]
    _connector: HttpConnector

    async def status(self) -> list[RouteStatus]:
        """How each route stands: what its policy promises, or why it is not calibrated."""
        found = self.policies.status(self.watch.words)
        drift, student, budget = await self.drift.words(), self.students.words, self.budgets.words
        return [
            msgspec.structs.replace(
                one, student=await student(one.route), drift=drift.get(one.route, ""), budget=budget(one.route)
            )
            for one in found
        ]

    @property
    def failing(self) -> Failing:
        """Whether requests are recorded."""
        return self._recording.failing

    async def now(self) -> GatewayNow:
        """What went by since it was opened, and what is not well."""
        unwell = {name: str(one["detail"]) for name, one in (await self.health()).items() if not one["ok"]}
        return GatewayNow(
            at=time.time(),
            since=self.counts.since,
            load=self.auditor.load(),
            routes=tuple(self.counts.of(route) for route in self.settings.routes),
            unwell=unwell,
            unrecorded=self.failing.unrecorded,
            failing=self.failing.why,
        )

    async def probe(self, name: str) -> Probed:
        """Whether the endpoint of model `name` can be reached, through the door. Raises why it cannot."""
        return await probe(self.settings, name, self._connector)

    async def health(self) -> dict[str, dict[str, Any]]:
        """{"ok", "detail"} of each model by name."""
        found = {name: await model.health() for name, model in self.models.items()}
        return {name: {"ok": ok, "detail": detail} for name, (ok, detail) in found.items()}

    async def budgets_now(self) -> list[BudgetStanding]:
        """How the budgets of routes stand."""
        return self.budgets.standing()
