"""Who is in which group, as a graph in memory: groups hold names and other groups, and never themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from palier.errors import InvalidRequest

MAX_GROUPS = 2_000
MAX_MEMBERS = 100_000
"""Of all groups together."""
MAX_DEPTH = 16
"""Groups within groups within groups, at most."""
_REMEMBERED = 10_000
"""Names whose groups are known without looking."""


class Membership:
    """All groups at one moment. Nothing here changes it: `with_members` and `without_members` give another."""

    def __init__(self, groups: Mapping[str, Sequence[str]] = {}) -> None:
        self.groups = {name: tuple(sorted(members)) for name, members in groups.items() if members}
        self._in: defaultdict[str, list[str]] = defaultdict(list)
        """The groups that a member (a name, or `@group`) stands in."""
        for name, members in self.groups.items():
            for member in members:
                self._in[member].append(name)
        self._known: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}

    def of(self, name: str, own: tuple[str, ...] = ()) -> tuple[str, ...]:
        """All groups of somebody called `name` who has the groups `own` besides, in order."""
        found = self._known.get((name, own))
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[name, own] = tuple(sorted(self.ways(name, own)))
        return found

    def ways(self, name: str, own: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
        """Each of those groups, with those that lead there: a shortest way, which ends with the group itself."""
        direct = [] if name.startswith("@") else self._in.get(name, [])  # who is called `@x` is not the group `x`
        return self._reached(dict.fromkeys([*own, *direct]))

    def _reached(self, groups: Iterable[str]) -> dict[str, tuple[str, ...]]:
        ways: dict[str, tuple[str, ...]] = {group: (group,) for group in groups}
        waiting = list(ways)
        for group in waiting:  # which grows meanwhile
            for above in self._in.get(f"@{group}", []):
                if above not in ways:
                    ways[above] = (*ways[group], above)
                    waiting.append(above)
        return ways

    def with_members(self, group: str, members: Sequence[str]) -> Membership:
        """The groups when `members` stand in `group` too. Raises `InvalidRequest`, naming a cycle if it makes one."""
        above = self._reached([group])
        for member in members:
            if member.startswith("@") and member[1:] in above:
                cycle = " in ".join(f"`{name}`" for name in (*above[member[1:]], group))
                raise InvalidRequest(f"a group cannot be in itself: {cycle}", param="member")
        grown = Membership({**self.groups, group: tuple({*self.groups.get(group, ()), *members})})
        grown._check_size()
        if (depth := grown._height(group) + grown._depth(group) - 1) > MAX_DEPTH:
            raise InvalidRequest(f"groups would be {depth} deep, and {MAX_DEPTH} is the limit", param="member")
        return grown

    def without_members(self, group: str, members: Sequence[str]) -> Membership:
        """The groups when `members` are no longer in `group`."""
        left = tuple(member for member in self.groups.get(group, ()) if member not in members)
        return Membership({**self.groups, group: left})

    def _check_size(self) -> None:
        if len(self.groups) > MAX_GROUPS:
            raise InvalidRequest(f"there are {MAX_GROUPS} groups already, which is the limit", param="group")
        if sum(map(len, self.groups.values())) > MAX_MEMBERS:
            raise InvalidRequest(f"groups would have more than {MAX_MEMBERS} members in all", param="member")

    def _height(self, group: str) -> int:
        """Groups of the longest way upwards, this one too."""
        return _longest([group], lambda name: self._in.get(f"@{name}", []))

    def _depth(self, group: str) -> int:
        """Groups of the longest way downwards, this one too."""
        return _longest(
            [group], lambda name: [member[1:] for member in self.groups.get(name, ()) if member.startswith("@")]
        )


def _longest(start: Iterable[str], beyond: Callable[[str], Iterable[str]]) -> int:
    """Steps of the longest way, level by level: a graph without cycles, or this would not end."""
    level, steps = set(start), 0
    while level:
        steps += 1
        level = {name for each in level for name in beyond(each)}
    return steps
