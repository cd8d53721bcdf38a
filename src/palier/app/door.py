"""The door of an installation, opened: the ledger, the connector that writes into it, the gate before it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from palier.config import Settings, redacts
from palier.jobs.lane import Lane, Limits
from palier.privacy.connector import HttpConnector
from palier.privacy.egress import EgressGate
from palier.privacy.heads import Heads, sinks
from palier.privacy.keys import KeySource
from palier.privacy.ledger import Chain
from palier.privacy.prompts import PromptRedactor
from palier.privacy.redaction import Redactor
from palier.privacy.sealing import Sealer
from palier.stores.folder import DataFolder
from palier.stores.ledger import SqliteLedger
from palier.types import Clearance

REDACTION_S = 30.0
"""Longest that a piece of text may be looked at, the time to load the models of names included."""
_CONNECT_S, _ANSWER_S, _WEBHOOK_S = 5.0, 10.0, 15.0
"""How long the webhook of heads may take: to connect, to answer, in all."""


@dataclass(frozen=True, slots=True)
class Door:
    """What leaves passes `gate`, then `connector`, and stands in `ledger`."""

    ledger: SqliteLedger
    connector: HttpConnector
    gate: EgressGate
    heads: Heads
    redactor: PromptRedactor | None
    """None where nothing is redacted."""


async def open_door(settings: Settings, folder: DataFolder, stack: AsyncExitStack) -> Door:
    """Open all of it; `stack` closes it again. Raises `ConfigurationError` where the key is lost."""
    sealer = Sealer(KeySource.of(settings).read())
    ledger = SqliteLedger.open(folder.ledger, sealer, Chain(), payload_days=settings.ledger.payload_days)
    stack.push_async_callback(ledger.close)
    connector = HttpConnector(settings.networks.on_premises, ledger=ledger, local_only=settings.privacy.local_only)
    stack.push_async_callback(connector.close)

    async def post(url: str, body: bytes, clearance: Clearance) -> int:
        async with connector.post(
            url,
            body,
            headers={"Content-Type": "application/json"},
            on_premises=False,
            connect_s=_CONNECT_S,
            first_byte_s=_ANSWER_S,
            total_s=_WEBHOOK_S,
            clearance=clearance,
        ) as reply:
            return reply.status

    heads = Heads(ledger, sinks(settings.ledger, settings.path, post), settings.ledger.heads_every_s)
    stack.push_async_callback(heads.stop)  # before the connector is closed: the last head goes out
    redactor, lane = _redactor(settings)
    if lane is not None:
        stack.push_async_callback(lane.close)
    return Door(ledger, connector, EgressGate(redactor), heads, redactor)


def _redactor(settings: Settings) -> tuple[PromptRedactor | None, Lane | None]:
    """What replaces personal data, where any tier wants it, and the process that it looks for names in.

    Names have a process of their own: a question that is only answered at home does not wait for them.
    """
    tiers = [tier for route in settings.routes.values() for tier in route.tiers]
    if not any(redacts(settings, tier) for tier in tiers):
        return None, None
    lane = Lane("redaction", 1, settings.workers.max_queue, Limits(timeout_s=REDACTION_S, retry=True))
    return PromptRedactor(Redactor(settings.redaction, lane)), lane
