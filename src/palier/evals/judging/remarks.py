"""Files in which people say something of answers: a JSON object a line, about one answer of one candidate.

An answer that is another by now is no longer the one that was meant: `answer` (its text) or `digest` says which it was.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from palier.cases import Outcome
from palier.errors import ConfigurationError

MAX_LINES = 1_000_000
MAX_LINE = 4 * 2**20
"""Bytes."""

Outcomes = Mapping[str, Mapping[str, Outcome]]
"""By candidate, then by id of the case."""
Place = tuple[str, str]
"""Candidate and id of the case."""


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """A line; which of its fields it needs depends on the file."""

    id: str
    candidate: str = ""
    score: float | None = None
    correct: bool | None = None
    rater: str = ""
    text: str | None = None
    answer: str | None = None
    digest: str | None = None


ALSO = frozenset({"question", "reference", "created"})
"""Fields that such lines may have for their reader's sake."""


def digest(answer: str) -> str:
    """Names an answer by its text, to say in a line which one is meant without repeating it."""
    return hashlib.blake2b(answer.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(slots=True)
class Remarks:
    """A file of remarks about `outcomes`, and what of it was left out.

    `cases` are the ids of the whole suite; `known` further candidates that there are, and that were not run.
    """

    path: Path
    cases: Collection[str]
    outcomes: Outcomes
    known: Collection[str] = ()
    others: int = 0
    """Lines about what was not run this time."""
    stale: list[str] = field(default_factory=list)
    """Lines about another answer than was run, with the reason."""
    unsaid: int = 0
    """Lines that do not say which answer they are about."""
    unread: Counter[str] = field(default_factory=Counter)

    def lines(self) -> Iterator[tuple[str, Remark]]:
        """Where each line stands, in words, and what it says. Raises `ConfigurationError`."""
        try:
            with self.path.open("rb") as file:
                number = 0
                while text := file.readline(MAX_LINE + 1):
                    number += 1
                    at = f"{self.path}, line {number}"
                    if len(text) > MAX_LINE or number > MAX_LINES:
                        raise ConfigurationError(f"{at}: more than {MAX_LINES} lines, or {MAX_LINE} bytes in one")
                    if text.strip():
                        yield at, self._read(text, at)
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror}") from None

    def _read(self, text: bytes, at: str) -> Remark:
        try:
            fields = msgspec.json.decode(text, type=dict[str, Any])
            line = msgspec.convert(fields, Remark)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{at}: {str(error).replace('$.', '')}") from None
        except RecursionError:
            raise ConfigurationError(f"{at}: it is nested too deeply") from None
        self.unread.update(set(fields) - set(Remark.__struct_fields__) - ALSO)
        return line

    def about(self, line: Remark, candidate: str, at: str) -> Outcome | None:
        """The answer that is meant; None where it was not run, or is another now.

        Raises `ConfigurationError` where there is no such case or candidate.
        """
        if line.id not in self.cases:
            raise ConfigurationError(f"{at}: the suite has no case `{line.id}`")
        if candidate not in self.outcomes and candidate not in self.known:
            there = ", ".join(sorted({*self.outcomes, *self.known})) or "none"
            raise ConfigurationError(f"{at}: there is no candidate `{candidate}`", hint=f"candidates: {there}")
        outcome = self.outcomes.get(candidate, {}).get(line.id)
        if outcome is None:
            self.others += 1
            return None
        if line.answer is None and line.digest is None:
            self.unsaid += 1
        elif line.answer not in (None, outcome.output) or line.digest not in (None, digest(outcome.output)):
            self.stale.append(f"{at}: `{candidate}` answers `{line.id}` otherwise now")
            return None
        return outcome

    def notes(self) -> tuple[str, ...]:
        """What is to be told of the file, in sentences."""
        told = [f"unknown field `{name}` in {count} lines was not read" for name, count in sorted(self.unread.items())]
        if self.others:
            told.append(f"{self.others} lines are about cases or candidates that were not run")
        if self.stale:
            told.append(f"{len(self.stale)} lines are about other answers than were run, and do not count")
        if self.unsaid:
            told.append(f"{self.unsaid} lines do not say which answer they are about: taken as about those of this run")
        return tuple(f"{self.path}: {note}" for note in told)
