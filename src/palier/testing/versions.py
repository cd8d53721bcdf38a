"""What every registry of versions must do: subclass `VersionsSuite`, give it a `versions` fixture, run it with pytest.

Asynchronous tests need pytest-asyncio in auto mode.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from palier.errors import InvalidRequest, NotFound
from palier.interfaces.versions import Versions
from palier.types import Label
from palier.versions import Calibration, Holdout, Labelled, Relabelled, Standing, Version

_numbers = itertools.count()


def version_of(route: str, **fields: Any) -> Version:
    """A version with something in every field, under a new id."""
    values: dict[str, Any] = {
        "id": f"v{next(_numbers):08d}",
        "tier": "tier-1",
        "student": "lora",
        "files": {"adapter.gguf": "ab" * 32},
        "base": "cd" * 32,
        "lessons": "ef" * 32,
        "taught": 120,
        "suite": "01" * 32,
        "policy": "23" * 32,
        "label": Label.INTERNAL,
        "collections": ("handbook", "notes"),
        "code": "0.1.0",
        "plan": {"seed": 7, "rank": 8},
        "who": "ann",
        "created": 1_790_000_000.0,
    }
    return Version(route=route, **{**values, **fields})


def holdout_of(digest: str, cases: Iterable[int], *, uses: int = 8, alpha: float = 0.05) -> Holdout:
    """One with these cases."""
    return Holdout(digest=digest, marks=tuple(f"case {n}" for n in cases), alpha=alpha, uses=uses)


def new_route() -> str:
    """A route no other test uses."""
    return f"route-{next(_numbers)}"


class VersionsSuite:
    """The contract of `interfaces.Versions`."""

    async def _made(self, versions: Versions, route: str, *, passed: bool = True) -> Version:
        version = version_of(route)
        await versions.add(version)
        if passed:
            await versions.shadow(version.id, {"passed": True}, who="gate")
        return version

    async def test_a_version_is_kept_as_it_is(self, versions: Versions) -> None:
        route = new_route()
        first, second = await self._made(versions, route, passed=False), await self._made(versions, route)
        assert await versions.get(first.id) == first
        assert await versions.get("v-none") is None
        assert list(await versions.list(route)) == [second, first]
        assert list(await versions.list(route, limit=1)) == [second]
        assert (await versions.state(first.id), await versions.state(second.id)) == ("made", "shadow")
        assert await versions.state("v-none") is None
        with pytest.raises(InvalidRequest):
            await versions.add(first)

    async def test_the_newest_comes_first_whatever_it_is_called(self, versions: Versions) -> None:
        route = new_route()
        for name, created in (("b", 20.0), ("c", 10.0), ("a", 30.0)):
            await versions.add(version_of(route, id=f"{name} {route}", created=created))
        assert [one.created for one in await versions.list(route)] == [30.0, 20.0, 10.0]
        assert [one.created for one in await versions.list(route, 1)] == [30.0]

    async def test_the_routes_own_answers_until_something_is_promoted(self, versions: Versions) -> None:
        route = new_route()
        assert await versions.standing(route) == Standing()
        with pytest.raises(InvalidRequest):
            await versions.roll_back(route)
        one = await self._made(versions, route)
        assert await versions.promote(one.id, best=True) == Standing(live=one.id, best=one.id)
        assert await versions.roll_back(route, why="worse") == Standing()
        assert await versions.state(one.id) == "retired"

    async def test_what_did_not_pass_is_not_promoted(self, versions: Versions) -> None:
        route = new_route()
        fresh = await self._made(versions, route, passed=False)
        with pytest.raises(InvalidRequest):
            await versions.promote(fresh.id, best=True)
        await versions.refuse(fresh.id, {"passed": False}, why="quality")
        with pytest.raises(InvalidRequest):
            await versions.promote(fresh.id, best=True)
        for call in (
            versions.promote("v-none", best=True),
            versions.refuse("v-none", {}),
            versions.shadow("v-none", {}),
        ):
            with pytest.raises(NotFound):
                await call
        assert await versions.standing(route) == Standing()

    async def test_rollbacks_go_back_one_by_one_and_so_does_the_best(self, versions: Versions) -> None:
        route = new_route()
        one, two, three = [await self._made(versions, route) for _ in range(3)]
        await versions.promote(one.id, best=True)
        await versions.promote(two.id, best=False)
        assert await versions.promote(three.id, best=True) == Standing(live=three.id, previous=two.id, best=three.id)
        assert await versions.roll_back(route) == Standing(live=two.id, previous=one.id, best=one.id)
        assert await versions.roll_back(route) == Standing(live=one.id, best=one.id)
        assert await versions.roll_back(route) == Standing()

    async def test_who_answers_already_is_promoted_to_no_effect(self, versions: Versions) -> None:
        route = new_route()
        one = await self._made(versions, route)
        before = await versions.promote(one.id, best=True)
        assert await versions.promote(one.id, best=True) == before
        assert await versions.roll_back(route) == Standing()
        assert (await versions.promote(one.id, best=False)).live == one.id

    async def test_all_that_happened_is_told_in_order(self, versions: Versions) -> None:
        route = new_route()
        one, two = await self._made(versions, route), await self._made(versions, route)
        await versions.promote(one.id, best=True, who="ann", why="first")
        await versions.promote(two.id, best=True, who="bob", why="better")
        await versions.roll_back(route, who="monitor", why="the promise broke")
        told = [(h.version, h.state, h.who) for h in await versions.history(route)]
        assert told == [
            (one.id, "made", "ann"),
            (one.id, "shadow", "gate"),
            (two.id, "made", "ann"),
            (two.id, "shadow", "gate"),
            (one.id, "live", "ann"),
            (one.id, "retired", "bob"),
            (two.id, "live", "bob"),
            (two.id, "retired", "monitor"),
            (one.id, "live", "monitor"),
        ]
        turn = [h.at for h in await versions.history(route)][5:7]
        assert turn[0] == turn[1], "one takes the place of the other at one moment"
        assert [h.ruling for h in await versions.history(route, two.id)][:2] == [None, {"passed": True}]
        assert (await versions.history(route, two.id))[-1].why == "the promise broke"

    async def test_what_was_returned_answers_only_after_a_new_ruling(self, versions: Versions) -> None:
        route = new_route()
        one, two = await self._made(versions, route), await self._made(versions, route)
        await versions.promote(one.id, best=True)
        await versions.promote(two.id, best=True)
        assert (await versions.roll_back(route, who="monitor", returned=True)).live == one.id
        assert (await versions.state(two.id), await versions.state(one.id)) == ("returned", "live")
        with pytest.raises(InvalidRequest):
            await versions.promote(two.id, best=True)
        await versions.shadow(two.id, {"passed": True})
        assert (await versions.promote(two.id, best=True)).live == two.id

    async def test_no_way_back_ends_at_what_was_returned(self, versions: Versions) -> None:
        route = new_route()
        one, two = await self._made(versions, route), await self._made(versions, route)
        for version in (one, two, one):
            await versions.promote(version.id, best=True)
        assert await versions.roll_back(route, returned=True) == Standing(live=two.id, previous=one.id, best=two.id)
        assert await versions.roll_back(route, returned=True) == Standing(), "the first is below, and was returned"
        assert await versions.state(one.id) == "returned"

    async def test_the_last_that_passed_answers_beside(self, versions: Versions) -> None:
        route = new_route()
        assert await versions.shadowing(route) == ""
        await self._made(versions, route, passed=False)
        assert await versions.shadowing(route) == ""
        one, two = await self._made(versions, route), await self._made(versions, route)
        assert await versions.shadowing(route) == two.id
        await versions.promote(two.id, best=True)
        assert await versions.shadowing(route) == one.id
        await versions.refuse(one.id, {"passed": False})
        assert await versions.shadowing(route) == ""
        await versions.shadow(two.id, {"passed": True})
        assert await versions.shadowing(route) == "", "it answers, and was only judged again"

    async def _judged(self, versions: Versions, route: str, held: Holdout, version: Version) -> tuple[int, int]:
        """How many others it judged, and among how many its error is shared."""
        spent = await versions.judged(route, held, version.id)
        return spent.others, spent.uses

    async def test_a_holdout_counts_whom_it_judged_once_each(self, versions: Versions) -> None:
        route = new_route()
        one, two = await self._made(versions, route), await self._made(versions, route)
        held, another = holdout_of("holdout", range(10)), holdout_of("another", range(10, 20))
        assert await self._judged(versions, route, held, one) == (0, 8)
        assert await self._judged(versions, route, held, one) == (0, 8)
        assert await self._judged(versions, route, held, two) == (1, 8)
        assert await self._judged(versions, route, another, two) == (0, 8)
        assert await self._judged(versions, new_route(), held, two) == (0, 8)
        assert (await versions.judged(route, held, one.id, "other answers")).others == 2, "another look is another use"
        assert (await versions.judged(route, held, one.id, "other answers")).others == 2
        with pytest.raises(NotFound):
            await versions.judged(route, held, "v-none")

    async def test_an_edited_holdout_is_the_same_one(self, versions: Versions) -> None:
        route = new_route()
        one, two, three = [await self._made(versions, route) for _ in range(3)]
        first, edited = holdout_of("first", range(10)), holdout_of("edited", range(1, 11))
        assert await self._judged(versions, route, first, one) == (0, 8)
        assert await self._judged(versions, route, edited, one) == (1, 8), "other cases, another chance"
        assert await self._judged(versions, route, edited, two) == (2, 8)
        assert await self._judged(versions, route, first, three) == (3, 8), "what the one judged counts for the other"
        assert await self._judged(versions, route, holdout_of("drifted", range(5, 15)), one) == (4, 8)
        assert await self._judged(versions, route, holdout_of("part", range(3)), one) == (5, 8)
        assert await self._judged(versions, route, holdout_of("new", range(8, 40)), one) == (0, 8), "most of it is new"

    async def test_the_share_of_the_first_use_holds(self, versions: Versions) -> None:
        route = new_route()
        one, two = await self._made(versions, route), await self._made(versions, route)
        assert await self._judged(versions, route, holdout_of("first", range(10)), one) == (0, 8)
        for uses in (1, 2, 100):
            for digest, cases in (("first", range(10)), (f"edited {uses}", range(1, 11))):
                held = holdout_of(digest, cases, uses=uses, alpha=0.5)
                spent = await versions.judged(route, held, two.id)
                assert (spent.uses, spent.alpha) == (8, 0.05)

    async def test_where_holdouts_are_put_together_the_smallest_share_holds(self, versions: Versions) -> None:
        route = new_route()
        one = await self._made(versions, route)
        await self._judged(versions, route, holdout_of("a", range(10), uses=2), one)
        await self._judged(versions, route, holdout_of("b", range(10, 20), uses=8, alpha=0.01), one)
        spent = await versions.judged(route, holdout_of("both", range(5, 15), uses=1), one.id)
        assert (spent.others, spent.uses, spent.alpha) == (2, 8, 0.01)
        assert await self._judged(versions, route, holdout_of("a", range(10)), one) == (2, 8)

    async def test_a_policy_may_be_fitted_until_it_has_passed(self, versions: Versions) -> None:
        one = await self._made(versions, new_route(), passed=False)
        assert await versions.calibration(one.id) is None
        for policy in ("", "p1", "p2"):
            files = {"policy.json": "ab" * 32} if policy else {}
            made = Calibration(version=one.id, key=f"on {policy}", policy=policy, files=files, why="few", at=1.0)
            await versions.calibrate(made)
            assert await versions.calibration(one.id) == made
            found = await versions.get(one.id)
            assert found == made.of(one)
            assert (found.policy, found.files) == (policy, {**one.files, **files})
            assert list(await versions.list(one.route)) == [found]
            await versions.refuse(one.id, {})
        await versions.shadow(one.id, {})
        with pytest.raises(InvalidRequest):
            await versions.calibrate(msgspec.structs.replace(made, policy="p3"))
        assert await versions.get(one.id) == found
        with pytest.raises(NotFound):
            await versions.calibrate(Calibration(version="unknown", key=""))

    async def test_what_passed_without_a_policy_may_get_one(self, versions: Versions) -> None:
        route = new_route()
        one = version_of(route, policy="")
        await versions.add(one)
        await versions.shadow(one.id, {"passed": True})
        await versions.promote(one.id, best=True)
        made = Calibration(version=one.id, key="k", policy="p1", files={"policy.json": "ab" * 32}, at=1.0)
        await versions.calibrate(made)
        assert await versions.get(one.id) == made.of(one)
        with pytest.raises(InvalidRequest):
            await versions.calibrate(msgspec.structs.replace(made, policy="p2"))

    async def test_what_was_taught_on_a_document_carries_what_it_carries_by_now(self, versions: Versions) -> None:
        route, docs = new_route(), new_route()
        one, two = version_of(route), version_of(route)
        await versions.add(one, [(docs, "a"), (docs, "b")])
        await versions.add(two, [(docs, "b")])
        assert {name for of, name in await versions.sources() if of == docs} == {"a", "b"}

        async def now(document: str, label: Label, *groups: str) -> set[str]:
            told = Labelled(collection=docs, document=document, label=label, groups=groups)
            return set(await versions.raise_to([told]))

        assert await now("a", Label.INTERNAL) == set(), "as it was"
        assert await now("c", Label.RESTRICTED) == set()
        assert await now("a", Label.CONFIDENTIAL) == {one.id}
        assert await now("a", Label.PUBLIC) == set(), "it never falls"
        assert await now("b", Label.INTERNAL, "board", "audit") == {one.id, two.id}
        assert await now("b", Label.INTERNAL, "audit", "board") == set()
        assert await now("b", Label.INTERNAL, "hr") == {one.id, two.id}
        readers = (("audit", "board"), ("hr",))
        raised = msgspec.structs.replace(one, label=Label.CONFIDENTIAL, readers=readers)
        assert await versions.get(one.id) == raised
        assert {one.id: one.readers for one in await versions.list(route)} == {one.id: readers, two.id: readers}

    async def test_what_was_taught_by_a_lesson_carries_what_it_carries_by_now(self, versions: Versions) -> None:
        route = new_route()
        one, two = version_of(route), version_of(route, label=Label.CONFIDENTIAL)
        names = [f"{route} {n}" for n in range(3)]
        await versions.add(one, lessons=names[:2])
        await versions.add(two, lessons=names[1:])
        assert await versions.lowest() is not None
        assert await versions.lessons(one.id) == frozenset(names[:2])
        assert await versions.lessons("unknown") is None

        async def now(lesson: str, label: Label, **more: Any) -> set[str]:
            return set(await versions.raise_to(lessons=[Relabelled(lesson=lesson, label=label, **more)]))

        assert await now(names[0], Label.INTERNAL) == set(), "as it was"
        assert await now("another", Label.RESTRICTED, route=route) == set(), "these know their lessons"
        assert await now(names[1], Label.CONFIDENTIAL) == {one.id}
        assert await now(names[2], Label.RESTRICTED) == {two.id}
        found = {version.id: version.label for version in await versions.list(route)}
        assert found == {one.id: Label.CONFIDENTIAL, two.id: Label.RESTRICTED}
        await versions.tell(one.id, [(route, "d")], [names[2]])
        assert await now(names[2], Label.RESTRICTED) == {one.id}
        assert (route, "d") in await versions.sources()
        with pytest.raises(NotFound):
            await versions.tell("unknown", [], [])

    async def test_routes_do_not_meet(self, versions: Versions) -> None:
        here, there = new_route(), new_route()
        one = await self._made(versions, here)
        await versions.promote(one.id, best=True)
        assert await versions.standing(there) == Standing()
        assert await versions.history(there) == []
