"""What keys, groups and spending must do, wherever they are kept: subclass a suite and give it its fixture.

`KeysSuite` needs `keys` (`Keys` and `KeyFinder` in one part), `DirectorySuite` a `directory`, `PurseSuite` a `purse`.
Each works under names of its own, so that what is kept may stay from one test to the next.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from typing import Any, Protocol

import pytest

from palier.access import AccessKey, Role
from palier.errors import InvalidRequest, NotFound
from palier.interfaces import Directory, KeyFinder, Keys, Purse
from palier.types import Principal

_numbers = itertools.count()


def new_name() -> str:
    """A name no other test uses."""
    return f"name-{next(_numbers)}"


class KeyStore(Keys, KeyFinder, Protocol):
    """Both seams in one part."""


def found(keys: KeyFinder, secret: str) -> AccessKey | None:
    """The key of a secret."""
    return keys.find(hashlib.sha256(secret.encode()).digest())


class KeysSuite:
    """The contract of `interfaces.Keys` and `interfaces.KeyFinder`."""

    async def test_a_key_is_found_by_its_secret_at_once(self, keys: KeyStore) -> None:
        terms = AccessKey(name=new_name(), role=Role.OPERATOR, groups=("hr",), budget=2.5, per="day", rate=60)
        made = await keys.create(terms)
        held = found(keys, made.secret)
        assert held == made.key
        assert held is not None
        assert (held.name, held.role, held.groups, held.budget, held.rate) == (
            terms.name,
            terms.role,
            terms.groups,
            2.5,
            60,
        )
        assert made.secret.startswith(held.prefix)
        assert held.holds_at(time.time())
        assert keys.is_key(terms.name)
        assert found(keys, made.secret[:-1]) is None
        assert held in await keys.list()

    async def test_the_secret_is_told_once_and_kept_nowhere(self, keys: KeyStore) -> None:
        made = await keys.create(AccessKey(name=new_name()))
        assert len(made.secret) >= 43
        assert made.secret not in repr(made)
        assert made.secret not in repr(await keys.list())

    async def test_a_revoked_key_is_known_and_opens_nothing(self, keys: KeyStore) -> None:
        made = await keys.create(AccessKey(name=new_name()))
        ended = await keys.revoke(made.key.name)
        assert ended.revoked is not None
        held = found(keys, made.secret)
        assert held is not None
        assert not held.holds_at(time.time())
        for again in (keys.revoke, keys.rotate):
            with pytest.raises(NotFound):
                await again(made.key.name)
        assert found(keys, (await keys.create(AccessKey(name=made.key.name))).secret) is not None

    @pytest.mark.parametrize("keep_s", [0.0, 3_600.0])
    async def test_another_secret_on_the_same_terms(self, keys: KeyStore, keep_s: float) -> None:
        old = await keys.create(AccessKey(name=new_name(), groups=("hr",), routes=("support",)))
        new = await keys.rotate(old.key.name, keep_s)
        assert new.secret != old.secret
        assert (new.key.groups, new.key.routes, new.key.expires) == (("hr",), ("support",), None)
        before = found(keys, old.secret)
        assert before is not None
        assert before.holds_at(time.time()) == bool(keep_s)
        assert not before.holds_at(time.time() + keep_s + 1)
        await keys.revoke(old.key.name)
        after = [found(keys, secret) for secret in (old.secret, new.secret)]
        assert not any(key.holds_at(time.time()) for key in after if key is not None)

    async def test_a_name_is_of_one_key_at_a_time(self, keys: KeyStore) -> None:
        name = new_name()
        await keys.create(AccessKey(name=name))
        with pytest.raises(InvalidRequest, match="already"):
            await keys.create(AccessKey(name=name))

    @pytest.mark.parametrize(
        "terms",
        [
            {"name": "local"},
            {"name": ""},
            {"name": "a b"},
            {"name": "user:ann"},
            {"name": "é"},
            {"groups": ("@hr",)},
            {"groups": ("user:ann",)},
            {"expires": 1.0},
            {"expires": math.inf},
            {"budget": 0.0},
            {"budget": math.nan},
            {"soft": 0.0},
            {"soft": 3.0, "budget": 2.5},
            {"tokens": 0},
            {"rate": 0},
        ],
    )
    async def test_terms_that_cannot_be(self, keys: KeyStore, terms: dict[str, Any]) -> None:
        before = await keys.list()
        with pytest.raises(InvalidRequest):
            await keys.create(AccessKey(**{"name": new_name(), **terms}))
        assert await keys.list() == before


class DirectorySuite:
    """The contract of `interfaces.Directory`."""

    async def test_groups_are_those_of_the_name_and_of_its_groups(self, directory: Directory) -> None:
        a, b, c, ann = (new_name() for _ in range(4))
        await directory.add(a, [ann])
        await directory.add(b, [f"@{a}"])
        await directory.add(c, [f"@{b}", "somebody"])
        assert set(directory.resolve(Principal(name=ann)).groups) == {a, b, c}
        assert directory.resolve(Principal(name=ann, groups=("x",))).groups == tuple(sorted((a, b, c, "x")))
        assert set(directory.resolve(Principal(name=new_name(), groups=(b,))).groups) == {b, c}, "its own lead on"
        assert directory.resolve(Principal(name=f"@{a}")).groups == (), "nobody is called what a group is"

    async def test_a_change_acts_at_once(self, directory: Directory) -> None:
        a, b, ann = new_name(), new_name(), Principal(name=new_name())
        await directory.add(a, [ann.name])
        assert directory.resolve(ann).groups == (a,)
        await directory.add(b, [f"@{a}"])
        assert set(directory.resolve(ann).groups) == {a, b}
        assert (await directory.remove(a, [ann.name])).members == ()
        assert directory.resolve(ann).groups == ()
        assert a not in [group.name for group in await directory.list()]

    @pytest.mark.parametrize("length", [1, 2, 3])
    async def test_a_cycle_is_refused_and_named(self, directory: Directory, length: int) -> None:
        names = [new_name() for _ in range(length)]
        for lower, upper in itertools.pairwise(names):
            await directory.add(upper, [f"@{lower}"])
        before = await directory.list()
        with pytest.raises(InvalidRequest) as refused:
            await directory.add(names[0], [f"@{names[-1]}"])
        assert all(f"`{name}`" in str(refused.value) for name in names)
        assert await directory.list() == before

    async def test_depth_is_bounded(self, directory: Directory) -> None:
        first = new_name()

        async def pile_up() -> None:
            last = first
            for _ in range(1_000):
                upper = new_name()
                await directory.add(upper, [f"@{last}"])
                last = upper

        with pytest.raises(InvalidRequest, match="deep"):
            await pile_up()
        assert len(directory.resolve(Principal(groups=(first,))).groups) < 100

    @pytest.mark.parametrize(
        ("group", "member"),
        [("@a", "ann"), ("user:a", "ann"), ("", "ann"), (" a", "ann"), ("a", ""), ("a", "@"), ("a", "user:ann")],
    )
    async def test_names_that_cannot_be(self, directory: Directory, group: str, member: str) -> None:
        with pytest.raises(InvalidRequest):
            await directory.add(group, [member])

    async def test_who_is_no_member_cannot_leave(self, directory: Directory) -> None:
        name = new_name()
        await directory.add(name, ["ann"])
        with pytest.raises(NotFound, match="bob"):
            await directory.remove(name, ["ann", "bob"])
        assert (await directory.add(name, [])).members == ("ann",)


class PurseSuite:
    """The contract of `interfaces.Purse`."""

    async def test_what_is_spent_adds_up(self, purse: Purse) -> None:
        name, other = new_name(), new_name()
        for _ in range(3):
            purse.spend(name, 0.25, 100)
        purse.spend(other, 1.0, 1)
        await purse.keep()
        purse.spend(name, 0.0, 5)
        spent = purse.spending(name)
        assert (spent.cost_today, spent.cost_month, spent.tokens_today) == (0.75, 0.75, 305)
        assert purse.spending(new_name()).cost_month == 0.0
