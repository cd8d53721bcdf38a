"""What kept answers cost by today's settings: a price, a power or a zone that is declared later counts for them too.

Tokens and busy time were measured when the answer was given; what they are multiplied with is only declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from palier.cards import ModelCard
from palier.cases import Outcome, Spell
from palier.metrics.carbon import carbon
from palier.metrics.cost import cost, total
from palier.metrics.energy import energy
from palier.metrics.zones import Zone
from palier.types import Quantity


@dataclass(frozen=True, slots=True)
class Rate:
    """What a model's figures are made by."""

    card: ModelCard
    zone: Zone | None = None


def priced(outcome: Outcome, rates: Mapping[str, Rate]) -> Outcome:
    """`outcome` with the figures that `rates` (by model) give it. What they cannot tell stays as it was."""
    if not rates or not outcome.spells:
        return outcome
    spells = tuple(_priced(spell, rates[spell.model]) if spell.model in rates else spell for spell in outcome.spells)
    counted = [spell for spell in spells if spell.busy_ms]
    return msgspec.structs.replace(
        outcome,
        spells=spells,
        cost=total(spell.cost for spell in counted),
        energy=total(spell.energy for spell in counted),
        carbon=total(spell.carbon for spell in counted),
    )


def _priced(spell: Spell, rate: Rate) -> Spell:
    if not spell.busy_ms:  # it was not asked
        return spell
    # Without a count of tokens there is an estimate of them, which is not kept, within what was kept.
    paid = _better(cost(rate.card, spell.usage, None, spell.busy_ms), spell.cost, counted=spell.usage is not None)
    used = _better(energy(rate.card, spell.busy_ms, spell.usage), spell.energy, counted=spell.usage is not None)
    return msgspec.structs.replace(spell, cost=paid, energy=used, carbon=carbon(used, rate.zone))


def _better(now: Quantity, before: Quantity, *, counted: bool) -> Quantity:
    return now if counted or now.value is not None else before
