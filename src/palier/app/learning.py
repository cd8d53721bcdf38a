"""From requests to a student that answers: harvest, teach, judge, promote. Killed anywhere, the same call goes on.

Nothing is remembered of how far it was. Each step is known by what it is of: what was harvested is not harvested twice;
a version's id is made of the lessons it was taught, of who may read them, of its tier and of what teaches it, so that
the same lessons are taught once; a ruling is kept with its version, and answers of both sides by what they depend on.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from palier import __version__
from palier.config import Route, Settings, tier_name
from palier.config.taught import FILES, TEACHING
from palier.errors import ConfigurationError, InvalidRequest, StoreError
from palier.interfaces import Vectors
from palier.interfaces.versions import Versions
from palier.lessons import Lesson
from palier.models.weights import hash_once
from palier.training import canaries, checkpoints, heads
from palier.training.examples import Example, gathered
from palier.training.lesson_sets import Carried, sources_of
from palier.versions import Student, Version

LEAST = 20
"""Lessons below which nothing is taught."""
TEACHES = "1"
"""Part of a version's id: raised where the same lessons are taught otherwise."""
_DIGITS = 12


def student_of(settings: Settings, route: str, student: str = "auto") -> tuple[Student, str]:
    """What is taught for a route, and which of its tiers: the cheapest that can be. Raises `ConfigurationError`."""
    named = settings.routes[route]
    kinds: dict[Student, str] = {"head": "head", "lora": "engine"}
    wanted: Sequence[Student] = [kind for kind in kinds if student in ("auto", kind)]
    if not wanted:
        raise ConfigurationError(f"--student is `{student[:40]}`", hint="auto, head or lora")
    for kind in wanted:
        if (place := _place(settings, named, kinds[kind])) is not None:
            return kind, tier_name(named, place)
    needs = " or ".join(f"`{kinds[kind]}`" for kind in wanted)
    raise ConfigurationError(
        f"no tier of route `{route}` has a model of kind {needs}: nothing there can be taught",
        hint="give it such a tier; palier distill makes its first file",
    )


def _place(settings: Settings, route: Route, kind: str) -> int | None:
    found = [n for n, tier in enumerate(route.tiers) if settings.models[tier.model].kind == kind]
    return found[0] if found else None


def digest_of(lessons: Iterable[Lesson]) -> str:
    """SHA-256 of what lessons teach, the same in any order."""
    found = hashlib.sha256()
    for line in sorted(
        msgspec.json.encode((one.question, one.answer, one.messages, [e.text for e in one.evidence], one.weight))
        for one in lessons
    ):
        found.update(line + b"\n")
    return found.hexdigest()


def id_of(route: str, tier: str, student: Student, lessons: str, carried: Carried) -> str:
    """The id of what these lessons make: the same for the same, and for the same who may read what they stand on.

    Of an adapter, `lessons` is the digest of its plan.
    """
    said = msgspec.json.encode(
        (TEACHES, __version__, route, tier, student, lessons, carried.label, carried.collections)
    )
    return f"{student}-{hashlib.sha256(said).hexdigest()[:_DIGITS]}"


def check_number(route: str, count: int) -> None:
    """Raise `InvalidRequest` where lessons are too few to teach or to judge by."""
    if count < LEAST:
        raise InvalidRequest(
            f"route `{route}` has {count} lessons that may be taught, and at least {LEAST} are needed",
            hint="100 tell an accuracy to within 10 points, 400 to within 5: palier lessons stats, accept, import",
        )


async def teach_head(
    versions: Versions,
    folder: Path,
    route: str,
    tier: str,
    lessons: Sequence[Lesson],
    carried: Carried,
    embed: Callable[[Sequence[str]], Vectors],
    encoder: str,
    *,
    suite: str = "",
    who: str = "",
    done: Callable[[str], None] = lambda _: None,
) -> tuple[Version, bool]:
    """The version that `lessons` make, whose answers are labels; whether it is new. One teaches on a route at a time.

    Raises `InvalidRequest` where they are too few to teach or to judge by, `ConfigurationError` where another teaches,
    `StoreError` where it cannot be kept.
    """
    check_number(route, len(lessons))
    digest = digest_of(lessons)
    name = id_of(route, tier, "head", digest, carried)
    with checkpoints.alone(area_of(folder, route)):
        if (known := await versions.get(name)) is not None:
            return await told(versions, known, lessons), False
        made = await _head(folder, route, lessons, carried, name, embed, encoder, done)
        version = msgspec.structs.replace(made, tier=tier, lessons=digest, suite=suite, who=who)
        await versions.add(version, sources_of(lessons), [one.id for one in lessons])
    return version, True


async def _head(
    folder: Path,
    route: str,
    lessons: Sequence[Lesson],
    carried: Carried,
    name: str,
    embed: Callable[[Sequence[str]], Vectors],
    encoder: str,
    done: Callable[[str], None],
) -> Version:
    """Teach it, and keep its files."""
    examples = gathered(Example(text=one.question, label=one.answer, language=one.language) for one in lessons)
    licence = ", ".join(carried.licences)
    planted = canaries.plant(lessons, labels=[one.label for one in examples.rows])
    taught = await asyncio.to_thread(
        heads.teach,
        examples,
        embed,
        encoder,
        licence=licence,
        source=route,
        planted=planted.examples(),
        done=done,
    )
    kept = {FILES["head"]: taught.content, canaries.FILE: planted.content}
    _keep(folder, name, kept)
    return Version(
        id=name,
        route=route,
        tier="",
        student="head",
        files={file: hash_once(folder / name / file) for file in kept},
        encoder=encoder,
        taught=len(lessons),
        label=carried.label,
        collections=carried.collections,
        code=__version__,
        plan={"accuracy": taught.report.accuracy.value, "reads": taught.report.reads},
        created=time.time(),
    )


async def told(versions: Versions, version: Version, lessons: Sequence[Lesson]) -> Version:
    """`version`, which these lessons made: where it was taught before that was kept, it knows them from now on."""
    if not version.untold:
        return version
    await versions.tell(version.id, sources_of(lessons), [one.id for one in lessons])
    return await versions.get(version.id) or version


def area_of(folder: Path, route: str) -> Path:
    """Where students of a route are taught, one at a time (`checkpoints.alone`). Raises `StoreError`."""
    area = folder / TEACHING / route
    try:
        area.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{area} cannot be made: {error.strerror}", hint="mend that, then the same again") from None
    return area


def _keep(folder: Path, id: str, files: dict[str, bytes]) -> None:
    """The folder of a version, whole or not there: what a kill left of it is made again."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".making-", ignore_cleanup_errors=True) as making:
            place = Path(making) / id
            place.mkdir(mode=0o700)
            for name, content in files.items():
                with (place / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            shutil.rmtree(folder / id, ignore_errors=True)
            place.rename(folder / id)
    except OSError as error:
        raise StoreError(
            f"the student cannot be kept in {folder}: {error.strerror}",
            hint="make room, or let this user write there; then the same command again",
        ) from None
