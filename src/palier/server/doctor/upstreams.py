"""The endpoints: can they be reached, is the certificate good, is the key taken, is the model there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator

import msgspec

from palier.config import Model, Settings
from palier.errors import ConfigurationError, LocalOnly, PalierError
from palier.interfaces import Connector
from palier.privacy.connector import HttpConnector
from palier.privacy.lockdown import is_wanted
from palier.server.doctor.finding import Finding

MAX_LIST = 4_000_000
"""Bytes of a list of models; some clouds have thousands."""


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """A finding for each model of kind `endpoint`, all asked at once."""
    endpoints = {name: model for name, model in settings.models.items() if model.kind == "endpoint"}
    if not endpoints:
        return
    connector = HttpConnector(settings.networks.on_premises, local_only=is_wanted(settings))
    try:
        for finding in await asyncio.gather(*(_endpoint(connector, *item) for item in endpoints.items())):
            yield finding
    finally:
        await connector.close()


async def _endpoint(connector: Connector, name: str, model: Model) -> Finding:
    check = f"upstream {name}"
    key = os.environ.get(model.api_key_env, "") if model.api_key_env else ""
    if model.api_key_env and not key:
        error = ConfigurationError(
            f"the environment variable {model.api_key_env} is not set",
            hint=f"export {model.api_key_env}=... where the gateway starts",
        )
        return Finding.failed(check, error)
    headers = {**model.headers, **({"Authorization": f"Bearer {key}"} if key else {})}
    started = time.perf_counter()
    try:
        async with contextlib.AsyncExitStack() as stack:
            reply = await stack.enter_async_context(
                connector.get(
                    f"{model.base_url.rstrip('/')}/models",
                    headers=headers,
                    on_premises=model.on_premises,
                    connect_s=model.connect_timeout_s,
                    total_s=model.connect_timeout_s + 10,
                )
            )
            body = await reply.read(MAX_LIST)
    except LocalOnly as error:
        return Finding(check=check, status="warn", detail=error.message, advice="its tiers are passed over")
    except PalierError as error:
        if not error.hint:
            error.hint = f"look at the upstream's own log, or ask it by hand: curl {model.base_url}/models"
        return Finding.failed(check, error, upstream=not isinstance(error, ConfigurationError))
    return _judge(check, model, reply.status, body, (time.perf_counter() - started) * 1000)


def _judge(check: str, model: Model, status: int, body: bytes, took_ms: float) -> Finding:
    where = model.base_url
    if status in (401, 403):
        advice = f"look at the key in {model.api_key_env}" if model.api_key_env else "set `api_key_env`"
        return Finding(
            check=check, status="fail", detail=f"{where} refuses the key ({status})", advice=advice, upstream=True
        )
    if status != 200:
        advice = "`base_url` must go up to and include /v1" if status == 404 else "look at the upstream's own log"
        return Finding(
            check=check,
            status="warn" if status in (404, 405) else "fail",
            detail=f"{where}/models answers {status}",
            advice=advice,
            upstream=True,
        )
    try:
        names = [str(item["id"]) for item in msgspec.json.decode(body)["data"]]
    except (msgspec.MsgspecError, KeyError, TypeError):
        advice = "does it speak the OpenAI API?"
        return Finding(
            check=check, status="warn", detail=f"{where}/models is not a list of models", advice=advice, upstream=True
        )
    if model.model not in names:
        shown = ", ".join(names[:5]) + ("..." if len(names) > 5 else "")
        return Finding(
            check=check,
            status="warn",
            detail=f"{where} does not list `{model.model}`",
            advice=f"it has {shown or 'none'}",
            upstream=True,
        )
    return Finding(check=check, detail=f"{where} answers in {took_ms:.0f} ms and has `{model.model}`")
