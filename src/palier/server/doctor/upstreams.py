"""The endpoints: can they be reached, is the certificate good, is the key taken, is the model there.

They are asked through the door, by the gateway where one runs: what leaves stands in its ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from palier.app.door import open_door
from palier.app.probing import Probed, probe
from palier.config import Model, Settings
from palier.errors import ConfigurationError, LocalOnly, PalierError, StoreError
from palier.privacy.lockdown import closed
from palier.server.doctor.finding import Finding
from palier.server.remote import RemotePalier
from palier.stores.folder import DataFolder

Ask = Callable[[str], Awaitable[Probed]]


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """A finding for each model of kind `endpoint`, all asked at once."""
    settings = closed(settings)
    endpoints = {name: model for name, model in settings.models.items() if model.kind == "endpoint"}
    if not endpoints:
        return
    try:
        async with _asking(settings) as ask:
            for finding in await asyncio.gather(*(_endpoint(ask, *item) for item in endpoints.items())):
                yield finding
    except PalierError as error:
        yield Finding.failed("upstreams", error)


@asynccontextmanager
async def _asking(settings: Settings) -> AsyncIterator[Ask]:
    if remote := await RemotePalier.connect(DataFolder(settings.folder).admin_socket):
        yield remote.probe
        return
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(DataFolder.claim(settings.folder))
        door = await open_door(settings, folder, stack)
        yield lambda name: probe(settings, name, door.connector)


async def _endpoint(ask: Ask, name: str, model: Model) -> Finding:
    check = f"upstream {name}"
    try:
        return _judge(check, model, await ask(name))
    except LocalOnly as error:
        return Finding(check=check, status="warn", detail=error.message, advice="its tiers are passed over")
    except PalierError as error:
        if not error.hint and not isinstance(error, StoreError):
            error.hint = f"look at the upstream's own log, or ask it by hand: curl {model.base_url}/models"
        return Finding.failed(check, error, upstream=not isinstance(error, ConfigurationError))


def _judge(check: str, model: Model, found: Probed) -> Finding:
    where, status = model.base_url, found.status
    if status in (401, 403):
        advice = f"look at the key in {model.api_key_env}" if model.api_key_env else "set `api_key_env`"
        return Finding(
            check=check, status="fail", detail=f"{where} refuses the key ({status})", advice=advice, upstream=True
        )
    if status != 200:
        advice = "`base_url` must go up to and include /v1" if status == 404 else "look at the upstream's own log"
        return Finding(
            check=check,
            status="warn" if status in (404, 405, 501) else "fail",
            detail=f"{where}/models answers {status}",
            advice=advice,
            upstream=True,
        )
    if found.models is None:
        advice = "does it speak the OpenAI API?"
        return Finding(
            check=check, status="warn", detail=f"{where}/models is not a list of models", advice=advice, upstream=True
        )
    if model.model not in found.models:
        shown = ", ".join(found.models[:5]) + ("..." if len(found.models) > 5 else "")
        return Finding(
            check=check,
            status="warn",
            detail=f"{where} does not list `{model.model}`",
            advice=f"it has {shown or 'none'}",
            upstream=True,
        )
    return Finding(check=check, detail=f"{where} answers in {found.took_ms:.0f} ms and has `{model.model}`")
