"""The models: do they open, are they well, and how fast is an engine here."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from palier.app import Palier
from palier.config import Settings
from palier.errors import DataFolderBusy, PalierError
from palier.interfaces import Model
from palier.server.doctor.finding import Finding
from palier.server.remote import RemotePalier
from palier.server.speeds import Speed, keep
from palier.stores.folder import DataFolder
from palier.types import Delta, Message, Metered, Parameters, Prompt

TOKENS = 64
"""Tokens generated to measure an engine: a second or two."""


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """A finding for the encoder and for each model that is not an endpoint."""
    try:
        if gateway := await RemotePalier.connect(DataFolder(settings.folder).admin_socket):
            async for finding in _told(gateway, settings):
                yield finding
            return
        async with Palier.open(msgspec.structs.replace(settings, models={}, routes={})) as palier:
            yield await _encoder(palier)
            for finding in _collections(await palier.list_collections(), settings):
                yield finding
        for name, declared in settings.models.items():
            if declared.kind != "endpoint":
                yield await _alone(name, settings)
    except DataFolderBusy as error:
        yield Finding(check="models", status="warn", detail=error.message, advice="run palier doctor again later")
    except PalierError as error:
        yield Finding.failed("models", error)


async def _alone(name: str, settings: Settings) -> Finding:
    """A model opened by itself, so that one that is broken does not hide the others."""
    try:
        alone = msgspec.structs.replace(settings, models={name: settings.models[name]}, routes={})
        async with Palier.open(alone) as palier:
            if settings.models[name].kind == "engine":
                return await _engine(name, palier.models[name], settings)
            return _well(name, *await palier.models[name].health())
    except DataFolderBusy:
        raise
    except PalierError as error:
        return Finding.failed(f"model {name}", error)


def _collections(kept: Sequence[Mapping[str, Any]], settings: Settings) -> Iterator[Finding]:
    """Collections that no route reads, and those that a route reads and that hold nothing."""
    read: dict[str, list[str]] = {}
    for name, route in settings.routes.items():
        for collection in route.collections:
            read.setdefault(collection, []).append(name)
    filled = {collection["name"]: collection["documents"] for collection in kept if collection["documents"]}
    for name, documents in filled.items():
        check, detail = f"collection {name}", f"{documents:,} documents"
        if name in read:
            yield Finding(check=check, detail=detail)
        else:
            advice = f'add "{name}" to the `collections` of a route'
            yield Finding(check=check, status="warn", detail=f"{detail} that no route reads", advice=advice)
    for name, routes in read.items():
        if name not in filled:
            readers = f"route {routes[0]} reads" if len(routes) == 1 else f"routes {', '.join(routes)} read"
            yield Finding(
                check=f"collection {name}",
                status="warn",
                detail=f"{readers} it, and it holds no document",
                advice=f"palier ingest PATH --collection {name}",
            )


async def _told(gateway: RemotePalier, settings: Settings) -> AsyncIterator[Finding]:
    """What a running gateway says: a second engine would take memory and speed from the first."""
    words = f"running, process {gateway.gateway.pid}, version {gateway.gateway.version}"
    wired = {name: [card.name for card in gateway.gateway.cards[name]] for name in gateway.gateway.routes}
    if wired != {name: [tier.model for tier in route.tiers] for name, route in settings.routes.items()}:
        advice = "restart palier serve, or give --config the file it was started with"
        yield Finding(check="gateway", status="warn", detail=f"{words}, on other settings than these", advice=advice)
    else:
        yield Finding(check="gateway", detail=words)
    for name, part in (await gateway.health()).items():
        if name not in settings.models or settings.models[name].kind != "endpoint":
            yield _well(name, bool(part["ok"]), str(part["detail"]))
    for finding in _collections(await gateway.list_collections(), settings):
        yield finding


def _well(name: str, ok: bool, detail: str) -> Finding:
    advice = "" if ok else "look at the log of palier serve"
    return Finding(check=f"model {name}", status="ok" if ok else "fail", detail=detail, advice=advice)


async def _encoder(palier: Palier) -> Finding:
    started = time.perf_counter()
    try:
        vectors = await palier.encoder.encode(["Is anybody there?"])
    except PalierError as error:
        return Finding.failed("encoder", error)
    took = (time.perf_counter() - started) * 1000
    return Finding(check="encoder", detail=f"{palier.encoder.name}, {vectors.shape[1]} dimensions, {took:.0f} ms")


async def _engine(name: str, model: Model, settings: Settings) -> Finding:
    """Have it write a few tokens, and keep how fast it was."""
    check = f"model {name}"
    started = time.perf_counter()
    first = 0.0
    pieces = tokens = 0
    prompt = Prompt(
        id="doctor",
        messages=(Message(role="user", content="Describe the sea in a long paragraph."),),
        parameters=Parameters(max_tokens=TOKENS, temperature=0.0),
    )
    try:
        async with contextlib.aclosing(model.stream(prompt)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    pieces += 1
                    first = first or time.perf_counter()
                elif isinstance(event, Metered):
                    tokens = event.usage.completion
    except PalierError as error:
        return Finding.failed(check, error)
    ended = time.perf_counter()
    if not pieces:
        return Finding(check=check, status="fail", detail="it starts but writes nothing", advice="try other weights")
    written = tokens or pieces
    speed = Speed(
        decode=round((written - 1) / (ended - first), 1) if written > 1 else 0.0,
        first_ms=round((first - started) * 1000, 1),
        when=time.strftime("%Y-%m-%d"),
    )
    weights = settings.models[name].weights
    keep(settings.folder, weights, speed)
    words = f"{Path(weights).name} writes {speed.decode:.0f} tokens/s here, first token after {speed.first_ms:.0f} ms"
    return Finding(check=check, detail=words)
