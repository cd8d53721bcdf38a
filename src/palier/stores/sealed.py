"""The keys that things in `ledger.db` were sealed with: proved when it is opened, and sealing anew with another.

For every key there is a row that holds what digests were keyed with, sealed with that key until nothing else is. It is
the proof that the key is there, so that none of the rest must be tried; and old digests can be checked when their key
has long been dropped.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import apsw
import msgspec

from palier.errors import ConfigurationError, StoreError
from palier.interfaces import Sealing
from palier.stores.schema import Schema, open_writer, statements, store_error
from palier.types import Data

LEDGER = Schema(name="ledger", application_id=0x706C6C67, synchronous=2)
SLICE = 64
"""Things sealed anew in one commit, so that what leaves is written down in between."""


class KeyUse(Data, frozen=True, kw_only=True):
    """A key and what is sealed with it. `since`: when it was first seen; `given_up`: since when palier does without.

    `there`: it opens now. `oldest` and `newest` are of what is sealed with it.
    """

    key: str
    since: float
    there: bool
    given_up: float | None = None
    payloads: int = 0
    maps: int = 0
    oldest: float | None = None
    newest: float | None = None


Step = tuple[int | str | None, int, int]
"""The last thing that was looked at (None: there is no more), how many were sealed anew, and how many stay."""


class Resealed(Data, frozen=True, kw_only=True):
    """What was sealed anew, and what could not be opened and stays as it was."""

    payloads: int = 0
    maps: int = 0
    unreadable: int = 0


def settle(path: Path, sealer: Sealing, *, without_lost_key: bool) -> str:
    """Make the file or lead it to today's version, and prove the keys; the installation's name.

    Raises `StoreError`, and `ConfigurationError` where a key is lost that was not given up.
    """
    connection = open_writer(path, LEDGER)
    try:
        with connection:
            installation = _settle(connection, path, sealer, without_lost_key=without_lost_key)
    except apsw.Error as error:
        raise store_error(path, error) from error
    finally:
        connection.close()
    return installation


def _settle(connection: apsw.Connection, path: Path, sealer: Sealing, *, without_lost_key: bool) -> str:
    sql, now = statements("ledger"), time.time()
    installation = connection.execute(sql["about"]).get
    if installation is None:
        installation = secrets.token_hex(8)
        connection.execute(sql["make"], (installation, now))
    kept = key_secrets(connection, sealer)
    rows = list(connection.execute(sql["keys"]))
    lost = {key for key, secret in kept.items() if secret is None}
    newly = {key: sealer.key_of(sealed) or key for key, _, given_up, sealed in rows if key in lost and given_up is None}
    if newly and not without_lost_key and (error := _cost(connection, path, sealer, newly)):
        raise error
    for key in lost:
        connection.execute(sql["give_up_key"], (now, key))
    for key, _, given_up, _ in rows:
        if given_up is not None and key not in lost:
            connection.execute(sql["take_back_key"], (key,))
    if sealer.key not in kept:
        secret = sealer.seal(sealer.digest_secret(), f"digest key:{sealer.key}")
        connection.execute(sql["keep_key"], (sealer.key, now, secret))
    return str(installation)


def _cost(connection: apsw.Connection, path: Path, sealer: Sealing, lost: dict[str, str]) -> ConfigurationError | None:
    """What is lost with the keys `lost`, each with the one that would open it; None where nothing is."""
    uses = [use for use in key_uses(connection, sealer) if use.key in lost]
    payloads, maps = sum(use.payloads for use in uses), sum(use.maps for use in uses)
    names = msgspec.json.encode(list(lost)).decode()
    digests = int(connection.execute(statements("ledger")["digests_of"], (names,)).get)
    if not payloads + maps + digests:
        return None
    times = [when for use in uses for when in (use.oldest, use.newest) if when is not None]
    of = f" of {_day(min(times))} to {_day(max(times))}" if times else ""
    return ConfigurationError(
        f"the key of what is kept sealed in {path} is not there ({', '.join(sorted(set(lost.values())))}): {payloads} "
        f"payloads and {maps} vault maps{of} can no longer be read, nor {digests} digests be compared",
        hint="put the key back where [privacy] says, or start without it on a new one: palier serve --without-lost-key",
    )


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(when))


def key_secrets(connection: apsw.Connection, sealer: Sealing) -> dict[str, bytes | None]:
    """What digests were keyed with, by key; None where it cannot be opened."""
    found: dict[str, bytes | None] = {}
    for key, _, _, sealed in connection.execute(statements("ledger")["keys"]):
        try:
            found[key] = sealer.open(sealed, f"digest key:{key}")
        except StoreError:
            found[key] = None
    return found


def key_uses(connection: apsw.Connection, sealer: Sealing) -> list[KeyUse]:
    """Every key and what is sealed with it, oldest first."""
    sql = statements("ledger")
    found = []
    for key, since, given_up, _ in list(connection.execute(sql["keys"])):
        payloads, maps, oldest, newest = connection.execute(sql["sealed_with"], {"key": key}).get
        found.append(
            KeyUse(
                key=key,
                since=since,
                there=key in sealer.keys,
                given_up=given_up,
                payloads=payloads,
                maps=maps,
                oldest=oldest,
                newest=newest,
            )
        )
    return found


def reseal_keys(connection: apsw.Connection, sealer: Sealing) -> None:
    """What digests were keyed with, sealed anew, last of all: whoever opens it now has the key of the rest."""
    sql = statements("ledger")
    for key, since, _, sealed in list(connection.execute(sql["keys"])):
        if sealer.key_of(sealed) == sealer.key or sealer.key_of(sealed) not in sealer.keys:
            continue
        belongs = f"digest key:{key}"
        connection.execute(sql["keep_key"], (key, since, sealer.seal(sealer.open(sealed, belongs), belongs)))


def reseal_payloads(connection: apsw.Connection, sealer: Sealing, after: int | None) -> Step:
    """A slice of the payloads after `after`."""
    sql = statements("ledger")
    asked = {"key": sealer.key, "after": after or 0, "limit": SLICE}
    rows = list(connection.execute(sql["payloads_to_reseal"], asked))
    done = 0
    for sequence, sealed, digest in rows:
        if (anew := _anew(sealer, sealed, f"payload:{digest}")) is not None:
            connection.execute(sql["reseal_payload"], (sealer.key, anew, sequence))
            done += 1
    return rows[-1][0] if rows else None, done, len(rows) - done


def reseal_maps(connection: apsw.Connection, sealer: Sealing, after: str | None) -> Step:
    """A slice of the vault's maps after `after`."""
    sql = statements("ledger")
    rows = list(connection.execute(sql["maps_to_reseal"], {"key": sealer.key, "after": after or "", "limit": SLICE}))
    done = 0
    for trace, sealed in rows:
        if (anew := _anew(sealer, sealed, f"map:{trace}")) is not None:
            connection.execute(sql["reseal_map"], (sealer.key, anew, trace))
            done += 1
    return rows[-1][0] if rows else None, done, len(rows) - done


def _anew(sealer: Sealing, sealed: bytes, belongs: str) -> bytes | None:
    try:
        return sealer.seal(sealer.open(sealed, belongs), belongs)
    except StoreError:  # its key was given up, or it is damaged
        return None
