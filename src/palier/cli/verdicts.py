"""Drafts to be judged elsewhere, and the verdicts that come back, as JSON lines (docs/reference/jsonl.md)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from palier.audits import Audit, Judgement
from palier.cli import jsonl, terminal
from palier.errors import InvalidRequest, NotFound, TooLarge, unfit

if TYPE_CHECKING:
    from palier.interfaces import Judgements

PAGE = 8
"""Audits read at once, with their words: a request may be long."""
MAX_VERDICTS = 100_000
"""Lines of one import: all are read and checked before any is kept."""
CHUNK = 2_000
"""Verdicts that are sent at once: the gateway, which answers others meanwhile, reads them in a millisecond or two."""
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
    """Keep the verdicts of `file` as those of `source` where a line names no other. The exit status.

    None are kept where a line is wrong. What fails later, a full disk or a gateway that ends, may leave those of some
    chunks; the same import again then keeps them all, for a verdict replaces that of its draft and source.
    """
    try:
        judgements = await _read(file, source, user)
        for numbers in _chunks(list(judgements)):
            drafts = [(judgements[number].trace, judgements[number].tier) for number in numbers]
            if missing := await audits.undrafted(drafts):
                trace, tier = missing[0]
                raise NotFound(
                    f"line {numbers[drafts.index(missing[0])]}: no audit has a draft of tier `{tier}` on `{trace}`",
                    hint="palier label --export lists them",
                )
        for numbers in _chunks(list(judgements)):
            await audits.judge([judgements[number] for number in numbers])
    except (InvalidRequest, NotFound, TooLarge) as error:
        terminal.complain(error)
        return 2
    terminal.note(f"{len(judgements)} verdicts kept")
    return 0


async def _read(file: Path, source: str, user: str) -> dict[int, Judgement]:
    """The verdicts of `file` by the number of their line. Raises `InvalidRequest` naming the line that is wrong."""
    found: dict[int, Judgement] = {}
    said: dict[tuple[str, str, str], int] = {}
    async for number, item in jsonl.objects(file):
        if number > MAX_VERDICTS:
            raise TooLarge(f"{file} has more than {MAX_VERDICTS} lines", hint="import it in parts")
        one = found[number] = _judgement(item, number, source, user)
        before = said.setdefault((one.trace, one.tier, one.source), number)
        if (found[before].correct, found[before].score) != (one.correct, one.score):
            raise InvalidRequest(
                f"line {number}: `{one.source}` says otherwise of tier `{one.tier}` on `{one.trace}` in line {before}"
            )
    return found


def _chunks(numbers: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), CHUNK):
        yield numbers[start : start + CHUNK]


def nameable(name: str) -> bool:
    """Whether it can stand for a source or a person: what can be shown, and so no halves of surrogate pairs."""
    return len(name) <= MAX_NAME and name.isprintable()


def _judgement(item: dict[str, Any], number: int, source: str, user: str) -> Judgement:
    try:
        line = msgspec.convert(item, Verdict)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"line {number}: {unfit(error)}") from None
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
