"""What follows from settings: names and defaults that depend on others."""

from __future__ import annotations

from palier.config.sections import Model, Route, Settings, Tier
from palier.types import Label


def tier_name(route: Route, index: int) -> str:
    """The tier's own name, or `tier-N` counted from 1."""
    return route.tiers[index].name or f"tier-{index + 1}"


AUDIT_SHARE = 0.02


def audit_share(settings: Settings, route: Route) -> float:
    """The share of the route's requests that is drawn for the audit: none where no words are kept to go on with."""
    if not settings.store.record_content:
        return 0.0
    if route.audit is not None:
        return route.audit
    return AUDIT_SHARE if len(route.tiers) > 1 else 0.0


def label_source(route: Route) -> str:
    """The full name of who judges the route's audits, with all that its verdicts depend on."""
    if route.label_source != "agreement":
        return route.label_source
    return f"agreement f1>={route.agreement_at:g} with {tier_name(route, len(route.tiers) - 1)}"


INSIDE = frozenset({"extract", "head", "engine"})
"""Kinds that run inside palier: what they receive goes nowhere."""


def least_label(settings: Settings, collection: str, said: Label | None = None) -> Label | None:
    """The least label of what goes into a collection: its own, and what is said; None where nothing says."""
    own = settings.collections[collection].label if collection in settings.collections else None
    labels = [label for label in (own, said) if label is not None]
    return Label.highest(*labels) if labels else None


PLAYED = frozenset({"recorded", "fake"})
"""Kinds that say what a file says: nothing of what they receive goes anywhere either."""


def highest_label(settings: Settings, tier: Tier) -> Label:
    """The most confidential text a tier may receive, as it says or by default, and never more than its model may."""
    model = settings.models[tier.model]
    said = tier.highest_label or (Label.RESTRICTED if model.kind in INSIDE else Label.PUBLIC)
    return said if model.highest_label is None or model.highest_label.allows(said) else model.highest_label


def leaves(model: Model) -> bool:
    """Whether what a model receives leaves the premises."""
    return model.kind not in INSIDE | PLAYED and not model.on_premises


def redacts(settings: Settings, tier: Tier) -> bool:
    """Whether personal data is replaced in what a tier receives."""
    return leaves(settings.models[tier.model]) if tier.redact is None else tier.redact


def barred(settings: Settings, route: Route, tier: Tier) -> str:
    """Why nothing of a route may go to a tier, whatever its label; empty where it may."""
    model = settings.models[tier.model]
    if not leaves(model):
        return ""
    if settings.privacy.local_only or route.local_only:
        return "local only: nothing leaves"
    if route.regions and model.region not in route.regions:
        where = f"in {model.region}" if model.region else "in a region it does not say"
        return f"it runs {where}, and the route goes to {', '.join(route.regions)}"
    return ""
