"""A text laid beside its evidence, sentence by sentence: what runs in a worker. Pure, and bounded by its limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from palier.guards.claims import CITATION, claims
from palier.guards.manner import asked, closely
from palier.guards.supporting import MAX_PASSAGES, Passage, foreign, passage, sentence, signals
from palier.text import sentences, tokens

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


def cites(text: str) -> tuple[int, ...]:
    """The numbers of the passages that it cites, each once, in order."""
    marks = (mark.group() for mark in CITATION.finditer(text))
    return tuple(dict.fromkeys(int(number) for mark in marks for number in tokens(mark) if number.isdigit()))


def compare(text: str, question: str, evidence: Sequence[str], taught: bool = False) -> Beside:
    """Each sentence of `text` that claims something, beside all passages together and each alone.

    `taught`: also for weights that examples taught.
    """
    found = spans(text)
    passages = [passage(one) for one in evidence[:MAX_PASSAGES]]
    stems = asked(question)
    looked = tuple(_compared(text, start, end, stems, passages, taught) for start, end in found[:MAX_SENTENCES])
    others = sorted({at for one in looked for at in one.foreign})
    windows = {at: tuple(w.text for w in passages[at].windows if w.single)[:_WINDOWS] for at in others}
    return Beside(looked, windows, len(found) > MAX_SENTENCES)


def _compared(
    text: str, start: int, end: int, question: frozenset[str], passages: Sequence[Passage], taught: bool
) -> Compared:
    said = text[start:end]
    numbers = cites(said)
    if not claims(said):
        return Compared(start, end, claims=False, cites=numbers)
    bare = CITATION.sub("", said).strip()
    one = sentence(bare)
    others = tuple(at for at, other in enumerate(passages) if foreign(one, other))
    own = [other for at, other in enumerate(passages) if at not in others]
    named = [passages[n - 1] for n in numbers if 0 < n <= len(passages) and n - 1 not in others]
    return Compared(
        start,
        end,
        claims=True,
        text=bare,
        cites=numbers,
        together=signals(one, question, own) if len(own) > 1 else None,
        alone=tuple(signals(one, question, [other]) for other in passages),
        cited=signals(one, question, named) if len(named) > 1 else None,
        foreign=others,
        taught=closely(one, question, own) if taught and own else None,
    )
