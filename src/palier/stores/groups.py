"""Groups in SQLite, and all of them in memory: whose groups are asked for at every query."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import apsw
import msgspec

from palier.access import Group, check_group, check_member
from palier.errors import NotFound
from palier.stores.membership import Membership
from palier.stores.schema import statements
from palier.stores.sqlite import Database
from palier.types import Principal


class SqliteDirectory:
    """`interfaces.Directory`. The process owns the file: what is in memory is what is kept."""

    def __init__(self, database: Database, membership: Membership) -> None:
        self._database = database
        self._membership = membership
        self._changing = asyncio.Lock()

    async def add(self, group: str, members: Sequence[str]) -> Group:
        """Let `members` stand in `group` too; see `interfaces.Directory`."""
        check_group(group)
        for member in members:
            check_member(member)
        async with self._changing:
            grown = self._membership.with_members(group, members)
            await self._write("join", group, members)
            self._membership = grown
        return self._group(group)

    async def remove(self, group: str, members: Sequence[str]) -> Group:
        """Take `members` out of `group`; see `interfaces.Directory`."""
        async with self._changing:
            held = self._membership.groups.get(group, ())
            if strangers := [member for member in members if member not in held]:
                raise NotFound(
                    f"`{group[:80]}` has no member `{strangers[0][:80]}`", hint="palier groups list", param="member"
                )
            left = self._membership.without_members(group, members)
            await self._write("leave", group, members)
            self._membership = left
        return self._group(group)

    async def list(self) -> list[Group]:
        """All groups by name."""
        return [self._group(name) for name in sorted(self._membership.groups)]

    async def ways(self, name: str, own: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
        """The groups of `name` (or of `@group`), who has the groups `own` besides; each with those that lead there."""
        if not name.startswith("@"):
            return self._membership.ways(name, own)
        above = self._membership.ways("", (name[1:],))
        return {group: way[1:] for group, way in above.items() if len(way) > 1}

    def resolve(self, principal: Principal) -> Principal:
        """`principal` with all its groups, as they are now."""
        groups = self._membership.of(principal.name, principal.groups)
        return principal if groups == principal.groups else msgspec.structs.replace(principal, groups=groups)

    def _group(self, name: str) -> Group:
        return Group(name=name, members=self._membership.groups.get(name, ()))

    async def _write(self, statement: str, group: str, members: Sequence[str]) -> None:
        sql = statements("access")[statement]
        rows = [(group, member) for member in members]
        await self._database.write(lambda connection: connection.executemany(sql, rows))


def read_membership(connection: apsw.Connection) -> Membership:
    """All groups as they are kept."""
    groups: dict[str, list[str]] = {}
    for name, member in connection.execute(statements("access")["memberships"]):
        groups.setdefault(name, []).append(member)
    return Membership(groups)
