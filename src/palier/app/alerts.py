"""The webhooks that are told: of drift, and of budgets whose limits were passed."""

from __future__ import annotations

import os
import time
from typing import Literal

from palier.alerting import Post
from palier.budgets import Budgets
from palier.config import Settings
from palier.errors import ConfigurationError
from palier.interfaces import Connector
from palier.overspending import Overspending
from palier.spending import BudgetStanding
from palier.stores.access import SqliteAccess
from palier.stores.folder import DataFolder
from palier.stores.purse import standings
from palier.stores.states import StateFile
from palier.types import Clearance, Label

_CONNECT_S, _ANSWER_S, _TOTAL_S = 5.0, 10.0, 15.0
_REASONS = {"drift": "what drifts: numbers and names", "budgets": "budgets that passed a limit: numbers and names"}


def post_of(settings: Settings, connector: Connector, what: Literal["drift", "budgets"]) -> Post | None:
    """What posts alerts of `what` through the door; None where no webhook is named.

    Raises `ConfigurationError`: the variable of the webhook's key is not set.
    """
    own = what == "drift" and bool(settings.drift.webhook)
    section, said = ("drift", settings.drift) if own else ("alerts", settings.alerts)
    if not said.webhook:
        return None
    headers = {"Content-Type": "application/json"}
    if said.authorization_env:
        key = os.environ.get(said.authorization_env, "")
        if not key:
            raise ConfigurationError(
                f"[{section}]: the environment variable {said.authorization_env} is not set",
                hint="set it to the header Authorization that the webhook wants, or leave authorization_env out",
            )
        headers["Authorization"] = key
    clearance = Clearance(
        purpose="alert", destination=f"{section}_webhook", label=Label.INTERNAL, reason=_REASONS[what]
    )

    async def post(body: bytes) -> int:
        async with connector.post(
            said.webhook,
            body,
            headers=headers,
            on_premises=said.on_premises,
            connect_s=_CONNECT_S,
            first_byte_s=_ANSWER_S,
            total_s=_TOTAL_S,
            clearance=None if said.on_premises else clearance,
        ) as reply:
            return reply.status

    return post


def overspending_of(
    settings: Settings, budgets: Budgets, access: SqliteAccess, folder: DataFolder, connector: Connector
) -> Overspending:
    """The watch over the budgets of routes and keys. Raises `ConfigurationError` as `post_of`."""

    async def all_of_them() -> list[BudgetStanding]:
        return [*budgets.standing(), *standings(await access.keys.list(), access.purse, time.time())]

    return Overspending(all_of_them, StateFile(folder.alerts), post_of(settings, connector, "budgets"))
