"""Settings with what was taught in them: as they are where a version of a student is live on a route."""

from __future__ import annotations

from pathlib import Path

import msgspec

from palier.config.derived import tier_name
from palier.config.sections import Model, Route, Settings, Tier
from palier.errors import ConfigurationError
from palier.versions import Version

FILES = {"head": "student.head", "lora": "adapter.gguf"}
"""What stands in the folder of a version, by student."""
POLICY = "policy.json"
TEACHING = ".teaching"
"""Beside the folders of versions: what is being taught, a folder a route, with its lessons as tokens."""


def with_version(settings: Settings, version: Version, folder: Path, *, route: str = "") -> Settings:
    """`settings` in which the tier of `version` is served by it, from its `folder`; with its own policy, if it has one.

    `route`: another name to put that route under, beside the one that is there; the names of models and tiers stay
    those of the settings but for a head, which is a model of its own. Raises `ConfigurationError` where the route or
    the tier is not there any more, or is of another kind.
    """
    place, models = _place(settings, version), dict(settings.models)
    named = settings.routes[version.route]
    tier = named.tiers[place]
    file = str((folder / FILES[version.student]).absolute())
    declared = models[tier.model]
    if version.student == "lora":
        _check_kind(version, tier.model, declared, "engine")
        models[tier.model] = msgspec.structs.replace(declared, adapters={**declared.adapters, version.id: file})
        tier = msgspec.structs.replace(tier, adapter=version.id)
    else:
        _check_kind(version, tier.model, declared, "head")
        own = _head_name(tier.model, version.id)
        models[own] = msgspec.structs.replace(declared, file=file)
        tier = msgspec.structs.replace(tier, model=own)
    tiers = tuple(tier if n == place else other for n, other in enumerate(named.tiers))
    if not named.tiers[place].name:  # a tier is known by its place, and stays so
        tiers = tuple(msgspec.structs.replace(one, name=tier_name(named, n)) for n, one in enumerate(tiers))
    policy = str((folder / POLICY).absolute()) if version.policy else ""
    changed: Route = msgspec.structs.replace(named, tiers=tiers, policy=policy)
    return msgspec.structs.replace(settings, models=models, routes={**settings.routes, route or version.route: changed})


def tier_of(settings: Settings, version: Version) -> Tier:
    """The tier that a version is for. Raises `ConfigurationError` where its route or the tier is not there any more."""
    return settings.routes[version.route].tiers[_place(settings, version)]


def _place(settings: Settings, version: Version) -> int:
    named = settings.routes.get(version.route)
    if named is None:
        raise ConfigurationError(f"version {version.id} is of route `{version.route}`, which is not there")
    places = [n for n in range(len(named.tiers)) if tier_name(named, n) == version.tier]
    if not places:
        raise ConfigurationError(f"version {version.id}: route `{version.route}` has no tier `{version.tier}`")
    return places[0]


def _head_name(model: str, id: str) -> str:
    """What the head of a version is called: after its model too, where the id does not begin with that by itself."""
    return id if id.startswith(f"{model}-") else f"{model}-{id}"[-64:].lstrip("._-")


def _check_kind(version: Version, name: str, declared: Model, kind: str) -> None:
    if declared.kind != kind:
        raise ConfigurationError(
            f"version {version.id} is a {version.student}, and model `{name}` is of kind `{declared.kind}`",
            hint=f"tier `{version.tier}` needs a model of kind `{kind}`",
        )
