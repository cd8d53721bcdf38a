"""Energy and carbon: what meters there are, whose electricity it is, and which models' energy stays unknown."""

from __future__ import annotations

from collections.abc import Iterator

from palier.config import INSIDE, Settings
from palier.errors import ConfigurationError
from palier.metrics import zones
from palier.metrics.meters import open_meters
from palier.server.doctor.finding import Finding


def check(settings: Settings) -> Iterator[Finding]:
    """Findings on both. Without meters, powers or a zone everything works; its figures say that they are unknown."""
    meters = open_meters()
    meters.close()
    yield Finding(check="meters", detail=meters.words)
    yield _zones(settings)
    working = {name: model for name, model in settings.models.items() if model.kind in INSIDE or model.on_premises}
    silent = [name for name, model in working.items() if model.watts is None and not model.impacts_as]
    if silent:
        yield Finding(
            check="energy",
            detail=f"unknown for {', '.join(silent)}: no power is declared",
            advice="declare `watts` of [models.NAME]: what its machine takes while it answers",
        )


def _zones(settings: Settings) -> Finding:
    """Where each model takes its electricity; a name that is no zone fails, as it will when palier opens."""
    try:
        zones.of_site(settings)
        found = {name: zones.of_model(settings, name) for name in settings.models}
    except ConfigurationError as error:
        return Finding.failed("carbon", error)
    placed: dict[str, list[str]] = {}
    for name, zone in found.items():
        if zone.intensity is not None:
            placed.setdefault(zone.method, []).append(name)
    missing = sorted({zone.method.removeprefix("no zone: ") for zone in found.values() if zone.intensity is None})
    words = [f"{', '.join(names)}: {method}" for method, names in placed.items()]
    return Finding(
        check="carbon", detail="; ".join(words) or "unknown: no zone of electricity is set", advice="; ".join(missing)
    )
