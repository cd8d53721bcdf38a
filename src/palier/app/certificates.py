"""What the versions of a route must promise, and what one of them does promise, or why it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec

from palier.config import Settings
from palier.config.taught import POLICY
from palier.errors import ConfigurationError, NotFound
from palier.interfaces.versions import Versions
from palier.routing import policy as policies
from palier.routing.policy import Guarantee, Policy
from palier.types import Data
from palier.versions import Calibration


class Certificate(Data, frozen=True, kw_only=True):
    """How a version stands to the promise of its route."""

    wanted: str = ""
    """What the route promises, in words; empty: nothing."""
    guarantee: Guarantee | None = None
    """What the version promises; None where it promises nothing."""
    thresholds: Mapping[str, float] = msgspec.field(default_factory=dict)
    """From which probability a tier's draft is kept, by tier: those below the last."""
    problem: str = ""
    """Why it does not promise as much."""
    last: Calibration | None = None
    """What came of certifying it last; None where that was not tried."""


async def promised(declared: Settings, versions: Versions, folder: Path, route: str) -> Policy | None:
    """The policy whose promise a version of the route must keep: that of the settings, or, where that cannot be read,
    of the best version; None where nothing is promised."""
    named = declared.routes.get(route)
    paths = [declared.path(named.policy)] if named is not None and named.policy else []
    best = await versions.get((await versions.standing(route)).best)
    if best is not None and best.policy:
        paths.append(folder / best.id / POLICY)
    for path in paths:
        try:
            return policies.load(path)
        except ConfigurationError:  # which `palier status` tells
            continue
    return None


def falls_short(made: Guarantee, wanted: Guarantee) -> str:
    """What `made` promises less than is wanted; empty where it promises as much."""
    kept = made.target == wanted.target and made.risk <= wanted.risk and made.confidence >= wanted.confidence
    return "" if kept else f"it promises {made}, and the route {wanted}: palier learn certifies it again"


async def certificate(declared: Settings, versions: Versions, folder: Path, id: str) -> Certificate:
    """Of the version `id`. Raises `NotFound`."""
    version = await versions.get(id)
    if version is None:
        raise NotFound(f"there is no version `{id}`", hint="palier versions lists them")
    wanted = await promised(declared, versions, folder, version.route)
    last = await versions.calibration(id)
    found = Certificate(wanted=str(wanted.guarantee) if wanted is not None else "", last=last)
    if not version.policy:
        why = last.why if last is not None else "that was not tried: palier promote --suite does it"
        return _with(found, problem=why if wanted is not None else "")
    try:
        policy = await asyncio.to_thread(policies.load, folder / id / POLICY)
    except ConfigurationError as error:
        return _with(found, problem=error.message)
    return _with(
        found,
        guarantee=policy.guarantee,
        thresholds={tier.name: tier.threshold for tier in policy.tiers[:-1]},
        problem=falls_short(policy.guarantee, wanted.guarantee) if wanted is not None else "",
    )


def _with(found: Certificate, **changed: object) -> Certificate:
    return msgspec.structs.replace(found, **changed)
