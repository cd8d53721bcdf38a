"""What every store that forgets must do: subclass `ErasureSuite`, give it these fixtures, and run it with pytest.

    class TestMine(ErasureSuite):
        @pytest.fixture
        def folder(self, tmp_path): ...     # of its file
        @pytest.fixture
        async def store(self, folder): ...  # `interfaces.Erasable`, which holds what `GONE` and `KEPT` concern
        gone, kept = Erasure(...), Erasure(...)

Of what `gone` concerns, `WORD` is among the words; nowhere else. Asynchronous tests need pytest-asyncio in auto mode.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

import msgspec

from palier.interfaces import Erasable, Erasure

WORD = "zorglub"


class ErasureSuite:
    """The contract of `interfaces.Erasable`."""

    gone: ClassVar[Erasure]
    kept: ClassVar[Erasure]
    sealed: ClassVar[bool] = False
    """Whether no word can be read in the file anyway."""

    async def test_a_dry_run_counts_what_goes_and_leaves_it(self, store: Erasable) -> None:
        told = await store.forget(self.gone, dry_run=True)
        assert any(told.values())
        assert await store.forget(self.gone, dry_run=True) == told
        assert await store.forget(self.gone) == told

    async def test_done_again_it_finds_nothing(self, store: Erasable) -> None:
        kinds = (await store.forget(self.gone)).keys()
        for dry_run in (False, True):
            assert await store.forget(self.gone, dry_run=dry_run) == dict.fromkeys(kinds, 0)

    async def test_nothing_else_goes(self, store: Erasable) -> None:
        before = await store.forget(self.kept, dry_run=True)
        await store.forget(self.gone)
        await store.scrub(self.gone)
        assert any(before.values())
        assert await store.forget(self.kept, dry_run=True) == before

    async def test_what_it_does_not_know_is_nothing(self, store: Erasable) -> None:
        before = await store.forget(self.gone, dry_run=True)
        for stranger in (
            Erasure(user="stranger", before=time.time()),
            Erasure(collection="nowhere", document="none", before=time.time()),
            msgspec.structs.replace(self.gone, user=self.gone.user and "stranger", document="", requests=("none",)),
        ):
            assert not any((await store.forget(stranger)).values())
            await store.scrub(stranger)
        assert await store.forget(self.gone, dry_run=True) == before

    async def test_no_byte_of_it_is_left(self, store: Erasable, folder: Path) -> None:
        assert self.sealed or WORD in _read(folder)
        await store.forget(self.gone)
        await store.scrub(self.gone)
        assert WORD not in _read(folder)


def _read(folder: Path) -> str:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file()).decode("latin-1")
