"""Kinds of parts by name, as import strings loaded at use. Adding one is one file and one line here, or an entry point
of the group `palier.<family>` in another package.
"""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import entry_points
from typing import Any

from palier.errors import ConfigurationError

MODELS = {
    "extract": "palier.models.extract:build",
    "head": "palier.models.head:build",
    "engine": "palier.models.engine:build",
    "endpoint": "palier.models.endpoint:build",
    "recorded": "palier.models.recorded:build",
    "fake": "palier.models.fake:build",
}

RECOGNISERS = {
    "address": "palier.privacy.recognisers.address:build",
    "birth": "palier.privacy.recognisers.birth:build",
    "email": "palier.privacy.recognisers.email:build",
    "iban": "palier.privacy.recognisers.iban:build",
    "introduced": "palier.privacy.recognisers.introduced:build",
    "letters": "palier.privacy.recognisers.identity:build",
    "network": "palier.privacy.recognisers.network:build",
    "numbers": "palier.privacy.recognisers.numbers:build",
    "patterns": "palier.privacy.recognisers.patterns:build",
    "signed": "palier.privacy.recognisers.signed:build",
    "telephone": "palier.privacy.recognisers.telephone:build",
    "title": "palier.privacy.recognisers.title:build",
    "worldwide": "palier.privacy.recognisers.worldwide:build",
}

METRICS: dict[str, str] = {}

FAMILIES = {"models": MODELS, "recognisers": RECOGNISERS, "metrics": METRICS}


def kinds(family: str) -> list[str]:
    """The names registered in `family`, those of other packages among them."""
    return sorted({*FAMILIES[family], *(entry.name for entry in entry_points(group=f"palier.{family}"))})


def find(family: str, kind: str) -> Any:
    """The object registered as `kind` in `family`. Raises `ConfigurationError` that suggests the nearest name."""
    known = dict(FAMILIES[family])
    for entry in entry_points(group=f"palier.{family}"):
        known.setdefault(entry.name, entry.value)
    if kind not in known:
        close = difflib.get_close_matches(kind, known, n=1, cutoff=0.4)
        hint = f"did you mean `{close[0]}`?" if close else f"one of {', '.join(sorted(known))}"
        raise ConfigurationError(f"there is no kind `{kind}` of {family}", hint=hint)
    module, _, name = known[kind].partition(":")
    return getattr(importlib.import_module(module), name)
