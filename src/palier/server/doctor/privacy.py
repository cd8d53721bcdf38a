"""What may leave, as it stands: the door, what is replaced on the way out, the keys of what is kept sealed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from palier.config import Route, Settings, Tier, barred, leaves, redacts, tier_name
from palier.errors import PalierError
from palier.interfaces import EntryFilter
from palier.privacy.keys import KeySource
from palier.privacy.lockdown import is_loopback
from palier.privacy.redaction import Redactor
from palier.privacy.sealing import Sealer
from palier.server.doctor.finding import Finding
from palier.stores.folder import DataFolder
from palier.stores.ledger_file import LedgerFile


def check(settings: Settings) -> Iterator[Finding]:
    """Findings on what leaves: nothing to say where nothing does."""
    yield _door(settings)
    outside = [(name, route, tier) for name, route in settings.routes.items() for tier in _outside(settings, route)]
    for name, route, tier in outside:
        if not redacts(settings, tier):
            yield _bare(name, route, tier)
    if any(redacts(settings, tier) for _, _, tier in outside):
        yield _redaction(settings)
    yield from _sealed(settings)


def _outside(settings: Settings, route: Route) -> list[Tier]:
    """The tiers of a route that something may leave to."""
    return [tier for tier in route.tiers if leaves(settings.models[tier.model]) and not barred(settings, route, tier)]


def _door(settings: Settings) -> Finding:
    told = sorted(_told(settings))
    if settings.privacy.local_only:
        if not told:
            return Finding(check="door", detail="local only: nothing leaves")
        return Finding(
            check="door",
            status="warn",
            detail=f"local only: nothing leaves, so that nothing is told to {', '.join(told)}",
            advice="on_premises = true where that is so, and its network in [networks]; or leave it out",
        )
    models = {tier.model for route in settings.routes.values() for tier in _outside(settings, route)}
    if not models and not told:
        return Finding(check="door", detail="no tier is elsewhere: nothing leaves")
    return Finding(check="door", detail=f"open to {', '.join([*sorted(models), *told])}; palier audit shows what left")


def _told(settings: Settings) -> Iterator[str]:
    """The settings of what is elsewhere, and told of what goes by."""
    ledger, telemetry, drift, alerts = settings.ledger, settings.telemetry, settings.drift, settings.alerts
    urls = {
        "[ledger] heads_webhook": ledger.heads_webhook,
        "[telemetry] otlp": "" if telemetry.on_premises else telemetry.otlp,
        "[drift] webhook": drift.webhook if drift.enabled and not drift.on_premises else "",
        "[alerts] webhook": "" if alerts.on_premises else alerts.webhook,
    }
    for name, url in urls.items():
        if url and not is_loopback(urlsplit(url).hostname or ""):
            yield name


def _bare(name: str, route: Route, tier: Tier) -> Finding:
    which = tier_name(route, route.tiers.index(tier))
    return Finding(
        check=f"route {name}",
        status="warn",
        detail=f"{which} ({tier.model}) is elsewhere and receives personal data as it is",
        advice="remove redact = false",
    )


def _redaction(settings: Settings) -> Finding:
    try:
        redactor = Redactor(settings.redaction)
    except PalierError as error:
        return Finding.failed("redaction", error)
    if redactor.names or settings.redaction.names == "off":
        return Finding(check="redaction", detail=redactor.active)
    detail, _, advice = redactor.active.partition("; ")
    return Finding(check="redaction", status="warn", detail=detail, advice=advice)


def _sealed(settings: Settings) -> Iterator[Finding]:
    """The ledger's size, and keys that are there or lost."""
    path = DataFolder(settings.folder).ledger
    if not path.is_file():
        return
    try:
        with contextlib.closing(LedgerFile.open(path)) as ledger:
            last = ledger.entries(EntryFilter(limit=1))
            uses = ledger.keys(Sealer(KeySource.of(settings).read(make=False)))
    except PalierError as error:
        yield Finding.failed("ledger", error)
        return
    count = last[0].sequence if last else 0
    entries = f"{count} {'entry' if count == 1 else 'entries'}"
    yield Finding(check="ledger", detail=f"{entries}; palier audit verify looks whether all is intact")
    for use in uses:
        if not use.there and use.payloads + use.maps:
            yield Finding(
                check="ledger",
                status="warn" if use.given_up else "fail",
                detail=f"the key {use.key} is not there: {use.payloads} payloads and {use.maps} maps cannot be read",
                advice="put it back beside the others, or palier serve --without-lost-key",
            )
