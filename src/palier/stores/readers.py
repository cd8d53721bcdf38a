"""Who reads a collection, who writes to it, and which documents of it: all of it decided on the connection that looks.

Both must hold: the collection is open to whoever asks, and the document to one of its groups. What may not be read is
never in a query, so that it is neither found nor counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from palier.access import Readers, as_reader, check_reader
from palier.errors import Forbidden, InvalidRequest, NotFound
from palier.stores.schema import statements
from palier.types import Document, Principal

MAX_READERS = 1_000
"""Of one collection."""
MAX_COLLECTIONS = 10_000
"""Those whose readers are written down."""


def names_of(principal: Principal) -> list[str]:
    """What `principal` reads by: its groups, and itself."""
    return [*principal.groups, as_reader(principal.name)]


def readable(connection: apsw.Connection, principal: Principal) -> list[int]:
    """The audiences that `principal` belongs to."""
    values = {"groups": as_json(names_of(principal)), "admin": principal.admin}
    return [number for (number,) in connection.execute(statements("knowledge")["readable"], values)]


def check_writable(connection: apsw.Connection, document: Document, writer: Principal) -> None:
    """Whether `writer` may put `document`: it reads what it writes, before and after.

    Raises `NotFound` where there is no collection that it may read (to make one is an administrator's), the same
    whether there is another. Raises `Forbidden` for readers it is none of, and for the id of a document that it may not
    read: who writes there learns that the id is taken, and nothing is written over unseen.
    """
    if writer.admin:
        return
    sql, groups = statements("knowledge"), as_json(names_of(writer))
    values = {"names": as_json([document.collection]), "groups": groups, "admin": False}
    row = connection.execute(sql["opened"], values).fetchone()
    declared = {"name": document.collection, "groups": groups, "admin": False}
    if row is None and (_exists(connection, document.collection) or not _declared(connection, declared)):
        raise NotFound(
            f"there is no collection `{document.collection}` that this key writes to",
            hint="an administrator makes one: palier access NAME --everyone, or --allow GROUP",
            param="collection",
        )
    if document.groups and not set(document.groups) & set(names_of(writer)):
        raise Forbidden(
            "whoever puts a document must be among its readers", hint="name one of its own groups too", param="groups"
        )
    taken = connection.execute(sql["find_document"], (row[0], document.id)).fetchone() if row else None
    if taken and taken[1] not in readable(connection, writer):
        raise Forbidden(
            f"`{document.id}` of `{document.collection}` is not this key's to replace",
            hint="take another id",
            param="id",
        )


def _exists(connection: apsw.Connection, collection: str) -> bool:
    return connection.execute(statements("knowledge")["collection"], (collection,)).fetchone() is not None


def _declared(connection: apsw.Connection, values: dict[str, object]) -> bool:
    return bool(connection.execute(statements("knowledge")["is_declared"], values).get)


def stay_open(connection: apsw.Connection, collection: str) -> None:
    """Let a collection that has just lost its last document be written to as before."""
    connection.execute(statements("knowledge")["stay_open"], (collection,))


def list_readers(connection: apsw.Connection, collection: str | None = None) -> list[Readers]:
    """Who reads each collection for which that was said, by name."""
    rows = connection.execute(statements("knowledge")["readers"], {"name": collection})
    return [
        Readers(collection=name, everyone=bool(everyone), readers=msgspec.json.decode(names, type=tuple[str, ...]))
        for name, everyone, names in rows
    ]


def change_readers(
    connection: apsw.Connection, collection: str, allow: Sequence[str], remove: Sequence[str], everyone: bool | None
) -> Readers:
    """Who reads `collection` from now on. With `everyone` True all do, with False those alone that are allowed.

    To allow somebody closes an open collection to all others; to remove the last reader leaves it to administrators.
    Raises `InvalidRequest`, and `NotFound` naming whoever is to be removed and was no reader.
    """
    sql = statements("knowledge")
    held = next(iter(list_readers(connection, collection)), Readers(collection=collection, everyone=True))
    if strangers := [name for name in remove if name not in held.readers]:
        raise NotFound(f"`{strangers[0][:80]}` is none of the readers of `{collection}`", param="remove")
    allowed = [check_reader(name) for name in allow]
    if everyone and (allow or remove):
        raise InvalidRequest("everyone reads it, or those that are allowed", hint="say one of both")
    if len({*held.readers, *allowed}) > MAX_READERS:
        raise InvalidRequest(f"a collection has at most {MAX_READERS} readers", hint="allow a group of them")
    if connection.execute(sql["count_access"]).get >= MAX_COLLECTIONS and not list_readers(connection, collection):
        raise InvalidRequest(f"the readers of {MAX_COLLECTIONS} collections are written down, which is the limit")
    open_now = held.everyone if everyone is None and not allow else bool(everyone)
    connection.execute(sql["set_access"], {"name": collection, "everyone": open_now})
    if open_now:
        connection.execute(sql["clear_readers"], (collection,))
    for name in allowed:
        connection.execute(sql["add_reader"], (collection, name))
    for name in remove:
        connection.execute(sql["remove_reader"], (collection, name))
    return list_readers(connection, collection)[0]


def as_json(value: object) -> str:
    """JSON text, as the tables keep it and the statements take lists."""
    return msgspec.json.encode(value).decode()
