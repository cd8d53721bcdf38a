"""A trace as rows of its tables, and many of them recorded with few statements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import apsw
import msgspec

from palier.errors import InvalidRequest
from palier.stores import hours
from palier.stores.schema import statements
from palier.types import Label, Trace

MANY = 64
"""Rows of one statement at most, and that are read at once: requests that are answered meanwhile need the caches."""
_CONTENT, _MARKED, _END = b',"content":', b',"marked":', b"}"
"""How what is no figure stands at the end of a trace that is written down."""
_BARE = b"null".join((_CONTENT, _MARKED, _END))
_encoder = msgspec.json.Encoder()


class _Line(hours.Counted, frozen=True, kw_only=True, gc=False):
    id: str
    label: Label
    answers: tuple[str, ...] = ()
    content: msgspec.Raw
    marked: msgspec.Raw


class _Kept(msgspec.Struct, frozen=True):
    label: str
    expires: float


class _Marked(msgspec.Struct, frozen=True):
    marks: bytes
    turns: tuple[bytes, ...]
    expires: float


_line = msgspec.json.Decoder(_Line)
_kept = msgspec.json.Decoder(_Kept | None)
_marked = msgspec.json.Decoder(_Marked | None)


def write(trace: Trace, buffer: bytearray, start: int) -> None:
    """Write `trace` down, into a buffer from `start` on, which ends behind it then.

    In one go, and nothing else is done with it where requests wait: to look at its fields once more there, in a
    processor's caches that hold other things, takes as long again.

    Raises `InvalidRequest` for words that are no Unicode.
    """
    try:
        _encoder.encode_into(trace, buffer, start)
    except UnicodeEncodeError:
        raise InvalidRequest("a text holds half of a surrogate pair, which is no Unicode") from None


class Row(msgspec.Struct, frozen=True, gc=False):
    """A trace as it is kept: the values of its row in each table."""

    id: str
    counted: hours.Counted
    figures: tuple[str, float, str, str, str | None, bytes]
    content: tuple[str, str, float, bytes] | None
    answers: list[tuple[str, int]]
    marks: tuple[str, int, float, bytes] | None
    turns: list[tuple[bytes, str, int, float]]

    @classmethod
    def of(cls, trace: Trace) -> Row:
        """`trace`, its words apart from its figures. Raises `InvalidRequest` for words that are no Unicode."""
        buffer = bytearray()
        write(trace, buffer, 0)
        return cls.read(memoryview(buffer))

    @classmethod
    def read(cls, text: memoryview) -> Row:
        """What `write` wrote. Raises `ValueError` for anything else."""
        line = _line.decode(text)
        rank, marked, kept = line.label.rank, _marked.decode(line.marked), _kept.decode(line.content)
        rest = sum(map(len, (_CONTENT, line.content, _MARKED, line.marked, _END)))
        figures = b"".join((text[:-rest], _BARE))
        return cls(
            line.id,
            line,
            (line.id, line.created, line.route, line.status, line.tier, figures),
            (line.id, kept.label, kept.expires, bytes(line.content)) if kept else None,
            [(digest, rank) for digest in line.answers],
            (line.id, rank, marked.expires, marked.marks) if marked and marked.marks else None,
            [(digest, line.id, rank, marked.expires) for digest in marked.turns] if marked else [],
        )


def record(connection: apsw.Connection, rows: Iterable[Row]) -> None:
    """All of `rows`, a few statements for many; of those with one id the last counts.

    What the others answered is known again all the same, as where they come one by one: somebody may quote it.
    """
    tally, rows = hours.Tally(), iter(rows)
    newest = connection.execute(statements("hours")["newest"]).get or ""
    while some := list(islice(rows, MANY)):
        kept = list({row.id: row for row in some}.values())
        _record(connection, kept, newest, tally)
        _known_again(connection, some)
        newest = max(newest, *(row.id for row in kept))
    tally.write(connection)


def _record(connection: apsw.Connection, rows: Sequence[Row], newest: str, tally: hours.Tally) -> None:
    """Some, each id once; `newest` is the last id there is: almost all are later, and need not be looked for."""
    sql = statements("traces")
    replaced = _replaced(connection, [row.id for row in rows if row.id <= newest])
    for figures in replaced.values():
        tally.take_away(hours.counted(figures))
    for row in rows:
        tally.add(row.counted)
    _insert(connection, "record", [row.figures for row in rows])
    _insert(connection, "record_content", [row.content for row in rows if row.content])
    wordless = [(row.id,) for row in rows if not row.content and row.id in replaced]
    connection.executemany(sql["forget_content"], wordless)


def _known_again(connection: apsw.Connection, rows: Sequence[Row]) -> None:
    """Keep by what the answers of some are known in later turns."""
    sql = statements("traces")
    _insert(connection, "record_answer", [answer for row in rows for answer in row.answers])
    connection.executemany(sql["record_mark"], [row.marks for row in rows if row.marks])
    connection.executemany(sql["record_turn"], [turn for row in rows for turn in row.turns])


def _replaced(connection: apsw.Connection, ids: Sequence[str]) -> dict[str, bytes]:
    """The figures of those of `ids` that are there."""
    if not ids:
        return {}
    return dict(connection.execute(statements("hours")["known"], (msgspec.json.encode(ids).decode(),)))


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
