"""What the file of the traces and that of the documents forget of a user or a document.

What stays of a request are figures: when, which route and tier, how sure, what it cost. They lose the user's name and
the document's; the words of messages, answers, drafts and comments go. Deleting goes from the newest request to the
oldest, a slice a commit: one that quotes an earlier answer is found by that answer, and must be gone before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import apsw
import msgspec

from palier.access import NOBODY_NAME
from palier.interfaces import Erasure
from palier.stores import hours
from palier.stores.documents import delete_documents, find_collection
from palier.stores.ledger import SqliteLedger
from palier.stores.schema import statements
from palier.stores.sqlite import Database
from palier.types import Principal, Trace, TraceContent

OWNER = Principal(name="local", admin=True)
"""Whoever may forget may delete what nobody else reads."""
PAGE = 2_000
"""Traces looked at by one job."""
WORDS = 16
"""Contents read at once: each may be as long as a request."""
KINDS = ("requests", "contents", "audits", "shadows", "comments", "feedback", "judgements")
"""What is counted of them."""
SLICE = 200
"""Traces changed in one commit, so that others are recorded in between."""

Digest = Callable[[str], str]
"""Names a text by its words, as `Trace.answers` are named."""


def nameless(trace: Trace, erasure: Erasure) -> Trace:
    """Its figures, without what names the user or the document, and without words."""
    prefix = prefix_of(erasure)
    # An error begins with its kind; what comes after may repeat what was asked.
    kept = msgspec.structs.replace(
        trace, answers=(), error=trace.error.partition(":")[0], forgotten=True, content=None, marked=None
    )
    if erasure.user:
        key = "" if trace.key == erasure.user else trace.key
        return msgspec.structs.replace(kept, principal=NOBODY_NAME, key=key, evidence=())
    return msgspec.structs.replace(kept, evidence=tuple(key for key in trace.evidence if not is_of(key, prefix)))


def concerns(erasure: Erasure, trace: Trace) -> bool:
    """Whether a trace is one of those that are forgotten, as far as it tells by itself."""
    if trace.created > erasure.before:
        return False
    if erasure.user:
        return trace.principal == erasure.user
    return any(is_of(key, prefix_of(erasure)) for key in trace.evidence)


def prefix_of(erasure: Erasure) -> str:
    """What the passages of its document are called, up to their number."""
    return f"{erasure.collection}/{erasure.document}#"


def is_of(key: str, prefix: str) -> bool:
    """Whether a passage is of the document of `prefix`; a document may be called as another and `#`."""
    return key.startswith(prefix) and re.fullmatch("[0-9]+", key[len(prefix) :]) is not None


class ErasableTraces:
    """`interfaces.Erasable`: traces, audits, judgements and feedback. The last store, since it finds the requests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def requests(self, erasure: Erasure, digest: Digest) -> tuple[str, ...]:
        """Those of the user; or those the document was found for, and those that quote their answers. Newest first."""
        await self._database.settle()  # else what was recorded before would come into the tables after they are read
        found: list[str] = []
        answers: set[str] = set()
        after: tuple[float, str] | None = (-1.0, "")
        while after is not None:
            after, some = await self._database.read(partial(_page, erasure, after, answers, digest))
            found.extend(some)
        return tuple(reversed(found))

    async def forgotten(self) -> tuple[str, ...]:
        """All requests that were ever forgotten."""
        sql = statements("erasure")["forgotten"]
        return await self._database.read(lambda connection: tuple(name for (name,) in connection.execute(sql)))

    async def users(self) -> list[str]:
        """Whoever asked, rated or judged."""
        sql = statements("erasure")["users"]
        return await self._database.read(lambda connection: [name for (name,) in connection.execute(sql) if name])

    async def documents(self) -> set[str]:
        """The documents (`COLLECTION/ID`) that something was answered from."""
        sql = statements("erasure")["evidence"]
        passages = await self._database.read(lambda connection: [name for (name,) in connection.execute(sql)])
        return {passage.rpartition("#")[0] for passage in passages}

    async def forget(self, erasure: Erasure, *, dry_run: bool = False) -> dict[str, int]:
        """See `interfaces.Erasable`."""
        counts = dict.fromkeys(KINDS, 0)
        for start in range(0, len(erasure.requests), SLICE):
            some = erasure.requests[start : start + SLICE]
            emptied = await self._change(partial(_empty, erasure, some), dry_run)
            for kind, count in emptied.items():
                counts[kind] += count
        for kind in ("comments", "feedback", "judgements") if erasure.user else ():  # a comment before its rating
            unsay = partial(_unsay, erasure, kind, -1 if dry_run else SLICE)
            while count := await self._change(unsay, dry_run):
                counts[kind] += count
                if dry_run:
                    break
        return counts

    async def scrub(self, erasure: Erasure) -> None:
        """See `interfaces.Erasable`."""
        await self._database.rewrite()

    async def _change(self, run: Callable[[apsw.Connection], Any], dry_run: bool) -> Any:
        if not dry_run:
            return await self._database.write(run)

        def undone(connection: apsw.Connection) -> Any:
            connection.pragma("defer_foreign_keys", True)  # a comment may still be there when its rating is renamed
            connection.execute("SAVEPOINT dry_run")
            found = run(connection)
            connection.execute("ROLLBACK TO dry_run")
            connection.execute("RELEASE dry_run")
            return found

        return await self._database.write(undone)


class ErasableKnowledge:
    """`interfaces.Erasable`: a document with its passages, vectors and terms. Of users it knows nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def documents(self) -> list[str]:
        """All that there are (`COLLECTION/ID`)."""
        sql = statements("erasure")["documents"]
        return await self._database.read(
            lambda connection: [f"{collection}/{name}" for collection, name in connection.execute(sql)]
        )

    async def forget(self, erasure: Erasure, *, dry_run: bool = False) -> dict[str, int]:
        """See `interfaces.Erasable`."""
        if not erasure.document:
            return {}

        def run(connection: apsw.Connection) -> int | None:
            passages = _passages(connection, erasure)
            if not dry_run:
                values = {"collection": erasure.collection, "document": erasure.document}
                connection.execute(statements("knowledge")["forget_failing"], values)
            if passages is not None and not dry_run:
                delete_documents(connection, erasure.collection, [erasure.document], OWNER)
            return passages

        passages = await self._database.write(run)
        return {"documents": int(passages is not None), "passages": passages or 0}

    async def scrub(self, erasure: Erasure) -> None:
        """See `interfaces.Erasable`."""
        if erasure.document:
            await self._database.rewrite()


class ErasableLedger:
    """`interfaces.Erasable`: payloads that left, and the vault's maps. Entries stay: chained, and without words."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger

    async def forget(self, erasure: Erasure, *, dry_run: bool = False) -> dict[str, int]:
        """See `interfaces.Erasable`."""
        return await self._ledger.forget(erasure.requests, dry_run=dry_run)

    async def scrub(self, erasure: Erasure) -> None:
        """See `interfaces.Erasable`. What was there was sealed: overwriting it is enough."""
        await self._ledger.scrub()


def _passages(connection: apsw.Connection, erasure: Erasure) -> int | None:
    """How many the document has; None where it is not there."""
    collection = find_collection(connection, erasure.collection)
    if collection is None:
        return None
    row = connection.execute(statements("knowledge")["find_document"], (collection.id, erasure.document)).fetchone()
    return None if row is None else int(row[2])


# --- finding ---------------------------------------------------------------------------------------------------------


def _page(
    erasure: Erasure, after: tuple[float, str], answers: set[str], digest: Digest, connection: apsw.Connection
) -> tuple[tuple[float, str] | None, list[str]]:
    """Where the next page begins (None: this was the last), and the requests of this one, oldest first."""
    values = {"before": erasure.before, "after": after[0], "after_id": after[1], "limit": PAGE}
    rows = [_Row(*row) for row in connection.execute(statements("erasure")["page"], values)]
    if erasure.user:
        found = [row.id for row in rows if row.named.principal == erasure.user]
    else:
        found = _built_on(connection, rows, prefix_of(erasure), answers, digest)
    return ((rows[-1].created, rows[-1].id) if len(rows) == PAGE else None), found


class _Named(msgspec.Struct, array_like=True):
    """What of a trace's figures names anything."""

    principal: str
    evidence: tuple[str, ...]
    answers: tuple[str, ...] | None
    """None in one of an earlier version."""


class _Row:
    """A trace as it is looked at; `kept`: with its words."""

    __slots__ = ("created", "id", "kept", "named")

    def __init__(self, created: float, id: str, named: str, kept: int) -> None:
        self.created = created
        self.id = id
        self.named = _named.decode(named)
        self.kept = bool(kept)


_named = msgspec.json.Decoder(_Named)


def _built_on(
    connection: apsw.Connection, rows: Sequence[_Row], prefix: str, answers: set[str], digest: Digest
) -> list[str]:
    """Of `rows`, oldest first, those that were found with the document or quote an answer that is among `answers`.

    What they answered is added there: a conversation comes back whole with every turn.
    """
    found = []
    for start in range(0, len(rows), WORDS):
        some = rows[start : start + WORDS]
        hits = {row.id for row in some if any(is_of(key, prefix) for key in row.named.evidence)}
        worth = [row.id for row in some if row.kept and (answers or hits)]
        words = dict(connection.execute(statements("erasure")["words"], (_json(worth),))) if worth else {}
        for row in some:
            content = msgspec.json.decode(words[row.id], type=TraceContent) if row.id in words else None
            turns = content.messages if content and answers else ()
            quotes = any(turn.role == "assistant" and digest(turn.content) in answers for turn in turns)
            if row.id not in hits and not quotes:
                continue
            found.append(row.id)
            answers.update(row.named.answers or ())
            if content:
                answers.update(digest(text) for text in (content.answer, *content.drafts.values()) if text)
    return found


# --- deleting --------------------------------------------------------------------------------------------------------


def _empty(erasure: Erasure, ids: Sequence[str], connection: apsw.Connection) -> dict[str, int]:
    """Take the words and the names of some requests, all or none."""
    sql, named = statements("erasure"), _json(ids)
    traces = [msgspec.json.decode(figures, type=Trace) for (figures,) in connection.execute(sql["figures"], (named,))]
    named_yet = [trace for trace in traces if nameless(trace, erasure) != trace]
    emptied = [msgspec.json.encode(nameless(trace, erasure)) for trace in named_yet]
    for trace, figures in zip(named_yet, emptied, strict=True):
        connection.execute(sql["keep_figures"], (figures, trace.id))
    hours.change(connection, map(msgspec.json.encode, named_yet), emptied)
    changed = {
        name: _changed(connection, sql[name], (named,))
        for name in ("contents", "comments", "audits", "audit_contents", "drafts", "marks", "turns", "shadows")
    }
    return {
        "requests": len(named_yet),
        **{kind: changed[kind] for kind in ("contents", "comments", "audits", "shadows")},
    }


def _unsay(erasure: Erasure, kind: str, limit: int, connection: apsw.Connection) -> int:
    """Take a user's comments, or the name from ratings or judgements, at most `limit`; how many."""
    values = {"user": erasure.user, "requests": _json(erasure.requests), "limit": limit}
    return _changed(connection, statements("erasure")[f"{kind}_of_user"], values)


def _changed(connection: apsw.Connection, sql: str, values: Any) -> int:
    connection.execute(sql, values)
    return int(connection.changes())


def _json(values: Sequence[str]) -> str:
    return msgspec.json.encode(list(values)).decode()
