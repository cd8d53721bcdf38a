"""What a person sees of the documents: those of a collection page by page, and how many are at fault.

As everywhere, what may not be read is never in a query: it is neither shown nor counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import apsw

from palier.interfaces.drift import Counted
from palier.stores.documents import document_of, opened_collection, opened_collections
from palier.stores.readers import as_json, readable
from palier.stores.schema import statements
from palier.types import Data, FailingSource, Principal, Shelved

Fault = Literal["stale", "empty", "duplicated"]
MAX_FAILING, MAX_TEXT = 1_000, 1_000
"""Files of a collection that are kept as failing, the newest, and characters of what is kept of one."""
FAULTS: tuple[Fault, ...] = get_args(Fault)


class Wanted(Data, frozen=True, kw_only=True):
    """Which documents are asked for: `words` stand in the id or the title, whatever the case of plain letters."""

    words: str = ""
    label: str = ""
    fault: str = ""
    after: str = ""
    """An id: those that follow."""
    limit: int = 50


def census(connection: apsw.Connection, principal: Principal, stale_before: float) -> list[Counted]:
    """The collections that `principal` may read something of, and how many documents of each are at fault."""
    asked = {
        "collections": as_json([each.name for each in opened_collections(connection, principal, None)]),
        "stale": stale_before,
        "readable": as_json(readable(connection, principal)),
    }
    rows = connection.execute(statements("drift")["census"], asked)
    return [Counted(name, *(int(value) for value in figures)) for name, *figures in rows]


def note_failing(
    connection: apsw.Connection, collection: str, roots: Sequence[str], failures: Sequence[tuple[str, str]], at: float
) -> None:
    """Keep which files at or below `roots` could not be read, and why, in the place of what was known of these."""
    sql = statements("knowledge")
    connection.execute(sql["not_failing"], {"collection": collection, "roots": as_json(list(roots))})
    rows = [(collection, source[:MAX_TEXT], error[:MAX_TEXT], at) for source, error in failures[:MAX_FAILING]]
    connection.executemany(sql["fails"], rows)
    connection.execute(sql["failed_long_ago"], (collection, MAX_FAILING))


def list_failing(connection: apsw.Connection, principal: Principal) -> list[FailingSource]:
    """Those of the collections that `principal` may read; where nothing could be read at all, administrators alone."""
    names = [each.name for each in opened_collections(connection, principal, None)]
    asked = {"admin": principal.admin, "collections": as_json(names), "limit": MAX_FAILING}
    names_of_row = ("collection", "source", "error", "at")
    rows = connection.execute(statements("knowledge")["failing"], asked)
    return [FailingSource(**dict(zip(names_of_row, row, strict=True))) for row in rows]


def browse(
    connection: apsw.Connection, collection: str, principal: Principal, wanted: Wanted, stale_before: float
) -> list[Shelved]:
    """Documents in order of id."""
    if (found := opened_collection(connection, collection, principal)) is None:
        return []
    asked = {
        "collection": found.id,
        "readable": as_json(readable(connection, principal)),
        "stale": stale_before,
        "words": wanted.words,
        "label": wanted.label,
        "fault": wanted.fault,
        "after": wanted.after,
        "limit": max(wanted.limit, 0),
    }
    return [
        Shelved(
            document=document_of(collection, row[:11]), passages=row[11], stale=bool(row[12]), duplicated=bool(row[13])
        )
        for row in connection.execute(statements("knowledge")["browse"], asked)
    ]
