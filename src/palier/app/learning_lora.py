"""From lessons to a version that writes: an adapter for the embedded model of a route, and its lineage.

It is taught in a folder of its own beside the versions, in which it goes on after a kill; once it is whole, that folder
is the version's. What it was taught, as tokens, goes before: a version holds no lessons.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from palier import __version__
from palier.app import weights
from palier.app.learning import area_of, check_number, digest_of, id_of, told
from palier.app.weights import Base
from palier.config import Settings
from palier.interfaces.versions import Versions
from palier.lessons import Lesson
from palier.models import adapters
from palier.models.engine_tokens import EngineTokens
from palier.models.weights import hash_once
from palier.stores.folder import DataFolder
from palier.training import canaries, checkpoints, lora, lora_lessons, lora_plan
from palier.training.canaries import Planted
from palier.training.desk import TrainingSet
from palier.training.fidelity import Fidelity
from palier.training.lesson_lines import line_of
from palier.training.lesson_sets import sources_of
from palier.training.lora import CURVE, Rows
from palier.training.lora_lessons import Lessons
from palier.training.lora_plan import Plan
from palier.training.lora_train import ADAPTER, PEFT, ROWS, Told
from palier.types import JSON, Message
from palier.versions import Version

COMPARED = 10
"""Prompts on which both engines are compared."""
FIDELITY = "fidelity.json"
_KEPT = (ADAPTER, adapters.beside(Path(ADAPTER)).name, canaries.FILE)
"""Beside these, all of the PEFT folder is a version's."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which adapter is wanted. `said` are the options of the plan that are not to follow from the lessons."""

    route: str
    tier: str
    said: Mapping[str, Any]
    threads: int = 0
    suite: str = ""
    who: str = ""


@dataclass(frozen=True, slots=True)
class _Given:
    """What an adapter is made of."""

    base: Base
    lessons: Lessons
    rows: Rows
    plan: Plan
    planted: Planted


async def teach_adapter(
    settings: Settings,
    versions: Versions,
    folder: Path,
    wanted: Wanted,
    training: TrainingSet,
    *,
    tell: Callable[[Told], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
) -> tuple[Version, bool]:
    """The version that the lessons make, an adapter; whether it is new. One teaches on a route at a time.

    Raises `InvalidRequest` where lessons are too few, `MissingExtra` without what teaches, `ConfigurationError` (other
    weights, broken checkpoints, another who teaches), `StoreError` (the disk), and `lora.Stopped` where it is cancelled
    after a checkpoint.
    """
    check_number(wanted.route, len(training.lessons))
    weights.check_extra()
    given = await _given(settings, wanted, training)
    for words in (*given.lessons.notes, *given.rows.notes):
        note(words)
    name = id_of(wanted.route, wanted.tier, "lora", given.plan.digest, training.carried)
    if (known := await versions.get(name)) is not None:
        return await told(versions, known, training.lessons), False
    area = area_of(folder, wanted.route)
    with checkpoints.alone(area):
        if (known := await versions.get(name)) is not None:  # by whoever taught here a moment ago
            return await told(versions, known, training.lessons), False
        if not _is_whole(folder / name):
            _clear(area, name)
            await _teach(area / name, given, wanted, tell)
            _settle(area / name, folder / name)
        version = _version(folder / name, name, given, wanted, training)
        await versions.add(version, sources_of(training.lessons), [one.id for one in training.lessons])
    return version, True


async def _given(settings: Settings, wanted: Wanted, training: TrainingSet) -> _Given:
    base = weights.base_of(settings, wanted.route, wanted.tier)
    key = DataFolder(settings.folder).prepared().fingerprint_key()
    planted = canaries.plant(training.lessons, seed=canaries.seed_of(digest_of(training.lessons), key))
    beside = planted.lessons(wanted.route)
    lessons = lora_lessons.read(_lines((*training.lessons, *beside)), system=base.system)
    async with weights.engine_over(base, {}) as tokens:
        rows = await lora.as_tokens(tokens, lessons, base.longest)
        rows = await _none_held_out(rows, [one.prompt(base.system) for one in planted.canaries], tokens)
    plan = lora_plan.sized(rows.rows, base=base.settings.weights, base_sha256=hash_once(base.file), **dict(wanted.said))
    return _Given(base, lessons, rows, plan, planted)


def _lines(lessons: Sequence[Lesson]) -> Iterator[bytes]:
    for lesson in lessons:
        yield msgspec.json.encode(line_of(lesson))


async def _none_held_out(rows: Rows, prompts: Sequence[Sequence[Message]], tokens: EngineTokens) -> Rows:
    """`rows` in which what is planted is taught: it is no lesson to judge by, and what is not taught is not recited."""
    planted = {await tokens.prompt(one) for one in prompts}
    taught = (msgspec.structs.replace(row, held_out=False) if row.prompt in planted else row for row in rows.rows)
    return Rows(tuple(taught), rows.notes)


async def _teach(place: Path, given: _Given, wanted: Wanted, tell: Callable[[Told], None]) -> None:
    """Teach in `place`, or go on there, and compare both engines."""
    base, rows = given.base, given.rows
    lora.prepare(place, rows, base=given.plan.base, weights=base.file, **dict(wanted.said))
    taught = await lora.teach(
        place, given.lessons, base.file, route=wanted.route, code=__version__, threads=wanted.threads, tell=tell
    )
    checkpoints.write(place / canaries.FILE, given.planted.content)
    if not (place / FIDELITY).is_file():
        found = await weights.both_engines(base, rows, taught.adapter, taught.peft, COMPARED, threads=wanted.threads)
        checkpoints.write(place / FIDELITY, msgspec.json.encode(found))


def _settle(work: Path, place: Path) -> None:
    """What was taught in `work` is a version's from now on, without the words of any lesson."""
    try:
        for file in (work / ROWS, work / ".lock"):
            file.unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)  # of one that is not whole
        work.rename(place)
        checkpoints.settle(place.parent)
    except OSError as error:
        raise checkpoints.unwritable(place, error, 0) from None


def _is_whole(place: Path) -> bool:
    """Whether a killed call got so far: then only the registry lacks it."""
    return (place / FIDELITY).is_file() and adapters.lineage(place / ADAPTER) is not None


def _clear(area: Path, name: str) -> None:
    """Remove what was begun with other lessons: nobody goes on with it, and their words stand in it."""
    for other in area.iterdir():
        if other.is_dir() and other.name != name:
            shutil.rmtree(other, ignore_errors=True)


def _version(place: Path, name: str, given: _Given, wanted: Wanted, training: TrainingSet) -> Version:
    files = [*_KEPT, *sorted(str(file.relative_to(place)) for file in (place / PEFT).rglob("*") if file.is_file())]
    return Version(
        id=name,
        route=wanted.route,
        tier=wanted.tier,
        student="lora",
        files={file: hash_once(place / file) for file in files},
        base=given.plan.base_sha256,
        lessons=digest_of(training.lessons),
        taught=sum(not row.held_out for row in given.rows.rows) - len(given.planted.canaries),
        suite=wanted.suite,
        label=training.carried.label,
        collections=training.carried.collections,
        code=__version__,
        plan=_told(place, given.plan),
        who=wanted.who,
        created=time.time(),
    )


def _told(place: Path, plan: Plan) -> JSON:
    """With what it was taught, how far that went, and how far both engines agree."""
    kept = {name: getattr(plan, name) for name in ("rank", "alpha", "steps", "batch", "rate", "seed", "length")}
    last = _last(place / CURVE, "step")
    held_out = _last(place / CURVE, "checkpoint")
    found = msgspec.json.decode((place / FIDELITY).read_bytes(), type=Fidelity)
    return {
        **kept,
        "steps": last.steps if last else plan.steps,
        "loss": last.loss if last else None,
        "held_out_loss": held_out.held_out_loss if held_out else None,
        "fidelity": msgspec.to_builtins(found),
    }


def _last(curve: Path, event: str) -> Told | None:
    """The last of such lines that is whole: a kill may have cut one in the middle."""
    found = None
    for line in curve.read_bytes().splitlines():
        try:
            told = msgspec.json.decode(line, type=Told)
        except msgspec.MsgspecError:
            continue
        found = told if told.event == event else found
    return found
