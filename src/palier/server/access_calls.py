"""Keys, groups and readers over the admin socket: the calls, the gateway's side and the command line's.

A new key's secret comes back once, over a socket that only the owner of the data folder may open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from palier.access import AccessKey, Group, IssuedKey, Readers, Spending
from palier.errors import InvalidRequest
from palier.server.calls import Call

if TYPE_CHECKING:
    from palier.app import Palier


class AccessCall(Call, frozen=True, kw_only=True):
    """Base of these calls."""


class CreateKey(AccessCall, frozen=True, kw_only=True, tag="keys.create"):
    key: AccessKey


class RevokeKey(AccessCall, frozen=True, kw_only=True, tag="keys.revoke"):
    name: str


class RotateKey(AccessCall, frozen=True, kw_only=True, tag="keys.rotate"):
    name: str
    keep_s: float = 0.0


class ListKeys(AccessCall, frozen=True, kw_only=True, tag="keys.list"):
    pass


class SpendingOf(AccessCall, frozen=True, kw_only=True, tag="keys.spending"):
    names: tuple[str, ...]


class AddMembers(AccessCall, frozen=True, kw_only=True, tag="groups.add"):
    group: str
    members: tuple[str, ...]


class RemoveMembers(AccessCall, frozen=True, kw_only=True, tag="groups.remove"):
    group: str
    members: tuple[str, ...]


class ListGroups(AccessCall, frozen=True, kw_only=True, tag="groups.list"):
    pass


class WaysOf(AccessCall, frozen=True, kw_only=True, tag="groups.ways"):
    name: str
    own: tuple[str, ...] = ()


class ListReaders(AccessCall, frozen=True, kw_only=True, tag="readers.list"):
    pass


class ChangeReaders(AccessCall, frozen=True, kw_only=True, tag="readers.change"):
    collection: str
    allow: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    everyone: bool | None = None


AnyAccessCall = (
    CreateKey
    | RevokeKey
    | RotateKey
    | ListKeys
    | SpendingOf
    | AddMembers
    | RemoveMembers
    | ListGroups
    | WaysOf
    | ListReaders
    | ChangeReaders
)


async def value(palier: Palier, call: AccessCall) -> Any:
    """What the gateway replies."""
    keys, directory = palier.access.keys, palier.access.directory
    match call:
        case CreateKey():
            return await keys.create(call.key)
        case RevokeKey():
            return await keys.revoke(call.name)
        case RotateKey():
            return await keys.rotate(call.name, call.keep_s)
        case ListKeys():
            return await keys.list()
        case SpendingOf():
            return await palier.spending(call.names)
        case AddMembers():
            return await directory.add(call.group, call.members)
        case RemoveMembers():
            return await directory.remove(call.group, call.members)
        case ListGroups():
            return await directory.list()
        case WaysOf():
            return await directory.ways(call.name, call.own)
        case ListReaders():
            return await palier.readers()
        case ChangeReaders():
            return await palier.change_readers(
                call.collection, allow=call.allow, remove=call.remove, everyone=call.everyone
            )
    raise InvalidRequest(f"the admin socket has no call {type(call).__name__}")


Ask = Callable[[Call, Any], Awaitable[Any]]
"""One call's result, converted to a type."""


class RemoteKeys:
    """`interfaces.Keys`, through the gateway."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def create(self, key: AccessKey) -> IssuedKey:
        made: IssuedKey = await self._ask(CreateKey(key=key), IssuedKey)
        return made

    async def revoke(self, name: str) -> AccessKey:
        ended: AccessKey = await self._ask(RevokeKey(name=name), AccessKey)
        return ended

    async def rotate(self, name: str, keep_s: float = 0.0) -> IssuedKey:
        made: IssuedKey = await self._ask(RotateKey(name=name, keep_s=keep_s), IssuedKey)
        return made

    async def list(self) -> list[AccessKey]:
        found: list[AccessKey] = await self._ask(ListKeys(), list[AccessKey])
        return found


class RemoteDirectory:
    """What is changed and listed of `interfaces.Directory`, through the gateway."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def add(self, group: str, members: Sequence[str]) -> Group:
        changed: Group = await self._ask(AddMembers(group=group, members=tuple(members)), Group)
        return changed

    async def remove(self, group: str, members: Sequence[str]) -> Group:
        changed: Group = await self._ask(RemoveMembers(group=group, members=tuple(members)), Group)
        return changed

    async def ways(self, name: str, own: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
        call = WaysOf(name=name, own=tuple(own))
        found: dict[str, tuple[str, ...]] = await self._ask(call, dict[str, tuple[str, ...]])
        return found

    async def list(self) -> list[Group]:
        found: list[Group] = await self._ask(ListGroups(), list[Group])
        return found


class RemoteAccess:
    """`Palier.access`, through the gateway."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.keys = RemoteKeys(ask)
        self.directory = RemoteDirectory(ask)

    async def spending(self, names: Sequence[str]) -> dict[str, Spending]:
        found: dict[str, Spending] = await self._ask(SpendingOf(names=tuple(names)), dict[str, Spending])
        return found

    async def readers(self) -> list[Readers]:
        found: list[Readers] = await self._ask(ListReaders(), list[Readers])
        return found

    async def change_readers(
        self, collection: str, *, allow: Sequence[str] = (), remove: Sequence[str] = (), everyone: bool | None = None
    ) -> Readers:
        call = ChangeReaders(collection=collection, allow=tuple(allow), remove=tuple(remove), everyone=everyone)
        changed: Readers = await self._ask(call, Readers)
        return changed
