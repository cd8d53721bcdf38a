"""Versions in SQLite: `state.db`, which is small, and whose every commit is on the disk when it is told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from palier.errors import InvalidRequest, NotFound
from palier.interfaces import Erasure
from palier.stores.schema import Schema, statements
from palier.stores.sqlite import Database
from palier.types import JSON, Label
from palier.versions import (
    NOT_PASSED,
    Calibration,
    Happened,
    Holdout,
    Labelled,
    Learner,
    Raised,
    Relabelled,
    Spent,
    Standing,
    State,
    Version,
)

VERSIONS = Schema(name="versions", application_id=0x706C7665, synchronous=2)
_READERS, _QUEUE = 1, 1_000
_PASSED: tuple[State, ...] = ("shadow", "live", "retired")


class SqliteVersions:
    """`interfaces.Versions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, path: str | Path) -> SqliteVersions:
        """Open or make the file. Raises `StoreError`."""
        return cls(Database.open(path, VERSIONS, readers=_READERS, queue=_QUEUE))

    async def close(self) -> None:
        """Finish what is queued, then close."""
        await self._database.close()

    @property
    def database(self) -> Database:
        """The file."""
        return self._database

    async def add(self, version: Version, sources: Sequence[tuple[str, str]] = (), lessons: Sequence[str] = ()) -> None:
        """Keep it; see `interfaces.Versions`."""

        def run(connection: apsw.Connection) -> None:
            if connection.execute(statements("versions")["get"], (version.id,)).fetchone() is not None:
                raise InvalidRequest(f"version {version.id} is there already")
            words = msgspec.json.encode(version)
            connection.execute(
                statements("versions")["add"], (version.id, version.route, version.created or time.time(), words)
            )
            _tell(connection, version.id, sources, lessons)
            _happen(connection, version, "made", version.who, "")

        await self._database.write(run)

    async def tell(self, id: str, sources: Sequence[tuple[str, str]], lessons: Sequence[str]) -> None:
        """By what it was taught; see `interfaces.Versions`."""

        def run(connection: apsw.Connection) -> None:
            _known(connection, id)
            _tell(connection, id, sources, lessons)
            connection.execute(statements("versions")["is_told"], (id,))

        await self._database.write(run)

    async def sources(self) -> Sequence[tuple[str, str]]:
        """What versions were taught on; see `interfaces.Versions`."""
        return await self._database.read(lambda connection: list(connection.execute(statements("versions")["sources"])))

    async def raise_to(self, documents: Sequence[Labelled] = (), lessons: Sequence[Relabelled] = ()) -> Sequence[str]:
        """Raise what was taught on them; see `interfaces.Versions`."""
        concerned = await self._database.read(lambda connection: _raised(connection, documents, lessons))
        if not concerned:  # as nearly always: nothing waits for the disk
            return []

        def run(connection: apsw.Connection) -> Sequence[str]:
            found = _raised(connection, documents, lessons)
            for version, raised in found.items():
                row = {"version": version, "words": msgspec.json.encode(raised)}
                connection.execute(statements("versions")["raise"], row)
            return list(found)

        return await self._database.write(run)

    async def lowest(self) -> Label | None:
        """What the least confidential carries; see `interfaces.Versions`."""
        found = await self._database.read(
            lambda connection: [_decoded(*row).label for row in connection.execute(statements("versions")["told"])]
        )
        return min(found, key=lambda label: label.rank, default=None)

    async def lessons(self, id: str) -> frozenset[str] | None:
        """By which it was taught; see `interfaces.Versions`."""

        def run(connection: apsw.Connection) -> frozenset[str] | None:
            version = _get(connection, id)
            if version is None or version.untold:
                return None
            return frozenset(lesson for (lesson,) in connection.execute(statements("versions")["lessons"], (id,)))

        return await self._database.read(run)

    async def get(self, id: str) -> Version | None:
        """One version; see `interfaces.Versions`."""
        return await self._database.read(lambda connection: _get(connection, id))

    async def list(self, route: str = "", limit: int = 100) -> Sequence[Version]:
        """The newest first; see `interfaces.Versions`."""
        asked = {"route": route, "limit": max(limit, 0)}
        return await self._database.read(
            lambda connection: [_decoded(*row) for row in connection.execute(statements("versions")["list"], asked)]
        )

    async def calibrate(self, calibration: Calibration) -> None:
        """Keep what came of it; see `interfaces.Versions`."""

        def run(connection: apsw.Connection) -> None:
            known = _known(connection, calibration.version)
            if (state := _state(connection, calibration.version)) not in NOT_PASSED and known.policy:
                raise InvalidRequest(
                    f"version {calibration.version} is {state}: its policy does not change any more",
                    hint="new lessons make another version",
                )
            words = {"version": calibration.version, "words": msgspec.json.encode(calibration)}
            connection.execute(statements("versions")["calibrate"], words)

        await self._database.write(run)

    async def calibration(self, id: str) -> Calibration | None:
        """What came of it; see `interfaces.Versions`."""

        def run(connection: apsw.Connection) -> Calibration | None:
            words = connection.execute(statements("versions")["calibration"], (id,)).get
            return msgspec.json.decode(words, type=Calibration) if words is not None else None

        return await self._database.read(run)

    async def state(self, id: str) -> State | None:
        """What became of it; see `interfaces.Versions`."""
        return await self._database.read(lambda connection: _state(connection, id))

    async def history(self, route: str, version: str = "") -> Sequence[Happened]:
        """What happened; see `interfaces.Versions`."""
        rows = await self._database.read(
            lambda connection: list(
                connection.execute(statements("versions")["history"], {"route": route, "version": version})
            )
        )
        return [
            Happened(
                version=of, state=state, at=at, who=who, why=why, ruling=msgspec.json.decode(said) if said else None
            )
            for of, state, at, who, why, said in rows
        ]

    async def standing(self, route: str) -> Standing:
        """Which count now; see `interfaces.Versions`."""
        return await self._database.read(lambda connection: _standing(connection, route)[0])

    async def judged(self, route: str, holdout: Holdout, version: str, basis: str = "") -> Spent:
        """Count a use; see `interfaces.Versions`."""

        def run(connection: apsw.Connection) -> Spent:
            _known(connection, version)
            family = _family(connection, route, holdout)
            look = {"route": route, "holdout": holdout.digest, "version": version, "basis": basis}
            connection.execute(statements("versions")["judge"], {**look, "at": time.time()})
            others: int = connection.execute(statements("versions")["used"], {**look, "family": family}).get
            alpha, uses = connection.execute(statements("versions")["shared"], (route, family)).get
            return Spent(others=others, alpha=alpha, uses=uses)

        return await self._database.write(run)

    async def refuse(self, id: str, ruling: JSON, *, who: str = "", why: str = "") -> None:
        """It did not pass; see `interfaces.Versions`."""
        await self._ruled(id, "refused", ruling, who, why)

    async def shadow(self, id: str, ruling: JSON, *, who: str = "", why: str = "") -> None:
        """It passed; see `interfaces.Versions`."""
        await self._ruled(id, "shadow", ruling, who, why)

    async def _ruled(self, id: str, state: State, ruling: JSON, who: str, why: str) -> None:
        await self._database.write(
            lambda connection: _happen(connection, _known(connection, id), state, who, why, ruling)
        )

    async def promote(self, id: str, *, best: bool, who: str = "", why: str = "") -> Standing:
        """It answers from now on; see `interfaces.Versions`."""

        def run(connection: apsw.Connection) -> Standing:
            version = _known(connection, id)
            if (state := _state(connection, id)) not in _PASSED:
                why_not = "did not keep what it promised" if state == "returned" else "did not pass the gate"
                raise InvalidRequest(f"version {id} is {state}: it {why_not}", hint="palier promote --suite judges it")
            before, position = _standing(connection, version.route)
            if before.live != id:
                now_best = id if best else before.best
                values = (version.route, position + 1, id, now_best or None)
                connection.execute(statements("versions")["promote"], values)
                _turn(connection, before.live, id, who, why)
            return _standing(connection, version.route)[0]

        return await self._database.write(run)

    async def roll_back(self, route: str, *, who: str = "", why: str = "", returned: bool = False) -> Standing:
        """What was live before answers again; see `interfaces.Versions`."""

        def run(connection: apsw.Connection) -> Standing:
            before, position = _standing(connection, route)
            if not before.live:
                raise InvalidRequest(
                    f"nothing is promoted on route `{route}`", hint="palier versions shows what there is"
                )
            gone: State = "returned" if returned else "retired"
            at = time.time()
            if (live := _get(connection, before.live)) is not None:  # else somebody wrote its name there
                _happen(connection, live, gone, who, why, at=at)
            now = before
            while now.live and (now is before or _state(connection, now.live) in ("returned", None)):
                connection.execute(statements("versions")["take_back"], (route, position))
                now, position = _standing(connection, route)
            if now.live:
                _happen(connection, _known(connection, now.live), "live", who, why, at=at)
            return now

        return await self._database.write(run)

    async def shadowing(self, route: str) -> str:
        """Which answers beside; see `interfaces.Versions`."""

        def run(connection: apsw.Connection) -> str:
            live = _standing(connection, route)[0].live
            asked = {"route": route, "live": live}  # one that was judged again while it answers is no shadow
            found: str | None = connection.execute(statements("versions")["shadowing"], asked).get
            return found or ""

        return await self._database.read(run)


class ErasableVersions:
    """`interfaces.Erasable`: the names of documents that versions were taught on. What these carry stays."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget(self, erasure: Erasure, *, dry_run: bool = False) -> dict[str, int]:
        """See `interfaces.Erasable`."""
        document = (erasure.collection, erasure.document)
        sql = statements("versions")
        found: int = await self._database.read(
            lambda connection: connection.execute(sql["count_sources"], document).get
        )
        if found and not dry_run:
            await self._database.write(lambda connection: connection.execute(sql["forget_sources"], document))
        return {"sources": found}

    async def scrub(self, erasure: Erasure) -> None:
        """See `interfaces.Erasable`."""
        if erasure.document:
            await self._database.rewrite()

    async def learners(self, erasure: Erasure, lessons: Sequence[str]) -> list[Learner]:
        """Versions that were taught by `lessons` (ids) or on the document, or of which that is not known.

        One that knows its documents, or reads none of its collection, was not taught on another.
        """
        values = {
            "lessons": msgspec.json.encode(list(lessons)).decode(),
            "collection": erasure.collection,
            "document": erasure.document,
        }

        def run(connection: apsw.Connection) -> list[Learner]:
            found: list[Learner] = []
            rows: list[tuple[Any, ...]] = connection.execute(statements("versions")["learners"], values).fetchall()
            for name, count, stands, unknown in rows:
                version = _known(connection, name)
                perhaps = bool(unknown) and erasure.collection in version.collections
                unsure = not (count or stands) and (perhaps if erasure.document else version.untold)
                if count or stands or unsure:
                    live = _standing(connection, version.route)[0].live == name
                    learner = Learner(
                        version=name, route=version.route, live=live, lessons=count, document=bool(stands)
                    )
                    found.append(msgspec.structs.replace(learner, unsure=unsure))
            return found

        return await self._database.read(run)


def _get(connection: apsw.Connection, id: str) -> Version | None:
    row = connection.execute(statements("versions")["get"], (id,)).fetchone()
    return _decoded(*row) if row is not None else None


def _known(connection: apsw.Connection, id: str) -> Version:
    version = _get(connection, id)
    if version is None:
        raise NotFound(f"there is no version `{id}`", hint="palier versions lists them")
    return version


def _decoded(words: bytes, calibrated: bytes | None, raised: bytes | None, untold: int) -> Version:
    version = msgspec.json.decode(words, type=Version)
    if calibrated is not None:
        version = msgspec.json.decode(calibrated, type=Calibration).of(version)
    if raised is not None:
        version = msgspec.json.decode(raised, type=Raised).of(version)
    return msgspec.structs.replace(version, untold=True) if untold else version


def _tell(connection: apsw.Connection, id: str, sources: Sequence[tuple[str, str]], lessons: Sequence[str]) -> None:
    connection.executemany(statements("versions")["add_source"], [(id, *one) for one in sources])
    connection.executemany(statements("versions")["add_lesson"], [(id, one) for one in lessons])


def _raised(
    connection: apsw.Connection, documents: Sequence[Labelled], lessons: Sequence[Relabelled]
) -> dict[str, Raised]:
    """What the versions carry that are taught on these, where that is more than they carry already."""
    sql, found = statements("versions"), dict[str, Raised]()
    for document in documents:
        for (version,) in connection.execute(sql["taught_on"], (document.collection, document.document)):
            found[version] = found.get(version, Raised()).over(document.label, document.groups)
    for label in {one.label for one in lessons}:
        of_label = [one for one in lessons if one.label is label]
        names = msgspec.json.encode([one.lesson for one in of_label]).decode()
        taught = [version for (version,) in connection.execute(sql["taught_by"], (names,))]
        for route in {one.route for one in of_label if one.route}:
            since = min(one.created for one in of_label if one.route == route)
            taught += [version for (version,) in connection.execute(sql["perhaps_taught"], (route, since))]
        for version in taught:
            found[version] = found.get(version, Raised()).over(label)
    changed = {}
    for version, more in found.items():
        now = _known(connection, version)
        if more.of(now) != now:
            changed[version] = Raised(label=more.of(now).label, readers=more.of(now).readers)
    return changed


def _family(connection: apsw.Connection, route: str, holdout: Holdout) -> str:
    """Of which family a holdout is; one that was not seen joins those that it has half of its cases from."""
    sql, marks = statements("versions"), sorted(set(holdout.marks))
    row = connection.execute(sql["family"], (route, holdout.digest)).fetchone()
    family = str(row[0]) if row is not None else _joined(connection, route, holdout, marks)
    connection.executemany(sql["hold_case"], [(route, mark, holdout.digest) for mark in marks])
    return family


def _joined(connection: apsw.Connection, route: str, holdout: Holdout, marks: Sequence[str]) -> str:
    """Keep a holdout that was not seen, and give its family."""
    sql = statements("versions")
    found = connection.execute(sql["alike"], {"route": route, "marks": msgspec.json.encode(marks).decode()})
    alike = list(dict.fromkeys(family for family, shared in found if 2 * shared >= len(marks)))
    family: str
    family, *others = alike or [holdout.digest]
    for other in others:
        connection.execute(sql["join"], {"route": route, "into": family, "family": other})
    values = {"alpha": holdout.alpha, "uses": holdout.uses}
    if alike:  # what it would have itself does not count
        alpha, uses = connection.execute(sql["shared"], (route, family)).get
        values = {"alpha": alpha, "uses": uses}
    connection.execute(sql["hold"], {"route": route, "holdout": holdout.digest, "family": family, **values})
    return family


def _state(connection: apsw.Connection, id: str) -> State | None:
    row = connection.execute(statements("versions")["state"], (id,)).fetchone()
    return msgspec.convert(row[0], State) if row is not None else None


def _standing(connection: apsw.Connection, route: str) -> tuple[Standing, int]:
    """With the position of what answers; 0 where that is the route's own."""
    rows = list(connection.execute(statements("versions")["promoted"], (route,)))
    if not rows:
        return Standing(), 0
    (position, live, best), *below = rows
    if best and _state(connection, best) == "returned":  # no challenger is held against what did not hold
        best = live
    return Standing(live=live, previous=below[0][1] if below else "", best=best or ""), position


def _turn(connection: apsw.Connection, before: str, now: str, who: str, why: str) -> None:
    """Both at one moment: a request is of one or of the other."""
    turns: tuple[tuple[str, State], ...] = ((before, "retired"), (now, "live"))
    at = time.time()
    for version, state in turns:
        if version:
            _happen(connection, _known(connection, version), state, who, why, at=at)


def _happen(
    connection: apsw.Connection,
    version: Version,
    state: State,
    who: str,
    why: str,
    ruling: JSON | None = None,
    *,
    at: float = 0.0,
) -> None:
    words = msgspec.json.encode(ruling) if ruling is not None else None
    values = (version.id, version.route, state, at or time.time(), who, why, words)
    connection.execute(statements("versions")["happen"], values)
