"""What is compared: names to routes that one opened palier serves side by side, each for itself.

A tier alone is the staircase with that landing only: same documents, prompt, gate; it serves whatever it says, as where
a client asks it by name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import msgspec

from palier.cards import ModelCard
from palier.cases import Declared, Published, Suite
from palier.config import INSIDE, Model, Route, Settings, Tier, highest_label, leaves, tier_name
from palier.errors import ConfigurationError
from palier.evals.figures import Candidate
from palier.evals.runs import prompting

CASCADE = "cascade"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_CANDIDATES = 64


@dataclass(frozen=True, slots=True)
class Planned:
    """A candidate as it is to run: a `route` of its own; or, without one, imported `results` or `published` figures."""

    name: str
    kind: Literal["tier", "model", "cascade", "imported", "published"]
    prompt: str
    route: Route | None = None
    results: str = ""
    published: Published | None = None
    declared: Declared = field(default_factory=Declared)


def resolve(
    suite: Suite, settings: Settings, names: Sequence[str] = (), *, declared: Settings | None = None
) -> tuple[Planned, ...]:
    """The candidates called `names`; without, every tier of the suite's route, the cascade, and all that are declared.

    A name is, in this order, a `[candidates.NAME]`, `cascade`, a tier, the model of one, a model or a route of
    `palier.toml`, or `NAME=FILE`. Where `settings` have a student in a tier, the tier is also known by the model that
    it is `declared` with. Raises `ConfigurationError` that says what there is.
    """
    known = _Known(suite, settings, declared or settings)
    wanted = list(names) or known.default()
    if len(wanted) > MAX_CANDIDATES:
        raise ConfigurationError(f"{len(wanted)} candidates are more than {MAX_CANDIDATES}")
    planned = tuple(known.plan(name.strip()) for name in wanted)
    if twice := [p.name for n, p in enumerate(planned) if p.name in {other.name for other in planned[:n]}]:
        raise ConfigurationError(f"candidate `{twice[0]}` is named twice")
    for one in planned:
        if not _NAME.fullmatch(one.name):
            raise ConfigurationError(
                f"`{one.name}` is no name for a candidate", hint="letters, digits, '.', '_', '-'; 64 at most"
            )
        if one.route is not None:
            prompting.check(one.prompt, suite, f"the prompt of `{one.name}`" if one.declared.prompt else "the prompt")
    return planned


def route_name(suite: Suite, settings: Settings) -> str:
    """The suite's route, or the only one. Raises `ConfigurationError`."""
    if suite.route in settings.routes:
        return suite.route
    if not suite.route and len(settings.routes) == 1:
        return next(iter(settings.routes))
    what = f"there is no route `{suite.route}`" if suite.route else "the suite does not say its route"
    known = ", ".join(settings.routes) or "none: add [routes.NAME] to palier.toml"
    raise ConfigurationError(f"suite `{suite.name}`: {what}", hint=f"route = ... in suite.toml; routes: {known}")


class _Known:
    """What names may stand for."""

    def __init__(self, suite: Suite, settings: Settings, declared: Settings) -> None:
        self._suite = suite
        self._settings = settings
        self._route_name = route_name(suite, settings)
        self._route = settings.routes[self._route_name]
        self._tiers = [tier_name(self._route, n) for n in range(len(self._route.tiers))]
        self._models = [tier.model for tier in declared.routes[self._route_name].tiers]
        self._declared_models = declared.models

    def default(self) -> list[str]:
        several = [CASCADE] if len(self._tiers) > 1 else []
        return list(dict.fromkeys([*self._tiers, *several, *self._suite.candidates]))

    def plan(self, name: str) -> Planned:
        if name in self._suite.candidates:
            return self._declared(name, self._suite.candidates[name])
        if name == CASCADE:
            return self._whole(name, self._route)
        if name in self._tiers or name in self._models:
            return self._tier(name, name)
        if name in self._settings.models:
            return self._model(name, name)
        if name in self._settings.routes:
            return self._whole(name, self._settings.routes[name])
        called, equals, file = name.partition("=")
        if equals and called and file:
            return Planned(called, "imported", self._suite.prompt, results=str(Path(file).expanduser().absolute()))
        raise ConfigurationError(f"there is no candidate `{name}`", hint=f"there are {self._all()}")

    def _all(self) -> str:
        models = self._models
        others = [model for model in self._declared_models if model not in models]
        routes = [route for route in self._settings.routes if route != self._route_name]
        names = [*self._suite.candidates, *self._tiers, *models, CASCADE, *others, *routes]
        return f"{', '.join(dict.fromkeys(names))}, or NAME=FILE"

    def _declared(self, name: str, declared: Declared) -> Planned:
        said = [kind for kind in ("tier", "model", "route", "results", "published") if getattr(declared, kind)]
        if len(said) != 1:
            what = " and ".join(said) or "none of them"
            raise ConfigurationError(
                f"[candidates.{name}] says {what}", hint="exactly one of tier, model, route, results, published"
            )
        if declared.published is not None:
            return Planned(name, "published", "", published=declared.published, declared=declared)
        if declared.results:
            return Planned(name, "imported", "", results=declared.results, declared=declared)
        if declared.route:
            if declared.route not in self._settings.routes:
                routes = ", ".join(self._settings.routes)
                raise ConfigurationError(
                    f"[candidates.{name}]: there is no route `{declared.route}`", hint=f"routes: {routes}"
                )
            plain = self._whole(name, self._settings.routes[declared.route])
        elif declared.model:
            if declared.model not in self._settings.models:
                models = ", ".join(self._settings.models)
                raise ConfigurationError(
                    f"[candidates.{name}]: there is no model `{declared.model}`", hint=f"models: {models}"
                )
            plain = self._model(name, declared.model)
        else:
            plain = self._tier(name, declared.tier, where=f"[candidates.{name}]: ")
        return _changed(plain, declared)

    def _whole(self, name: str, route: Route) -> Planned:
        named = tuple(self._limited(tier, tier_name(route, n)) for n, tier in enumerate(route.tiers))
        return self._planned(name, "cascade", msgspec.structs.replace(route, tiers=named))

    def _tier(self, name: str, meant: str, where: str = "") -> Planned:
        found = [n for n, tier in enumerate(self._tiers) if tier == meant]
        found = found or [n for n, model in enumerate(self._models) if model == meant]
        if not found:
            hint = f"tiers of `{self._route_name}`: {', '.join(self._tiers)}"
            raise ConfigurationError(f"{where}there is no tier `{meant}`", hint=hint)
        if len(found) > 1:
            several = " and ".join(self._tiers[n] for n in found)
            raise ConfigurationError(f"{where}`{meant}` is the model of {several}", hint="name one of these tiers")
        tier = self._route.tiers[found[0]]
        alone = msgspec.structs.replace(self._limited(tier, self._tiers[found[0]]), threshold=0.0)
        return self._planned(name, "tier", self._alone(alone))

    def _model(self, name: str, model: str) -> Planned:
        same = [tier for tier, name in zip(self._route.tiers, self._models, strict=True) if name == model]
        # Of a model in the staircase the tier says what it may receive; of any other the defaults of a tier.
        label = highest_label(self._settings, same[0]) if same else None
        tier = self._limited(Tier(model=model, threshold=0.0, highest_label=label), model)
        return self._planned(name, "model", self._alone(tier))

    def _alone(self, tier: Tier) -> Route:
        return msgspec.structs.replace(self._route, tiers=(tier,), policy="", without_policy="threshold")

    def _limited(self, tier: Tier, name: str) -> Tier:
        """Called `name`, and with the suite's own limit of an answer: as a parameter it might be in a tier's way."""
        return msgspec.structs.replace(tier, name=name, max_tokens=self._suite.max_tokens or tier.max_tokens)

    def _planned(self, name: str, kind: Literal["tier", "model", "cascade"], route: Route) -> Planned:
        return Planned(name, kind, self._suite.prompt, route=msgspec.structs.replace(route, audit=0.0))


def _changed(planned: Planned, declared: Declared) -> Planned:
    """With what a declaration says otherwise."""
    route = planned.route
    assert route is not None
    if declared.adapter and planned.kind == "cascade":
        raise ConfigurationError(
            f"[candidates.{planned.name}]: an adapter belongs to one tier", hint="tier = ... instead of route = ..."
        )
    tiers, system = route.tiers, route.system
    if planned.kind == "cascade":
        system = declared.system if declared.system is not None else system
    else:
        (tier,) = tiers
        own = tier.system if declared.system is None else declared.system
        tiers = (msgspec.structs.replace(tier, system=own, adapter=declared.adapter or tier.adapter),)
    passages = route.passages
    if declared.passages is not None:
        passages = declared.passages
        tiers = tuple(msgspec.structs.replace(tier, passages=None) for tier in tiers)
    changed = msgspec.structs.replace(route, tiers=tiers, system=system, passages=passages)
    return replace(planned, route=changed, prompt=declared.prompt or planned.prompt, declared=declared)


# --- describing ------------------------------------------------------------------------------------------------------


def describe(planned: Planned, settings: Settings, cards: Sequence[ModelCard] = (), fingerprint: str = "") -> Candidate:
    """What is known of a candidate before it is asked; `cards` of its tiers, lowest first."""
    declared = planned.declared
    models = tuple(tier.model for tier in planned.route.tiers) if planned.route else ()
    sizes = [card.parameters for card in cards if card.parameters is not None]
    generating = [card for card in cards if card.generates]
    known = all(card.parameters is not None for card in generating)
    places = [_on_premises(settings.models[model]) for model in models]
    return Candidate(
        name=planned.name,
        kind=planned.kind,
        title=_title(planned, cards),
        models=models,
        parameters=declared.parameters or (max(sizes) if sizes and known else None),
        licence=declared.licence or _licence(cards),
        languages=_languages(cards),
        on_premises=declared.on_premises if declared.on_premises is not None else _all_of(places),
        away=tuple(model for model, here in zip(models, places, strict=True) if not here),
        region=", ".join(sorted({settings.models[m].region for m in models if settings.models[m].region})),
        simulated=declared.simulated
        or any(_simulated(settings.models[m]) for m in models)
        or any(map(_simulated, cards)),
        replayed=tuple(model for model in models if settings.models[model].kind == "recorded"),
        tuned_on=declared.tuned_on,
        variant_of=declared.variant_of,
        fingerprint=fingerprint,
        published=planned.published,
    )


def _title(planned: Planned, cards: Sequence[ModelCard]) -> str:
    if planned.published is not None:
        return f"published: {planned.published.source}"
    if planned.route is None:
        return f"imported from {Path(planned.results).name}"
    return " → ".join(card.title or card.name for card in cards)


def _licence(cards: Sequence[ModelCard]) -> str:
    """Of all its models; unknown ("") where that of one is."""
    licences = [card.licence for card in cards]
    return ", ".join(dict.fromkeys(licences)) if all(licences) else ""


def _languages(cards: Sequence[ModelCard]) -> tuple[str, ...]:
    """Those that some tier speaks; none: any."""
    if not all(card.languages for card in cards):
        return ()
    return tuple(sorted({language for card in cards for language in card.languages}))


def _on_premises(model: Model) -> bool | None:
    """None of what only plays answers: where they came from is not known."""
    if model.on_premises or model.kind in INSIDE:
        return True
    return False if leaves(model) else None


def _all_of(places: Sequence[bool | None]) -> bool | None:
    if False in places:
        return False
    return None if None in places or not places else True


def _simulated(what: Model | ModelCard) -> bool:
    return what.simulated or what.kind == "fake"


def blocked(planned: Planned, settings: Settings) -> str:
    """Why a candidate alone could receive no case at all, as it is set; empty where it could."""
    if planned.route is None or planned.kind == "cascade":
        return ""
    (tier,) = planned.route.tiers
    most = highest_label(settings, tier)
    if most.allows(planned.route.message_label):
        return ""
    return (
        f"`{planned.name}` may receive at most {most} texts, and what clients write is {planned.route.message_label}: "
        "it is asked nothing; highest_label of a tier says what it may receive"
    )
