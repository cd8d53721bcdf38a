"""A text laid beside its evidence, sentence by sentence: what runs in a worker. Pure, and bounded by its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from palier.guards.claims import CITATION, cites, claims, copied, numbers
from palier.guards.manner import asked, closely
from palier.guards.supporting import MAX_PASSAGES, Passage, foreign, overlap, passage, sentence, shared, signals
from palier.text import sentences

Signals = dict[str, float]
MAX_SENTENCES = 400
_WINDOWS = 12
"""Sentences of a passage in another language whose embeddings are compared: about 3 ms each, the first time."""


class Compared(NamedTuple):
    """One sentence (characters `start` to `end`, its citations among them) beside the passages."""

    start: int
    end: int
    claims: bool
    text: str = ""
    """Without citations; empty where it claims nothing."""
    cites: tuple[int, ...] = ()
    own: frozenset[int] = frozenset()
    """Numbers in brackets that it copies from the passages: they cite nothing."""
    parts: tuple[tuple[int, int, Signals], ...] = ()
    """Where it cites in several places: where a mark stands in it, a number of the mark, and the signals of what stands
    between this mark and the one before, by the passage of that number. Of passages in its language."""
    together: Signals | None = None
    """By all passages that are not in another language, where there are two or more."""
    alone: tuple[Signals, ...] = ()
    """By each passage."""
    cited: Signals | None = None
    """By the passages that it cites, where these are two or more, and in its language."""
    foreign: tuple[int, ...] = ()
    """Which passages (from 0 on) are in another language: their signals want the nearness of sentence embeddings."""
    taught: Signals | None = None
    """What examples teach by (`manner.closely`), of the passages in its language; None without those, or unasked."""


class Beside(NamedTuple):
    """A text beside its evidence. `windows`: sentences of the passages that are in another language, by passage."""

    sentences: tuple[Compared, ...]
    windows: dict[int, tuple[str, ...]]
    more: bool = False
    """Whether the text has more sentences than are looked at."""


def spans(text: str) -> list[tuple[int, int]]:
    """Where sentences stand; a citation after the full stop belongs to the sentence before it."""
    found: list[tuple[int, int]] = []
    for start, end in sentences(text):
        while found and (mark := CITATION.match(text, start, end)):
            found[-1] = found[-1][0], mark.end()
            start = mark.end()
            while start < end and text[start].isspace():
                start += 1
        if start < end:
            found.append((start, end))
    return found


def bare(said: str, own: frozenset[int]) -> str:
    """A sentence without its citations; marks that it has of a passage's text (`own`) are words of it."""
    return CITATION.sub(lambda mark: mark.group() if own.intersection(numbers(mark.group())) else "", said).strip()


def compare(text: str, question: str, evidence: Sequence[str], taught: bool = False) -> Beside:
    """Each sentence of `text` that claims something, beside all passages together and each alone.

    `taught`: also for weights that examples taught.
    """
    found = spans(text)
    passages = [passage(one) for one in evidence[:MAX_PASSAGES]]
    stems = asked(question)
    looked = tuple(
        _compared(text[start:end], start, end, stems, passages, copied(text[start:end], evidence), taught)
        for start, end in found[:MAX_SENTENCES]
    )
    others = sorted({at for one in looked for at in one.foreign})
    windows = {at: tuple(w.text for w in passages[at].windows if w.single)[:_WINDOWS] for at in others}
    return Beside(looked, windows, len(found) > MAX_SENTENCES)


def _compared(
    said: str,
    start: int,
    end: int,
    question: frozenset[str],
    passages: Sequence[Passage],
    own: frozenset[int],
    taught: bool,
) -> Compared:
    cited = tuple(n for n in cites(said) if n not in own)
    if not claims(said):
        return Compared(start, end, claims=False, cites=cited, own=own)
    plain = bare(said, own)
    one = sentence(plain)
    others = tuple(at for at, other in enumerate(passages) if foreign(one, other))
    each = [overlap(one, other) for other in passages]
    mine = [other for at, other in enumerate(each) if at not in others]
    named = {n: each[n - 1] for n in cited if 0 < n <= len(passages) and n - 1 not in others}
    return Compared(
        start,
        end,
        claims=True,
        text=plain,
        cites=cited,
        own=own,
        parts=_parts(said, question, {n: other.passage for n, other in named.items()}) if len(named) > 1 else (),
        together=shared(one, question, mine) if len(mine) > 1 else None,
        alone=tuple(shared(one, question, [other]) for other in each),
        cited=shared(one, question, list(named.values())) if len(named) > 1 else None,
        foreign=others,
        taught=closely(one, question, mine) if taught and mine else None,
    )


def _parts(said: str, question: frozenset[str], named: Mapping[int, Passage]) -> tuple[tuple[int, int, Signals], ...]:
    """What stands before each mark, by each passage that the mark names; marks side by side are of the same words."""
    found = list[tuple[int, int, Signals]]()
    at, part = 0, ""
    for mark in CITATION.finditer(said):
        part = said[at : mark.start()].strip() or part
        at = mark.end()
        one = sentence(part)
        found += [(mark.start(), n, signals(one, question, [named[n]])) for n in numbers(mark.group()) if n in named]
    return tuple(found)
