"""Drafts to be judged elsewhere, and the verdicts that come back, as JSON lines (docs/reference/jsonl.md)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from palier.audits import Audit, Judgement
from palier.cli import jsonl, terminal
from palier.errors import InvalidRequest, NotFound, TooLarge

if TYPE_CHECKING:
    from palier.interfaces import Judgements

PAGE = 8
"""Audits read at once, with their words: a request may be long."""
MAX_VERDICTS = 100_000
"""Verdicts of one import: they are kept in one commit."""
MAX_NAME = 200
"""Characters of a source's name, or of who judges."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an import; fields it does not know are ignored, so that an exported line with its verdict is one."""

    id: str
    tier: str
    correct: bool | None = None
    score: float | None = None
    label_source: str = ""


async def queue(audits: Judgements, route: str, sources: Sequence[str]) -> AsyncIterator[Audit]:
    """What none of `sources` judged, in the order of the draw, so that the first so many are a sample too."""
    after, after_id = -1.0, ""
    while page := await audits.queue(route=route, sources=sources, after=after, after_id=after_id, limit=PAGE):
        for audit in page:
            yield audit
        after, after_id = page[-1].place, page[-1].trace


async def write(audits: Judgements, route: str, source: str, sample: int) -> None:
    """Print the drafts of at most `sample` requests that `source` has to judge, a line each."""
    written = 0
    async for audit in queue(audits, route, (source,)):
        if written == sample:
            break
        written += 1
        assert audit.words is not None  # by the contract of `queue`
        question, judged = audit.words.request.question, audit.judged(source)
        for tier in audit.drafted:
            if tier not in judged:
                text = audit.words.drafts.get(tier, "")
                terminal.json_line({"id": audit.trace, "tier": tier, "text": text, "question": question})
    terminal.note(f"{written} requests to judge")


async def read(audits: Judgements, file: Path, source: str, user: str) -> int:
    """Keep the verdicts of `file`, all or none, as those of `source` where a line names no other. The exit status."""
    try:
        judgements: list[Judgement] = []
        async for number, item in jsonl.objects(file):
            if number > MAX_VERDICTS:
                raise TooLarge(f"{file} has more than {MAX_VERDICTS} lines", hint="import it in parts")
            judgements.append(_judgement(item, number, source, user))
        await audits.judge(judgements)
    except (InvalidRequest, NotFound, TooLarge) as error:
        terminal.complain(error)
        return 2
    terminal.note(f"{len(judgements)} verdicts kept")
    return 0


def nameable(name: str) -> bool:
    """Whether it can stand for a source or a person: what can be shown, and so no halves of surrogate pairs."""
    return len(name) <= MAX_NAME and name.isprintable()


def _judgement(item: dict[str, Any], number: int, source: str, user: str) -> Judgement:
    try:
        line = msgspec.convert(item, Verdict)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"line {number}: {str(error).replace('$.', '')}") from None
    by = line.label_source or source
    if (line.correct is None) == (line.score is None):
        raise InvalidRequest(f"line {number}: give `correct` or `score`, and not both")
    if line.score is not None and not 0 <= line.score <= 1:
        raise InvalidRequest(f"line {number}: `score` is {line.score}, and must be in [0, 1]")
    if not nameable(by):
        raise InvalidRequest(f"line {number}: `label_source` is at most {MAX_NAME} printable characters")
    if by.startswith("agreement"):
        raise InvalidRequest(f"line {number}: `{by}` is computed by palier", hint="name the source that judged")
    return Judgement(
        trace=line.id, tier=line.tier, source=by, correct=line.correct, score=line.score, who=user, created=time.time()
    )
