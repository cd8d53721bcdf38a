"""The ledger in SQLite, in a file of its own: what left, the bytes of it where they are kept, and the vault's maps.

Commits are synchronous to the disk (FULL): what left stands there after a power cut, too. Those who enter at one
moment share a commit. An entry's number and hash are made in the writer's transaction from those of the entry before
it, so that the chain has no gap and no branch; nothing of it is kept in memory, where it could come apart.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from palier.errors import PalierError, StoreError
from palier.interfaces import Chaining, Entry, EntryFilter, Head, Link, Sealing
from palier.stores import ledger_file, sealed
from palier.stores.schema import statements
from palier.stores.sealed import LEDGER, KeyUse, Resealed
from palier.stores.sqlite import Database
from palier.types import Clearance, Data

T = TypeVar("T")
DAY_S = 86_400.0
SLICE = 500
"""Things deleted by one job of `expire`."""
LARGE = 256 * 1024
"""Bytes that are digested and sealed elsewhere than on the event loop."""


class _Departure(Data, frozen=True, kw_only=True):
    """What is known of an entry before it has a number."""

    clearance: Clearance
    host: str
    size: int
    digest: str
    key: str
    sealed: bytes | None


class SqliteLedger:
    """`interfaces.Ledger` and `Headed`, and the sealed maps of the vault."""

    def __init__(
        self, database: Database, installation: str, sealer: Sealing, chain: Chaining, payload_days: float
    ) -> None:
        """Use `open`."""
        self.installation = installation
        self._database = database
        self._sealer = sealer
        self._chain = chain
        self._payload_s = payload_days * DAY_S
        self.departures: Counter[tuple[str, str]] = Counter()
        """Entries written since it was opened, by destination and label."""

    @classmethod
    def open(
        cls,
        path: str | Path,
        sealer: Sealing,
        chain: Chaining,
        *,
        payload_days: float = 0.0,
        without_lost_key: bool = False,
    ) -> SqliteLedger:
        """Open or make the file. What left is kept for `payload_days`, sealed; 0: only its digest.

        Raises `StoreError`; and `ConfigurationError` where the key of what is kept is not among the sealer's, unless
        palier shall do `without_lost_key`, from now on.
        """
        installation = sealed.settle(Path(path), sealer, without_lost_key=without_lost_key)
        return cls(Database.open(path, LEDGER), installation, sealer, chain, payload_days)

    async def close(self) -> None:
        """Finish what is queued, then close; the file then holds all by itself, and may be copied alone.

        Raises `StoreError` where the file is gone.
        """
        await self._database.close()
        try:
            await self._database.truncate_log()
        except StoreError:  # of a full disk: the log beside the file keeps it
            if not self._database.path.exists():
                raise

    # --- what leaves -----------------------------------------------------------------------------------------------

    async def enter(self, clearance: Clearance, host: str, content: bytes) -> None:
        """Write it down; see `interfaces.Ledger`. Who is cancelled meanwhile may have an entry, and sends nothing."""
        departure = await _apart(len(content), self._departure, clearance, host, content)
        try:
            await self._database.append(self._enter, departure)
        except StoreError as error:
            hint = error.hint or "nothing leaves until it can be written; palier audit verify says whether it is whole"
            raise StoreError(f"the ledger cannot be written: {self._told(error)}", hint=hint) from error
        except PalierError as error:  # too many wait, or it cannot be encoded
            raise StoreError(f"the ledger cannot be written: {error.message}", hint=error.hint) from error
        self.departures[clearance.destination, clearance.label.value] += 1

    def _told(self, error: StoreError) -> str:
        """Without the folder: it is told to whoever asked."""
        return error.message.replace(str(self._database.path), self._database.path.name)

    def _departure(self, clearance: Clearance, host: str, content: bytes) -> _Departure:
        sealer = self._sealer
        digest = sealer.digest(content)
        return _Departure(
            clearance=clearance,
            host=host,
            size=len(content),
            digest=digest,
            key=sealer.key,
            # Sealed as what has this digest, since it has no number yet: the entry holds the digest.
            sealed=sealer.seal(content, f"payload:{digest}") if self._payload_s > 0 else None,
        )

    def _enter(self, connection: apsw.Connection, departures: list[_Departure]) -> None:
        sql = statements("ledger")
        sequence, previous = connection.execute(sql["last"]).get or (0, self._chain.first(self.installation))
        at_ms = time.time_ns() // 1_000_000
        entries, payloads = [], []
        for departure in departures:
            sequence += 1
            entry = Entry(
                sequence=sequence,
                at_ms=at_ms,
                host=departure.host,
                clearance=departure.clearance,
                size=departure.size,
                digest=departure.digest,
                digest_key=departure.key,
            )
            body = self._chain.body(entry)
            previous = self._chain.link(previous, body)
            entries.append((sequence, body.decode(), previous))
            if departure.sealed is not None:
                now = at_ms / 1000
                payloads.append((sequence, departure.key, now, now + self._payload_s, departure.sealed))
        connection.executemany(sql["enter"], entries)
        connection.executemany(sql["keep_payload"], payloads)

    # --- reading ---------------------------------------------------------------------------------------------------

    async def entries(self, asked: EntryFilter) -> list[Link]:
        """Entries, newest first."""
        return await self._database.read(lambda connection: ledger_file.listed(connection, asked))

    async def get(self, sequence: int) -> Link | None:
        """One entry; None where there is none."""
        return await self._database.read(lambda connection: ledger_file.link(connection, sequence))

    async def payload(self, sequence: int) -> bytes | None:
        """The bytes that left; None where they are not kept (any more). Raises `StoreError` where they do not open."""
        return await self._database.read(lambda connection: ledger_file.payload(connection, sequence, self._sealer))

    async def head(self) -> Head | None:
        """The last entry; see `interfaces.Headed`."""
        last = await self._database.read(lambda connection: connection.execute(statements("ledger")["last"]).get)
        if last is None:
            return None
        return Head(at=time.time(), sequence=last[0], hash=bytes(last[1]).hex(), installation=self.installation)

    async def moved(self, since: int) -> bool:
        """Whether anything but a head left after `since`; see `interfaces.Headed`."""
        sql = statements("ledger")["moved"]
        return bool(await self._database.read(lambda connection: connection.execute(sql, (since,)).get))

    async def keys(self) -> Sequence[KeyUse]:
        """Every key, and what is sealed with it."""
        return await self._database.read(lambda connection: sealed.key_uses(connection, self._sealer))

    # --- the vault's maps ------------------------------------------------------------------------------------------

    async def keep_map(self, trace: str, expires: float, content: bytes) -> None:
        """Keep the map of a request until `expires` (seconds since the epoch), sealed; durable when this returns."""
        shut = await _apart(len(content), self._sealer.seal, content, f"map:{trace}")
        await self._database.append(_keep_maps, (trace, self._sealer.key, time.time(), expires, shut))

    async def map_of(self, trace: str) -> bytes | None:
        """The map of a request; None where it is not kept (any more). Raises `StoreError` where it does not open."""
        sql = statements("ledger")["map_of"]
        found: bytes | None = await self._database.read(lambda connection: connection.execute(sql, (trace,)).get)
        return None if found is None else await _apart(len(found), self._sealer.open, found, f"map:{trace}")

    # --- upkeep ----------------------------------------------------------------------------------------------------

    async def expire(self, now: float) -> int:
        """Delete payloads and maps whose time is over, so that nothing of them stays on the disk; how many."""
        deleted = 0
        while count := await self._database.write(lambda connection: _expire(connection, now)):
            deleted += count
        if deleted or self._database.log_is_full:
            await self.scrub()
        return deleted

    async def forget(self, requests: Sequence[str], *, dry_run: bool = False) -> dict[str, int]:
        """Delete the payloads and the maps of `requests`, or only count them; how many of each.

        Their entries stay, with who asked: without them the chain would be broken. `scrub` then clears the disk.
        """
        found = {"payloads": 0, "maps": 0}
        for start in range(0, len(requests), SLICE):
            some = msgspec.json.encode(list(requests[start : start + SLICE])).decode()
            run = partial(_count_of if dry_run else _forget, some)
            payloads, maps = await (self._database.read(run) if dry_run else self._database.write(run))
            found = {"payloads": found["payloads"] + payloads, "maps": found["maps"] + maps}
        return found

    async def scrub(self) -> None:
        """Give back the space of what was deleted, so that nothing of it stays in the file or its log."""
        while await self._database.write(_vacuum):
            pass
        await self._database.truncate_log()

    async def reseal(self) -> Resealed:
        """Seal everything with the first key. In steps: killed in between, the next call does the rest."""
        payloads, left = await self._each(sealed.reseal_payloads)
        maps, also_left = await self._each(sealed.reseal_maps)
        await self._database.write(lambda connection: sealed.reseal_keys(connection, self._sealer))
        await self._database.truncate_log()
        return Resealed(payloads=payloads, maps=maps, unreadable=left + also_left)

    async def _each(self, step: Callable[[apsw.Connection, Sealing, Any], sealed.Step]) -> tuple[int, int]:
        """Take `step` until there is no more: how many were sealed anew, and how many stay."""
        after: int | str | None = None
        done = left = 0
        while True:
            after, some, stay = await self._database.write(partial(_step, step, self._sealer, after))
            done, left = done + some, left + stay
            if after is None:
                return done, left


def _step(
    step: Callable[[apsw.Connection, Sealing, Any], sealed.Step],
    sealer: Sealing,
    after: int | str | None,
    connection: apsw.Connection,
) -> sealed.Step:
    return step(connection, sealer, after)


def _keep_maps(connection: apsw.Connection, maps: list[tuple[str, str, float, float, bytes]]) -> None:
    connection.executemany(statements("ledger")["keep_map"], maps)


def _expire(connection: apsw.Connection, now: float) -> int:
    sql, deleted = statements("ledger"), 0
    for name in ("expire_payloads", "expire_maps"):
        connection.execute(sql[name], {"now": now, "limit": SLICE})
        deleted += connection.changes()
    return deleted


def _forget(requests: str, connection: apsw.Connection) -> tuple[int, int]:
    sql = statements("ledger")
    connection.execute(sql["forget_payloads"], (requests,))
    payloads = connection.changes()
    connection.execute(sql["forget_maps"], (requests,))
    return payloads, connection.changes()


def _count_of(requests: str, connection: apsw.Connection) -> tuple[int, int]:
    payloads, maps = connection.execute(statements("ledger")["count_of"], {"requests": requests}).get
    return int(payloads), int(maps)


def _vacuum(connection: apsw.Connection) -> int:
    """Give free pages back, a slice at a time; how many are left."""
    sql = statements("ledger")
    for _ in connection.execute(sql["vacuum"]):
        pass
    return int(connection.execute(sql["free_pages"]).get)


async def _apart(size: int, run: Callable[..., T], *arguments: Any) -> T:
    """`run`, in a thread where `size` bytes would hold the event loop."""
    return await asyncio.to_thread(run, *arguments) if size > LARGE else run(*arguments)
