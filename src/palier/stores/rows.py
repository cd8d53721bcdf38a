"""A trace as rows of its tables, and many of them recorded with few statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import apsw
import msgspec

from palier.stores import hours
from palier.stores.schema import statements
from palier.types import Trace

MANY = 64
"""Rows of one statement at most."""


class Row(msgspec.Struct, frozen=True):
    """A trace as it is kept: the values of its row in each table."""

    id: str
    counted: Trace
    figures: tuple[str | float | bytes | None, ...]
    content: tuple[str | float | bytes, ...] | None
    answers: tuple[tuple[str, int], ...]
    marks: tuple[str | int | float | bytes, ...] | None = None
    turns: tuple[tuple[bytes, str, int, float], ...] = ()

    @classmethod
    def of(cls, trace: Trace) -> Row:
        """`trace`, its words apart from its figures."""
        content, marked, rank = trace.content, trace.marked, trace.label.rank
        bare = msgspec.structs.replace(trace, content=None, marked=None) if content or marked else trace
        figures = msgspec.json.encode(bare)
        return cls(
            trace.id,
            bare,
            (trace.id, trace.created, trace.route, trace.status, trace.tier, figures),
            (trace.id, content.label.value, content.expires, msgspec.json.encode(content)) if content else None,
            tuple((digest, rank) for digest in trace.answers),
            (trace.id, rank, marked.expires, marked.marks) if marked and marked.marks else None,
            tuple((digest, trace.id, rank, marked.expires) for digest in marked.turns) if marked else (),
        )


def record(connection: apsw.Connection, rows: list[Row]) -> None:
    """All of `rows`, a few statements for many; of those with one id the last counts."""
    kept = list({row.id: row for row in rows}.values())
    replaced = hours.count(connection, [row.counted for row in kept])
    _insert(connection, "record", [row.figures for row in kept])
    _insert(connection, "record_content", [row.content for row in kept if row.content])
    _insert(connection, "record_answer", [answer for row in kept for answer in row.answers])
    connection.executemany(statements("traces")["record_mark"], [row.marks for row in kept if row.marks])
    connection.executemany(statements("traces")["record_turn"], [turn for row in kept for turn in row.turns])
    if replaced:
        wordless = [(row.id,) for row in kept if not row.content and row.id in replaced]
        connection.executemany(statements("traces")["forget_content"], wordless)


def _insert(connection: apsw.Connection, name: str, rows: Sequence[Sequence[str | float | bytes | None]]) -> None:
    """Insert `rows` by the statement `name`, whose `rows` become as many as there are, a power of two at a time.

    So few different statements stay prepared.
    """
    start = 0
    for count in _powers(len(rows)):
        some = rows[start : start + count]
        start += count
        marks = ", ".join(["(" + ", ".join("?" * len(some[0])) + ")"] * count)
        connection.execute(statements("traces")[name].replace("rows", marks), [v for row in some for v in row])


def _powers(count: int) -> Iterator[int]:
    """Powers of two, `MANY` at most, that add up to `count`, the largest first."""
    while count:
        power = min(MANY, 1 << (count.bit_length() - 1))
        yield power
        count -= power
