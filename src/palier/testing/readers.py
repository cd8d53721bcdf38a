"""What every store of documents must do where collections have readers: subclass `ReadersSuite` as `DocumentsSuite`.

The store is `Documents`, `PassageIndex` and `Access` in one part.
"""

from __future__ import annotations

from typing import Protocol

import pytest

from palier.access import Readers
from palier.errors import Forbidden, InvalidRequest, NotFound
from palier.interfaces import Access, Documents, PassageIndex
from palier.testing.documents import ADMIN, NOBODY, entry, new_collection, vectors_of
from palier.types import Principal

HR = Principal(name="hugo", groups=("hr",))


class GuardedStore(Documents, PassageIndex, Access, Protocol):
    """The three seams in one part."""


class ReadersSuite:
    """The contract of `interfaces.Access`, with what it means to the documents and their passages."""

    async def test_everybody_reads_what_nobody_closed(self, store: GuardedStore) -> None:
        name = new_collection()
        await store.put([entry("d", name)])
        assert await self._found(store, name, NOBODY) == ["d"]
        assert name not in [readers.collection for readers in await store.readers()]

    async def test_what_is_closed_is_not_there_for_others(self, store: GuardedStore) -> None:
        name = new_collection()
        await store.put([entry("d", name)])
        assert await store.change_readers(name, allow=["hr"]) == Readers(
            collection=name, everyone=False, readers=("hr",)
        )
        assert await self._found(store, name, HR) == await self._found(store, name, ADMIN) == ["d"]
        assert await self._found(store, name, NOBODY) == []
        assert await store.get(name, "d", NOBODY) is None
        assert name not in [row["name"] for row in await store.collections(NOBODY)]
        await store.change_readers(name, everyone=True)
        assert await self._found(store, name, NOBODY) == ["d"]

    async def test_a_user_may_be_a_reader(self, store: GuardedStore) -> None:
        name = new_collection()
        await store.put([entry("hers", name, groups=["user:ann", "hr"]), entry("all", name)])
        ann, bob = Principal(name="ann"), Principal(name="bob", groups=("ann",))
        assert await self._found(store, name, ann) == ["all", "hers"]
        assert await self._found(store, name, bob) == ["all"], "a group is no user"
        await store.change_readers(name, allow=["user:bob"])
        assert await self._found(store, name, ann) == []
        assert await self._found(store, name, bob) == ["all"], "both must hold"

    async def test_the_last_reader_gone_opens_nothing(self, store: GuardedStore) -> None:
        name = new_collection()
        await store.put([entry("d", name)])
        await store.change_readers(name, allow=["hr"])
        assert (await store.change_readers(name, remove=["hr"])).readers == ()
        assert await self._found(store, name, HR) == await self._found(store, name, NOBODY) == []
        assert await self._found(store, name, ADMIN) == ["d"]

    async def test_readers_hold_before_the_first_document_and_after_the_last(self, store: GuardedStore) -> None:
        name = new_collection()
        await store.change_readers(name, allow=["hr"])
        await store.put([entry("d", name)])
        assert await self._found(store, name, NOBODY) == []
        assert await store.delete(name, ["d"]) == 1
        await store.put([entry("d", name)])
        assert await self._found(store, name, NOBODY) == []
        assert await self._found(store, name, HR) == ["d"]

    async def test_a_closed_collection_weighs_nothing_for_others(self, store: GuardedStore) -> None:
        open_, closed = new_collection(), new_collection()
        await store.put([entry("d", open_, ["fibre"])])
        alone = await store.by_terms([open_], ["fibre"], 5, NOBODY)
        await store.put([entry(f"d{n}", closed, ["fibre prix"]) for n in range(5)])
        await store.change_readers(closed, allow=["hr"])
        assert await store.by_terms([open_, closed], ["fibre"], 5, NOBODY) == alone
        assert (await store.by_terms([open_, closed], ["fibre"], 9, HR))[0].bm25 != alone[0].bm25

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"remove": ["hr"]}, NotFound),
            ({"allow": ["@hr"]}, InvalidRequest),
            ({"allow": [""]}, InvalidRequest),
            ({"allow": ["user:"]}, InvalidRequest),
            ({"allow": ["hr"], "everyone": True}, InvalidRequest),
        ],
    )
    async def test_what_cannot_be_changes_nothing(
        self, store: GuardedStore, change: dict[str, object], error: type[Exception]
    ) -> None:
        name = new_collection()
        with pytest.raises(error):
            await store.change_readers(name, **change)  # type: ignore[arg-type]
        assert name not in [readers.collection for readers in await store.readers()]

    # --- who writes

    async def test_who_reads_a_collection_writes_to_it(self, store: GuardedStore) -> None:
        name = new_collection()
        await store.put([entry("d", name)])
        await store.put([entry("d", name, ["neuf"]), entry("e", name, groups=["hr"])], HR)
        assert await self._found(store, name, HR) == ["d", "e"]
        assert await store.delete(name, ["e", "absent"], HR) == 1

    async def test_a_closed_collection_says_what_none_does(self, store: GuardedStore) -> None:
        """Who writes learns no more of a collection that it may not read than of one that is not there."""
        closed, absent = new_collection(), new_collection()
        await store.put([entry("d", closed)])
        await store.change_readers(closed, allow=["board"])
        said = []
        for name in (closed, absent):
            with pytest.raises(NotFound) as refused:
                await store.put([entry("d", name, ["neuf"])], HR)
            said.append((str(refused.value).replace(name, "it"), refused.value.param))
            assert await store.delete(name, ["d"], HR) == 0
        assert said[0] == said[1]
        assert await self._found(store, closed, ADMIN) == ["d"]

    async def test_nothing_is_written_over_unseen(self, store: GuardedStore) -> None:
        name = new_collection()
        await store.put([entry("secret", name, groups=["board"]), entry("open", name)])
        with pytest.raises(Forbidden):
            await store.put([entry("open", name, ["neuf"]), entry("secret", name, ["neuf"])], HR)
        assert await store.delete(name, ["secret"], HR) == 0
        assert len(await store.by_terms([name], ["fibre"], 5, ADMIN)) == 2, "all or nothing"

    async def test_nobody_writes_what_it_could_not_read(self, store: GuardedStore) -> None:
        name = new_collection()
        await store.put([entry("open", name)])
        with pytest.raises(Forbidden):
            await store.put([entry("d", name, groups=["board"])], HR)
        await store.put([entry("d", name, groups=["board", "user:hugo"])], HR)

    async def test_an_open_collection_that_was_emptied_is_still_there_to_its_writers(self, store: GuardedStore) -> None:
        name = new_collection()
        await store.put([entry("d", name)])
        assert await store.delete(name, ["d"], HR) == 1
        await store.put([entry("d", name)], HR)
        assert await self._found(store, name, NOBODY) == ["d"]

    async def _found(self, store: GuardedStore, name: str, principal: Principal) -> list[str]:
        """What is found, by vector and by terms and in the list alike."""
        listed = [document.id for document in await store.list(name, principal)]
        near = await store.by_vector([name], vectors_of([1.0])[0], 20, principal)
        assert sorted(hit.document for hit in near) == listed
        found = await store.by_terms([name], ["fibre", "neuf"], 20, principal)
        assert sorted(hit.document for hit in found) == listed
        return listed
