"""The catalogue filtered: what is known to fit, and how many may."""

from __future__ import annotations

from typing import Any

import pytest

from palier.cards import ModelCard
from palier.errors import InvalidRequest
from palier.models import catalogue
from palier.models.filtering import Wanted, choose, count, runs_on_premises


def card(name: str = "m", **fields: Any) -> ModelCard:
    whole: dict[str, Any] = {
        "parameters": 2_000_000_000,
        "licence": "Apache-2.0",
        "context": 8192,
        "languages": ("en", "fr"),
        "customisation": ("lora", "full"),
        "inference": ("gguf",),
        "may_train_on_outputs": True,
    }
    return ModelCard(name=name, kind="endpoint", **{**whole, **fields})


ALL = Wanted(
    max_params=2_000_000_000, licence="apache-2.0", context=8000, language="fr", customisation="lora",
    on_premises=True, trains=True,
)  # fmt: skip


def names(wanted: Wanted, *cards: ModelCard) -> list[str]:
    return [card.name for card in choose(cards, wanted).cards]


def test_a_card_that_is_all_of_it_fits() -> None:
    assert names(ALL, card()) == ["m"]
    assert names(Wanted(), card(parameters=None, licence="")) == ["m"], "nothing is asked"


@pytest.mark.parametrize(
    "other",
    [
        {"parameters": 2_000_000_001}, {"licence": "MIT"}, {"context": 4096}, {"languages": ("en",)},
        {"customisation": ("fine-tuning by the provider",)}, {"inference": ("openai api",)},
        {"may_train_on_outputs": False},
    ],
)  # fmt: skip
def test_one_thing_that_does_not_fit_is_enough(other: dict[str, Any]) -> None:
    chosen = choose([card(**other)], ALL)
    assert (chosen.cards, chosen.unknown) == ((), {})


@pytest.mark.parametrize(
    ("silent", "fact"),
    [
        ({"parameters": None}, "parameters"), ({"licence": ""}, "licence"), ({"context": None}, "context"),
        ({"languages": ()}, "languages"), ({"customisation": ()}, "customisation"),
    ],
)  # fmt: skip
def test_what_is_not_known_does_not_fit_and_is_counted(silent: dict[str, Any], fact: str) -> None:
    assert choose([card(**silent)], ALL) == choose([card(**silent)], ALL)
    assert choose([card(**silent)], ALL).unknown == {"m": (fact,)}
    assert choose([card(**silent, may_train_on_outputs=False)], ALL).unknown == {}, "it does not fit anyway"


def test_a_licence_by_any_of_its_words() -> None:
    llama = card(licence="Llama 3.2 Community License")
    assert names(Wanted(licence="llama"), llama) == ["m"]
    assert names(Wanted(licence="LLAMA 3.2"), llama) == ["m"]
    assert names(Wanted(licence="mit"), card(licence="Limited licence")) == []


def test_what_quotes_speaks_any_language_and_takes_no_adapter() -> None:
    quoting = ModelCard(name="q", kind="extract", generates=False, licence="Apache-2.0")
    assert names(Wanted(language="br", context=10**6, max_params=1, on_premises=True), quoting) == ["q"]
    assert names(Wanted(customisation="lora"), quoting) == []
    assert names(Wanted(customisation="retrieval"), quoting) == ["q"]


@pytest.mark.parametrize(("wanted", "fits"), [("adapter", True), ("lora", True), ("full", True), ("prompt", True)])
def test_kinds_of_customisation(wanted: str, fits: bool) -> None:
    assert bool(names(Wanted(customisation=wanted), card())) == fits


def test_a_customisation_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no kind of customisation"):
        names(Wanted(customisation="qlora"), card())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2B", 2 * 10**9),
        ("500m", 500 * 10**6),
        ("1.5b", 1_500_000_000),
        ("8k", 8000),
        ("32768", 32768),
        (" 1M ", 10**6),
    ],
)
def test_counts(text: str, number: int) -> None:
    assert count(text) == number


@pytest.mark.parametrize("text", ["", "two", "-2B", "0", "0k", "2BB", "2 B B", "1e9", "nan"])
def test_what_is_no_count(text: str) -> None:
    with pytest.raises(InvalidRequest, match="for example 2B"):
        count(text)


def test_on_the_catalogue_itself() -> None:
    small = choose(catalogue.cards(), Wanted(max_params=count("2B"), licence="apache-2.0", context=8000, language="fr"))
    assert "qwen2.5-0.5b" in [card.name for card in small.cards]
    assert small.unknown["qwen3-0.6b"] == ("languages",)
    clouds = [card.name for card in catalogue.cards() if not runs_on_premises(card)]
    assert {"gpt-4o-mini", "claude-haiku-4.5", "gemini-2.5-flash"} <= set(clouds)
    assert not [name for name in clouds if name.startswith(("qwen", "llama", "gemma", "phi", "smollm", "ministral"))]
