"""The weights that an adapter is taught on: where they are, and the engine over them, which reads as it is served."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from palier.config import Model, Settings, tier_name
from palier.errors import ConfigurationError, MissingExtra
from palier.interfaces import Resources
from palier.models import engine
from palier.models import weights as files
from palier.models.engine_tokens import EngineTokens
from palier.privacy.connector import HttpConnector
from palier.training import fidelity, lora
from palier.training.base_from_gguf import HINT
from palier.training.fidelity import Fidelity
from palier.training.lora import Rows

_PACKAGES = ("torch", "transformers", "peft", "gguf", "safetensors")
_STUDENT = "student"
_LONG_S = 3600.0
"""An answer that is only measured may take as long as it takes."""


@dataclass(frozen=True, slots=True)
class Base:
    """Weights as they are served: the model's settings, the file, and the system prompt of the tier."""

    settings: Model
    file: Path
    system: str
    resolve: Callable[[str], Path]

    @property
    def longest(self) -> int:
        """Tokens of a lesson at most, where nothing else is said."""
        return min(lora.LENGTH, self.context)

    @property
    def context(self) -> int:
        """Tokens that a request may use."""
        return self.settings.context or engine.CONTEXT


def base_of(settings: Settings, route: str, tier: str = "", weights: str = "") -> Base:
    """Of a tier of `route` that the embedded engine serves (the lowest), or other `weights` in its place.

    Raises `ConfigurationError` where there is none, or the file is not there.
    """
    if route not in settings.routes:
        known = ", ".join(settings.routes) or "none"
        raise ConfigurationError(f"there is no route `{route}`", hint=f"routes: {known}")
    named = settings.routes[route]
    for n, one in enumerate(named.tiers):
        if settings.models[one.model].kind == "engine" and tier in ("", tier_name(named, n)):
            system = named.system if one.system is None else one.system
            return given_base(settings.models[one.model], weights, settings.path, system)
    raise ConfigurationError(
        f"no tier of route `{route}` is served by the embedded engine",
        hint="add a model of kind `engine` to it, or name the weights with --base",
    )


def given_base(model: Model, weights: str, resolve: Callable[[str], Path], system: str = "") -> Base:
    """Of a model's settings, or other `weights` in their place. Raises `ConfigurationError`."""
    if weights:
        model = msgspec.structs.replace(model, weights=weights, sha256="")
    return Base(model, files.locate(model.weights, resolve, sha256=model.sha256), system, resolve)


def check_extra() -> None:
    """Raise `MissingExtra` where what teaches adapters is not installed, before anything is begun."""
    from importlib.util import find_spec

    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise MissingExtra(f"adapters are taught by {', '.join(missing)}: not installed", hint=HINT)


@asynccontextmanager
async def engine_over(base: Base, adapters: Mapping[str, str]) -> AsyncIterator[EngineTokens]:
    """The embedded engine over the base, for its tokens; ended afterwards, for teaching wants the memory."""
    connector = HttpConnector()
    settings = msgspec.structs.replace(base.settings, adapters=dict(adapters), parallel=1, total_timeout_s=_LONG_S)
    model = engine.build(_STUDENT, settings, Resources(connector, _NoEncoder(), _NoWorkers(), Path(), base.resolve))
    try:
        await model.start()
        yield EngineTokens(model)
    finally:
        await model.close()
        await connector.close()


async def both_engines(
    base: Base, rows: Rows, adapter: Path, peft: Path, prompts: int, *, merged: Path | None = None, threads: int = 0
) -> Fidelity:
    """How far both engines agree under an adapter, on `prompts` that were not taught, where some were held out."""
    apart = [row for row in rows.rows if row.held_out] or list(rows.rows)
    chosen = list(dict.fromkeys(row.prompt for row in apart))[:prompts]
    async with engine_over(base, {_STUDENT: _absolute(adapter)}) as tokens:
        return await fidelity.compare(
            tokens, _STUDENT, chosen, weights=base.file, peft=peft, merged=merged, threads=threads
        )


def _absolute(path: Path) -> str:
    """Relative paths of settings begin elsewhere."""
    return str(path.absolute())


class _NoEncoder:
    """`interfaces.Encoder` that is never asked: an engine embeds nothing."""

    name, dimension = "", 0

    async def encode(self, texts: Sequence[str]) -> Any:
        raise NotImplementedError


class _NoWorkers:
    """`interfaces.Workers` that are never asked: an engine's work is its child's."""

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        raise NotImplementedError

    async def close(self) -> None: ...
