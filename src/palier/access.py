"""The nouns of access: keys and what they may do, groups and their members, who reads a collection.

A name is a key's or a user's, never both: `local` is the owner's, `forgotten` nobody's. A member of a group is a name,
or another group as `@group`. A reader of a collection or a document is a group, or `user:NAME`.
"""

from __future__ import annotations

import enum
from typing import Literal

from palier.errors import InvalidRequest
from palier.types import Data, Principal

OWNER_NAME = "local"
"""Whose the key file and the data folder are."""
NOBODY_NAME = "forgotten"
"""Stands in the place of a name that was erased: whoever were called so would read what others had asked."""
RESERVED = frozenset({OWNER_NAME, NOBODY_NAME})
"""Names that no key and no user has."""
OWNER = Principal(name=OWNER_NAME, admin=True)


class Role(enum.StrEnum):
    """What a key may do, each more than the one before.

    `viewer` asks and reads what it may read, `reviewer` reads traces and judges samples too, `operator` puts and
    deletes documents too, `admin` does and reads everything.
    """

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    rank: int
    """Position in the order, 0 (viewer) to 3 (admin)."""

    def covers(self, needed: Role) -> bool:
        """Whether this role is enough where `needed` is asked for."""
        return self.rank >= needed.rank


for _rank, _role in enumerate(Role):
    _role.rank = _rank

SpeaksFor = Literal["none", "field", "header"]
"""How a key names the user it asks for: not at all, by the request's `user`, or by a signed header."""


class AccessKey(Data, frozen=True, kw_only=True):
    """A key as it is kept and shown: everything but the secret. Times are seconds since the epoch."""

    name: str
    prefix: str = ""
    """The first characters of the secret, by which people know it."""
    role: Role = Role.VIEWER
    groups: tuple[str, ...] = ()
    created: float = 0.0
    expires: float | None = None
    revoked: float | None = None
    budget: float | None = None
    """US dollars it may spend `per` day or month (UTC)."""
    soft: float | None = None
    """US dollars from which it is said, and it goes on."""
    per: Literal["day", "month"] = "month"
    tokens: int | None = None
    """Tokens it may use a day (UTC)."""
    rate: int | None = None
    """Requests it may make a minute."""
    routes: tuple[str, ...] = ()
    """Routes it may ask; none: all."""
    speaks_for: SpeaksFor = "none"

    @property
    def principal(self) -> Principal:
        """Who asks where the key asks for itself."""
        return Principal(
            name=self.name,
            groups=self.groups,
            admin=self.role is Role.ADMIN,
            reviewer=self.role.covers(Role.REVIEWER),
            key=self.name,
        )

    def holds_at(self, now: float) -> bool:
        """Whether it opens the door: not revoked, and not expired."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class IssuedKey(Data, frozen=True, kw_only=True):
    """A new key with its secret, which is shown this once and kept nowhere."""

    key: AccessKey
    secret: str

    def __repr__(self) -> str:
        return f"IssuedKey({self.key.name!r}, {self.key.prefix}...)"


class Group(Data, frozen=True, kw_only=True):
    """A group and its own members, in order: names, and groups as `@group`."""

    name: str
    members: tuple[str, ...]


class Readers(Data, frozen=True, kw_only=True):
    """Who reads a collection. With nobody among `readers` and not `everyone`, administrators alone."""

    collection: str
    everyone: bool
    readers: tuple[str, ...] = ()


class Spent(Data, frozen=True, kw_only=True):
    """What a key spent on one day (UTC, `2026-11-26`). A cost that is not known is not in it."""

    key: str
    day: str
    cost: float = 0.0
    tokens: int = 0


class Spending(Data, frozen=True, kw_only=True):
    """What a key has spent so far, in US dollars and tokens, today and this month (UTC)."""

    cost_today: float = 0.0
    cost_month: float = 0.0
    tokens_today: int = 0


class Action(Data, frozen=True, kw_only=True):
    """What somebody did in the console: no words, but who, when, what, and the id or name it was about."""

    id: int
    at: float
    who: str
    """Empty for whoever could not say, whose address is what it is `about`."""
    role: str
    what: str
    about: str
    outcome: str
    """`done`, or the code of the error."""


MAX_NAME = 256
"""Characters of a user's name, or of a group's."""
_USER = "user:"
"""Before a user's name where groups are expected too."""


def as_reader(user: str) -> str:
    """The user as one of the readers of a document or a collection."""
    return f"{_USER}{user}"


def check_group(name: str) -> str:
    """`name`, if a group can be called that. Raises `InvalidRequest`."""
    if not _plain(name) or name.startswith(("@", _USER)):
        raise InvalidRequest(
            f"`{_shown(name)}` is no name of a group",
            hint=f"printable characters, {MAX_NAME} at most, not beginning with `@` or `{_USER}`",
            param="group",
        )
    return name


def check_user(name: str) -> str:
    """`name`, if somebody who asks can be called that. Raises `InvalidRequest`."""
    if not _plain(name):
        raise InvalidRequest(
            f"`{_shown(name)}` is no name of a user", hint=f"printable characters, {MAX_NAME} at most", param="user"
        )
    return name


def check_member(name: str) -> str:
    """`name`, if it can stand in a group: a user, a key or `@group`. Raises `InvalidRequest`."""
    if name.startswith("@"):
        check_group(name[1:])
    elif name.startswith(_USER):
        raise InvalidRequest(f"a member is a name alone: `{_shown(name.removeprefix(_USER))}`", param="member")
    else:
        check_user(name)
    return name


def check_reader(name: str) -> str:
    """`name`, if it can read: a group, or `user:NAME`. Raises `InvalidRequest`."""
    if name.startswith("@"):
        raise InvalidRequest(
            f"a group reads by its name alone: `{_shown(name[1:])}`", hint=f"a user as `{_USER}NAME`", param="reader"
        )
    return as_reader(check_user(name.removeprefix(_USER))) if name.startswith(_USER) else check_group(name)


def _plain(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME and name.isprintable() and name == name.strip()


def _shown(name: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in name[:80])
