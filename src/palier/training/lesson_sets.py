"""What holds for a set of lessons: what it carries, on which side of a split each stands, and whose it is. Pure."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from palier.evals.suites.splitting import near_duplicates, split_of, united
from palier.interfaces import Vectors
from palier.lessons import Lesson, rank
from palier.text import tokens
from palier.types import Data, Label

FAMILY = 0.85
"""Cosine of two questions from which they are one family. Of 3,000 questions of BANKING77: 1,397 families, the largest
of 188; from .8, 664 questions would be one. Other words for the same question often lie below (half of the sample
company's below .7): a lesson may say its `family`."""
PARAPHRASE, PAIR = "synthetic:paraphrase:", "synthetic:pair:"
"""How the names of synthetic lessons' origins begin: of a lesson said otherwise, and of a passage."""
_BLOCK = 1024


class Carried(Data, frozen=True, kw_only=True):
    """What everything that is taught by some lessons carries."""

    label: Label
    collections: tuple[str, ...]
    licences: tuple[str, ...]
    teachers: tuple[str, ...]


class Split(Data, frozen=True, kw_only=True):
    """Lessons to teach, and lessons to choose by."""

    train: tuple[Lesson, ...]
    validation: tuple[Lesson, ...]
    families: int


def carried(lessons: Iterable[Lesson]) -> Carried:
    """The highest label of `lessons`, and all their collections: whoever may not read these is not served by them.

    Of none it is public, and of no collection.
    """
    some = list(lessons)
    labels = [lesson.label for lesson in some] + [one.label for lesson in some for one in lesson.evidence]
    return Carried(
        label=Label.highest(*labels),
        collections=tuple(sorted({name for lesson in some for name in lesson.collections})),
        licences=tuple(sorted({lesson.licence for lesson in some if lesson.licence})),
        teachers=tuple(sorted({lesson.teacher.model for lesson in some if lesson.teacher.model})),
    )


def sources_of(lessons: Iterable[Lesson]) -> list[tuple[str, str]]:
    """The documents (collection, id) that `lessons` stand on, each once."""
    return sorted({(one.collection, one.document) for lesson in lessons for one in lesson.evidence if one.document})


class Question(NamedTuple):
    """What tells families apart, of one lesson."""

    id: str
    asked: str
    opening: str
    family: str
    trace: str
    source: str = ""
    """The id of the lesson that it says in other words, or its own."""


def question(lesson: Lesson) -> Question:
    """Of a lesson."""
    return Question(
        lesson.id, lesson.asked, lesson.opening, lesson.family, lesson.origin.trace, source_of(lesson) or lesson.id
    )


def families(questions: Sequence[Question], vectors: Vectors) -> dict[str, str]:
    """The id of the first lesson of its family, by id.

    One family are those that say so, that are of one request or one conversation, or say one question in other words,
    that ask nearly the same words, or whose `vectors` (unit, shape (n, d)) lie close. By single linkage: what lies
    between two families joins them.
    """
    order = sorted(range(len(questions)), key=lambda n: questions[n].id)
    ordered = [questions[n] for n in order]
    ids = [one.id for one in ordered]
    pairs = [(ids[pair.first], ids[pair.second]) for pair in near_duplicates([one.asked for one in ordered]).found]
    pairs += _close(ids, vectors[order])
    first: dict[tuple[str, str], str] = {}
    for one in ordered:
        opening = " ".join(tokens(one.opening))
        for said in (("family", one.family), ("trace", one.trace), ("opening", opening), ("source", one.source)):
            if said[1]:
                pairs.append((first.setdefault(said, one.id), one.id))
    return united(ids, pairs)


def split(lessons: Sequence[Lesson], leader: Mapping[str, str], validation: float) -> Split:
    """`lessons` by family (`leader`: see `families`): a share `validation` of them apart, by a hash of their first.

    A lesson that is added later moves no other, unless it joins two families.
    """
    apart = {name for name in set(leader.values()) if split_of(name, validation) == "holdout"}
    return Split(
        train=tuple(lesson for lesson in lessons if leader[lesson.id] not in apart),
        validation=tuple(lesson for lesson in lessons if leader[lesson.id] in apart),
        families=len(set(leader.values())),
    )


def capped(
    lessons: Sequence[Lesson],
    *,
    share: float,
    least: int,
    exempt: Callable[[str], bool],
    held: Counter[str] | None = None,
) -> list[Lesson]:
    """Those of `lessons` that may be kept beside `held` (lessons there already, by user), no user having too many.

    None who gets one has then more than `share` of all, or than `least` where that is more. The surest kinds and the
    oldest stay.
    """
    held = held or Counter()
    by_user: dict[str, list[Lesson]] = {}
    for lesson in sorted(lessons, key=lambda one: (rank(one.kind), one.origin.created, one.id)):
        by_user.setdefault(lesson.origin.who, []).append(lesson)
    kept = {who: len(some) for who, some in by_user.items()}
    capped_users = [who for who in by_user if who and not exempt(who)]
    while True:  # what is taken away makes the whole smaller, and with it everybody's share
        whole = sum(kept.values()) + sum(held.values())
        most = max(least, int(share * whole))
        over = [who for who in capped_users if kept[who] and kept[who] + held[who] > most]
        if not over:
            break
        for who in over:
            kept[who] = max(most - held[who], 0)
    chosen = {lesson.id for who, some in by_user.items() for lesson in some[: kept[who]]}
    return [lesson for lesson in lessons if lesson.id in chosen]


def source_of(lesson: Lesson) -> str:
    """The id of the lesson that it says in other words; empty where it stands for itself."""
    name = lesson.origin.name
    if lesson.kind != "synthetic" or not name.startswith(PARAPHRASE):
        return ""
    return name.removeprefix(PARAPHRASE).rpartition(":")[0]


def room_for_synthetic(real: int, share: float) -> int:
    """How many synthetic lessons may be taught beside `real` ones, to be at most `share` of all."""
    return math.floor(share * real / (1 - share) + 1e-9)


class Within(NamedTuple):
    """Lessons to teach, and how many synthetic ones are not: of a lesson that is not taught itself, or too many."""

    lessons: list[Lesson]
    alone: int
    over: int


def synthetic_within(lessons: Sequence[Lesson], share: float) -> Within:
    """`lessons`, with synthetic ones only beside what they say otherwise, and at most `share` of all.

    Which of them stay is drawn by their ids: one that is added later moves few.
    """
    real = {lesson.id for lesson in lessons if lesson.kind != "synthetic"}
    made = [one for one in lessons if one.kind == "synthetic"]
    standing = [one for one in made if not (source := source_of(one)) or source in real]
    drawn = sorted(standing, key=lambda one: hashlib.sha256(one.id.encode("utf-8", "surrogatepass")).digest())
    kept = {one.id for one in drawn[: room_for_synthetic(len(real), share)]}
    return Within(
        [one for one in lessons if one.id in real or one.id in kept],
        alone=len(made) - len(standing),
        over=len(standing) - len(kept),
    )


def _close(ids: Sequence[str], vectors: Vectors) -> list[tuple[str, str]]:
    """Pairs whose cosine is at least `FAMILY`, a block of rows at a time."""
    found = []
    for start in range(0, len(ids), _BLOCK):
        alike = vectors[start : start + _BLOCK] @ vectors.T >= FAMILY
        for row, column in np.argwhere(alike).tolist():
            if column > start + row:
                found.append((ids[start + row], ids[column]))
    return found
