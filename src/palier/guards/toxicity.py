"""Kind `toxicity`: insults, threats, hatred, incitement to self-harm, harassment, in French and English.

Its rules are those of kind `policy`, in `toxicity.toml` of this package; those of your own `file` come on top. They are
words and patterns: they find what is said outright, and nothing of what is only meant.
"""

from __future__ import annotations

from importlib import resources as packaged

import msgspec

from palier.config import Guard as Settings
from palier.guards import policy
from palier.interfaces import Resources


def build(name: str, settings: Settings, resources: Resources) -> policy.Policy:
    """A `Policy` from `[guards.NAME]`. Raises `ConfigurationError` naming the rule of `file` that is wrong."""
    text = packaged.files("palier.guards").joinpath("toxicity.toml").read_text("utf-8")
    rules = policy.read(name, text)
    if settings.file:
        own = policy.load(name, resources.resolve(settings.file))
        replaced = {rule.name for rule in own}
        rules = (*(rule for rule in rules if rule.name not in replaced), *own)
    return policy.made(name, msgspec.structs.replace(settings, file=""), rules, resources.encoder)
