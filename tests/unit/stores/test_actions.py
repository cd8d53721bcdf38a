"""What people did: written once, the oldest leaving, and names forgotten."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from palier.interfaces import Erasure
from palier.stores.access import SqliteAccess
from palier.stores.actions import KEY_SHOWN, SqliteActions

NOW = 1_000.0


async def test_actions_are_kept_newest_first_and_come_back_in_pages(tmp_path: Path) -> None:
    access = await SqliteAccess.open(tmp_path / "access.db", lambda: NOW)
    for n in range(5):
        await access.actions.record("ask", who="anna" if n % 2 else "bruno", role="viewer", about=str(n))
    await access.close()
    access = await SqliteAccess.open(tmp_path / "access.db", lambda: NOW)
    page = await access.actions.page(limit=2)
    assert [one.about for one in page] == ["4", "3"]
    assert [one.about for one in await access.actions.page(before=page[-1].id)] == ["2", "1", "0"]
    assert [one.about for one in await access.actions.page(who="anna")] == ["3", "1"]
    assert (page[0].at, page[0].outcome) == (NOW, "done")
    await access.close()


async def test_the_oldest_leave_but_for_what_must_be_known(tmp_path: Path) -> None:
    access = await SqliteAccess.open(tmp_path / "access.db")
    few = SqliteActions(access._database, most=3)
    await few.record(KEY_SHOWN, who="local", role="admin")
    for n in range(6):
        await few.record("ask", who="anna", role="viewer", about="x" * 10_000 if n == 5 else str(n))
    kept = await few.page()
    assert [one.about[:3] for one in kept] == ["xxx", "4", "3", ""]
    assert len(kept[0].about) == 500
    await access.close()


async def test_an_action_is_written_once(tmp_path: Path) -> None:
    access = await SqliteAccess.open(tmp_path / "access.db")
    await access.actions.record("ask", who="anna", role="viewer")
    with pytest.raises(Exception, match="written once"):
        await access._database.write(lambda connection: _rewrite(connection))
    await access.close()


def _rewrite(connection: apsw.Connection) -> None:
    connection.execute("UPDATE action SET what = 'nothing'")


async def test_a_forgotten_name_is_in_no_action(tmp_path: Path) -> None:
    access = await SqliteAccess.open(tmp_path / "access.db", lambda: NOW)
    await access.actions.record("ask", who="anna", role="viewer", about="ask-1")
    await access.actions.record("document.delete", who="bruno", role="operator", about="notes/anna.md")
    user, document = Erasure(user="anna", before=NOW), Erasure(collection="notes", document="anna.md", before=NOW)
    assert await access.erasable.forget(user, dry_run=True) == {"actions": 1}
    assert {one.who for one in await access.actions.page()} == {"anna", "bruno"}
    assert await access.erasable.forget(user) == {"actions": 1}
    assert await access.erasable.forget(document) == {"actions": 1}
    assert await access.erasable.forget(user) == {"actions": 0}
    await access.erasable.scrub(user)
    assert [(one.who, one.about) for one in await access.actions.page()] == [
        ("bruno", "forgotten"),
        ("forgotten", "ask-1"),
    ]
    await access.close()
    assert b"anna" not in (tmp_path / "access.db").read_bytes()
