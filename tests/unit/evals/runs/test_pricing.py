"""What is declared after an answer was given counts for it too; what was measured stays."""

from __future__ import annotations

import msgspec
import pytest

from palier.cards import ModelCard, Price
from palier.cases import Outcome, Spell
from palier.evals.runs.pricing import Rate, priced
from palier.metrics.zones import zone
from palier.types import Quantity, Usage

USAGE = Usage(prompt=1_000, completion=100)
SPELL = Spell(tier="tier-1", model="m", outcome="answered", usage=USAGE, busy_ms=1_800)
CARD = ModelCard(name="m", kind="endpoint", price=Price(input=1.0, output=10.0), watts=200.0)


def outcome(*spells: Spell) -> Outcome:
    return Outcome(id="1", candidate="a", spells=spells)


def test_a_price_that_is_declared_later_counts() -> None:
    bare = outcome(SPELL)
    made = priced(bare, {"m": Rate(CARD, zone("FRA"))})
    assert made.cost.value == pytest.approx(0.002)
    assert made.energy.value == pytest.approx(0.1)
    assert made.carbon.value is not None
    assert made.carbon.value > 0
    assert priced(made, {"m": Rate(CARD, zone("FRA"))}) == made
    free = msgspec.structs.replace(CARD, price=None, watts=None)
    assert priced(made, {"m": Rate(free)}).cost.value is None, "and one that is gone counts no more"


def test_an_estimate_without_a_count_of_tokens_stays() -> None:
    guessed = Quantity(value=0.5, basis="estimated", method="tokens by their characters")
    made = priced(outcome(msgspec.structs.replace(SPELL, usage=None, cost=guessed)), {"m": Rate(CARD)})
    assert made.cost == guessed
    assert made.energy.value == pytest.approx(0.1), "busy time was measured"
    assert made.carbon.value is None


def test_what_was_not_asked_and_models_that_are_not_known_are_left_as_they_are() -> None:
    skipped = msgspec.structs.replace(SPELL, outcome="skipped", busy_ms=0.0, usage=None)
    other = msgspec.structs.replace(SPELL, model="other", cost=Quantity(value=1.0, basis="measured"))
    made = priced(outcome(skipped, other), {"m": Rate(CARD)})
    assert made.spells == (skipped, other)
    assert made.cost.value == 1.0
    assert priced(outcome(SPELL), {}) == outcome(SPELL)
