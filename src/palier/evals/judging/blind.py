"""Answers to be scored by a person who does not know whose they are."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec

from palier.cases import Case, Outcome
from palier.errors import StoreError
from palier.evals.judging.remarks import digest
from palier.types import Data

Judged = Collection[tuple[str, str]]
"""Candidate and id of the case, of what a person has scored."""


class Sheet(Data, frozen=True, kw_only=True):
    """A case, and the answers to it that are to be scored: each text once, with the candidates that wrote it."""

    case: Case
    answers: tuple[tuple[str, tuple[str, ...]], ...]


def sheets(
    cases: Sequence[Case], outcomes: Mapping[str, Mapping[str, Outcome]], judged: Judged, *, sample: int, seed: int = 0
) -> Iterator[Sheet]:
    """What is left to score of the first `sample` cases that have an answer, in an order drawn by `seed`.

    The draw goes by the id of the case alone: the same cases come again, and more of them with a larger sample. The
    order of the answers says nothing of whose they are, and is the same each time.
    """
    drawn = sorted(cases, key=lambda case: _draw(seed, case.id))
    with_answers = [case for case in drawn if any(_readable(of.get(case.id)) for of in outcomes.values())]
    for case in with_answers[:sample]:
        texts: dict[str, list[str]] = {}
        for candidate, of in outcomes.items():
            outcome = of.get(case.id)
            if outcome is not None and _readable(outcome) and (candidate, case.id) not in judged:
                texts.setdefault(outcome.output, []).append(candidate)
        if texts:
            order = sorted(texts, key=lambda text: _draw(seed, case.id, text))
            yield Sheet(case=case, answers=tuple((text, tuple(texts[text])) for text in order))


def _readable(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.status == "answered" and bool(outcome.output.strip())


def _draw(seed: int, *parts: str) -> bytes:
    content = msgspec.json.encode([seed, *(part.encode("utf-8", "surrogatepass") for part in parts)])
    return blake2b(content, digest_size=16).digest()


class ScoresFile:
    """A file of people's scores (`people.read_scores`) to append to: ids, scores and digests, no words."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, sheet: Sheet, scores: Sequence[float], rater: str) -> None:
        """Append a line for each candidate of each answer, all or none; on the disk when it returns.

        Raises `StoreError`; what was there before stays.
        """
        lines = b"".join(
            msgspec.json.encode(
                {"id": sheet.case.id, "candidate": name, "score": score, "rater": rater, "digest": digest(text)}
            )
            + b"\n"
            for (text, names), score in zip(sheet.answers, scores, strict=True)
            for name in names
        )
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                if size and os.pread(descriptor, 1, size - 1) != b"\n":
                    lines = b"\n" + lines  # an editor left the last line without its end
                if os.write(descriptor, lines) < len(lines):
                    os.ftruncate(descriptor, size)
                    raise OSError(28, "No space left on device")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error.strerror}") from None
