"""Models: those that answer here and those of the catalogue; what was taught for a route, and what became of it."""

from __future__ import annotations

import msgspec

from palier.app.students import Lineage
from palier.cards import ModelCard, Price
from palier.config import highest_label, leaves, tier_name
from palier.errors import NotFound
from palier.evals.reports import results
from palier.evals.reports.results import Measured
from palier.metrics.cost import published
from palier.models import catalogue
from palier.server.console.visits import Visit
from palier.server.replies import Reply
from palier.training.promote import Check
from palier.types import Data, Label
from palier.versions import Happened, Version


class Row(Data, frozen=True, kw_only=True):
    """A model that a route asks, as it is declared."""

    name: str
    card: ModelCard
    price: Price | None
    tiers: tuple[str, ...]
    """`ROUTE/TIER`."""
    label: Label
    """The most confidential text that any of these may give it."""
    leaves: bool
    """Whether what it receives leaves the premises."""
    well: bool
    detail: str
    measured: tuple[Measured, ...]


async def show(visit: Visit, done: str = "") -> Reply:
    """`GET /console/models`."""
    students = visit.palier.students
    routes = [await students.lineage(route) for route in visit.routes]
    cards = catalogue.cards()
    return visit.page(
        "models.html",
        models=await _rows(visit),
        routes=routes,
        cards=cards,
        prices={card.name: card.price or published(card.priced_as) for card in cards},
        done=done,
    )


async def open_version(visit: Visit) -> Reply:
    """`GET /console/models/versions/{id}?effect=yes`: its lineage, its rulings, what it does in shadow and did live."""
    palier = visit.palier
    version, lineage = await _version(visit)
    effect = visit.query.get("effect") == "yes" and visit.covers("reviewer")
    return visit.page(
        "version.html",
        version=version,
        lineage=lineage,
        happened=await palier.students.history(version.route, version.id),
        rulings=_rulings,
        certificate=await palier.students.certificate(version.id),
        shadow=await palier.effects.shadow(version.id),
        effects=await palier.effects.of(version.id) if effect else None,
    )


async def promote(visit: Visit) -> Reply:
    """`POST /console/models/versions/{id}/promote`: one in shadow has passed the gate, and answers from now on."""
    version, _ = await _version(visit)
    await visit.palier.students.promote_shadow(version.id, who=visit.principal.name)
    return await show(visit, visit.words("models.promoted", version=version.id, route=version.route))


async def roll_back(visit: Visit) -> Reply:
    """`POST /console/models/rollback`: what answered before on `route` answers again."""
    route = visit.about = visit.form.get("route", "")
    if route not in visit.routes:
        raise NotFound(f"there is no route `{route[:80]}`", param="route")
    why = visit.form.get("why", "").strip()[:500]
    standing = await visit.palier.students.roll_back(route, who=visit.principal.name, why=why)
    now = standing.live or visit.words("models.own")
    return await show(visit, visit.words("models.rolled_back", now=now, route=route))


async def _version(visit: Visit) -> tuple[Version, Lineage]:
    """The version that is asked for, of a route that is open to whoever asks."""
    visit.about = visit.places["id"]
    version = await visit.palier.students.find(visit.about)
    if version is None or version.route not in visit.routes:
        raise NotFound(f"there is no version `{visit.about[:80]}`")
    return version, await visit.palier.students.lineage(version.route)


async def _rows(visit: Visit) -> list[Row]:
    """The models of the routes that may be asked, with what each may be given and what was measured of it here."""
    palier, settings = visit.palier, visit.palier.settings
    health = await palier.health()
    measured: dict[str, tuple[Measured, ...]] = {}
    if (settings.folder / results.REPORTS).is_dir():
        measured, _ = await palier.workers.batch.run(results.newest, settings.folder)
    tiers: dict[str, list[str]] = {}
    labels: dict[str, Label] = {}
    cards: dict[str, ModelCard] = {}
    for route in visit.routes:
        named = settings.routes[route]
        for n, (tier, card) in enumerate(zip(named.tiers, palier.cards(route), strict=True)):
            tiers.setdefault(tier.model, []).append(f"{route}/{tier_name(named, n)}")
            label = highest_label(settings, tier)
            labels[tier.model] = Label.highest(labels.get(tier.model, label), label)
            cards[tier.model] = card
    return [
        Row(
            name=name,
            card=card,
            price=card.price or published(card.priced_as),
            tiers=tuple(tiers[name]),
            label=labels[name],
            leaves=leaves(settings.models[name]),
            well=bool(health[name]["ok"]),
            detail=str(health[name]["detail"]),
            measured=measured.get(name, ()),
        )
        for name, card in cards.items()
    ]


def _rulings(one: Happened) -> tuple[Check, ...]:
    """The tests of the ruling on a version, where there was one that can be told."""
    try:
        return msgspec.convert((one.ruling or {}).get("checks", ()), tuple[Check, ...])
    except msgspec.ValidationError:
        return ()
