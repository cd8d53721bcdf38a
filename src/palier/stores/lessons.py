"""Lessons in SQLite: a file of its own, for they outlive the requests they are of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec
import numpy as np

from palier.access import NOBODY_NAME
from palier.errors import TooLarge
from palier.ids import SHORT_ID
from palier.interfaces import Asking, Erasure, Vectors
from palier.lessons import Lesson, LessonCount
from palier.stores.schema import Schema, statements
from palier.stores.sqlite import Database
from palier.types import Label
from palier.versions import Relabelled

LESSONS = Schema(name="lessons", application_id=0x706C6C65)
MAX_LESSONS = 50_000
"""Of one route."""
SLICE = 500
"""Rows changed in one commit, so that others are served in between."""
_ORIGINS = 10_000
"""Names looked up by one statement."""


class SqliteLessons:
    """`Lessons` and `LessonIndex` of `interfaces`, in one file."""

    def __init__(self, database: Database, most: int = MAX_LESSONS) -> None:
        self._database = database
        self._most = most

    @classmethod
    def open(cls, path: str | Path, *, most: int = MAX_LESSONS) -> SqliteLessons:
        """Open or make the file, for at most so many lessons a route. Raises `StoreError`."""
        return cls(Database.open(path, LESSONS), most)

    @property
    def database(self) -> Database:
        """The file."""
        return self._database

    async def close(self) -> None:
        """Finish what is queued, then close."""
        await self._database.close()

    async def add(self, lessons: Sequence[Lesson], vectors: Vectors, encoder: str) -> list[bool]:
        """Keep what is new; see `interfaces.Lessons`."""
        blobs = _blobs(lessons, vectors)

        def run(connection: apsw.Connection) -> list[bool]:
            return [_add(connection, one, blob, encoder, self._most) for one, blob in zip(lessons, blobs, strict=True)]

        return await self._database.write(run)

    async def get(self, id: str) -> Lesson | None:
        """One lesson; see `interfaces.Lessons`."""
        return await self._database.read(lambda connection: _get(connection, id))

    async def page(
        self, *, route: str = "", state: str = "", kind: str = "", after: str = "", limit: int = 200
    ) -> list[Lesson]:
        """In order of id; see `interfaces.Lessons`."""
        asked = {"route": route, "state": state, "kind": kind}
        conditions = [f"{column} = :{column}" for column, value in asked.items() if value]
        sql = statements("lessons")["list"].replace("filters", " AND ".join([*conditions, "id > :after"]))
        values = {**asked, "after": after, "limit": max(limit, 0)}
        return await self._database.read(
            lambda connection: [_lesson(words) for (words,) in connection.execute(sql, values)]
        )

    async def change(self, lessons: Sequence[Lesson], vectors: Vectors | None = None, encoder: str = "") -> list[bool]:
        """Put each in the place of its revision before; see `interfaces.Lessons`."""
        blobs = [None] * len(lessons) if vectors is None else _blobs(lessons, vectors)

        def run(connection: apsw.Connection) -> list[bool]:
            return [_change(connection, one, blob, encoder) for one, blob in zip(lessons, blobs, strict=True)]

        return await self._database.write(run)

    async def asking(self, route: str, encoder: str) -> Asking:
        """What the lessons of a route ask; see `interfaces.LessonIndex`."""
        sql = statements("lessons")["asking"]
        rows = await self._database.read(lambda connection: list(connection.execute(sql, (route,))))
        own = [(name, vector) for name, by, vector in rows if by == encoder]
        stale = tuple(name for name, by, _ in rows if by != encoder)
        if not own:
            return Asking((), np.empty((0, 0), np.float32), stale)
        matrix = np.frombuffer(b"".join(vector for _, vector in own), np.float16).astype(np.float32)
        return Asking(tuple(name for name, _ in own), matrix.reshape(len(own), -1), stale)

    async def origins(self, names: Sequence[str]) -> set[str]:
        """Those that are known; see `interfaces.LessonIndex`."""
        sql, found = statements("lessons")["origins"], set()
        for start in range(0, len(names), _ORIGINS):
            some = (_json(names[start : start + _ORIGINS]),)
            found |= await self._database.read(
                lambda connection, some=some: {name for (name,) in connection.execute(sql, some)}  # type: ignore[misc]
            )
        return found

    async def count(self, route: str = "") -> LessonCount:
        """How many there are; see `interfaces.LessonIndex`."""

        def run(connection: apsw.Connection) -> LessonCount:
            tallies: tuple[Counter[str], ...] = tuple(Counter() for _ in range(5))
            for *words, number in connection.execute(statements("lessons")["count"], {"route": route}):
                for tally, word in zip(tallies, words, strict=True):
                    tally[word] += number
            users, most = connection.execute(statements("lessons")["users"], {"route": route}).get
            states, kinds, labels, languages, teachers = map(dict, tallies)
            return LessonCount(
                states=states,
                kinds=kinds,
                labels=labels,
                languages=languages,
                teachers=teachers,
                users=users,
                most=most,
            )

        return await self._database.read(run)

    async def above(self, label: Label) -> list[Relabelled]:
        """Those that are more confidential; see `interfaces.versions.LessonLabels`."""
        higher = [other.value for other in Label if not label.allows(other)]
        if not higher:
            return []
        sql = statements("lessons")["above"]
        rows = await self._database.read(lambda connection: list(connection.execute(sql, (_json(higher),))))
        return [Relabelled(lesson=name, label=Label(of)) for name, of in rows]

    async def expire(self, now: float) -> int:
        """Delete those past their retention, and give their space back; how many."""
        sql, deleted = statements("lessons")["expire"], 0
        values = {"now": now, "limit": SLICE}
        while count := await self._database.write(lambda connection: _changed(connection, sql, values)):
            deleted += count
        if deleted or self._database.log_is_full:
            while await self._database.write(_vacuum):
                pass
            await self._database.truncate_log()
        return deleted


class ErasableLessons:
    """`interfaces.Erasable`: lessons made from what is forgotten. `who` names a user as `Origin.who` does."""

    def __init__(self, database: Database, who: Callable[[str], str]) -> None:
        self._database = database
        self._who = who

    async def concerned(self, erasure: Erasure) -> list[str]:
        """The ids of those that were made from what is to be forgotten."""
        values = {
            "requests": _json(erasure.requests),
            "who": self._who(erasure.user) if erasure.user else "",
            "collection": erasure.collection,
            "document": erasure.document,
        }
        sql = statements("lessons")["concerned"]
        return await self._database.read(lambda connection: [name for (name,) in connection.execute(sql, values)])

    async def forget(self, erasure: Erasure, *, dry_run: bool = False) -> dict[str, int]:
        """See `interfaces.Erasable`. Of lessons that the user reviewed, the name goes and the lesson stays."""
        sql, ids = statements("lessons"), await self.concerned(erasure)
        for start in range(0, 0 if dry_run else len(ids), SLICE):
            some = (_json(ids[start : start + SLICE]),)
            await self._database.write(lambda connection, some=some: connection.execute(sql["forget"], some))  # type: ignore[misc]
        if not dry_run:
            requests = (_json(erasure.requests),)
            await self._database.write(lambda connection: connection.execute(sql["forget_origins"], requests))
        reviews = await self._unname(erasure.user, ids, dry_run=dry_run) if erasure.user else 0
        return {"lessons": len(ids), "reviews": reviews}

    async def scrub(self, erasure: Erasure) -> None:
        """See `interfaces.Erasable`."""
        await self._database.rewrite()

    async def _unname(self, user: str, gone: Sequence[str], *, dry_run: bool) -> int:
        sql = statements("lessons")
        values = {"user": user, "gone": _json(gone), "limit": SLICE}
        if dry_run:
            asked = {"user": user, "gone": _json(gone)}
            found: int = await self._database.read(
                lambda connection: connection.execute(sql["count_reviewed_by"], asked).get
            )
            return found

        def run(connection: apsw.Connection) -> int:
            rows = list(connection.execute(sql["reviewed_by"], values))
            for name, words in rows:
                lesson = msgspec.structs.replace(_lesson(words), reviewer=NOBODY_NAME)
                row = {"id": name, "reviewer": NOBODY_NAME, "words": msgspec.json.encode(lesson)}
                connection.execute(sql["unname"], row)
            return len(rows)

        total = 0
        while count := await self._database.write(run):
            total += count
        return total


def _add(connection: apsw.Connection, lesson: Lesson, vector: bytes, encoder: str, most: int) -> bool:
    sql, row = statements("lessons"), _row(lesson)
    if connection.execute(sql["is_known"], {"id": lesson.id, "origin": lesson.origin.name}).get:
        return False
    if connection.execute(sql["count_route"], (lesson.route,)).get >= most:
        raise TooLarge(
            f"route `{lesson.route}` has {most} lessons, which is the limit",
            hint="reject some: they are deleted after a month; or shorten `retention_days` of [lessons]",
        )
    connection.execute(sql["add"], {**row, "encoder": encoder, "vector": vector})
    connection.execute(sql["add_origin"], {"origin": lesson.origin.name, "trace": lesson.origin.trace})
    _add_sources(connection, lesson)
    return True


def _add_sources(connection: apsw.Connection, lesson: Lesson) -> None:
    for one in lesson.evidence:
        if one.document:
            connection.execute(statements("lessons")["add_source"], (lesson.id, one.collection, one.document))


def _change(connection: apsw.Connection, lesson: Lesson, vector: bytes | None, encoder: str) -> bool:
    sql = statements("lessons")
    counted = msgspec.structs.replace(lesson, revision=lesson.revision + 1)
    names = ("id", "state", "reviewer", "expires", "revision", "words")
    row = {name: value for name, value in _row(counted).items() if name in names}
    if not _changed(connection, sql["change"], row):
        return False
    if vector is not None:
        connection.execute(sql["change_vector"], {"id": lesson.id, "encoder": encoder, "vector": vector})
    connection.execute(sql["forget_sources"], (lesson.id,))
    _add_sources(connection, lesson)
    return True


def _row(lesson: Lesson) -> dict[str, str | float | bytes]:
    return {
        "id": lesson.id,
        "origin": lesson.origin.name,
        "route": lesson.route,
        "state": lesson.state,
        "kind": lesson.kind,
        "trace": lesson.origin.trace,
        "who": lesson.origin.who,
        "reviewer": lesson.reviewer,
        "expires": lesson.expires,
        "revision": lesson.revision,
        "words": msgspec.json.encode(lesson),
    }


def _get(connection: apsw.Connection, id: str) -> Lesson | None:
    sql = statements("lessons")
    found: list[Any] = connection.execute(sql["get"], (id,)).fetchall()
    if not found and len(id) == SHORT_ID and id.isalnum():
        found = connection.execute(sql["ending"], (f"%{id}",)).fetchall()
    return _lesson(found[0][0]) if len(found) == 1 else None


def _lesson(words: bytes) -> Lesson:
    return msgspec.json.decode(words, type=Lesson)


def _blobs(lessons: Sequence[Lesson], vectors: Vectors) -> list[bytes]:
    if len(vectors) != len(lessons):
        raise ValueError(f"{len(vectors)} vectors for {len(lessons)} lessons")
    return [vector.astype(np.float16).tobytes() for vector in vectors]


def _changed(connection: apsw.Connection, sql: str, values: Any) -> int:
    connection.execute(sql, values)
    return int(connection.changes())


def _vacuum(connection: apsw.Connection) -> int:
    sql = statements("lessons")
    for _ in connection.execute(sql["vacuum"]):
        pass
    return int(connection.execute(sql["free_pages"]).get)


def _json(values: Sequence[str]) -> str:
    return msgspec.json.encode(list(values)).decode()
