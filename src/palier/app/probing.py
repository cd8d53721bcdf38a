"""Whether an endpoint can be reached, takes the key and has the model: its list of models, asked through the door."""

from __future__ import annotations

import contextlib
import os
import time
from urllib.parse import urlsplit

import msgspec

from palier.config import Model, Settings, leaves
from palier.errors import ConfigurationError, LocalOnly, NotFound
from palier.interfaces import Connector
from palier.types import Clearance, Data

MAX_LIST = 4_000_000
"""Bytes of a list of models; some clouds have thousands."""
ANSWER_S = 10.0
"""How long it may take once the connection stands."""


class Probed(Data, frozen=True, kw_only=True):
    """What an endpoint answered. `models` is None for what is no list of models."""

    status: int
    took_ms: float
    models: tuple[str, ...] | None = None


async def probe(settings: Settings, name: str, connector: Connector) -> Probed:
    """Ask the endpoint of model `name` for its models. Raises what the connector does, and where the key is not set."""
    model = settings.models.get(name)
    if model is None or model.kind != "endpoint":
        raise NotFound(f"there is no endpoint `{name}`")
    if settings.privacy.local_only and leaves(model):
        raise LocalOnly(f"local only: nothing may leave to {urlsplit(model.base_url).hostname}")
    started = time.perf_counter()
    async with contextlib.AsyncExitStack() as stack:
        reply = await stack.enter_async_context(
            connector.get(
                f"{model.base_url.rstrip('/')}/models",
                headers=_headers(model),
                on_premises=model.on_premises,
                connect_s=model.connect_timeout_s,
                total_s=model.connect_timeout_s + ANSWER_S,
                clearance=Clearance(purpose="probe", destination=name, region=model.region),
            )
        )
        body = await reply.read(MAX_LIST)
    took_ms = (time.perf_counter() - started) * 1000
    return Probed(status=reply.status, took_ms=took_ms, models=_listed(body) if reply.status == 200 else None)


def _headers(model: Model) -> dict[str, str]:
    if not model.api_key_env:
        return model.headers
    key = os.environ.get(model.api_key_env, "")
    if not key:
        raise ConfigurationError(
            f"the environment variable {model.api_key_env} is not set",
            hint=f"export {model.api_key_env}=... where the gateway starts",
        )
    return {**model.headers, "Authorization": f"Bearer {key}"}


def _listed(body: bytes) -> tuple[str, ...] | None:
    try:
        return tuple(str(item["id"]) for item in msgspec.json.decode(body)["data"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return None
