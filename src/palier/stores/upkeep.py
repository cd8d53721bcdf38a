"""What is done again and again while palier is open. A store that fails is logged, and tried again."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Protocol

from palier.errors import PalierError
from palier.interfaces import Purse
from palier.stores.purse import KEEP_EVERY_S

EXPIRE_EVERY_S = 3_600.0
INDEX_EVERY_S = 60.0

log = logging.getLogger("palier")


class Expiring(Protocol):
    """What holds words for a time."""

    async def expire(self, now: float) -> int: ...


async def expire(*stores: Expiring) -> None:
    """Forget what is past its retention, now and every hour."""
    while True:
        for store in stores:
            try:
                await store.expire(time.time())
            except PalierError as error:
                log.warning("what is past its retention could not be deleted: %s", error)
        await asyncio.sleep(EXPIRE_EVERY_S)


class Rolling(Protocol):
    """What adds up days that are over."""

    async def roll(self, now: float) -> int: ...


async def roll(hours: Rolling) -> None:
    """Add up the days that are over, now and every hour."""
    while True:
        try:
            await hours.roll(time.time())
        except PalierError as error:
            log.warning("the days that are over could not be added up: %s", error)
        await asyncio.sleep(EXPIRE_EVERY_S)


class Indexing(Protocol):
    """What has things found fast."""

    async def index(self) -> int: ...


async def index(traces: Indexing) -> None:
    """Index what was recorded meanwhile, now and every minute."""
    while True:
        try:
            await traces.index()
        except PalierError as error:
            log.warning("what was recorded could not be indexed: %s", error)
        await asyncio.sleep(INDEX_EVERY_S)


async def keep_spent(purse: Purse) -> None:
    """Write what keys spent, every few seconds."""
    while True:
        await asyncio.sleep(KEEP_EVERY_S)
        try:
            await purse.keep()
        except PalierError as error:
            log.warning("what keys spent could not be written: %s", error)
