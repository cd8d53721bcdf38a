"""What speaks against learning a lesson: the benchmark's holdout, a twin, who may read its evidence.

Questions are compared by their words (`evals.suites.splitting`: sets of words and pairs of words, the numbers being
the same) and by the cosine of their sentence vectors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from palier.evals.suites import suite
from palier.evals.suites.splitting import near_duplicates
from palier.interfaces import Encoder, SourceDocument, Sources, Vectors, Workers
from palier.lessons import Evidence, Lesson
from palier.text import tokens
from palier.types import Data, Label

SAME = 0.95
"""Cosine of two questions from which they are one: other words for a question (often .5 to .8) are worth learning."""
NEAR_HOLDOUT = 0.85
"""The same for the benchmark's holdout, of which nothing may be known: of the sample company's 200 questions none
lies so near to another one."""
_COMPARED = 2_000
"""Texts that are compared with all others at once."""
_DOCUMENTS = 500
"""Documents that are remembered."""

HELD_OUT = "ask what the benchmark holds out"
TWIN = "ask what another lesson asks"
GONE = "stood on what is gone, or has changed"
PRIVATE = "stood on what only some readers of its collection, or named users, may read"
LABELLED = "are more confidential than `highest_label` of [lessons]"


@dataclass(frozen=True, slots=True)
class Held:
    """What suites hold out: questions with their vectors, and the requests they were made of."""

    texts: tuple[str, ...] = ()
    vectors: Vectors = field(default_factory=lambda: np.empty((0, 0), np.float32))
    traces: frozenset[str] = frozenset()


async def held_of(paths: Sequence[Path], encoder: Encoder, workers: Workers) -> Held:
    """The holdouts of the suites at `paths`. Raises as `suite.load` does: what cannot be read holds nothing out."""
    texts, traces = await workers.run(_read_holdouts, [str(path) for path in paths])
    if not texts:
        return Held(traces=frozenset(traces))
    return Held(tuple(texts), await encoder.encode(texts), frozenset(traces))


def _read_holdouts(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    texts: dict[str, None] = {}
    traces: list[str] = []
    for path in paths:
        for case in suite.load(path).split("holdout"):
            before = [message.content for message in case.messages[:-1] if message.role != "system"]
            texts["\n".join([*before, case.question])] = None
            texts[case.question] = None
            kind, _, name = case.origin.partition(":")
            if kind == "trace":
                traces.append(name)
    return list(texts), traces


async def held_out(
    asked: Sequence[str], vectors: Vectors, traces: Sequence[str], held: Held, workers: Workers
) -> list[bool]:
    """Whether each question is one of `held`, or nearly. `vectors`: unit, shape (n, d)."""
    found = [trace in held.traces for trace in traces]
    if not held.texts:
        return found
    near = nearest(vectors, held.vectors) >= NEAR_HOLDOUT
    words = await alike(asked, held.texts, workers)
    return [known or bool(close) or said for known, close, said in zip(found, near, words, strict=True)]


def nearest(vectors: Vectors, others: Vectors) -> Vectors:
    """The largest cosine of each of `vectors` (n, d) with any of `others` (m, d), shape (n,); -1 where m is 0."""
    if not len(vectors) or not len(others):
        return np.full(len(vectors), -1.0, np.float32)
    found: Vectors = (vectors @ others.T).max(axis=1)
    return found


async def alike(texts: Sequence[str], others: Sequence[str], workers: Workers) -> list[bool]:
    """Whether each of `texts` has the words of any of `others`, or nearly."""
    found = await links(texts, others, workers)
    return [any(place < len(others) for place in linked) for linked in found]


async def links(texts: Sequence[str], others: Sequence[str], workers: Workers) -> list[set[int]]:
    """Places of the texts that have the words of each of `texts`, or nearly: in `others`, and after them in `texts`."""
    found: list[set[int]] = [set() for _ in texts]
    if not texts:
        return found
    for start in range(0, max(len(others), 1), _COMPARED):
        some = list(others[start : start + _COMPARED])
        beyond = len(others) - len(some)
        for linked, told in zip(found, await workers.run(_links, list(texts), some), strict=True):
            linked.update(place + start if place < len(some) else place + beyond for place in told)
    return found


class Asked(NamedTuple):
    """What a lesson asks, and how sure its answer is (`lessons.rank`)."""

    text: str
    rank: int


async def twins(
    new: Sequence[Asked], vectors: Vectors, others: Sequence[Asked], rows: Sequence[Vectors], workers: Workers
) -> list[bool]:
    """Whether another, as sure or surer, asks what each of `new` asks: one of `others`, or one of `new` that stays.

    `vectors` (n, d) are those of `new`, `rows` those of `others`; all of unit length.
    """
    linked = await links([one.text for one in new], [one.text for one in others], workers)
    ranks = np.array([one.rank for one in others], int)
    near, among = await asyncio.to_thread(_near, vectors, rows)
    found = [False] * len(new)
    taken: list[int] = []
    for n in sorted(range(len(new)), key=lambda n: (new[n].rank, n)):  # of twins that come together the surest stays
        as_sure, mine = ranks <= new[n].rank, _numbers(new[n].text)
        close = [others[p].text for p in np.flatnonzero(near[n] & as_sure).tolist()]
        close += [new[other].text for other in taken if among[n, other]]
        found[n] = any(_numbers(text) == mine for text in close)  # box 3 is not box 12, however near they lie
        found[n] = found[n] or any(p < len(others) and as_sure[p] for p in linked[n])
        found[n] = found[n] or any(other + len(others) in linked[n] for other in taken)
        if not found[n]:
            taken.append(n)
    return found


async def outdone(
    new: Sequence[Asked], vectors: Vectors, others: Sequence[Asked], rows: Sequence[Vectors], workers: Workers
) -> list[int]:
    """For each of `others` the place of one of `new` that asks the same and is surer; -1 where none is. See `twins`."""
    linked = await links([one.text for one in new], [one.text for one in others], workers)
    near, _ = await asyncio.to_thread(_near, vectors, rows)
    numbers = [_numbers(one.text) for one in others]
    found = [-1] * len(others)
    for n, one in enumerate(new):
        mine = _numbers(one.text)
        close = {place for place in np.flatnonzero(near[n]).tolist() if numbers[place] == mine}
        for place in close | {place for place in linked[n] if place < len(others)}:
            if others[place].rank > one.rank and (found[place] < 0 or new[found[place]].rank > one.rank):
                found[place] = n
    return found


def _near(vectors: Vectors, rows: Sequence[Vectors]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of `vectors` lie near which of `rows`, and of each other. For a thread: 50,000 rows take a second."""
    none = np.zeros((len(vectors), len(rows)), bool)
    near = vectors @ np.stack(rows).T >= SAME if rows and len(vectors) else none
    return near, vectors @ vectors.T >= SAME


def _numbers(text: str) -> frozenset[str]:
    return frozenset(word for word in tokens(text) if any(map(str.isdigit, word)))


def _links(texts: Sequence[str], others: Sequence[str]) -> list[list[int]]:
    """For a worker process. Texts of the same words are one: none hides behind another."""
    groups: dict[tuple[str, ...], list[int]] = {}
    keys = []
    for place, text in enumerate((*others, *texts)):
        keys.append(tuple(tokens(text)))
        groups.setdefault(keys[-1], []).append(place)
    named = list(groups)
    near: dict[int, set[int]] = {n: {n} for n in range(len(named))}
    for pair in near_duplicates([" ".join(key) for key in named]).found:
        near[pair.first].add(pair.second)
        near[pair.second].add(pair.first)
    order = {key: n for n, key in enumerate(named)}
    found = []
    for n in range(len(texts)):
        place = len(others) + n
        told = near[order[keys[place]]] if keys[place] else set()
        found.append([other for group in told for other in groups[named[group]] if other != place])
    return found


# --- evidence --------------------------------------------------------------------------------------------------------


class Standing(Data, frozen=True, kw_only=True):
    """A lesson's evidence as it is now: why it may not be taught (empty: it may), and the labels it has by now."""

    why: str = ""
    evidence: tuple[Evidence, ...] = ()
    label: Label = Label.PUBLIC


class Library:
    """Documents as lessons see them, looked up once a run. `key` is for `digest`."""

    def __init__(self, sources: Sources, key: bytes) -> None:
        self._sources = sources
        self._key = key[:64]
        self._known: dict[tuple[str, str], SourceDocument | None] = {}
        self._digests: dict[tuple[str, str], frozenset[str]] = {}

    async def look(self, names: Sequence[tuple[str, str]]) -> list[SourceDocument | None]:
        """Each of `names` (collection, document)."""
        missing = [name for name in dict.fromkeys(names) if name not in self._known]
        if len(self._known) + len(missing) > _DOCUMENTS:
            self._known.clear()
            self._digests.clear()
            missing = list(dict.fromkeys(names))
        self._known.update(zip(missing, await self._sources.sources(missing) if missing else [], strict=True))
        return [self._known[name] for name in names]

    async def passages(self, keys: Sequence[str], before: float) -> dict[str, tuple[SourceDocument, int]]:
        """Document and number of each key of a trace's evidence (`Hit.key`), where that is clear.

        A name may hold `/`: where a key can be read as two documents that are there, it is not. Nor is it where the
        document was written after `before`.
        """
        found = {}
        for key in keys:
            name, _, number = key.rpartition("#")
            splits = [(name[:i], name[i + 1 :]) for i, character in enumerate(name) if character == "/"]
            there = [one for one in await self.look(splits) if one is not None]
            clear = len(there) == 1 and number.isdecimal() and there[0].updated <= before
            if clear and int(number) in there[0].passages:
                found[key] = (there[0], int(number))
        return found

    def evidence(self, document: SourceDocument, passage: int) -> Evidence:
        """A passage as a lesson holds it."""
        text = document.passages[passage]
        return Evidence(
            text=text,
            collection=document.collection,
            document=document.document,
            passage=passage,
            title=document.title,
            label=document.label,
            digest=self.digest(text),
        )

    def digest(self, text: str) -> str:
        """Names the words of a passage; nobody without the key can tell which."""
        words = " ".join(text.split()).encode("utf-8", "surrogatepass")
        return blake2b(words, key=self._key, digest_size=16, person=b"palier-passage").hexdigest()

    async def standing(self, evidence: Sequence[Evidence], highest: Label) -> Standing:
        """Whether a lesson may still be taught, as its evidence is now; `highest` is what lessons may hold."""
        found = await self.look([(one.collection, one.document) for one in evidence if one.document])
        documents = iter(found)
        now = []
        for one in evidence:
            document = next(documents) if one.document else None
            if one.document and (document is None or not self._has(document, one)):
                return Standing(why=GONE)
            if document is not None and restricted(document):
                return Standing(why=PRIVATE)
            raised = Label.highest(one.label, document.label) if document is not None else one.label
            now.append(one if raised is one.label else msgspec.structs.replace(one, label=raised))
        label = Label.highest(*(one.label for one in now))
        return Standing(why="" if highest.allows(label) else LABELLED, evidence=tuple(now), label=label)

    def _has(self, document: SourceDocument, one: Evidence) -> bool:
        """Whether the document still has the passage, wherever it stands in it by now."""
        if not one.digest:  # it was brought from elsewhere: its words are its own
            return True
        name = (document.collection, document.document)
        if name not in self._digests:
            self._digests[name] = frozenset(map(self.digest, document.passages.values()))
        return one.digest in self._digests[name]


def restricted(document: SourceDocument) -> bool:
    """Whether fewer may read it than a student can tell apart: a student knows collections, no documents or users."""
    return bool(document.groups) or any(name.startswith("user:") for name in document.readers)


def labelled(lesson: Lesson, standing: Standing) -> Lesson:
    """`lesson` with the labels that its evidence has now: they rise, and never fall."""
    label = Label.highest(lesson.label, standing.label)
    if label is lesson.label and standing.evidence == lesson.evidence:
        return lesson
    return msgspec.structs.replace(lesson, label=label, evidence=standing.evidence)
