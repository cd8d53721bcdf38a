"""The catalogue filtered: which models are known to fit. What is not known of a card fits nothing, and is counted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields

from palier.cards import ModelCard
from palier.errors import InvalidRequest

_SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_LOCAL = frozenset({"gguf", "transformers", "vllm", "ollama"})
"""Ways to run a model that take its weights."""
_ALSO = {"adapter": "lora", "fine-tuning": "full"}
"""Other words for kinds of customisation."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a model must be; None and False ask nothing."""

    max_params: int | None = None
    licence: str | None = None
    context: int | None = None
    """Tokens at least."""
    language: str | None = None
    customisation: str | None = None
    on_premises: bool = False
    trains: bool = False
    """Its terms are known to let one train a model on what it writes."""

    @property
    def asks(self) -> bool:
        """Whether it asks anything."""
        return any(getattr(self, field.name) not in (None, False) for field in fields(self))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The cards that fit, and those that may, by what is not known of them."""

    cards: tuple[ModelCard, ...]
    unknown: dict[str, tuple[str, ...]]
    """By name: the facts that are not on the card, where all that is on it fits."""


CUSTOMISATIONS = ("prompt", "retrieval", "lora", "adapter", "full", "fine-tuning")


def choose(cards: Iterable[ModelCard], wanted: Wanted) -> Chosen:
    """The cards that are known to be what is wanted. Raises `InvalidRequest` for a customisation that is none."""
    if wanted.customisation is not None and wanted.customisation.casefold() not in CUSTOMISATIONS:
        raise InvalidRequest(
            f"`{wanted.customisation[:40]}` is no kind of customisation", hint=f"one of {', '.join(CUSTOMISATIONS)}"
        )
    kept, unknown = [], {}
    for card in cards:
        fits = _fits(card, wanted)
        if all(fit for _, fit in fits):
            kept.append(card)
        elif all(fit is not False for _, fit in fits):
            unknown[card.name] = tuple(fact for fact, fit in fits if fit is None)
    return Chosen(tuple(kept), unknown)


def count(text: str) -> int:
    """`2B`, `500M`, `8k`, `1.5B`, `32768` as a number; thousands, also of tokens. Raises `InvalidRequest`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kmbt]?)", text.strip().lower())
    if found is None or not float(found[1]):
        raise InvalidRequest(f"`{text[:40]}` is no number of parameters or tokens", hint="for example 2B, 500M or 8k")
    return round(float(found[1]) * _SUFFIXES[found[2]])


def runs_on_premises(card: ModelCard) -> bool:
    """Whether it can: it runs inside palier, or its weights can be had."""
    return card.kind in ("extract", "engine", "head") or bool(_LOCAL & set(card.inference))


def _fits(card: ModelCard, wanted: Wanted) -> list[tuple[str, bool | None]]:
    """What is asked, and whether the card fits: None where it does not say."""
    asked: list[tuple[str, bool | None]] = []
    if wanted.max_params is not None:
        parameters = card.parameters if card.generates else 0
        asked.append(("parameters", None if parameters is None else parameters <= wanted.max_params))
    if wanted.licence is not None:
        asked.append(("licence", _licensed(card.licence, wanted.licence) if card.licence else None))
    if wanted.context is not None and card.generates:
        asked.append(("context", None if card.context is None else card.context >= wanted.context))
    if wanted.language is not None and card.generates:
        asked.append(("languages", wanted.language.lower() in card.languages if card.languages else None))
    if wanted.customisation is not None:
        asked.append(("customisation", _customised(card, wanted.customisation)))
    if wanted.on_premises:
        asked.append(("where it runs", runs_on_premises(card)))
    if wanted.trains:
        asked.append(("training on outputs", card.may_train_on_outputs))
    return asked


def _licensed(licence: str, wanted: str) -> bool:
    """Every word of `wanted` is one of the licence's: `apache-2.0`, `llama`, `mit`."""
    return set(wanted.casefold().split()) <= set(licence.casefold().split())


def _customised(card: ModelCard, wanted: str) -> bool | None:
    """What generates takes a prompt and passages; adapters and training are as the card says."""
    word = _ALSO.get(wanted.casefold(), wanted.casefold())
    if word in ("prompt", "retrieval"):
        return card.generates or word == "retrieval"
    if not card.generates:
        return False
    return any(word in kind.casefold() for kind in card.customisation) if card.customisation else None
