"""What follows from settings: names and defaults that depend on others."""

from __future__ import annotations

from palier.config.sections import Route, Settings, Tier
from palier.types import Label


def tier_name(route: Route, index: int) -> str:
    """The tier's own name, or `tier-N` counted from 1."""
    return route.tiers[index].name or f"tier-{index + 1}"


AUDIT_SHARE = 0.02


def audit_share(settings: Settings, route: Route) -> float:
    """The share of the route's requests that is drawn for the audit."""
    if route.audit is not None:
        return route.audit
    return AUDIT_SHARE if settings.store.record_content and len(route.tiers) > 1 else 0.0


def label_source(route: Route) -> str:
    """The full name of who judges the route's audits, with all that its verdicts depend on."""
    if route.label_source != "agreement":
        return route.label_source
    return f"agreement f1>={route.agreement_at:g} with {tier_name(route, len(route.tiers) - 1)}"


INSIDE = frozenset({"extract", "head", "engine"})
"""Kinds that run inside palier: what they receive goes nowhere."""


def highest_label(settings: Settings, tier: Tier) -> Label:
    """The most confidential text a tier may receive, as it says or by default."""
    inside = settings.models[tier.model].kind in INSIDE
    return tier.highest_label or (Label.RESTRICTED if inside else Label.PUBLIC)
