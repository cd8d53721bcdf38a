"""Model names: a route (`support`), each of its tiers by itself (`support/tier-1`), the embedding model."""

from __future__ import annotations

import difflib
import time
from typing import Literal

from msgspec import UNSET, UnsetType

from palier.cards import ModelCard
from palier.errors import NotFound
from palier.server.endpoint import Call
from palier.server.replies import Reply, json_reply
from palier.server.wire import Sent

_STARTED = int(time.time())


class ModelFacts(Sent, frozen=True, kw_only=True):
    """What palier says of a model name. A route has `tiers`; a tier has what its model's card says."""

    kind: Literal["route", "tier", "embedding"]
    tiers: tuple[str, ...] | UnsetType = UNSET
    model: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    licence: str | UnsetType = UNSET
    languages: tuple[str, ...] | UnsetType = UNSET
    capabilities: tuple[str, ...] | UnsetType = UNSET
    context: int | UnsetType | None = UNSET
    on_premises: bool | UnsetType = UNSET
    dimensions: int | UnsetType = UNSET


class ModelEntry(Sent, frozen=True, kw_only=True):
    id: str
    object: Literal["model"] = "model"
    created: int
    palier: ModelFacts
    owned_by: str = "palier"


class ModelList(Sent, frozen=True, kw_only=True):
    object: Literal["list"] = "list"
    data: list[ModelEntry]


async def list_models(call: Call) -> Reply:
    """`GET /v1/models`."""
    return json_reply(ModelList(data=entries(call)))


async def get_model(call: Call) -> Reply:
    """`GET /v1/models/{id}`."""
    known = entries(call)
    for entry in known:
        if entry.id == call.path["id"]:
            return json_reply(entry)
    raise unknown(call.path["id"], _suggestion(call.path["id"], [entry.id for entry in known]))


def resolve(call: Call, model: str) -> tuple[str, str | None]:
    """The route that a model name stands for, and the tier where it names one.

    Raises `NotFound`, also for a route that the key is not for.
    """
    route, slash, tier = model.partition("/")
    tiers = call.palier.routes.get(route)
    if tiers is not None and (not slash or tier in tiers) and call.caller.may_ask(route):
        return route, tier if slash else None
    routes = _routes(call)
    names = [name for route, tiers in routes.items() for name in (route, *(f"{route}/{tier}" for tier in tiers))]
    raise unknown(model, _suggestion(model, names))


def unknown(model: str, hint: str) -> NotFound:
    """The error for a model name that is not there."""
    error = NotFound(f"the model `{model[:100]}` does not exist", hint=hint, param="model")
    error.code = "model_not_found"
    return error


def _suggestion(model: str, names: list[str]) -> str:
    close = difflib.get_close_matches(model[:100], names, n=1, cutoff=0.5)
    return f"did you mean `{close[0]}`?" if close else f"models: {', '.join(names[:20])}"


def _routes(call: Call) -> dict[str, list[str]]:
    """The tiers of each route that the key is for."""
    return {route: tiers for route, tiers in call.palier.routes.items() if call.caller.may_ask(route)}


def entries(call: Call) -> list[ModelEntry]:
    """Every model name that the key is for, routes first by the order of `palier.toml`."""
    palier, found = call.palier, []
    for route, tiers in _routes(call).items():
        names = tuple(f"{route}/{tier}" for tier in tiers)
        found.append(_entry(route, ModelFacts(kind="route", tiers=names)))
        found += [_entry(name, _facts(card)) for name, card in zip(names, palier.cards(route), strict=True)]
    encoder = palier.encoder
    found.append(_entry(encoder.name, ModelFacts(kind="embedding", dimensions=encoder.dimension)))
    return found


def _entry(name: str, facts: ModelFacts) -> ModelEntry:
    return ModelEntry(id=name, created=_STARTED, palier=facts)


def _facts(card: ModelCard) -> ModelFacts:
    return ModelFacts(
        kind="tier",
        model=card.name,
        title=card.title,
        licence=card.licence,
        languages=card.languages,
        capabilities=tuple(sorted(card.capabilities)),
        context=card.context,
        on_premises=card.on_premises,
    )
