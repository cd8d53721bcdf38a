"""The lessons of an installation: their file, what forgets them, and the desk they pass over."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from palier.cards import ModelCard
from palier.config import Settings
from palier.config.taught import TEACHING
from palier.errors import StoreError
from palier.interfaces import Encoder, Erasure, Judgements, Ratings, Redactor, Sources, Traces, Workers
from palier.lessons import Lesson
from palier.privacy.prompts import PromptRedactor
from palier.privacy.redaction import Redactor as Finder
from palier.stores.lessons import ErasableLessons, SqliteLessons
from palier.stores.versions import ErasableVersions, SqliteVersions
from palier.training.desk import Desk
from palier.training.stock import Stock, hashed
from palier.versions import Learner


class ErasableLearning:
    """`interfaces.Erasable`: lessons, what is being taught by some, in whose folders they stand as tokens, and on which
    documents versions were taught."""

    def __init__(self, lessons: ErasableLessons, versions: ErasableVersions, students: Path) -> None:
        self._lessons = lessons
        self._versions = versions
        self._students = students

    async def forget(self, erasure: Erasure, *, dry_run: bool = False) -> dict[str, int]:
        """See `interfaces.Erasable`. Whatever is being taught begins anew, without them."""
        concerned = (await self._lessons.forget(erasure, dry_run=True))["lessons"]
        # First: killed in between, the lessons still tell that these are concerned.
        begun = await asyncio.to_thread(self._begun, remove=not dry_run) if concerned else 0
        versions = await self._versions.forget(erasure, dry_run=dry_run)
        return {**await self._lessons.forget(erasure, dry_run=dry_run), "trainings": begun, **versions}

    async def learners(self, erasure: Erasure) -> list[Learner]:
        """Versions whose files are there and that were taught on what is to be forgotten, or may have been.

        To be asked before it is forgotten: then nobody knows any more.
        """
        found = await self._versions.learners(erasure, await self._lessons.concerned(erasure))
        return await asyncio.to_thread(lambda: [one for one in found if (self._students / one.version).is_dir()])

    async def scrub(self, erasure: Erasure) -> None:
        """See `interfaces.Erasable`."""
        await self._lessons.scrub(erasure)
        await self._versions.scrub(erasure)

    def _begun(self, *, remove: bool) -> int:
        found = [place for place in self._students.glob(f"{TEACHING}/*/*") if place.is_dir()]
        for place in found if remove else ():
            try:
                shutil.rmtree(place)
            except FileNotFoundError:
                continue  # it was done just now, and holds none any more
            except OSError as error:
                raise StoreError(f"{place} cannot be deleted: {error.strerror}", hint="it holds lessons") from None
        return len(found)


def erasable(store: SqliteLessons, versions: SqliteVersions, key: bytes, students: Path) -> ErasableLearning:
    """What forgets lessons, and what is being taught in the folder `students`. `key` is that of `desk_of`."""
    lessons = ErasableLessons(store.database, lambda user: hashed(user, key))
    return ErasableLearning(lessons, ErasableVersions(versions.database), students)


def desk_of(
    settings: Settings,
    store: SqliteLessons,
    *,
    traces: Traces,
    audits: Judgements,
    ratings: Ratings,
    sources: Sources,
    encoder: Encoder,
    workers: Workers,
    redactor: Redactor | None,
    cards: Callable[[], Mapping[str, ModelCard]],
    key: bytes,
    apart: Callable[[], AbstractAsyncContextManager[None]],
    relabelled: Callable[[Sequence[Lesson]], Awaitable[None]],
) -> Desk:
    """Where lessons are kept and looked through.

    Without a `redactor` (nothing leaves) it has one of its own: what is taught is told to whoever asks.
    """
    return Desk(
        Stock(
            settings=settings,
            store=store,
            traces=traces,
            audits=audits,
            ratings=ratings,
            sources=sources,
            encoder=encoder,
            workers=workers,
            redactor=redactor or PromptRedactor(Finder(settings.redaction, workers)),
            cards=cards,
            key=key,
            apart=apart,
            relabelled=relabelled,
        )
    )
